#!/bin/sh
# sweep, merge, query: points, resuming, splitting, searching, tables, faults.
. "$top_srcdir/tests/cli/lib.sh"
cat >w.cpw <<'END'
param n = 2 in [2, 3]
param work = 5ms
machine { cores 2 }
process p {
  task job() { repeat n { cpu exp(work); wait 1ms; respond } }
  thread t x 4 { repeat 5 { call job() } }
}
END

must "a sweep stores all points and says so"
cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --repeat 3 -o a.db
is_code 0
err_has 'sweep done: 18 runs stored in a.db, 0 were there, 0 failed'

must "the same command again finds everything there"
cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --repeat 3 -o a.db
is_code 0
err_has '0 runs stored in a.db, 18 were there'

must "more repeats are added to the same file"
cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --repeat 4 -o a.db
is_code 0
err_has '6 runs stored in a.db, 18 were there'

must "another plan is refused and nothing is lost"
cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --seed 9 -o a.db
is_code 3
err_has 'a.db holds another plan (another seed)'
cp_run query a.db --csv --columns point,repeat
[ "$(wc -l <out)" = 25 ] || fail "rows were lost"

must "a file that keeps other metrics is refused, not broken"
cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --repeat 5 -o a.db --metric cpu.t-1
is_code 3
err_has 'a.db holds another plan (other metrics are kept, see --metric)'
cp_run sweep w.cpw --sweep cores=1 -o mt.db --metric cpu.t-1 -q
is_code 0
cp_run sweep w.cpw --sweep cores=1 --repeat 2 -o mt.db
is_code 3
cp_run sweep w.cpw --sweep cores=1 --repeat 2 -o mt.db --metric cpu.t-1 -q
is_code 0
cp_run query mt.db --columns cpu.t-1 --csv
[ "$(grep -c '^[1-9]' out)" = 2 ] || fail "not two values"

must "shards joined give the same rows as one process, whatever the number of workers"
cp_run query a.db --csv
cp out whole
for i in 0 1 2; do
    cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --repeat 4 \
        -o s$i.db --shard $i/3 -j$((i + 1)) -q
    is_code 0
done
cp_run merge m.db s0.db s2.db
is_code 0
out_has 'missing 8'
cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --repeat 4 -o m.db --dry-run --missing
out_has '^2 points, 8 runs$'
cp_run merge m.db s1.db s0.db
out_has 'missing 0'
cp_run query m.db --csv
cmp -s out whole || fail "the rows differ"

must "a row can be run again by itself, with the same result"
seed=$(sed -n 2p whole | cut -d, -f3)
cp_run run w.cpw -s cores=1 -s policy=rr --seed "$seed" --json
makespan=$(sed -n 2p whole | cut -d, -f9)
grep -q "\"makespan_ns\":$makespan" out || fail "makespan is not $makespan"

must "variants meet the same work: the seed of a repeat is the same at every point"
cp_run query a.db --csv --columns repeat,seed
[ "$(sed 1d out | sort -u | wc -l)" = 4 ] || fail "more than one seed a repeat"

must "tables group, aggregate, filter, sort and compare"
cp_run query a.db --group ,cores
is_code 2
err_has "empty name"
cp_run query a.db --group cores --show 'mean(makespan) ci95(makespan) p50(latency.p99) lo95(makespan) n(makespan)'
is_code 0
out_has '^cores  mean(makespan)  ci95(makespan)  p50(latency.p99)'
[ "$(wc -l <out)" = 4 ] || fail "not one line a group"
cp_run query a.db --filter 'cores >= 2 and policy == rr' --columns cores,policy,makespan --sort -makespan --csv
[ "$(wc -l <out)" = 9 ] || fail "wrong rows"
cp_run query a.db --compare policy=rr,eevdf
is_code 0
out_has '+-'
cp_run query a.db --compare policy=rr,fifo
is_code 2
err_has 'no run has policy = fifo (values: rr, eevdf)'
cp_run query a.db --compare cores=1,2
out_has '2 better by '
cp_run run w.cpw --json
cp out lines.jsonl
cp_run query lines.jsonl --columns workload,cores,makespan
is_code 0
out_has 'w.cpw'

