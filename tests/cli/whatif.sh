#!/bin/sh
# coreplay whatif: a recorded program on another machine.
# shellcheck source=/dev/null
. "${top_srcdir:?}/tests/cli/lib.sh"
recording=$(ls "$top_srcdir"/examples/recordings/*.gz | head -n 1)

must 'without a change it says what to add'
cp_run whatif "$recording"
is_code 2
err_has 'coreplay whatif .* -s cores=4'

must 'an unknown setting is refused by name'
cp_run whatif "$recording" -s coers=4
is_code 2
err_has "cores"

must 'a missing file is an input error'
cp_run whatif nothing.cpr -s cores=4
is_code 3

must 'a table of recorded, simulated and predicted comes out, and no file is left'
cp_run whatif "$recording" -s cores=4
is_code 0
out_has '^Recorded: '
out_has 'recorded  *simulated, 2 cores  *error  *4 cores  *change'
out_has '^makespan '
out_has '^waiting for a CPU '
out_has '^blocked '
out_has '^Cause: with 4 cores the program '
[ "$(ls)" = "$(printf 'err\nout')" ] || fail "files are left: $(ls)"

must 'two runs print the same bytes'
cp out first
cp_run whatif "$recording" -s cores=4
cmp -s out first || fail 'they differ'

must 'recordings stay in the folder that is asked for'
cp_run whatif "$recording" -s cores=4 -o kept --quiet
is_code 0
for f in recorded.cpr same.cpr whatif.cpr; do
    [ -s "kept/$f" ] || fail "kept/$f is missing"
done

must 'a .cpr recording gives the same table as its source'
cp_run whatif kept/recorded.cpr -s cores=4
cmp -s out first || fail 'they differ'

must 'JSON has the three columns'
cp_run whatif "$recording" -s cores=4 --json
is_code 0
for key in recorded simulated predicted makespan_ns; do out_has "\"$key\""; done

must 'a single thread is told that more cores cannot help'
cat >one.txt <<'E'
  a-10 [000] 1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=10 next_prio=120
  a-10 [000] 1.900000: sched_switch: prev_comm=a prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
E
cp_run whatif one.txt -s cores=8
is_code 0
out_has "^Cause: .*nothing changed.*'a', computes 100 % .*: more cores cannot help\\.$"

must 'the critical path goes back through those who woke the last, and adds up'
# a computes 10 ms and wakes b, which waits 2 ms for the CPU of c, computes 5 ms, sleeps 3 ms
# and computes 1 ms.
awk 'BEGIN {
    f = "%s-%d (%d) [%03d] 1.%06d: sched_switch: prev_comm=%s prev_pid=%d prev_prio=120 prev_state=%s ==> next_comm=%s next_pid=%d next_prio=120\n"
    w = "%s-%d (%d) [%03d] 1.%06d: sched_waking: comm=%s pid=%d prio=120 target_cpu=001\n"
    printf f, "<idle>", 0, 0, 0, 0, "swapper/0", 0, "R", "a", 10
    printf f, "<idle>", 0, 0, 1, 10, "swapper/1", 0, "R", "b", 11
    printf f, "b", 11, 10, 1, 20, "b", 11, "S", "c", 12
    printf w, "a", 10, 10, 0, 10000, "b", 11
    printf f, "a", 10, 10, 0, 10001, "a", 10, "X", "swapper/0", 0
    printf f, "c", 12, 10, 1, 12000, "c", 12, "X", "b", 11
    printf f, "b", 11, 10, 1, 17000, "b", 11, "S", "swapper/1", 0
    printf w, "<idle>", 0, 0, 1, 20000, "b", 11
    printf f, "<idle>", 0, 0, 1, 20000, "swapper/1", 0, "R", "b", 11
    printf f, "b", 11, 10, 1, 21000, "b", 11, "X", "swapper/1", 0
}' >chain.txt
cp_run whatif chain.txt -s cores=4 --json
is_code 0
json_has '.[0].recorded | .makespan_ns == 21000000 and .critical_cpu_ns == 16000000 and .critical_runq_wait_ns == 2000000 and .critical_outside_ns == 3000000 and .critical_thread == "a" and .critical_thread_cpu_ns == 10000000'
for what in recorded simulated predicted; do
    json_has ".[0].$what | .critical_cpu_ns + .critical_runq_wait_ns + .critical_outside_ns + .critical_unknown_ns == .makespan_ns"
done
json_has '.[0].cause | test("on the critical path is on a CPU, most of it .a.; .*: more cores cannot help\\.$")'

must 'the cause names the lock that threads waited for'
cat >convoy.cpw <<'E'
lock till
process p { thread a x 4 { repeat 20 { lock till { cpu 5ms }; cpu 1ms } } }
E
cp_run run convoy.cpw -q -o convoy.cpr
cp_run whatif convoy.cpr -s cores=8
is_code 0
out_has "^Cause: with 8 cores the program .* for locks, most for 'till'; hardly any waits for a CPU: more cores cannot help\.$"
out_has '^  for locks  *[1-9]'
out_has '^Blocked for [0-9.]* s: lock '

# Two threads hand a message to and fro, and end; later others have their pids.
rounds() { # SECOND
    awk -v s="$1" 'BEGIN {
        f = "%s-%d [000] %d.%06d: sched_switch: prev_comm=%s prev_pid=%d prev_prio=120 prev_state=%s ==> next_comm=%s next_pid=%d next_prio=120\n"
        w = "%s-%d [000] %d.%06d: sched_waking: comm=%s pid=%d prio=120 target_cpu=000\n"
        printf f, "<idle>", 0, s, 0, "swapper/0", 0, "R", "ping", 11
        for (i = 1; i <= 200; i++) {
            t = i * 1000
            printf w, "ping", 11, s, t, "pong", 12
            printf f, "ping", 11, s, t + 100, "ping", 11, i % 3 ? "S" : "R", "pong", 12
            if (i % 3) { printf w, "pong", 12, s, t + 300, "ping", 11 }
            printf f, "pong", 12, s, t + 500, "pong", 12, "S", "ping", 11
        }
        printf w, "ping", 11, s, 500000, "pong", 12
        printf f, "ping", 11, s, 500100, "ping", 11, "X", "pong", 12
        printf f, "pong", 12, s, 500300, "pong", 12, "X", "swapper/0", 0
    }'
}
{ rounds 1; rounds 2; rounds 3; } >joined.txt
field() { sed -n "s/.*\"$1\":\\([0-9]*\\).*/\\1/p" out | head -n 1; }
recorded() { sed -n "s/.*\"recorded\":{[^}]*\"$1\":\\([0-9]*\\).*/\\1/p" out; }
sum_of() { awk -F, -v s="$1" '$6 == s { n += $7 } END { print n }' data.csv; }

must 'import, whatif, plot and query count the same, also where pids come back'
cp_run import joined.txt -o joined.cpr --json
is_code 0
switches=$(field switches) wakeups=$(field wakeups) busy=$(field busy_ns)
[ "$(field threads)" = 6 ] || fail "$(field threads) threads instead of 6"
cp_run whatif joined.txt -s cores=2 --json
is_code 0
[ "$(recorded cpu_ns)" = "$busy" ] || fail "CPU time: $busy, whatif $(recorded cpu_ns)"
[ "$(recorded switches)" = "$switches" ] ||
    fail "switches: $switches, whatif $(recorded switches)"
[ "$(recorded wakeups)" = "$wakeups" ] ||
    fail "wake-ups: $wakeups, whatif $(recorded wakeups)"
voluntary=$(recorded switches_voluntary) involuntary=$(recorded switches_involuntary)
cp_run plot switches joined.cpr -o chart.txt --data data.csv
is_code 0
[ "$(sum_of voluntary)" = "$voluntary" ] ||
    fail "voluntary: $voluntary, plot $(sum_of voluntary)"
[ "$(sum_of involuntary)" = "$involuntary" ] ||
    fail "involuntary: $involuntary, plot $(sum_of involuntary)"

cp_run query joined.cpr --json
is_code 0
queried() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" out; }
[ "$(queried cpu_ns)" = "$busy" ] || fail "CPU time: $busy, query $(queried cpu_ns)"
[ "$(queried switches)" = "$switches" ] || fail "switches: $switches, query $(queried switches)"
[ "$(queried wakeups)" = "$wakeups" ] || fail "wake-ups: $wakeups, query $(queried wakeups)"
[ "$(queried switches_voluntary)" = "$voluntary" ] || fail "voluntary: $voluntary, query"
[ "$(queried switches_involuntary)" = "$involuntary" ] || fail "involuntary: query"

must 'query shows of a simulated recording what run printed'
cp_run run convoy.cpw --json -q
cp out result.jsonl
cp_run query result.jsonl --csv
cp out want
cp_run query convoy.cpr --csv
cmp -s out want || fail 'they differ'

# One thread computes for 100 ms on the first of two CPUs.
cat >solo.txt <<'E'
  a-10 [000] 1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=10 next_prio=120
  a-10 [000] 1.100000: sched_switch: prev_comm=a prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
E
makespan() { sed -n 's/.*"predicted":{[^}]*"makespan_ns":\([0-9]*\).*/\1/p' out; }
must 'quota, load, nice and real-time policies can be asked of a recorded program'
while read -r low high change; do
    set -f
    # shellcheck disable=SC2086
    cp_run whatif solo.txt --json $change
    set +f
    is_code 0
    got=$(makespan)
    if [ "$got" -lt "$low" ] || [ "$got" -gt "$high" ]; then fail "$change: $got"; fi
done <<'E'
140000000 201000000 -s cgroup.program.quota=50%
195000000 206000000 -s load.hogs=1
900000000 1200000000 -s load.hogs=1 -s thread.*.nice=10
100000000 102000000 -s load.hogs=1 -s thread.*.policy=fifo -s thread.*.prio=10
E
cp_run whatif solo.txt --add 'hog x 2' --json
is_code 0
got=$(makespan)
if [ "$got" -lt 290000000 ] || [ "$got" -gt 310000000 ]; then fail "two hogs: $got"; fi
for bad in hogs 'hog x 0' 'hog x'; do
    cp_run whatif solo.txt --add "$bad"
    is_code 2
    err_has "write 'hog' or 'hog x 2'"
done
cp_run whatif solo.txt -s 'thread.*.policy=fifo'
is_code 3
err_has 'needs a priority'

finish
