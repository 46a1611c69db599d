#!/bin/sh
# A host that has no room: little address space, no more memory, few descriptors, no more
# threads.  Every command ends with exit code 5, says what it needed, and leaves nothing, or
# it does what it was asked for.
. "$top_srcdir/tests/cli/lib.sh"
[ -z "${CP_SANITIZED:-}" ] || exit 77 # sanitizers need address space, and have an allocator
cat >w.cpw <<'END'
machine { cores 2 }
process p {
    thread a x 3 { repeat 20 { cpu uniform(1ms, 3ms); wait 1ms } }
}
END
cp_run run -q w.cpw -o old.cpr
cp_run sweep w.cpw --sweep cores=1,2 -o old.db
is_code 0
commands='version
list settings
validate w.cpw
run w.cpw
run w.cpw -o new.cpr
sweep w.cpw --sweep cores=1,2,3,4 -o new.db
sweep w.cpw --sweep cores=1,2,3,4 -j 1000000 -o new.db
plot occupancy old.cpr -o new.svg
plot occupancy old.cpr -o new.txt
query old.db --group cores
merge new.db old.db
whatif old.cpr -s cores=4 -o new
whatif w.cpw'
touch before out err list
ls -A >before

# After one command under a limit: "what" was tried.
judge() {
    case $code in
    0 | 5) ;;
    *) fail "$1: exit code $code" ;;
    esac
    if [ "$code" = 5 ] && ! grep -q 'error: ' err; then fail "$1: no message"; fi
    if [ "$code" = 0 ]; then rm -rf new new.*; fi
    left=$(ls -A | grep -vxFf before | tr '\n' ' ')
    [ -z "$left" ] || fail "$1: left behind: $left"
    rm -rf new new.*
}

# The least address space the program starts in, in KiB.
least=8000
while ! (ulimit -v $least && exec "$COREPLAY" version) >out 2>err; do
    least=$((least + 2000))
    [ $least -lt 400000 ] || exit 77
done
must "little address space ends every command in order"
for more in 0 3000 10000 40000 150000 2000000; do
    echo "$commands" >list
    while read -r how; do
        code=0
        # shellcheck disable=SC2086
        (ulimit -v $((least + more)) && exec "$COREPLAY" $how) >out 2>err </dev/null ||
            code=$?
        judge "$how in $((least + more)) KiB"
    done <list
    rm -f list
done

must "few descriptors end every command in order"
for n in 3 4 5 6 8 12; do
    echo "$commands" >list
    while read -r how; do
        code=0
        # shellcheck disable=SC2086
        (exec 9>&- && ulimit -n $n && exec "$COREPLAY" $how) >out 2>err </dev/null 3<&- ||
            code=$?
        case $code/$(head -n 1 err) in
        127/*'shared librar'*) ;; # the loader's own
        *) judge "$how with $n descriptors" ;;
        esac
    done <list
    rm -f list
done

# Any one allocation fails: a sample of them, all of them with CP_FAULTS=all.
fault=$top_builddir/tests/random/.libs/fault.so
if [ -f "$fault" ]; then
    must "any allocation that fails ends every command in order"
    step=${CP_FAULT_STEP:-997}
    last=${CP_FAULT_LAST:-6000}
    echo "$commands" >list
    while read -r how; do
        n=$((step % 61 + 1))
        while [ $n -lt "$last" ]; do
            for what in fail full; do
                code=0
                # shellcheck disable=SC2086
                COREPLAY_FAULT=malloc:$n:$what LD_PRELOAD=$fault "$COREPLAY" $how >out \
                    2>err </dev/null || code=$?
                # What a sweep stored is kept, and the next reader puts it in order.
                if [ -s new.db-wal ]; then "$COREPLAY" query new.db >/dev/null 2>&1; fi
                if [ -s new.db ] && "$COREPLAY" query new.db --csv 2>/dev/null | grep -q done
                then
                    rm -f new.db
                elif [ $what = full ]; then
                    rm -f new.db # no row, and no memory to see that
                fi
                judge "$how, allocation $n ($what)"
            done
            n=$((n + step))
        done
    done <list
    rm -f list
fi
finish
