#!/bin/sh
# Workloads that broke the engine once, or would: each of tests/hostile has the outcome its
# first line names, at once; one that ends well has the same figures with silent ticks left
# out and with every tick run.
. "$top_srcdir/tests/cli/lib.sh"
figures() {
    sed 's/"events":[0-9]*,//; s/"exact_ticks":"[a-z]*",//' out | tr '{' '\n'
}
for f in "$top_srcdir"/tests/hostile/*.cpw; do
    name=$(basename "$f" .cpw)
    want=$(sed -n '1s/^# exit \([0-9]*\).*/\1/p' "$f")
    text=$(sed -n '1s/^# exit [0-9]*: //p' "$f")
    must "$name ends as it should"
    cp_run run --rows 3 "$f"
    is_code "$want"
    [ -z "$text" ] || err_has "$text"
    [ "$want" = 0 ] || continue
    cp_run run --json "$f"
    figures >elided
    must "$name has the same figures with every tick run"
    cp_run run --json --exact-ticks "$f"
    figures >exact
    cmp -s elided exact || fail "$(diff elided exact | head -n 4)"
done
finish