must "bytes are bytes in every file, with a unit or without one"
printf 'process p runtime python "3.12" { thread m { cpu 1ms } }\n' >py.cpw
cp_run run py.cpw --json
cp out bytes.jsonl
"$COREPLAY" sweep py.cpw --sweep cores=1 -o bytes.db -q 2>err || fail "no sweep"
for file in bytes.jsonl bytes.db; do
    for limit in 64MiB 67108864; do
        cp_run query $file --filter "memory < $limit and memory_bytes > 1MiB" --columns memory
        is_code 0
        out_has '^ *[0-9.]* MiB$'
    done
    cp_run query $file --filter 'memory < 1s'
    is_code 2
    err_has "'memory' is a size, but '1s' is a time"
done

must "a search shows the points it tried"
cp_run sweep w.cpw --find 'min cores' --such-that 'makespan < 120ms'
is_code 0
out_has '^min cores  '
out_has '^cores=[0-9]* *no '
cp_run sweep w.cpw --sweep cores=1..16 --sweep policy=rr,eevdf --find 'min cores' --such-that 'makespan < 120ms'
is_code 0
out_has '^policy=rr  cores=16  yes  makespan '
out_has '^policy=eevdf  min cores  '
cp_run sweep w.cpw --sweep cores=1..16 --sweep policy=rr,eevdf --find 'min cores' --such-that 'makespan < 120ms' --json
json_has 'length == 2 and all(.axis == "cores" and (.tried | length > 2) and .at.policy != null and .value != null)'
cp_run sweep w.cpw --find 'min cores' --sweep cores=1..4 --such-that 'makespan < 1us'
is_code 1
out_has '^no cores will do'

must "what a search found is kept in the result file"
cp_run sweep w.cpw --sweep cores=1..16 --sweep policy=rr,eevdf --find 'min cores' --such-that 'makespan < 120ms' --json -o found.db
is_code 0
json_has 'all(.value | type == "number") and all(.tried[] | .value | type == "number")'
grep -o '"value":[0-9]*}$' out >values
cp_run query found.db --answers
is_code 0
out_has '^min   cores  makespan < 120ms  policy=rr  '
cp_run query found.db --answers --json
json_has 'map(.at) == ["policy=rr", "policy=eevdf"] and all(.value | type == "number")'
grep -o '"value":[0-9]*}$' out | cmp -s - values || fail "other answers are kept"

# One value of n ends in a deadlock; the rest is done.
cat >part.cpw <<'EOF'
param n = 1
lock a
lock b
process p {
  thread w x 3 { repeat 20 { cpu exp(3ms); timed tick { cpu 10us } } }
  thread x { if n == 4 { acquire a; wait 1ms; acquire b } else { cpu 1ms } }
  thread y { if n == 4 { acquire b; wait 1ms; acquire a } else { cpu 1ms } }
}
EOF
must "runs that failed are listed with their reason, and are in no mean"
cp_run sweep part.cpw --sweep n=1,2,4,16 --repeat 3 -q
is_code 4
out_has '^ 4  *-  *-  *0$'
out_has '^Not counted, 3 runs that failed:$'
out_has '^  n=4: deadlock'
out_has '^16  *[0-9]'
cp_run sweep part.cpw --sweep cores=2,3 --sweep numa.nodes=1,2 -q
is_code 4
out_has '^  cores=3 numa.nodes=2: refused: .*3 cores cannot be divided'
cp_run sweep part.cpw --sweep n=1,2,4,16 --sweep policy=rr,eevdf --repeat 3 -o part.db -q
cp_run query part.db --group n --json
json_has 'map(.n) == [1, 2, 4, 16] and .[2].mean_makespan_ns == null and .[2].n_makespan == 0 and .[0].n_makespan == 6'
err_has '6 runs that failed are in no statistic'
cp_run query part.db --group n --filter 'outcome == deadlock' --json
json_has '.[0].n == 4 and .[0].n_makespan == 6'
err_empty

