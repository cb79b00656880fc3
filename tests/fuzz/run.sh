#!/bin/sh
# Runs fuzz targets with clang's libFuzzer: tests/fuzz/run.sh SECONDS [NAME...]
# Builds fuzz-NAME.c with the layers it includes, with ASan and UBSan. New inputs and crashes go to
# build-fuzz/NAME; a crash stops the run with its file named. The corpus in the tree is only read.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [NAME...]}
shift
out=${DS01_FUZZ_DIR:-build-fuzz}
# shellcheck disable=SC2046 # names without blanks
[ $# -gt 0 ] || set -- $(for f in tests/fuzz/fuzz-*.c; do n=${f##*/fuzz-}; echo "${n%.c}"; done)
for name; do
        src=tests/fuzz/fuzz-$name.c
        layers=$(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$src" | sort -u | grep -vx base || :)
        files=$(for l in base $layers; do echo "src/$l"/*.c; done)
        mkdir -p "$out/$name/new"
        # shellcheck disable=SC2046,SC2086 # lists of files and flags
        clang -std=gnu17 -g -O1 -D_GNU_SOURCE -DDS01_VERSION='"fuzz"' -Isrc \
                -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
                -o "$out/$name/fuzz" "$src" $files \
                $(pkg-config --cflags --libs jansson yaml-0.1 libsystemd) -lpthread
        "$out/$name/fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=70000 \
                -print_final_stats=1 -artifact_prefix="$out/$name/" "$out/$name/new" \
                "tests/fuzz/corpus/$name"
done
