#!/bin/sh
# Drawing: formats, sizes, parts, several recordings, and what is refused.
. "$top_srcdir/tests/cli/lib.sh"
perf=$top_srcdir/tests/fuzz/corpus/import/perf.txt
"$COREPLAY" import "$perf" -o real.cpr -q
"$COREPLAY" plot occupancy real.cpr -o probe.svg 2>err
if [ $? = 5 ] && grep -qi 'plplot' err; then
    echo "no chart driver: formats but txt are skipped"
    formats=txt
else
    formats='svg png pdf txt'
fi
rm -f probe.svg

must "every format is drawn, quietly, in the same bytes each time"
for f in $formats; do
    cp_run plot occupancy real.cpr -o fig.$f
    is_code 0
    out_empty
    err_empty
    [ -s fig.$f ] || fail "fig.$f is empty"
    cp fig.$f before
    cp_run plot occupancy real.cpr -o fig.$f
    cmp -s fig.$f before || fail "fig.$f differs"
    cp_run plot occupancy,switches real.cpr -o two.$f
    is_code 0
done

must "looks and parts are taken, several recordings drawn"
cp_run plot occupancy real.cpr -o fig.txt --title 'A title' --theme dark --size 180mm
is_code 0
grep -q 'A title' fig.txt || fail "no title"
cp_run plot occupancy real.cpr -o fig.txt --size 7inx3in --data fig.csv
is_code 0
[ -s fig.csv ] || fail "no numbers"
cp_run plot occupancy real.cpr real.cpr -o fig.txt --label one,two
is_code 0
grep -q 'two' fig.txt || fail "no label"

must "steps of loops have the names Python gives them, and are long as the run says"
cat >loop.cpw <<'EOF'
process app runtime python "3.12" {
  task later() { cpu 1ms }
  async task parse() { await wait 1ms; cpu 20ms }
  thread main loop asyncio { call later() after 3ms; create parse() as p; await p }
}
EOF
cp_run run loop.cpw -q -s loop.slow_callback=10ms -o loop.cpr --seed 1
is_code 0
cp_run plot loop loop.cpr -o loop.txt
is_code 0
for text in '"loop of main"' 'Task-2 parse: ' 'blocking: from 10.0 ms on'; do
    grep -q "$text" loop.txt || fail "no $text in the chart"
done
cp_run plot loop loop.cpr -o loop.txt --blocking 100us
is_code 0
grep -q 'blocking: from 100 µs on' loop.txt || fail "--blocking is not in force"
cp_run run loop.cpw -s loop.slow_callback=10ms
is_code 0
err_has 'one step of Task-2 parse kept the event loop busy'

must "a chart's name is checked, a file in its place explained"
cp_run plot ocupancy real.cpr -o fig.txt
is_code 2
err_has "did you mean 'occupancy'"
cp_run plot real.cpr occupancy -o fig.txt
is_code 2
err_has 'first operand is the chart'
cp_run plot real.cpr -o fig.txt
is_code 2

must "bad looks are code 2 and name what is expected"
cp_run plot occupancy real.cpr
is_code 2
err_has 'output is missing'
cp_run plot occupancy real.cpr -o fig.jpg
is_code 2
err_has 'svg'
cp_run plot occupancy real.cpr -o fig.txt --size 180
is_code 2
err_has 'mm'
cp_run plot occupancy real.cpr -o fig.txt --size 180mmx
is_code 2
cp_run plot occupancy real.cpr -o fig.txt --size -5mm
is_code 2
cp_run plot occupancy real.cpr -o fig.txt --theme drak
is_code 2
err_has "did you mean 'dark'"
cp_run plot occupancy real.cpr -o fig.txt --from 5
is_code 2
err_has 'unit'
cp_run plot occupancy real.cpr -o fig.txt --from 2ms --to 1ms
is_code 2
cp_run plot occupancy real.cpr real.cpr -o fig.txt --label one
is_code 2

must "what is no recording is code 3 and leaves nothing behind"
: >empty.cpr
head -c 4096 /dev/urandom >junk.cpr
head -c 200 real.cpr >cut.cpr
mkdir directory
for input in missing.cpr empty.cpr junk.cpr cut.cpr directory "$perf"; do
    cp_run plot occupancy "$input" -o new.svg
    is_code 3
    no_file new.svg new.svg.*