must "a chart draws no run that failed, others where their value is, and says so"
cp_run plot sweep part.db -x n -o part.txt --data part.csv
is_code 0
grep -q 'Not drawn: 6 runs that failed (4, rr: ' part.txt || fail "nothing is said"
if grep -q '^4,[^,]*,[0-9]' part.csv; then fail "the failed value has numbers"; fi
grep -q '"n, log scale"' part.txt || fail "the log scale is not said"
grep -q '"makespan: from the start to the end' part.txt || fail "the metric has no title"
# Marks stand on the ticks of 1, 2 and 16 and on no other; nothing connects 2 and 16.
sed -n 's/^line \([0-9.]*\) 308 \1 312 .*/\1/p' part.txt >ticks
awk '$1 == "box" && $4 == 5 && $5 == 5 { print $2 + 2.5 }' part.txt | sort -nu >marks
sed 3d ticks | cmp -s - marks || fail "ticks $(tr '\n' ' ' <ticks), marks $(tr '\n' ' ' <marks)"
if awk -v x="$(sed -n 4p ticks)" '$1 == "line" && NF > 8 && index($0, x) { bad = 1 } END { exit !bad }' part.txt; then
    fail "a line goes over the missing value"
fi
cp_run plot sweep part.db -x n -o part.txt --log
grep -q '"makespan, log scale"' part.txt || fail "the log scale upwards is not said"

must "values that are names are bars, each from zero, and not connected"
cp_run plot sweep part.db -x policy -y makespan -o bars.txt
is_code 0
[ "$(awk '$1 == "box" && $3 + $5 > 307 && $5 > 20' bars.txt | wc -l)" = 6 ] || fail "not six bars"
[ "$(awk '$1 == "line" && NF > 8' bars.txt | wc -l)" = 0 ] || fail "bars are connected"
cp_run sweep w.cpw --sweep runtime.version=3.8,3.12 --sweep cores=1 -o versions.db -q
cp_run plot sweep versions.db -o versions.txt
[ "$(awk '$1 == "box" && $5 > 20' versions.txt | wc -l)" = 2 ] || fail "versions are no names"
cp_run query versions.db --json
json_has 'map(."runtime.version") == ["3.8", "3.12"] and all(.cores == 1)'

must "metrics asked for are in the table"
cp_run sweep w.cpw --sweep cores=1,2 --metric migrations --metric wakeups
out_has '^cores  outcome  makespan  migrations  wakeups$'

must "values of axes are numbers in JSON, those with a unit beside their text"
cp_run sweep w.cpw --sweep work=5ms,7ms --sweep cores=1,2 --json
json_has '.[0].cores == 1 and .[0].work == "5ms" and .[0].work_ns == 5000000'

must "quantiles that fell into one step of their histogram have no interval"
printf 'process p { thread t { repeat 50 { timed tick { cpu 10us }; cpu exp(1ms) } } }\n' >tick.cpw
cp_run sweep tick.cpw --sweep cores=1,2 --repeat 4 -o tick.db -q
cp_run query tick.db --group cores --show 'mean(tick.p50) ci95(tick.p50) ci95(makespan)' --json
json_has 'all(.mean_tick_p50_ns > 0 and .ci95_tick_p50_ns == null and .ci95_makespan_ns > 0)'

must "progress after a break counts what is left"
cp_run sweep w.cpw --sweep cores=1..20 --sweep work=1ms,2ms --shard 0/2 -o left.db -q
cp_run sweep w.cpw --sweep cores=1..20 --sweep work=1ms,2ms -o left.db -j1 --progress always
is_code 0
err_has '20 runs stored in left.db, 20 were there'
tr '\r' '\n' <err >lines
if grep -q '/40' lines; then fail "what was there is counted"; fi

