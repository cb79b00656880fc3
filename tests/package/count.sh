# shellcheck shell=bash
# Counting tests in shell. Sourced; RESULT is where count_done writes, if it is set.

COUNT_PASSED=0
COUNT_FAILED=()

# t NAME COMMAND…: runs COMMAND with set -e, as one test, and sets OK to yes or to nothing. It has to stand
# alone: behind "if" or before "||", bash would ignore set -e in all that it runs.
t() {
	local name=$1 status
	shift
	printf -- '-- %s\n' "$name"
	set +e
	( set -e; "$@" )
	status=$?
	set -e
	OK=yes
	if [ "$status" -eq 0 ]; then
		COUNT_PASSED=$((COUNT_PASSED + 1))
		return 0
	fi
	printf 'FAILED: %s (exit status %d)\n' "$name" "$status"
	COUNT_FAILED+=("$name")
	# shellcheck disable=SC2034  # read by those who source this
	OK=
}

# Adds what another script counted into a file; one that is missing counts for nothing.
count_add() {
	local passed name
	[ -s "$1" ] || return 0
	{
		read -r passed _
		COUNT_PASSED=$((COUNT_PASSED + passed))
		while read -r name; do COUNT_FAILED+=("$name"); done
	} <"$1"
}

# Says how it went and returns it.
count_done() {
	printf '%d passed, %d failed\n' "$COUNT_PASSED" "${#COUNT_FAILED[@]}"
	[ -z "${RESULT-}" ] || {
		echo "$COUNT_PASSED ${#COUNT_FAILED[@]}"
		[ ${#COUNT_FAILED[@]} -eq 0 ] || printf '%s\n' "${COUNT_FAILED[@]}"
	} >"$RESULT"
	[ ${#COUNT_FAILED[@]} -eq 0 ]
}