done

must "outputs that cannot be written are code 5"
for output in directory empty.cpr/fig.txt nowhere/fig.txt; do
    cp_run plot occupancy real.cpr -o $output
    case $output in
    directory) ;; # its ending is looked at first, or that it is a directory
    *) is_code 5 ;;
    esac
done
mkdir directory.txt
cp_run plot occupancy real.cpr -o directory.txt
is_code 5
cp_run plot occupancy real.cpr -o real.cpr
is_code 2

must "a chart goes to standard output with -o -, as SVG"
if [ "$formats" != txt ]; then
    cp_run plot occupancy real.cpr -o fig.svg
    is_code 0
    cp_run plot occupancy real.cpr -o -
    is_code 0
    cmp -s out fig.svg || fail "it is not the chart"
fi

must "the chart counts switches as the metrics do, the last one of a thread included"
for name in fork-join lock-convoy priority-inversion; do
    cp_run run "$top_srcdir/examples/workloads/$name.cpw" -o counted.cpr --json
    for series in voluntary involuntary; do
        sed "s/.*\"metrics\":{[^}]*\"switches_$series\":\([0-9]*\).*/\1/" out >metric.$series
    done
    cp_run plot switches counted.cpr -o counted.txt --data counted.csv
    for series in voluntary involuntary; do
        sum=$(awk -F, -v s=$series '$6 == s && $8 == "count" { n += $7 } END { print n + 0 }' \
            counted.csv)
        [ "$sum" = "$(cat metric.$series)" ] ||
            fail "$name: $sum $series in the chart, $(cat metric.$series) by the metric"
    done
done

must "rows of threads show all of their time: running is what intervals say, to the nanosecond"
cat >rows.cpw <<'END'
machine { cores 2 }
process web runtime python "3.12" {
  thread w x 3 { repeat 5 { cpu 12ms; wait 3ms } }
}
process hog { lock l; thread h x 2 { lock l { cpu 30ms }; yield; cpu 10ms } }
END
"$COREPLAY" run rows.cpw -o rows.cpr -q >out 2>err
"$COREPLAY" export rows.cpr -o rows.csv -q
for width in 75mm 180mm 4000mm; do
    cp_run plot timeline rows.cpr -o rows.txt --size $width --data rows-data.csv --force
    is_code 0
    for state in "running:: runs" "runnable:: waits for a CPU"; do
        want=$(awk -F, -v s="${state%%:*}" '$7 == s { n += $2 - $1 } END { print n }' rows.csv)
        sum=$(awk -F, -v s=": ${state##*: }" \
            'index($0, s ",") { n += $(NF - 1) } END { print n + 0 }' rows-data.csv)
        [ "$sum" = "$want" ] || fail "$width, $state: $sum ns drawn, $want in the recording"
    done
done
cp_run plot timeline rows.cpr -o some.txt --threads 'w-*'
is_code 0
grep -q '"w-2"' some.txt || fail "a wanted thread is missing"
if grep -q '"h-1"' some.txt; then fail "a thread that was not asked for"; fi
cp_run plot timeline rows.cpr -o none.txt --threads nobody
grep -q 'no thread of that name' none.txt || fail "an empty chart does not say why"

must "run --gantt draws in letters, no wider than asked, and ends with the exit code of the run"
for columns in 60 100 200; do
    COLUMNS=$columns cp_run run rows.cpw --gantt -q
    is_code 0
    grep -q '^CPU 1  *[A-E.]' out || fail "no row of a CPU"
    grep -q '^A w-1  *[0-9.:,-]' out || fail "no row of a thread"
    awk -v w=$columns '/^CPU [0-9]|^[A-E] [wh]-/ && length($0) > w { exit 1 }' out ||
        fail "a row is wider than $columns"
done
cp_run run rows.cpw --gantt --json
is_code 2
cp_run run rows.cpw --gantt -o kept.cpr -q
is_code 0
[ -s kept.cpr ] || fail "the recording is not kept"

must "an option that none of the charts has is refused, and those that have it are named"
for option in "--filter x==1" "--blocking 1ms" "--by cores"; do
    # shellcheck disable=SC2086
    cp_run plot occupancy real.cpr -o fig.txt $option
    is_code 2
    err_has 'does nothing for chart occupancy'
done

finish