must "axes may live in the workload, in files, be zipped, dropped and sampled"
cp_run sweep w.cpw --dry-run
out_has '^2 points, 2 runs$'
printf '5ms\n# comment\n7ms\n' >works.txt
cp_run sweep w.cpw --sweep work=@works.txt --sweep cores=1,2 --zip work,cores --dry-run
out_has '^1 work=7ms cores=2$'
out_has '^2 points'
cp_run sweep w.cpw --sweep n --sweep cores=1..4 --where 'n <= cores' --dry-run
out_has '^5 points'
cp_run sweep w.cpw --sweep cores=1..1000 --sweep work=1us..1ms+1us --sample 20 --dry-run
out_has '^20 points'

must "a point that cannot be run is stored with its error, the others are run"
cp_run sweep w.cpw --sweep cores=1,2 --sweep thread.t.cpus=0,1 -o f.db
is_code 4
err_has '4 were\|3 runs\|4 runs'
cp_run query f.db --filter 'failed == 1' --columns cores,error
out_has 'may only use CPU 1'

must "--until-ci repeats until the interval is narrow"
cp_run sweep w.cpw --sweep cores=1,2 --until-ci 10% -o u.db
is_code 0
cp_run query u.db --group cores --show 'mean(makespan) ci95(makespan)' --json
json_has 'length == 2 and all(.ci95_makespan_ns <= 0.1001 * .mean_makespan_ns)'

must "until-ci takes percentiles too, and says so if a metric has no value"
cp_run sweep w.cpw --sweep cores=1,2 --until-ci 'p90(makespan)=20%' -o up.db
is_code 0
cp_run query up.db --group cores --show 'p90(makespan) ci95(p90(makespan))' --json
json_has 'length == 2 and all(.ci95_p90_makespan_ns <= 0.2001 * .p90_makespan_ns)'
cp_run sweep w.cpw --sweep cores=1 --until-ci loop_lag.p99=2%
is_code 0
err_has 'no run has a value of loop_lag.p99'

must "intervals are over seeds: points of one seed are one piece of evidence"
cp_run query a.db --group policy --show 'n(makespan) mean(makespan) ci95(makespan) lo95(p90(makespan)) hi95(p90(makespan))' --json
json_has 'all(.n_makespan == 12 and .lo95_p90_makespan_ns < .hi95_p90_makespan_ns)'
cp_run query a.db --filter 'repeat == 0' --group policy --show 'mean(makespan) ci95(makespan)' --json
json_has 'all(.mean_makespan_ns > 0 and .ci95_makespan_ns == null)'
for wrong in 'lo95(ci95(makespan))' 'foo(makespan)' 'mean(makespan' 'makespan' 'p101(makespan)'; do
    cp_run query a.db --group cores --show "$wrong"
    is_code 2
    err_has 'is not a function of a metric'
done

must "a run that does not meet an expect makes exit code 1, also when it is in the file"
{ cat w.cpw; echo 'expect makespan < 120ms'; } >x.cpw
for time in 1 2; do
    cp_run sweep x.cpw --sweep cores=1,8 --repeat 2 -o x.db
    is_code 1
    err_has '0 failed, 2 did not meet an expect'
done
cp_run query x.db --filter 'expects_failed > 0' --columns cores --csv
[ "$(wc -l <out)" = 3 ] || fail "not the two runs on one core"
cp_run sweep x.cpw --sweep cores=8 --repeat 2
is_code 0
cp_run sweep x.cpw --sweep cores=1 --repeat 2 -q
is_code 1

