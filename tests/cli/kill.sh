#!/bin/sh
# No row that was stored is lost when the program is killed, at 100 random moments; in the end
# the rows are those of a sweep that was left alone.
. "$top_srcdir/tests/cli/lib.sh"
cat >w.cpw <<'END'
param work = 5ms
machine { cores 2 }
process p { thread t x 4 { repeat 100 { cpu exp(work); wait 1ms } } }
END
# As many rows as take some seconds in this build: audits and sanitizers are much slower.
start=$(date +%s%N)
cp_run run w.cpw -s work=500ms
is_code 0
each=$((($(date +%s%N) - start) / 1000000))
values=$((8000 / (each > 4 ? each : 4)))
[ $values -ge 30 ] || values=30
sweep() {
    exec "$COREPLAY" sweep w.cpw --sweep work=1ms..${values}ms+1ms --repeat 2 -j2 -q "$@"
}
rows() {
    cp_run query k.db --columns point,repeat,seed,outcome,makespan --csv
    sort out
}
: >before
rounds=100
[ -z "${CP_SANITIZED:-}" ] || rounds=20
must "rows stored before a kill are there after it ($rounds kills)"
grown=0
i=0
# Moments of 5 to 260 ms, from a simple generator whose seed is printed on failure.
random=$$
# On a crowded machine most of them may come before anything is stored: more of them then.
while [ $i -lt $rounds ] || { [ $grown -lt 5 ] && [ $i -lt $((rounds * 4)) ]; }; do
    i=$((i + 1))
    random=$(((random * 1103515245 + 12345) % 2147483648))
    sweep -o k.db >out 2>err &
    pid=$!
    sleep "$(printf '0.%03d' $((5 + random / 65536 % 256)))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ -s k.db ] || continue
    # A file killed in the middle of being made is empty of tables; the next one makes them.
    rows >after
    if [ "$code" = 0 ]; then
        lost=$(comm -23 before after | wc -l)
        [ "$lost" = 0 ] || fail "kill $i (seed $$): $lost rows were lost"
        [ "$(wc -l <after)" -le "$(wc -l <before)" ] || grown=$((grown + 1))
        cp after before
        # All rows are there: a new file, so that the kills that follow meet one that grows.
        if [ "$(wc -l <after)" = $((2 * values + 1)) ]; then
            rm -f k.db k.db-wal k.db-shm
            : >before
        fi
    elif [ -s before ]; then
        fail "kill $i (seed $$): the file cannot be read"
    fi
done
[ $grown -ge 5 ] || fail "only $grown of $i rounds stored anything"

must "the sweep can be finished, and its rows are those of an undisturbed one"
(sweep -o k.db) || fail "cannot be finished"
rows >after
(sweep -o k2.db)
cp_run query k2.db --columns point,repeat,seed,outcome,makespan --csv
sort out >undisturbed
cmp -s after undisturbed || fail "the rows differ (seed $$)"
[ "$(wc -l <after)" = $((2 * values + 1)) ] || fail "not all rows are there"
finish
