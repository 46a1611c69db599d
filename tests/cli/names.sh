#!/bin/sh
# Names that come from outside, of files, threads and values: whatever is in them, no terminal
# is steered, no spreadsheet computes, no script runs it, and pictures stay well-formed.
. "$top_srcdir/tests/cli/lib.sh"
esc=$(printf '\033[31m')
bidi=$(printf '\342\200\256')
cat >w.cpw <<'END'
process p { thread a { repeat 3 { cpu 1ms; wait 1ms } } }
END
cp_run run -q w.cpw -o w.cpr
is_code 0

# Neither output steers a terminal.
harmless() {
    if grep -qF -e "$esc" -e "$bidi" out err; then fail "$1: raw escapes"; fi
}

must "file names are shown without their escapes"
for name in "${esc}red.cpw" "${bidi}cpw.cpw" "=cmd|calc.cpw" "$(printf 'two\nlines.cpw')"; do
    cp w.cpw "$name"
    for how in 'validate' 'run' 'run -j2 w.cpw' 'validate w.cpw'; do
        # shellcheck disable=SC2086
        cp_run $how -- "$name"
        is_code 0
        harmless "$how"
    done
    cp_run run -- "$name" "$name.missing"
    is_code 3
    harmless 'run of a missing file'
    cp_run sweep "$name" --sweep cores=1,2 -o "$name.db"
    is_code 0
    harmless sweep
    cp_run query "$name.db"
    harmless query
    cp_run query "$name.db" --csv
    harmless 'query --csv'
    cp_run plot occupancy w.cpr -o "$name.svg"
    is_code 0
    harmless plot
    cp_run init first -o "$name" --force
    harmless init
done

must "a value that begins like a formula is none in a table"
sqlite3=$(command -v sqlite3 || :)
if [ -n "$sqlite3" ]; then
    cp_run sweep w.cpw --sweep cores=1,2 -o a.db
    for value in '=1+1' '+1+1' '-2+3' '@SUM(A1)' '=HYPERLINK("http://x","y")'; do
        cp a.db b.db
        "$sqlite3" b.db "UPDATE result SET cores = '$value', error = '$value'"
        cp_run query b.db --csv --columns cores,error
        is_code 0
        if grep -q '\(^\|,\)"\{0,1\}[=+@]' out; then fail "$value: a formula"; fi
        out_has "'"
        cp_run plot sweep b.db -x cores -o b.svg --data b.csv --force
        if grep -q '\(^\|,\)"\{0,1\}[=+@]' b.csv; then fail "$value: a formula in --data"; fi
    done
    cp a.db b.db
    "$sqlite3" b.db "UPDATE result SET cores = '-5', error = '${esc}x'"
    cp_run query b.db --csv --columns cores,error
    out_has '^-5,'
    harmless 'an error text'
fi

must "no name ends the text of an emitted script"
name=$(printf 'x\nEND_OF_TASK\ntouch owned\n.cpw')
cp w.cpw "$name"
for kind in slurm parallel; do
    cp_run sweep --sweep cores=1,2 -o o.db --emit $kind -- "$name"
    is_code 0
    sh -n out || fail "$kind: no script"
    # Only what writes the task, with commands that do nothing.
    mkdir -p bin
    for tool in scontrol sbatch parallel coreplay seq; do
        printf '#!/bin/sh\nexit 0\n' >"bin/$tool"
        chmod +x "bin/$tool"
    done
    cp out script.sh
    PATH="$work/bin:$PATH" sh script.sh >script.out 2>&1
    no_file owned
    [ -f o.db.shards/task.sh ] || fail "$kind: no task.sh"
    sh -n o.db.shards/task.sh || fail "$kind: task.sh is no script"
    rm -rf o.db.shards
done

must "pictures of hostile thread names are well-formed"
cat >trace.txt <<END
 <script>&"'x#u-1     1/1     [000]   1.000000: sched:sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=<b>&"'#u next_pid=1 next_prio=120
          swapper     0/0     [000]   1.010000: sched:sched_switch: prev_comm=<b>&"'#u prev_pid=1 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
END
cp_run import trace.txt -o h.cpr
if [ "$code" = 0 ]; then
    for end in svg txt pdf png; do
        cp_run plot occupancy h.cpr -o h.$end --force
        is_code 0
    done
    if grep -q '<script>\|<b>' h.svg; then fail "a name is markup"; fi
    if command -v xmllint >xmllint.path; then
        xmllint --noout h.svg || fail "no XML"
    fi
fi
finish
