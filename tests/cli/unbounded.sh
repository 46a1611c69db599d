#!/bin/sh
# Files that have no end, or are none: every reader stops with a message, in bounded memory,
# and says nothing of what a file holds that a workload only named.
. "$top_srcdir/tests/cli/lib.sh"
[ -z "${CP_SANITIZED:-}" ] || exit 77 # ulimit -v
cat >w.cpw <<'END'
process p { thread a { repeat 3 { cpu 1ms; wait 1ms } } }
END
mkfifo fifo
echo 'secret words' >secret

# what, the code, and the command, which has 60 s.
ends() {
    want=$1
    shift
    code=0
    # shellcheck disable=SC2086
    (ulimit -v 20000000 && exec timeout 60 "$COREPLAY" "$@") >out 2>err </dev/null || code=$?
    [ "$code" = "$want" ] || fail "coreplay $*: exit code $code"
    err_has 'error: '
    if [ -n "$named" ] && grep -q 'secret words' out err; then
        fail "coreplay $*: shows what the file holds"
    fi
}

named=1
must "what a workload names is a regular file with an end"
for file in /dev/zero /dev/tty fifo . secret gone; do
    printf 'process p { thread a { cpu empirical("%s") } }\n' "$file" >emp.cpw
    printf 'process p { thread a { arrivals "%s" { cpu 1ms } } }\n' "$file" >arr.cpw
    for how in run validate; do
        ends 3 $how emp.cpw
        ends 3 $how arr.cpw
    done
done

named=
must "what the command line names is read up to a limit"
for file in /dev/zero secret gone .; do
    ends 3 run --config "$file" w.cpw
    [ "$file" = gone ] || ends 3 run --machine "$file" w.cpw
    ends 3 run "$file"
    ends 3 validate "$file"
    ends 3 query "$file"
    ends 3 import "$file" -o z.cpr
    ends 3 plot occupancy "$file" -o z.svg
    ends 3 merge z.db "$file"
    ends 3 whatif "$file" -s cores=2
    no_file z.cpr z.svg z.db z.db.part
done
for file in /dev/zero gone .; do
    ends 3 sweep w.cpw --sweep cores=@"$file" -o z.db
    no_file z.db
done

must "links that lead round in circles are an error and stay"
ln -s one.cpr two.cpr
ln -s two.cpr one.cpr
ends 5 run w.cpw -o one.cpr
[ -L one.cpr ] && [ -L two.cpr ] || fail "a link is gone"

must "a pipe is read where the command line names it"
printf 'machine { cores 3 }\n' >m.cpw
cat m.cpw >fifo &
cp_run run --machine fifo w.cpw
is_code 0
out_has '3 cores'
wait
finish