must "a warm-up found by a pilot run is the same for all repeats of a point, in any split"
cat >open.cpw <<'END'
param rate = 500
run { until 4s }
machine { cores 1 }
queue q
process p {
  thread w { wait 300ms; forever { recv q; cpu exp(1ms); respond } }
  thread gen { arrivals exp(1s / rate) until 4s { send q } }
}
END
cp_run sweep open.cpw --sweep rate=400,500,2000 --repeat 3 --warmup auto -o wa.db
is_code 4
cp_run query wa.db --filter 'failed == 1' --csv --columns rate,outcome,error
[ "$(grep -c '^2000,refused,.*not steady' out)" = 3 ] || fail "the overloaded point is not refused"
cp_run query wa.db --group rate --show 'min(warmup) max(warmup)' --filter 'failed == 0' --json
json_has 'length == 2 and all(.min_warmup_ns == .max_warmup_ns and .min_warmup_ns > 0)'
cp_run query wa.db --csv
cp out wa.csv
cp_run sweep open.cpw --sweep rate=400,500,2000 --repeat 2 --warmup auto -o wb.db -j1 -q
cp_run sweep open.cpw --sweep rate=400,500,2000 --repeat 3 --warmup auto -o wb.db -j3 -q
cp_run query wb.db --csv
cmp -s out wa.csv || fail "the rows differ"
cp_run sweep open.cpw --sweep rate=400 --repeat 3 -o wa.db
is_code 3

must "what cannot be is refused with its reason"
refuses() {
    wanted=$1
    text=$2
    shift 2
    cp_run sweep w.cpw "$@"
    is_code "$wanted"
    err_has "$text"
}
refuses 2 "unknown setting 'core'" --sweep core=1,2
refuses 2 "did you mean 'cores'" --sweep core=1,2
refuses 2 'the list is empty' --sweep cores=
refuses 2 'unit' --sweep eevdf.base_slice=3
refuses 2 'unit' --sweep work=5
refuses 2 'never ends' --sweep 'cores=1..8+0'
refuses 2 '1000000000000 points' --sweep work=1us..1s+1us --sweep seed2=1..1000000
refuses 2 'equally many' --sweep cores=1,2 --sweep n=2,3,4 --zip cores,n
refuses 2 'expected a value, found the end' --sweep cores=1,2 --where 'cores <'
refuses 2 "'5/4' is not I/N" --sweep cores=1,2 --shard 5/4

refuses 2 "'work' is a time, but '7' is a number without a unit" --sweep work=5ms,9ms --where 'work < 7'
refuses 2 "no axis of this sweep; did you mean 'cores'" --sweep cores=1,2 --where 'core < 7'
refuses 2 "did you mean 'makespan'" --sweep cores=1,2 --metric makespam
refuses 2 "no metric 'cpu.nobody'" --sweep cores=1,2 --metric cpu.nobody
refuses 2 'neither a metric nor mean, median or pNN' --sweep cores=1,2 --until-ci 'sd(makespan)=2%'
refuses 2 "'2' is not a share" --sweep cores=1,2 --until-ci 2
refuses 2 'steps together with another one' --sweep cores=1,2 --sweep n=2,3 --zip cores,n \
    --find 'min cores' --such-that 'makespan < 1s' -o z.db
no_file z.db
refuses 2 "did you mean 'makespan'" --find 'min cores' --such-that 'makspan < 1s'
refuses 2 "'makespan' is a time" --find 'min cores' --such-that 'makespan < 100'
for other in --shard=0/2 --sample=3 --until-ci=2% --emit=slurm; do
    refuses 2 'do not go together' --find 'min cores' --such-that 'makespan < 1s' $other
done

echo 'not a database, and no JSON either' >text.db
refuses 3 'is not a result file' --sweep cores=1,2 -o text.db
sqlite3=$(command -v sqlite3 || :)
if [ -n "$sqlite3" ]; then
    cp a.db newer.db
    "$sqlite3" newer.db "UPDATE meta SET value = 99 WHERE key = 'schema'"
    refuses 3 'newer version' --sweep cores=1,2 -o newer.db
    cp_run query newer.db
    is_code 3
fi
cp_run sweep w.cpw --sweep cores=1,2 --where 'cores > 7' -o none.db
is_code 0
err_has '--where leaves none of 2 points'
refuses 5 'folder does not exist' --sweep cores=1,2 -o nowhere/x.db
cp_run merge m2.db a.db u.db
is_code 3
err_has 'another plan'
no_file m2.db m2.db.part
cp_run query a.db --columns makspan
is_code 2
err_has "did you mean 'makespan'"
cp_run query missing.db
is_code 3

