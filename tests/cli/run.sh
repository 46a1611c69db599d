#!/bin/sh
# run: the summary, JSON with stable keys, settings, several files, exit codes, faults.
. "$top_srcdir/tests/cli/lib.sh"
"$COREPLAY" init -q || exit 99

must "the summary has its lines and columns"
cp_run run first.cpw
is_code 0
err_empty
out_has '^workload  first.*machine  2 cores, eevdf-6\.18 .* ms, hz 250  *seed 1$'
out_has '^makespan  .* cpu .* busy .* %    switches [0-9]* ([0-9]* vol, [0-9]* invol, [0-9]* idle)   migrations [0-9]*$'
out_has '^waiting  .* for a CPU    blocked .*: '
out_has '^thread  *start  *end  *cpu  *waiting  *blocked  *on  *wake-up p50/p99  *switches$'
out_has '^clerk-1 .* / '
out_has '^ok  *expect outcome == done'

must "a thread's waits are told by what it waited for, and add up"
cat >waits.cpw <<'EOF'
machine { cores 1 }
lock till
queue inbox
semaphore go (n=0)
device disk
process p {
  thread a { lock till { cpu 4ms; wait 2ms }; wait 3ms; send inbox; cpu 2ms }
  thread b { cpu 1ms; lock till { cpu 1ms }; recv inbox; release go }
  thread c { acquire go; io disk 5ms; spawn thread d; join all }
  thread hog { cpu 20ms }
}
process q { thread idle { wait 1ms } }
EOF
sed -i 's/spawn thread d; join all/cpu 1ms/' waits.cpw
cp_run run waits.cpw --json
is_code 0
json_has '.[0].threads | all((.blocked_sleep_ns + .blocked_lock_ns + .blocked_sync_ns + .blocked_queue_ns + .blocked_io_ns + .blocked_join_ns + .blocked_runtime_ns + .blocked_outside_ns) as $sum | .blocked_ns - $sum | . >= 0 and . < 1000)'
json_has '.[0].threads | (map(select(.name == "b"))[0] | .blocked_lock_ns > 0 and .blocked_queue_ns > 0) and (map(select(.name == "c"))[0] | .blocked_io_ns >= 5000000 and .blocked_sync_ns > 0)'
json_has '.[0] | .metrics.blocked_io_ns >= 5000000 and .metrics.blocked_ns >= .metrics.blocked_io_ns and .metrics.runq_wait_ns == (.threads | map(.runq_wait_ns) | add)'
cp_run run waits.cpw
out_has "^waiting  *[0-9.]* ms for a CPU *blocked .*sync [0-9.]* ms ('go').*lock [0-9.]* ms ('till')"
out_has '^b .* lock [0-9]* %'
cp_run run "$top_srcdir/examples/tutorials/io-convoy.cpw"
out_has '^waiting  .*blocked [0-9.]* s: GIL '
out_has '^reader .* GIL 83 %, sleep 17 %'

must "--teaching shows the columns of textbooks with averages"
cp_run run first.cpw --teaching
is_code 0
out_has '^thread  *arrival  *end  *cpu  *response  *waiting  *turnaround$'
out_has '^average '

must "--rows limits the table"
cp_run run first.cpw --rows 1
out_has 'and 2 more threads'
cp_run run first.cpw --rows 0
out_has '^clerk-3 '

must "the same input gives the same bytes, another seed may not"
cp_run run first.cpw --json
cp out before
cp_run run first.cpw --json
cmp -s before out || fail "the bytes differ"
cp_run run first.cpw --seed 7
is_code 0
out_has 'seed 7$'

must "JSON has the stable keys of schema 1"
cp_run run first.cpw --json
err_empty
json_has 'length == 1 and .[0].schema == 1 and .[0].outcome == "done"'
for key in makespan_ns cpu_ns busy_share switches switches_voluntary switches_involuntary \
    migrations wakeups wakeup_latency_p50_ns wakeup_latency_p99_ns wakeup_latency_max_ns \
    run_slice_p50_ns throttled_ns gil_acquisitions gil_switches gil_wait_ns \
    loop_lag_p99_ns latency_p50_ns latency_p99_ns latency_p999_ns throughput dropped; do
    json_has ".[0].metrics | has(\"$key\")"
