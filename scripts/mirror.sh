# shellcheck shell=bash
# Where Debian's packages come from. Sourced; it does nothing by itself.

# mirror SUITE: the mirror this machine already uses, so that a site's own mirror is respected.
mirror() {
	local suite=$1 uri=''
	# shellcheck disable=SC2016  # apt fills these in
	uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v suite="$suite" '$2 == suite && $3 == "main" && $1 ~ /^https?:/ { print $1; exit }') || true
	echo "${uri:-http://deb.debian.org/debian}"
}
