#!/bin/sh
# Recordings that do not say everything, or say it in an unusual form: each case of
# tests/cases/recordings has its right figures, in what `import` and `whatif` say.
# shellcheck source=/dev/null
. "${top_srcdir:?}/tests/cli/lib.sh"
cases=$top_srcdir/tests/cases/recordings

# FILE CHANGE CONDITION: holds of the JSON of whatif; r, s and p are its three columns.
whatif() {
    must "$1 ($2): $3"
    cp_run whatif "$cases/$1" -s "$2" --json
    is_code 0
    json_has ".[0] | .recorded as \$r | .simulated as \$s | .predicted as \$p |
        def near(a; b; share): (a - b) as \$d |
            (if \$d < 0 then -\$d else \$d end) <= b * share;
        $3"
}

# FILE CONDITION: holds of the JSON of import.
import() {
    must "$1: $2"
    cp_run import "$cases/$1" -o x.cpr --json -q
    is_code 0
    json_has ".[0] | $2"
}

refused() {
    must "$1 is refused with: $2"
    cp_run import "$cases/$1" -o x.cpr
    is_code 3
    err_has "$2"
}

ms=000000
# Threads begin where they are first seen.
for f in born-switch-only born-without-wakeup; do
    whatif $f.txt cores=4 "near(\$s.makespan_ns; \$r.makespan_ns; 0.001) and
        \$s.runq_wait_ns < 1$ms and near(\$s.cpu_ns; 408$ms; 0.005)"
done