done
for key in name process start_ns end_ns cpu_ns work_ns runq_wait_ns blocked_ns gil_wait_ns \
    switches_voluntary switches_involuntary migrations wakeup_latency_p50_ns \
    wakeup_latency_p99_ns; do
    json_has ".[0].threads | length == 3 and all(has(\"$key\"))"
done
for key in cpu busy_ns idle_ns overhead_ns switches; do
    json_has ".[0].cpus | length == 2 and all(has(\"$key\"))"
done
for key in workload settings cgroups objects expects diagnoses coreplay seed; do
    json_has ".[0] | has(\"$key\")"
done
json_has '.[0].expects | length == 1 and all(.ok and (.text | length > 0) and has("measured"))'
json_has '.[0].metrics | .busy_share >= 0 and .busy_share <= 1'
json_has '.[0].settings.cores == "2" and .[0].settings.policy == "eevdf-6.18"'
json_has '.[0] as $r | [$r.threads[].cpu_ns] | add == $r.metrics.cpu_ns'

must "settings are taken from --set, -s, --machine and coreplay.conf, the strongest wins"
cp_run run first.cpw -s cores=4 --json
json_has '.[0].cpus | length == 4'
cp_run run first.cpw -scores=4 -s cores=8 --json
json_has '.[0].cpus | length == 8'
cp_run run first.cpw -m laptop4 --json
json_has '.[0].cpus | length == 8'
cp_run run first.cpw -m laptop4 -s cores=1 --json
json_has '.[0].cpus | length == 2'
printf 'machine { cores 3 }\nkernel { policy rr; rr.quantum 5ms }\n' >mine.cpw
cp_run run first.cpw -m mine.cpw --json
json_has '.[0] | (.cpus | length == 3) and .settings.policy == "rr"'
cp_run run first.cpw -s jobs=3 --json
json_has '.[0].workload.params.jobs == "3"'
printf '[settings]\ncores=7\nhz=1000\n' >coreplay.conf
cp_run run first.cpw --json
json_has '.[0] | (.cpus | length == 2) and .settings.hz == "1000"'
rm coreplay.conf
for policy in fcfs rr sjf srtf priority mlfq lottery stride; do
    cp_run run first.cpw -s policy=$policy --json
    is_code 0
    json_has ".[0].settings.policy == \"$policy\""
done
cp_run run first.cpw --exact-ticks --json
is_code 0

must "wrong settings are code 2 and name the nearest"
cp_run run first.cpw -s coers=4
is_code 2
err_has "did you mean 'cores'"
cp_run run first.cpw -s policy=evdf
is_code 2
err_has 'eevdf'
cp_run run first.cpw -s cores
is_code 2
err_has 'KEY=VALUE'
cp_run run first.cpw -s cores=0
is_code 2
cp_run run first.cpw -s cores=1025
is_code 2
err_has '1024'
cp_run run first.cpw -s cores=1024 -s smt=2
is_code 2
cp_run run first.cpw -s cores=-1
is_code 2
cp_run run first.cpw -s cores=99999999999999999999
is_code 2
cp_run run first.cpw -s rr.quantum=5
is_code 2
err_has 'unit'
cp_run run first.cpw -m laptop5
is_code 2
err_has "did you mean 'laptop4'"
cp_run run first.cpw -m missing.cpw
is_code 3
cp_run run first.cpw -m first.cpw
is_code 3
err_has 'only machine and kernel'
cp_run run first.cpw --until 5
is_code 2
err_has 'unit'
cp_run run first.cpw --seed -1
is_code 2
cp_run run first.cpw --max-events 0
is_code 2
cp_run run first.cpw -j0
is_code 2
cp_run run first.cpw -j four
is_code 2

