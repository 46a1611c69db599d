#!/bin/sh
# Recordings in other programs' formats: what is written says the same as the recording, and
# the programs themselves, where they are installed, read the same from it.
. "$top_srcdir/tests/cli/lib.sh"
real=$top_srcdir/examples/recordings/thrjoin_8x40.txt.gz

cat >sim.cpw <<'END'
machine { cores 2 }
process web runtime python "3.12" {
  thread w x 3 { repeat 5 { cpu 12ms; wait 3ms } }
}
process hog { lock l; thread "h, the \"long\" name" x 2 { mark "begun"; lock l { cpu 30ms }; yield; cpu 10ms } }
cgroup half { quota 50% }
process slow in half { thread q { cpu 60ms } }
END
"$COREPLAY" run sim.cpw -o sim.cpr -q >out 2>err || fail "the workload of this test does not run"
"$COREPLAY" import "$real" -o real.cpr -q

export_to() {
    cp_run export "$1" -o "$2" -q --force
    is_code 0
    out_empty
    err_empty
    [ -s "$2" ] || fail "no $2"
}

# Who ran when, without what single formats do not hold: names and unknown states.
switches() {
    "$COREPLAY" export "$1" -o - --format switches -q |
        sed -e 1d -e 's/"[^"]*"/-/g' -e 's/,?,/,S,/' |
        awk -F, '{ print $1, $2, $4, $6, $8 }' | sort -s -k1,1n -k2,2n
}

must "every format is written, and its ending says which"
for run in sim real; do
    for ending in perf.data pftrace trace.dat ftrace trace.json csv switches.csv; do
        export_to $run.cpr $run.$ending
    done
    switches $run.cpr >$run.schedule
    [ -s $run.schedule ] || fail "no schedule"
done

must "the text of the kernel is read back as the same schedule, to the nanosecond"
for run in sim real; do
    cp_run import $run.ftrace -o again.cpr -q --force
    is_code 0
    switches again.cpr >again.schedule
    cmp -s $run.schedule again.schedule ||
        fail "$run: $(diff $run.schedule again.schedule | head -n 3)"
done

must "so are the binary files of perf and trace-cmd, which hold no unknown states"
for run in sim real; do
    for file in $run.perf.data $run.trace.dat; do
        cp_run import $file -o again.cpr -q --force
        is_code 0
        switches again.cpr >again.schedule
        cmp -s $run.schedule again.schedule ||
            fail "$file: $(diff $run.schedule again.schedule | head -n 3)"
        gzip -c $file | "$COREPLAY" import - -o piped.cpr -q --force || fail "$file by a pipe"
        switches piped.cpr | cmp -s - $run.schedule || fail "$file by a pipe differs"
    done
done

must "wake-ups and names come back, too"
"$COREPLAY" import sim.perf.data -o again.cpr --force --json -q >out
json_has '.[0].wakeups > 50 and .[0].threads == 6 and (.[0].lost + .[0].repaired) == 0'
"$COREPLAY" export again.cpr -o again.csv -q --force
grep -q 'h, the' again.csv || fail "no name"

must "a cut or damaged binary file is told, and nothing is left"
for run in sim.perf.data sim.trace.dat; do
    for bytes in 9 60 300 2000 20000; do
        head -c $bytes $run >cut.bin
        cp_run import cut.bin -o cut.cpr -q
        case $code in
        0 | 3) ;;
        *) fail "$run cut at $bytes: code $code" ;;
        esac
        [ $code = 0 ] || no_file cut.cpr
        rm -f cut.cpr
    done
done

must "a part of a recording is written alone"
cp_run export sim.cpr --from 50ms --to 60ms -o - --format switches -q
is_code 0
awk -F, 'NR > 1 && ($1 < 50e6 || $1 > 60e6) { bad = 1 } END { exit bad || NR < 2 }' out ||
    fail "switches outside the part"

must "intervals of a thread follow each other, and running ones add up to CPU time and interrupts"
awk -F, 'NR > 1 { n = NF - 2; if ($n == "running") sum += $2 - $1 } END { print sum }' \
    sim.csv >sum
"$COREPLAY" run sim.cpw --json >out 2>err
json_has ".[0] | .metrics.cpu_ns + ([.cpus[].irq_ns] | add) == $(cat sum)"

must "JSON is JSON, whatever threads are called"
if [ -n "$have_jq" ]; then
    for run in sim real; do
        jq -e '.traceEvents | length > 20' <$run.trace.json >/dev/null || fail "$run.trace.json"
    done
    jq -e '[.traceEvents[] | select(.cat == "cpu") | .dur] | add > 0' <sim.trace.json \
        >/dev/null || fail "no CPU is busy"