# What held threads back beside an idle CPU is inferred, and said.
whatif throttled.txt cores=4 "near(\$s.makespan_ns; 650$ms; 0.05) and
    near(\$p.makespan_ns; 650$ms; 0.05) and (.inferred[0] | test(\"50.0 ms in 100 ms\"))"
whatif throttled.txt cgroup.quota_600.quota=none "near(\$p.makespan_ns; 350$ms; 0.01)"
whatif throttled-burst.txt cores=4 "near(\$s.makespan_ns; 750$ms; 0.05) and
    (.inferred[0] | test(\"burst 30.0 ms\"))"
whatif throttled-two-processes.txt cores=4 "near(\$s.makespan_ns; 365$ms; 0.05) and
    (.inferred | length) == 2"
whatif one-cpu-of-eight.txt cores=8 "near(\$s.makespan_ns; 304$ms; 0.05) and
    (.inferred[0] | test(\"only CPU 3 of 8 was recorded\"))"
whatif one-cpu-of-eight.txt cores=2 "near(\$p.makespan_ns; 304$ms; 0.05)"
whatif two-cpus-of-eight.txt cores=4 "near(\$s.makespan_ns; 180$ms; 0.05) and
    near(\$s.runq_wait_ns; 348$ms; 0.05)"
whatif buffers-of-different-length.txt cores=4 "near(\$s.runq_wait_ns; 996$ms; 0.05) and
    (.inferred[0] | test(\"affinity\")) and (.warnings | any(test(\"CPU 1 is known from\")))"
whatif affinity-two-of-four.txt cores=8 "near(\$s.runq_wait_ns; 792$ms; 0.05) and
    \$p.runq_wait_ns < 80$ms"
whatif affinity-two-of-four.txt hz=1000 "near(\$p.makespan_ns; 404$ms; 0.05)"
whatif cpu-goes-offline.txt cores=2 "near(\$s.makespan_ns; 250$ms; 0.05) and
    (.inferred[0] | test(\"CPU 1 taken to be offline from 100 ms\"))"

# A shell of another program starts `job`, which is bound to CPU 0 after 5 ms on CPU 1: from
# then on two of its threads take turns there, waiting 100 us at a time beside an idle CPU.
bound() {
    awk 'function line(at, cpu, text) { printf "x-1 [00%d] 1.%06d: %s\n", cpu, at, text }
        function to(at, cpu, a, pid, state, b, next_pid) {
            line(at, cpu, sprintf("sched_switch: prev_comm=%s prev_pid=%d prev_prio=120 " \
                "prev_state=%s ==> next_comm=%s next_pid=%d next_prio=120", a, pid, state,
                b, next_pid))
        }
        function wake(at, cpu, a, pid) {
            line(at, cpu, sprintf("sched_waking: comm=%s pid=%d prio=120 target_cpu=000", a,
                pid))
        }
        BEGIN {
            to(0, 1, "swapper/1", 0, "R", "bash", 10)
            line(1000, 1, "sched_process_fork: comm=bash pid=10 child_comm=bash child_pid=11")
            to(2000, 1, "bash", 10, "S", "job", 11)
            line(6000, 1, "sched_process_fork: comm=job pid=11 child_comm=job child_pid=12")
            to(7000, 1, "job", 11, "S", "swapper/1", 0)
            to(7010, 0, "swapper/0", 0, "R", "job", 12)
            for (i = 0; i < 40; i++) {
                t = 8000 + i * 1000
                wake(t, 0, "job", 11)
                to(t + 100, 0, "job", 12, "S", "job", 11)
                wake(t + 500, 0, "job", 12)
                to(t + 600, 0, "job", 11, "S", "job", 12)
            }
            to(50000, 0, "job", 12, "X", "swapper/0", 0)
            to(51000, 1, "swapper/1", 0, "R", "bash", 10)
            to(52000, 1, "bash", 10, "S", "swapper/1", 0)
        }'
}
must 'a bound program is simulated where it was bound, and uses the cores that are given'
bound >bound.txt
for change in hz=1000 cores=2; do
    cp_run whatif bound.txt --root 11 -s $change --json
    is_code 0
    json_has ".[0] | .threads == 2 and .load_threads == 1 and
        (.inferred | any(test(\"affinity.*'job.*bound to CPU 0 \"))) and
        .simulated.runq_wait_ns > 7$ms and .simulated.makespan_ns > 45$ms and
        .predicted.runq_wait_ns $([ $change = cores=2 ] && echo '<' || echo '>') 5$ms"
done

must 'where nothing fits the prediction is refused with the reason'
cp_run whatif "$cases/nothing-fits.txt" -s cores=4
is_code 3
err_has 'nothing can be predicted: .*neither a quota'

# A workload rebuilt from it has the same limits.
for f in throttled buffers-of-different-length; do
    must "$f, as a workload text, takes as long"
    cp_run import "$cases/$f.txt" -o "$f.cpw" -q
    is_code 0
    cp_run run "$f.cpw" --json
    is_code 0
    json_has ".[0].metrics.makespan_ns as \$m | \$m > 645$ms"
done

# CPU time only from evidence.
whatif container-pidns.txt cores=4 "\$r.cpu_ns == 2$ms and .threads == 1 and
    (.warnings | any(test(\"container\")))"
whatif filtered-by-pid.txt cores=4 "\$r.cpu_ns == 20$ms and
    (.warnings | any(test(\"not known for .*%\")))"
whatif perf-p-only-outs.txt cores=4 "\$r.cpu_ns < 171$ms and
    (.warnings | any(test(\"19 switches from idle were missing\")))"
import container-pidns.txt ".threads == 1"

# Threads of the kernel are load.
whatif irq-thread-interference.txt cores=1 "near(\$s.makespan_ns; 28$ms; 0.05) and
    .load_ns == 8$ms"

# Kernels 4.14 to 4.20 print S for R.
whatif k418-yield.txt cores=4 "\$r.runq_wait_ns > 39$ms and \$p.runq_wait_ns < 5$ms and
    (.warnings | any(test(\"idle leaves with S\")))"
whatif k418-trace-cmd.txt cores=4 "\$p.makespan_ns < 25$ms and \$r.makespan_ns == 42$ms"

# Losses reach every output.
import lost-without-count.txt ".warnings | any(test(\"times events were lost\"))"
whatif lost-without-count.txt cores=2 ".warnings | any(test(\"times events were lost\"))"
must 'plot says what the recording lost'
cp_run import "$cases/lost-without-count.txt" -o lost.cpr -q
cp_run plot occupancy lost.cpr -o lost.txt
err_has 'events were lost'

# Forms of the same events.
for f in latency-format.txt trace-cmd-latency.txt ftrace-dump-on-oops.txt; do
    whatif $f cores=2 "\$r.cpu_ns == 500000 and \$r.switches == 2"
done
import ftrace-dump-on-oops.txt ".lost == 99"
import no-prio-nuttx.txt ".switches == 3 and .cpus == 1"
whatif no-prio-nuttx.txt cores=2 "\$r.cpu_ns == 30$ms"
whatif nuttx-state.txt cores=2 "\$r.cpu_ns == 20$ms"
import utf16-powershell.txt ".switches == 2"
for f in atrace-plain atrace-z atrace-z2; do
    import $f.data ".switches == 2 and .span_ns == 4$ms and .unread_lines == 0"
done
refused clock-tsc.txt 'clock-tsc.txt:2: integer clock.*trace_clock=mono'

line='a-5 [001] d..2. 1.5: sched_switch: prev_comm=a prev_pid=5 prev_prio=120 prev_state=S'
rest='next_comm=b next_pid=6 next_prio=120'
must 'pages with entities, columns of misc, time of day, cgroup and modifiers are read'
printf '<html><pre>\n%s ==&gt; %s\n</pre>\n' "$line" "$rest" >form.txt
cp_run import form.txt -o x.cpr --json -q
json_has '.[0] | .switches == 1 and .unread_lines == 0'
for head in 'a 5 [001] U   1.500000:' 'a 5 [001] 2024-12-01 12:00:00.123456 1.500000:'; do
    echo "$head  1 sched:sched_switch:u: ${line#*: } ==> $rest /user.slice/x" |
        sed 's/: sched_switch: /: /' >form.txt
    sed -i 's/sched_switch:u: sched_switch: /sched_switch:u: /' form.txt
    cp_run import form.txt -o x.cpr --json -q
    is_code 0
    json_has '.[0] | .switches == 1'
done

must 'what cannot be read is named, with the command that makes it readable'
while IFS='|' read -r word text; do
    printf '%b' "$text" >form.txt
    cp_run import form.txt -o x.cpr
    is_code 3
    err_has "$word"
done <<'TABLE'
zip archive|PK\003\004xxxxxxxxxxx
Perfetto|\n\014\010\001\000\000\022\000\000abc
babeltrace|[1.2] (+?) h sched_switch: { cpu_id = 0 }, { prev_comm = "a" }\n
timehist|   time cpu task name wait time  sch delay  run time\n
sched latency|  Task                  |   Runtime ms  |  Switches | Avg delay ms\n
sched map|  *A0   1.000 secs A0 => a:5\n
histogram|  usecs               : count     distribution\n
column of the time|a 5 [001] sched:sched_switch: a:5 [120] S ==> b:6 [120]\n
column of the CPU|a 5 1.500000: sched:sched_switch: a:5 [120] S ==> b:6 [120]\n
at most 1024 CPUs|a-5 [10000] 1.500000: sched_switch: a:5 [120] S ==> b:6 [120]\n
TABLE

finish