must "what a newcomer types is answered with what to type"
cp_run run first.cpw --cores 4
is_code 2
err_has 'set cores=VALUE'
cp_run -j4 run first.cpw
is_code 2
err_has 'options of a command stand after it'
cp_run run first.cpw cores=4
is_code 3
err_has 'given with -s: -s cores=4'
cp_run run first
is_code 3
err_has "did you mean 'first.cpw'"
cp_run run ./frist.cpw
is_code 3
err_has "did you mean './first.cpw'"
cp_run run first.cpw -m 4
is_code 2
err_has 'cores=4'
cp_run run ''
is_code 2
err_has 'empty'
cp_run simulate first.cpw
is_code 2
err_has "did you mean 'coreplay run'"

must "bad files are code 3 and say where"
: >empty.cpw
head -c 4096 /dev/urandom >junk.cpw
printf 'process p { thread t { cpu 1m' >half.cpw
printf 'process p { thread t { cpu 5 } }\n' >unit.cpw
printf 'process p { thread t { cpu 1ms } }\nprocess p { thread t { cpu 1ms } }\n' >twice.cpw
printf 'process p {\n  thread t { lok l { } }\n}\n' >word.cpw
printf 'machine { cores 0 }\nprocess p { thread t { cpu 1ms } }\n' >zero.cpw
printf 'machine { cores 1025 }\nprocess p { thread t { cpu 1ms } }\n' >many.cpw
printf 'machine { coers 2 }\nprocess p { thread t { cpu 1ms } }\n' >key.cpw
mkdir directory
for f in missing.cpw directory empty.cpw junk.cpw half.cpw unit.cpw twice.cpw word.cpw \
    zero.cpw many.cpw key.cpw; do
    cp_run run $f
    is_code 3
    err_has "$f"
    out_empty
    cp_run run $f --json -o new.cpr
    is_code 3
    json_has 'length == 1 and .[0].outcome == "error" and (.[0].errors | length > 0)'
    no_file new.cpr new.cpr.*
done
cp_run run unit.cpw
err_has '^unit.cpw:1:[0-9]*: error: .*unit'
err_has 'help: '
cp_run run word.cpw
err_has "did you mean 'lock'"
cp_run run key.cpw
err_has "did you mean 'cores'"

must "a deadlock stops with code 4 and says who holds and who waits"
cat >dead.cpw <<'END'
process p {
  lock a
  lock b
  thread left  { lock a { wait 1ms; lock b { } } }
  thread right { lock b { wait 1ms; lock a { } } }
}
END
cp_run run dead.cpw -o dead.cpr
is_code 4
err_has 'simulation stopped at t=.*: deadlock (exit 4)'
err_has 'left .*holds a .*waits for b'
err_has 'right .*holds b .*waits for a'
out_has '^outcome   deadlock'
[ -s dead.cpr ] || fail "the recording so far is not kept"
cp_run run dead.cpw --json
is_code 4
json_has '.[0].outcome == "deadlock" and (.[0].diagnoses | map(select(.kind == "deadlock")) | length == 1 and .[0].threads == ["left", "right"] and (.[0].at_ns > 0))'
echo 'expect outcome == deadlock' >>dead.cpw
cp_run run dead.cpw
is_code 0
err_has 'deadlock (as expected)'
cp_run run dead.cpw -q
is_code 0
err_empty

must "an expect of the file as written, or of other params, is not judged, and says so"
cat >own.cpw <<'END'
param form = one in [one, two]
process p { thread a { cpu 5ms } thread b { cpu 1ms } }
machine { cores 1 }
run { costs ideal }
expect makespan == 6ms as written
expect makespan < 3ms if form == two
END
cp_run run own.cpw; is_code 0
out_has '^ok  *expect makespan == 6ms as written'
out_has '^not judged  *expect makespan < 3ms if form == two  *measured 6.00 ms'
cp_run run own.cpw -s cores=2; is_code 0
out_has '^not judged  *expect makespan == 6ms as written  *measured 5.00 ms'
cp_run run own.cpw -s form=two; is_code 1
cp_run run own.cpw -s cores=2 --json; is_code 0
json_has '.[0].expects | map(.ok) == [null, null]'