fi

must "perf reads it: the same switches, CPU time to the microsecond"
if perf --version >/dev/null 2>&1; then
    for run in sim real; do
        perf script --ns -F comm,pid,tid,cpu,time,event,trace -i $run.perf.data \
            >perf.txt 2>/dev/null
        cp_run import perf.txt -o again.cpr -q --force
        is_code 0
        switches again.cpr >again.schedule
        cmp -s $run.schedule again.schedule ||
            fail "$run: $(diff $run.schedule again.schedule | head -n 3)"
    done
    perf sched timehist -s -i sim.perf.data >out 2>/dev/null
    total=$(sed -n 's/.*Total run time (msec): *//p' out | tr -d ' .')
    [ "$((total - $(cat sum) / 1000))" -ge -3 ] && [ "$((total - $(cat sum) / 1000))" -le 3 ] ||
        fail "perf sched timehist counts $total us, the recording has $(cat sum) ns"
    perf sched latency -i sim.perf.data >out 2>/dev/null || fail "perf sched latency"
    grep -q TOTAL out || fail "perf sched latency says nothing"
fi

must "trace-cmd reads it: the same switches"
if trace-cmd --help >/dev/null 2>&1 || [ -n "$(command -v trace-cmd)" ]; then
    for run in sim real; do
        trace-cmd report -t -R $run.trace.dat >tc.txt 2>err || fail "trace-cmd report"
        cp_run import tc.txt -o again.cpr -q --force
        is_code 0
        switches again.cpr >again.schedule
        cmp -s $run.schedule again.schedule ||
            fail "$run: $(diff $run.schedule again.schedule | head -n 3)"
    done
fi

must "protoc reads it: every switch, and nothing that the schema does not have"
if [ -n "$(command -v protoc)" ]; then
    for run in sim real; do
        protoc --decode=Trace -I "$top_srcdir/tests/export" perfetto.proto \
            <$run.pftrace >decoded 2>err || fail "protoc refuses $run.pftrace"
        n=$(grep -c 'switch_timestamp:' decoded)
        [ "$n" = "$(wc -l <$run.schedule)" ] ||
            fail "$run: $n switches, $(wc -l <$run.schedule) recorded"
        if grep -q '^ *[0-9]' decoded; then fail "fields without a name"; fi
        # Times of a CPU are differences: their sum is a time of the recording.
        begins=$(grep -c 'type: SLICE_BEGIN' decoded)
        [ "$begins" = "$(grep -c 'type: SLICE_END' decoded)" ] || fail "slices without an end"
    done
    grep -q 'name: "GIL of' decoded ||
        protoc --decode=Trace -I "$top_srcdir/tests/export" perfetto.proto <sim.pftrace |
        grep -q 'name: "GIL of' || fail "no track of the GIL"
fi

must "a run is written for a viewer at once, and no recording is left"
cp_run run sim.cpw -o at-once.pftrace -q
is_code 0
cmp -s at-once.pftrace sim.pftrace || fail "not what export writes"
cp_run run sim.cpw -o result.json -q
is_code 2

must "the same recording gives the same bytes"
for ending in perf.data pftrace trace.dat ftrace trace.json csv; do
    export_to sim.cpr again.$ending
    cmp -s sim.$ending again.$ending || fail "$ending"
done

must "a format that is not there, or not said, is refused with what there is"
cp_run export sim.cpr -o x.pftrace --format perfeto
is_code 2
err_has "perfetto"
no_file x.pftrace
cp_run export sim.cpr -o x
is_code 2
err_has ".pftrace"
cp_run export sim.cpr
is_code 2

must "what is no recording is refused with the command that makes one"
cp_run export sim.cpw -o x.csv
is_code 3
err_has "coreplay run"
cp_run export "$real" -o x.csv
is_code 3
err_has "coreplay import"
cp_run export none.cpr -o x.csv
is_code 3
no_file x.csv

must "what is there is not overwritten"
echo mine >perf.data
cp_run export sim.cpr -o perf.data
is_code 5
[ "$(cat perf.data)" = mine ] || fail "overwritten"
cp_run export sim.cpr -o sim.cpr --format csv --force
is_code 2
cp_run export sim.cpr -o x.csv --from 2s --to 1s
is_code 2

must "a full disk leaves nothing"
if [ -w /dev/full ]; then
    cp_run export sim.cpr -o /dev/full --format csv
    is_code 5
fi

finish
