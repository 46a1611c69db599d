#!/bin/sh
# Workloads that broke the engine once, or would: each of tests/hostile has the outcome its
# first line names, at once.  tests/random/cases.sh puts them to the tests of random ones.
. "$top_srcdir/tests/cli/lib.sh"
for f in "$top_srcdir"/tests/hostile/*.cpw; do
    name=$(basename "$f" .cpw)
    want=$(sed -n '1s/^# exit \([0-9]*\).*/\1/p' "$f")
    text=$(sed -n '1s/^# exit [0-9]*: //p' "$f")
    must "$name ends as it should"
    cp_run run --rows 3 "$f"
    is_code "$want"
    [ -z "$text" ] || err_has "$text"
done
finish