must "printed lines, tasks, pids and the values of a variable are shown"
cat >says.cpw <<'END'
machine { cores 2 }
process app runtime python "3.12" {
  var n = 0
  task load(t) { wait t; n += 1; print "loaded in {t:.3f}" }
  thread main {
    print "begin"
    pool ex processes(2) { submit ex load(30ms); submit ex load(10ms) }
    spawn process child load(5ms)
    for i in 1..3 { set n = n + i }
  }
}
expect output == ["begin", "loaded in 0.010", "loaded in 0.030", "loaded in 0.005"]
expect output == ["loaded in 0.030", "loaded in 0.010"]
END
cp_run run says.cpw --var n
is_code 1
out_has '^ok  *expect output == ."begin"'
out_has '^FAILED  *expect output == ."loaded in 0.030".*measured ."loaded in 0.010", "loaded in 0.030"'
out_has '^ *[0-9.]* ms  *ex-worker-2  *loaded in 0.010$'
out_has '^load .* 2  *done  *ex-worker-1$'
out_has '^thread .*pid$'
out_has '^child .*100[0-9]$'
out_has '^values of n$'
out_has '  main  *6$'
cp_run run says.cpw --lines 1 --rows 1
out_has '^... and 3 more lines (--lines 0 shows all)$'
out_has '^... and 1 more tasks (--rows 0 shows all)$'
cp_run run says.cpw --var n --json
json_has '.[0].output | map(.text) == ["begin", "loaded in 0.010", "loaded in 0.030", "loaded in 0.005"]'
json_has '.[0].output[1] | .thread == "ex-worker-2" and .task == "load" and .pid > 1000 and .at_ns > 10000000'
json_has '.[0].tasks | map(.order) == [2, 1]'
json_has '.[0].history | .var == "n" and (.values | map(.value)) == [1, 1, 1, 3, 6, 1]'
cp_run run says.cpw --var nn
is_code 2
err_has "there is no variable 'nn'"

must "a failed expect is code 1 and shows what was measured"
{
    cat first.cpw
    echo 'expect makespan < 1ms'
} >fails.cpw
cp_run run fails.cpw
is_code 1
out_has '^FAILED  *expect makespan < 1ms  *measured '
err_has '1 expect line failed'
cp_run run fails.cpw --json
is_code 1
json_has '.[0].expects | map(.ok) == [true, false]'

must "--until ends well, guards end with code 4"
printf 'process p { thread t { forever { cpu 1ms } } }\n' >endless.cpw
cp_run run endless.cpw --until 50ms --json
is_code 0
json_has '.[0].outcome == "until" and .[0].metrics.makespan_ns == 50000000'
cp_run run endless.cpw --max-events 1000 -o guard.cpr
is_code 4
err_has 'guard hit'
[ -s guard.cpr ] || fail "the recording so far is not kept"
cp_run run endless.cpw --max-wall 100ms
is_code 4
printf 'process p { thread t { repeat 1000000000 { cpu 1us } } }\n' >billion.cpw
cp_run run billion.cpw --max-events 100000
is_code 4

must "several files give one JSON object a line, in the order given, at any --jobs"
for i in 1 2 3 4 5; do cp first.cpw w$i.cpw; done
cp_run run w1.cpw w2.cpw word.cpw w3.cpw w4.cpw w5.cpw --json
is_code 3
cp out before
[ "$(wc -l <out)" = 6 ] || fail "not one line a file"
json_has 'map(.workload.file) == ["w1.cpw","w2.cpw","word.cpw","w3.cpw","w4.cpw","w5.cpw"]'
for j in -j2 '-j 3' --jobs=4 '--jobs 6'; do
    # shellcheck disable=SC2086
    cp_run run w1.cpw w2.cpw word.cpw w3.cpw w4.cpw w5.cpw --json $j
    cmp -s before out || fail "$j changes the output"
done
cp_run run w1.cpw w2.cpw
is_code 0
out_has '^w2.cpw:$'
cp_run run w1.cpw w2.cpw -o both.cpr
is_code 2

