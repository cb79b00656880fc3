# shellcheck shell=bash
# What quickstart and check share: talking, timed steps, Debian packages, the build.
# Sourced by both; it does nothing by itself.

umask 022
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# What it takes to build ds01; without scdoc it would have no man pages.
# shellcheck disable=SC2034  # used by those who source this
BUILD_PACKAGES=(
	gcc g++ meson ninja-build pkg-config python3
	libjansson-dev libcurl4-openssl-dev libsqlite3-dev libyaml-dev libarchive-dev
	libsystemd-dev libtomlplusplus-dev libmd-dev libncurses-dev scdoc
)

say() { printf '%s\n' "$*" >&2; }

die() {
	printf 'Error: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf '\nTo fix: %s\n' "$2" >&2
	exit 1
}

# Milliseconds of a clock that only goes forward, as far as the shell knows one.
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

# seconds_since MS: "3.2 s"
seconds_since() {
	local ms=$(($(now_ms) - $1))
	printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# step LABEL COMMAND…: runs COMMAND with its output in $STEP_LOG, shows that it is busy, and then how
# long it took. A command may leave one line for the user in STEP_NOTE's file. Ends the script with
# the last lines of the log when COMMAND fails.
STEP_LOG=${STEP_LOG:-/dev/null}
step() {
	local label=$1 start status ticker='' note
	shift
	start=$(now_ms)
	STEP_NOTE=$(mktemp)
	export STEP_NOTE
	printf '  %-44s' "$label" >&2
	if [ -t 2 ]; then
		( while sleep 1; do printf '\r  %-44s%s' "$label" "$(seconds_since "$start")" >&2; done ) &
		ticker=$!
	fi
	printf '\n== %s\n' "$label" >>"$STEP_LOG"
	# Not "( … ) || status=$?": bash would ignore the inner set -e there.
	set +e
	( set -e; "$@" ) >>"$STEP_LOG" 2>&1 </dev/null
	status=$?
	set -e
	if [ -n "$ticker" ]; then
		kill "$ticker" 2>/dev/null || true
		wait "$ticker" 2>/dev/null || true
		printf '\r\033[K  %-44s' "$label" >&2
	fi
	note=$(cat "$STEP_NOTE")
	rm -f "$STEP_NOTE"
	if [ "$status" -eq 0 ]; then
		printf '%s%s\n' "$(seconds_since "$start")" "${note:+  ($note)}" >&2
		return 0
	fi
	printf 'failed after %s\n' "$(seconds_since "$start")" >&2
	[ "$STEP_LOG" = /dev/null ] || { tail -n 25 "$STEP_LOG" | sed 's/^/    /' >&2; }
	die "${note:-$label: exit status $status}" "less $STEP_LOG"
}

# The words that step() prints behind the time.
step_note() { printf '%s' "$*" >"$STEP_NOTE"; }

# Those of the named packages that are not installed, one a line.
packages_missing() {
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
	done
}

# Installs what is missing of the named packages; the package lists are fetched only when needed.
packages_install() {
	local missing
	mapfile -t missing < <(packages_missing "$@")
	if [ ${#missing[@]} -eq 0 ]; then
		step_note "all there"
		return 0
	fi
	local apt=(apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}")
	if ! "${apt[@]}"; then
		apt-get update -q -o DPkg::Lock::Timeout=300
		"${apt[@]}"
	fi
	step_note "${#missing[@]} installed"
}

# build_ready BUILD REPO OPTION…: configures BUILD, or leaves it as it is if it has these options.
build_ready() {
	local build=$1 repo=$2
	shift 2
	local want="$repo $*"
	if [ -f "$build/build.ninja" ] && [ "$(cat "$build/ds01-options" 2>/dev/null)" = "$want" ]; then
		return 0
	fi
	if [ -f "$build/build.ninja" ]; then
		meson setup --wipe "$build" "$repo" "$@"
	else
		rm -rf "$build"
		meson setup "$build" "$repo" "$@"
	fi
	printf '%s\n' "$want" >"$build/ds01-options"
}

# True if programs made in the folder may run and we may write there.
folder_runs_programs() {
	[ -d "$1" ] && [ -w "$1" ] || return 1
	! findmnt -n -o OPTIONS -T "$1" 2>/dev/null | grep -qw noexec
}
