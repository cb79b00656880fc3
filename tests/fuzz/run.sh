#!/bin/sh
# Runs fuzz targets with clang's libFuzzer: tests/fuzz/run.sh SECONDS [NAME...]
# Builds them with ASan and UBSan, in build-fuzz (or $DS01_FUZZ_DIR). New inputs and crashes go to NAME in there;
# a crash stops the run with its file named. The corpus in the tree is only read.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [NAME...]}
shift
out=${DS01_FUZZ_DIR:-build-fuzz}
# shellcheck disable=SC2046 # names without blanks
[ $# -gt 0 ] || set -- $(for f in tests/fuzz/fuzz-*.c; do n=${f##*/fuzz-}; echo "${n%.c}"; done)
[ -f "$out/build.ninja" ] || CC=clang CXX=clang++ meson setup "$out" -Dfuzz=true -Doptimization=1 -Dman=disabled \
	-Db_sanitize=address,undefined -Db_lundef=false
for name; do
	ninja -C "$out" "tests/fuzz/fuzz-$name"
	mkdir -p "$out/$name/new"
	"$out/tests/fuzz/fuzz-$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=70000 \
		-print_final_stats=1 -artifact_prefix="$out/$name/" "$out/$name/new" "tests/fuzz/corpus/$name"
done