must "a recording is written, drawn, and the same each time"
cp_run run first.cpw -o first.cpr
is_code 0
[ -s first.cpr ] || fail "no recording"
cp first.cpr before.cpr
cp_run run first.cpw -o first.cpr
cmp -s first.cpr before.cpr || fail "the bytes differ"
cp_run plot occupancy first.cpr -o fig.txt
is_code 0
grep -q 'clerk' fig.txt || fail "no thread names in the chart"

must "outputs that cannot be written are code 5 and nothing is left behind"
mkdir directory.cpr
for output in directory.cpr nowhere/x.cpr empty.cpw/x.cpr /dev/full; do
    cp_run run first.cpw -o $output
    is_code 5
    no_file $output.*
done
cp_run run first.cpw -o first.cpw
is_code 2
grep -q process first.cpw || fail "the input was overwritten"
if [ -w /dev/full ]; then
    code=0
    "$COREPLAY" run first.cpw --json >/dev/full 2>err || code=$?
    : >out
    is_code 5
    err_has 'No space left'
fi

must "a closed pipe ends a long list of runs early and quietly"
code=$( { { "$COREPLAY" run w1.cpw w2.cpw w3.cpw w4.cpw w5.cpw --json 2>err; echo $? >&3; } |
    head -n 1 >out; } 3>&1 )
case $code in
0 | 5) ;; # 0: all five fitted the pipe
*) fail "exit code $code" ;;
esac
err_empty

must "progress is drawn when asked for, and only then"
cp_run run endless.cpw --max-wall 400ms --progress=always
is_code 4
grep -q "$(printf '\r\033\[Krun')" err || fail "no progress line"
cp_run run endless.cpw --until 100s --max-wall 300ms
if grep -q "$(printf '\r')" err; then fail "progress without a terminal"; fi
cp_run run endless.cpw --max-wall 300ms --progress=always -q
if grep -q "$(printf '\r')" err; then fail "progress with --quiet"; fi

must "COREPLAY_JOBS is a default that is checked"
COREPLAY_JOBS=2
export COREPLAY_JOBS
cp_run run w1.cpw w2.cpw --json
is_code 0
COREPLAY_JOBS=many
cp_run run w1.cpw w2.cpw --json
is_code 2
err_has 'COREPLAY_JOBS'
unset COREPLAY_JOBS

must "standard input is -"
code=0
"$COREPLAY" run - --json <first.cpw >out 2>err || code=$?
is_code 0
json_has '.[0].workload.file == "-"'

must "a signal ends a run in good order: 130 or 143, partial results, recording kept"
for pair in INT:130 TERM:143; do
    rm -f partial.cpr
    "$COREPLAY" run endless.cpw --json -o partial.cpr >out 2>err &
    pid=$!
    sleep 0.5
    kill -"${pair%:*}" $pid
    code=0
    wait $pid || code=$?
    is_code "${pair#*:}"
    json_has '.[0].outcome == "interrupted"'
    err_has 'interrupted at t='
    [ -s partial.cpr ] || fail "the recording so far is not kept"
done

must "results go nowhere else: no file but those named"
rm -rf clean && mkdir clean && cp first.cpw clean
cp_run -C clean run first.cpw -o r.cpr
is_code 0
[ "$(ls clean | tr '\n' ' ')" = 'first.cpw r.cpr ' ] || fail "left: $(ls clean)"

must "a warm-up is left out of the figures, and changes nothing that happens"
cat >open.cpw <<'END'
run { until 10s }
machine { cores 2 }
queue q
process p {
  thread w x 2 { forever { recv q; cpu exp(1ms); respond } }
  thread gen { arrivals exp(1ms) until 10s { send q } }
}
END
cp_run run open.cpw --json
json_has '.[0].metrics.warmup_ns == 0'
cp out whole
cp_run run open.cpw --warmup 2s --json
is_code 0
json_has '.[0].metrics | .warmup_ns == 2000000000 and .makespan_ns == 10000000000'
json_has '.[0].cpus | all(.busy_ns + .idle_ns + .overhead_ns + .irq_ns == 8000000000)'
json_has '.[0].settings.warmup == "2s"'
cp_run run open.cpw --warmup 2s
out_has '^counted   from 2.000 s to the end (warm-up)$'
cp_run run open.cpw --warmup auto
is_code 0
out_has '^counted   from '
cp_run run open.cpw --warmup auto --until 20ms
is_code 4
err_has 'make the run longer'
cp_run run open.cpw --warmup 10s
is_code 2
err_has 'does not end before the run'
cp_run run first.cpw --warmup 1h
is_code 4
err_has 'before its warm-up of .* was over: nothing is counted'
cp_run run open.cpw --warmup 5
is_code 2
err_has "neither a time nor auto: '5' has no unit"
sed 's/until 10s }/until 10s; warmup auto }/' open.cpw >auto.cpw
cp_run run auto.cpw --json
is_code 0
json_has '.[0].settings.warmup == "auto"'

