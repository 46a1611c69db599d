#!/bin/sh
# Importing real recordings: report, JSON keys, refused inputs, nothing half-written.
. "$top_srcdir/tests/cli/lib.sh"
perf=$top_srcdir/tests/fuzz/corpus/import/perf.txt

must "a trace becomes a recording, with a report on standard error"
cp_run import "$perf" -o real.cpr
is_code 0
out_empty
err_has 'events of .* threads on .* CPUs'
[ -s real.cpr ] || fail "no recording"

must "--json gives the stable keys"
cp_run import "$perf" -o real.cpr --json -q
is_code 0
err_empty
for key in events switches cpus threads span_ns lost repaired; do
    json_has ".[0].$key | type == \"number\""
done

must "a trace, or its recording, becomes a workload that runs"
cp_run import "$perf" -o real.cpw
is_code 0
err_has 'threads'
cp_run run real.cpw -q
is_code 0
cp_run import real.cpr -o again.cpw -q
is_code 0
[ -s again.cpw ] || fail "no workload"
cp_run import "$perf" -o part.cpw --from 1us --to 1h --json
is_code 0
json_has '.[0].output == "part.cpw"'
cp_run import "$perf" -o none.cpw --root 999999
is_code 3
no_file none.cpw none.cpw.*

must "the same input gives the same bytes"
cp real.cpr before.cpr
cp_run import "$perf" -o real.cpr -q
cmp -s real.cpr before.cpr || fail "the bytes differ"

must "standard input works"
code=0
"$COREPLAY" import - -o piped.cpr -q <"$perf" >out 2>err || code=$?
is_code 0
[ -s piped.cpr ] || fail "no recording"

must "what is no trace is refused with code 3 and leaves nothing behind"
: >empty.txt
head -c 4096 /dev/urandom >junk.bin
printf 'half a li' >half.txt
mkdir directory
for input in missing.txt empty.txt junk.bin half.txt directory real.cpr; do
    cp_run import "$input" -o new.cpr
    is_code 3
    err_has "$input"
    no_file new.cpr new.cpr.*
done

must "outputs that cannot be written are code 5"
cp_run import "$perf" -o directory
is_code 2
mkdir directory.cpr
cp_run import "$perf" -o directory.cpr
is_code 5
cp_run import "$perf" -o half.txt/x.cpr
is_code 5
cp_run import "$perf" -o nowhere/x.cpr
is_code 5

must "mistakes on the command line are code 2"
cp_run import "$perf"
is_code 2
err_has 'output is missing'
cp_run import "$perf" -o real.txt
is_code 2
err_has 'cpr.*cpw'
cp_run import "$perf" -o real.cpr --from 2s --to 1s
is_code 2
cp_run import "$perf" -o real.cpr --from 2
is_code 2
err_has 'unit'
cp_run import
is_code 2

must "an input is not overwritten"
cp "$perf" trace.cpr
cp_run import trace.cpr -o trace.cpr
is_code 2
cmp -s "$perf" trace.cpr || fail "the input was changed"

must "a recording goes to standard output with -o -"
cp_run import "$perf" -o real.cpr
is_code 0
cp_run import "$perf" -o -
is_code 0
cmp -s out real.cpr || fail "it is not the recording"
cp_run import "$perf" -o - --json
is_code 2

must "run says of a trace text that it is a recording, and how to make it one that runs"
cp_run run "$perf"
is_code 3
err_has 'a recording, not a workload'
err_has 'coreplay import'

must "what people edit is overwritten only with --force; a recording by a recording"
echo '# mine' >real.cpw
cp_run import "$perf" -o real.cpw
is_code 5
err_has "exists already"
err_has "force"
grep -q '# mine' real.cpw || fail "the edited workload is gone"
cp_run import "$perf" -o real.cpw --force -q
is_code 0
grep -q '# mine' real.cpw && fail "--force did not overwrite"
cp_run import "$perf" -o real.cpr -q
is_code 0
echo 'my notes' >notes.cpr
cp_run import "$perf" -o notes.cpr -q
is_code 5
cp_run run real.cpw -o notes.cpr -q
is_code 5
cp_run plot occupancy real.cpr -o notes.cpr
[ "$code" != 0 ] || fail "a chart went over notes"
grep -q 'my notes' notes.cpr || fail "the notes are gone"

must "an ending that says another kind of file is refused"
for to in x.csv x.cpw x.json x.db; do
    cp_run run real.cpw -o $to -q
    is_code 2
    no_file $to
done
for to in x.csv x.json x.cpr x.svg; do
    cp_run sweep real.cpw --sweep cores=1,2 -o $to -q
    is_code 2
    err_has 'x\.'
    no_file $to
done