must "a full disk keeps what was stored before, and the sweep goes on later"
(
    ulimit -f 60
    "$COREPLAY" sweep w.cpw --sweep work=1ms..400ms+1ms --until 20ms -o full.db >out 2>err
    echo $? >code
)
code=$(cat code)
is_code 5
err_has 'kept'
cp_run sweep w.cpw --sweep work=1ms..400ms+1ms --until 20ms -o full.db
is_code 0
cp_run query full.db --columns point --csv
[ "$(wc -l <out)" = 401 ] || fail "not all rows are there"

must "two writers of one file lose nothing"
"$COREPLAY" sweep w.cpw --sweep work=1ms..200ms+1ms -o two.db -q &
"$COREPLAY" sweep w.cpw --sweep work=1ms..200ms+1ms -o two.db -q || fail "the second failed"
wait $! || fail "the first failed"
cp_run query two.db --columns point --csv
[ "$(wc -l <out)" = 201 ] || fail "not all rows are there"

must "Ctrl-C stores what runs and says how to go on"
"$COREPLAY" sweep w.cpw --sweep work=100ms..5s+1ms --until 100s -o int.db >out 2>err &
pid=$!
sleep 1
kill -TERM $pid
code=0
wait $pid || code=$?
is_code 143
err_has 'to go on where it stopped: coreplay sweep --sweep work=100ms..5s+1ms --until 100s --output int.db w.cpw'

must "scripts for clusters quote everything"
cp_run sweep w.cpw --sweep cores=1,2 --where "cores != 'a b'" -o "odd name.db" --emit parallel
is_code 0
sh -n out || fail "no shell script"
cp_run sweep w.cpw --sweep cores=1,2 -o all.db --emit slurm
sh -n out || fail "no shell script"

must "the script for GNU Parallel runs, and again after a failure"
if command -v parallel >/dev/null 2>&1; then
    cp_run sweep w.cpw --sweep cores=1,2,4 --sweep policy=rr,eevdf --repeat 4 -o "p q.db" --emit parallel
    cp out parallel.sh
    COREPLAY=$COREPLAY SHARDS=3 sh parallel.sh >out 2>err || fail "the script failed"
    rm -f "p q.db.shards/shard-1.db" "p q.db"
    COREPLAY=$COREPLAY sh parallel.sh >out 2>err || fail "the script failed again"
    cp_run query "p q.db" --csv
    cmp -s out whole || fail "the rows differ"
fi

must "the chart of a sweep shows lines with intervals, or a heat map"
cp_run plot sweep a.db -x cores -y makespan --by policy -o lines.txt --data lines.csv
is_code 0
grep -q 'eevdf' lines.txt || fail "no label of a line"
[ "$(wc -l <lines.csv)" = 7 ] || fail "not the numbers of six points"
cp_run plot sweep a.db -x cores --heat policy -o heat.txt
is_code 0
cp_run plot sweep a.db -x repeat -y makespan --by policy,cores --log -o lines.txt --data lines.csv
is_code 0
grep -q 'rr, 4' lines.txt || fail "no label of a line of two axes"
grep -q '^policy\|,policy,cores,' lines.csv || fail "no column for each axis"
cp_run query a.db --group cores,policy --show 'mean(makespan) ci95(makespan)' --json
cp out groups.jsonl
cp_run query a.db --json
cp out rows.jsonl
cp_run plot sweep rows.jsonl -x cores -y makespan --by policy -o from-json.txt
is_code 0
grep -q 'eevdf' from-json.txt || fail "no label of a line from JSON lines"
cp_run plot sweep a.db -x cores --heat policy --log -o heat.txt
is_code 0
cp_run plot sweep a.db -x cores -y migrations --filter 'cores == 1' --log -o x.txt
is_code 2
err_has 'no value of .migrations. is above zero'
no_file x.txt
cp_run plot sweep a.db -x core -o x.txt
is_code 2
err_has "did you mean 'cores'"
no_file x.txt
finish