must "the same diagnosis many times is shown three times and counted"
echo 'process p { thread t { repeat 9 { cpu 1ms; respond } } }' >many.cpw
cp_run run many.cpw
is_code 0
[ "$(grep -c 'at t=.*respond without a request' err)" = 3 ] || fail "not three times"
err_has 'respond without a request: 6 more'
cp_run run many.cpw --json
json_has '.[0].diagnoses | length == 9'

must "a recording goes to standard output with -o -, the summary to standard error"
cp_run run first.cpw -o r.cpr
cp_run run first.cpw -o -
is_code 0
cmp -s out r.cpr || fail "it is not the recording"
err_has '^makespan'
cp_run run first.cpw -o - -q
err_empty
cp_run run first.cpw -o - --json
is_code 2
err_has 'both want standard output'
out_empty

must "a symbolic link stays one: what it names is written, even if it is not there yet"
mkdir -p there && ln -sf there/new.cpr link.cpr
for round in new replaced; do
    cp_run run first.cpw -o link.cpr
    is_code 0
    [ -L link.cpr ] || fail "the link is gone ($round)"
    cmp -s there/new.cpr r.cpr || fail "the file it names is not written ($round)"
done

must "a killed run leaves nothing behind"
cat >long.cpw <<'END'
machine { cores 4 }
process p { thread t x 8 { forever { cpu exp(20us); wait exp(20us) } } }
END
rm -rf killed && mkdir killed
"$COREPLAY" run long.cpw -o killed/r.cpr >out 2>err &
pid=$!
sleep 0.3
# File systems without unnamed files show one that is being written.
if [ -z "$(ls killed)" ]; then
    kill -9 $pid
    wait $pid 2>/dev/null
    [ -z "$(ls killed)" ] || fail "left by kill -9: $(ls killed)"
    "$COREPLAY" run long.cpw -o killed/r.cpr >out 2>err &
    pid=$!
    sleep 0.3
    kill -INT $pid
    kill -INT $pid
    wait $pid 2>/dev/null
    # The second signal may come after the end that the first one asked for.
    [ "$(ls killed | grep -v '^r.cpr$')" = "" ] || fail "left by two SIGINT: $(ls killed)"
else
    kill $pid
    wait $pid 2>/dev/null
fi

must "deadline threads that ask for more than there is are refused, as the kernel does"
cat >dl.cpw <<'END'
machine { cores 1 }
process p {
  thread a (policy=deadline, runtime=10ms, period=20ms) { cpu 1ms }
  thread b x 2 (policy=deadline, runtime=5ms, period=20ms) { cpu 1ms }
}
END
cp_run run dl.cpw
is_code 2
err_has 'ask for 100.0 % of a CPU, and 95.0 % are admitted'
cp_run run dl.cpw -s cores=2
is_code 0

must "a kernel by its name is said to be what it is taken for"
cp_run run first.cpw --kernel 6.8.0-45-generic
is_code 0
out_has 'eevdf-6.6 .* hz 1000'
out_has '^kernel  *6.8.0-45-generic (Ubuntu, Linux 6.8): as eevdf-6.6, 1000 Hz'
cp_run run first.cpw --kernel debain13
err_has "did you mean 'debian13'"
cp_run list kernels
out_has '^debian13 '

finish