must "--list shows who is in a recording, with CPU time, ids and when, most first"
# A shell starts two programs of one name, and something else runs beside them.
awk 'BEGIN {
    f = "%s-%d (%d) [000] 1.%06d: sched_switch: prev_comm=%s prev_pid=%d prev_prio=120 prev_state=%s ==> next_comm=%s next_pid=%d next_prio=120\n"
    k = "%s-%d (%d) [000] 1.%06d: sched_process_fork: comm=%s pid=%d child_comm=%s child_pid=%d\n"
    w = "%s-%d (%d) [000] 1.%06d: sched_wakeup_new: comm=%s pid=%d prio=120 target_cpu=000\n"
    printf f, "<idle>", 0, 0, 0, "swapper/0", 0, "R", "sh", 10
    printf k, "sh", 10, 10, 1000, "sh", 10, "make", 11
    printf w, "sh", 10, 10, 1010, "make", 11
    printf f, "sh", 10, 10, 3000, "sh", 10, "S", "make", 11
    printf k, "make", 11, 11, 4000, "make", 11, "make", 12
    printf w, "make", 11, 11, 4010, "make", 12
    printf f, "make", 11, 11, 10000, "make", 11, "S", "make", 12
    printf f, "make", 12, 12, 20000, "make", 12, "X", "noise", 20
    printf f, "noise", 20, 20, 50000, "noise", 20, "R", "noise", 21
    printf f, "noise", 21, 21, 60000, "noise", 21, "S", "make", 11
    printf f, "make", 11, 11, 65000, "make", 11, "X", "swapper/0", 0
}' >who.txt
cp_run import who.txt --list -q
is_code 0
err_empty
out_has '^pid  process  tid  thread  CPU time   share  first seen  last seen$'
out_has '^ 20  noise  *20  noise  *30.0 ms  46.2 %  *20.0 ms  *50.0 ms$'
out_has '^ 11  make  *11  make  *12.0 ms '
[ "$(sed -n 2p out | cut -c1-10)" = " 20  noise" ] || fail "not by CPU time"
cp_run import who.txt -o who.cpr -q
cp_run import who.cpr --list --json
json_has '.[0].cpu_ns == 65000000 and (.[0].processes | map(.pid)) == [20, 11, 12, 21, 10]'
json_has '.[0].processes[1].threads[0] | .tid == 11 and .cpu_ns == 12000000 and .first_ns < 3000000 and .last_ns == 65000000'
cp_run import who.cpr --list --from 60ms --json
json_has '.[0].cpu_ns == 5000000'

must "--root takes a name: the process that started all others of that name"
for input in who.txt who.cpr; do
    cp_run import $input -o who.cpw --root make --json --force
    is_code 0
    json_has '.[0].rebuilt | .threads == 2 and .cpu_ns == 22000000 and .left_out_ns == 43000000'
    cp_run import $input -o who.cpw --root make --force
    err_has 'left out: 0.043.*--others'
    cp_run import $input -o who.cpw --root make --others --json --force
    json_has '.[0].rebuilt | .load_threads == 3 and .load_ns == 43000000'
    cp_run import $input -o never.cpw --root noise
    is_code 3
    err_has "$input: 2 processes are called 'noise', with the pids 20, 21: name one"
    cp_run import $input -o never.cpw --root mak
    is_code 3
    err_has "one called 'make'; .*--list"
    no_file never.cpw
done
cp_run import who.txt -o make.cpr --root make
is_code 0
err_has '2 threads with 22.0 ms.*3 others took 43.0 ms, 66.2 % of all'
cp_run import who.txt -o never.cpr --root 99
is_code 3
no_file never.cpr
cp_run whatif who.txt --root make -s cores=2 --json
is_code 0
json_has '.[0] | .threads == 2 and .load_ns == 43000000 and .simulated.cpu_ns > 21000000 and .simulated.makespan_ns > 60000000'

must "a recording knows which program is meant, and the demonstration runs"
here=$(pwd)
case $COREPLAY in
/*) program=$COREPLAY ;;
*) program=$here/$COREPLAY ;;
esac
mkdir demo && cd demo && cp -r "$top_srcdir/examples" . && chmod -R u+w examples
sh "$top_srcdir/tools/demo" "$program" >demo.out 2>&1 || fail "$(tail -n 3 demo.out)"
grep -q '^makespan' demo.out || fail "no prediction"
grep -q 'Recorded: 6 threads' demo.out || fail "$(head -n 3 demo.out)"
cd "$here" || exit 99

must "a recording is read from a pipe, whatever its name"
for name in - /dev/stdin /dev/fd/0; do
    code=0
    # shellcheck disable=SC2002
    cat real.cpr | "$COREPLAY" plot switches $name -o piped.txt 2>err >out || code=$?
    is_code 0
    [ -s piped.txt ] || fail "no chart from $name"
done

finish
