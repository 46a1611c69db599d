#!/bin/sh
# The table of which option works on what (coreplay list options): every pair of an option
# and a kind of input is tried.  What the table says works has to change what comes out;
# everything else is refused, says what to do, and writes nothing.
. "$top_srcdir/tests/cli/lib.sh"

# Two threads of app on one CPU, a noise beside them on the same one.
awk 'BEGIN {
    f = "%s-%d (%d) [000] 1.%06d: sched_switch: prev_comm=%s prev_pid=%d prev_prio=120 prev_state=%s ==> next_comm=%s next_pid=%d next_prio=120\n"
    w = "<idle>-0 (0) [000] 1.%06d: sched_waking: comm=%s pid=%d prio=120 target_cpu=000\n"
    printf f, "<idle>", 0, 0, 0, "swapper/0", 0, "R", "kworker/0:1", 30
    printf f, "kworker/0:1", 30, 30, 500, "kworker/0:1", 30, "I", "swapper/0", 0
    for (i = 1; i < 40; i++) {
        t = i * 10000
        printf w, t, "app", 10
        printf f, "<idle>", 0, 0, t + 5, "swapper/0", 0, "R", "app", 10
        printf f, "app", 10, 10, t + 3000, "app", 10, "R", "app", 11
        printf f, "app", 11, 10, t + 5000, "app", 11, "R", "noise", 20
        printf f, "noise", 20, 20, t + 7000, "noise", 20, "S", "app", 11
        printf f, "app", 11, 10, t + 8000, "app", 11, "S", "app", 10
        printf f, "app", 10, 10, t + 9000, "app", 10, "S", "swapper/0", 0
        printf w, t + 9990, "noise", 20
        printf w, t + 9991, "app", 11
    }
}' >t.txt
cat >w.cpw <<'END'
param load = 3ms in [3ms, 4ms]
process p { var x = 0; thread a x 3 { repeat 20 { cpu exp(load); wait exp(1ms); mark "x"; respond; x += 1; print "x is {x}" } } }
END
cat >py.cpw <<'END'
process app runtime python "3.12" {
  async task parse() { await wait 1ms; cpu 20ms }
  thread main loop asyncio { create parse() as p; await p }
  thread other { cpu 30ms }
}
END
printf 'machine { cores 5 }\n' >five.cpw
printf '[run]\njobs=2\n' >x.conf
"$COREPLAY" import t.txt -o r.cpr -q
"$COREPLAY" run py.cpw -o py.cpr -q >/dev/null
"$COREPLAY" run w.cpw py.cpw --json -q >lines.jsonl
"$COREPLAY" sweep w.cpw --sweep cores=1,2 --sweep load=3ms,4ms --repeat 3 -o out.db -q
"$COREPLAY" init --policy mine -q
charts=svg
"$COREPLAY" plot gil py.cpr -o probe.svg 2>err || charts=txt
rm -f probe.svg
inputs=$(ls)
n_pairs=0

# The command line without the option, for a kind of input.
base_of() { # COMMAND KIND
    case $1/$2 in
    run/workload | validate/workload) echo "$1 w.cpw" ;;
    run/recording | validate/recording) echo "$1 r.cpr" ;;
    sweep/workload) echo "sweep w.cpw --sweep hz=250,1000" ;;
    sweep/recording) echo "sweep r.cpr --sweep hz=250,1000" ;;
    validate/configuration) echo "validate x.conf" ;;
    query/results) echo "query out.db" ;;
    query/recording) echo "query r.cpr" ;;
    query/lines) echo "query lines.jsonl" ;;
    plot/sweep) echo "plot sweep out.db -o fig.$charts" ;;
    plot/*) echo "plot $2 py.cpr -o fig.$charts" ;;
    import/trace) echo "import t.txt -o new.cpr" ;;
    export/all) echo "export py.cpr -o new.csv" ;;
    import/recording) echo "import r.cpr -o new.cpw" ;;
    whatif/workload) echo "whatif w.cpw" ;;
    whatif/recording) echo "whatif r.cpr -s cores=4" ;;
    whatif/trace) echo "whatif t.txt -s cores=4" ;;
    init/python-service) echo "init python-service" ;;
    init/other) echo "init" ;;
    list/settings) echo "list settings" ;;
    list/other) echo "list policies" ;;
    *) echo '' ;;
    esac
}

# The option with a value; what it needs is added from the table.
given() { # COMMAND OPTION
    case $2 in
    force | exact-ticks | teaching | json | dry-run | missing | resume | force-new | fail-fast | \
        keep-going | csv | log | others | pin | list | answers | listing | names | gantt) echo "--$2" ;;
    set) case $1 in whatif) echo '--set cores=3' ;; validate) echo '--set cores=0' ;; *) echo '--set cores=3' ;; esac ;;
    machine) if [ "$1" = validate ]; then echo '--machine none'; else echo '--machine five.cpw'; fi ;;
    seed) echo '--seed 7' ;;
    policy-file) echo '--policy-file mine.c' ;;
    kernel) echo '--kernel cfs-6.1' ;;
    until) echo '--until 5ms' ;;
    warmup) echo '--warmup 100us' ;;
    max-events) echo '--max-events 5' ;;
    max-wall) echo '--max-wall 1ns' ;;
    output) case $1 in
        run) echo '-o run.cpr' ;; sweep) echo '-o some.db' ;;
        init) echo '-o some.cpw' ;; whatif) echo '-o folder' ;; import) echo '-o again.cpr' ;; export) echo '-o again.csv' ;;
        plot) echo '-o other.txt' ;; *) echo '-o some' ;; esac ;;
    jobs) echo '--jobs 2' ;;
    rows) echo '--rows 1' ;;
    lines) echo '--lines 1' ;;
    var) echo '--var x' ;;
    threads) echo '--threads a*' ;;
    add) echo '--add hog' ;;
    sweep) echo '--sweep cores=1,2' ;;
    zip) echo '--zip cores,hz' ;;
    where) echo '--where cores>1' ;;
    sample) echo '--sample 1' ;;
    repeat) echo '--repeat 3' ;;
    until-ci) echo '--until-ci 50%' ;;
    repeat-max) echo '--repeat-max 2' ;;
    shard) echo '--shard 0/2' ;;
    find) echo '--find=min_hz' ;;
    such-that) echo '--such-that makespan<10s' ;;
    metric) if [ "$1" = query ]; then echo '--metric switches'; else echo '--metric migrations'; fi ;;
    emit) echo '--emit parallel' ;;
    columns) echo '--columns makespan' ;;
    filter) case $1 in query) echo '--filter makespan<90ms' ;; *) echo '--filter cores==1' ;; esac ;;
    group) echo '--group outcome' ;;
    show) echo '--show max(makespan)' ;;
    sort) echo '--sort -makespan' ;;
    limit) echo '--limit 1' ;;
    compare) echo '--compare cores=1,2' ;;
    data) echo '--data fig.csv' ;;
    format) echo '--format chrome' ;;
    title) echo '--title Other' ;;
    label) echo '--label one' ;;
    size) echo '--size 250mm' ;;
    theme) echo '--theme dark' ;;
    from) case $1 in plot | export) echo '--from 10ms' ;; *) echo '--from 1us' ;; esac ;;
    to) case $1 in plot | export) echo '--to 10ms' ;; *) echo '--to 200us' ;; esac ;;
    blocking) echo '--blocking 1us' ;;
    x) echo '--x load' ;;
    y) echo '--y switches' ;;
    by) echo '--by load' ;;
    heat) echo '--heat load' ;;
    root) echo '--root ROOT' ;;
    effective) echo '--effective w.cpw' ;;
    policy) echo '--policy other' ;;
    rate) echo '--rate 100/s' ;;
    cpu) echo '--cpu 3ms' ;;
    io) echo '--io 9ms' ;;
    released) echo '--released 30%' ;;
    memory) echo '--memory 70MiB' ;;
    *) echo '' ;;
    esac
}

# Runs the words (_ stands for a blank) in a folder of its own; `sum` is of all that came out.
try() { # WORDS...
    rm -rf try && mkdir try
    for f in $inputs; do ln "$f" try/; done
    set -- $(printf '%s\n' "$*" | sed 's/ROOT/'"$root"'/')
    code=0
    n=$#
    while [ $n -gt 0 ]; do
        word=$1
        shift
        case $word in --find=*) word=$(printf '%s' "$word" | tr _ ' ') ;; esac
        set -- "$@" "$word"
        n=$((n - 1))
    done
    (cd try && "$COREPLAY" "$@" >../out 2>../err </dev/null) || code=$?
    case $code in 13[2-9]) fail "coreplay $*: crashed with code $code" ;; esac
    made=$(cd try && for f in *; do case " $(echo $inputs) " in *" $f "*) ;; *) echo "$f" ;; esac; done)
    sum=$({ cat out err; cd try && for f in $made; do echo "$f"; case $f in *.db) ;; *) find "$f" -type f -exec cksum {} + ;; esac; done; } | cksum)
}

# Pairs that work and change nothing that this test can see.
is_silent() { # COMMAND OPTION KIND
    case $1/$2/$3 in
    */force/* | */jobs/* | */exact-ticks/*) ;; # nothing to overwrite; faster; slower
    sweep/resume/* | sweep/keep-going/* | sweep/force-new/* | sweep/missing/* | sweep/fail-fast/*) ;;
    */max-wall/* | sweep/until-ci/recording | sweep/repeat-max/*) ;;
    query/limit/* | query/sort/lines | query/sort/recording) ;;
    plot/by/sweep) ;; # the other axis is the lines anyway
    *) return 1 ;;
    esac
}

root=10

must "the table lists options"
"$COREPLAY" list options >table || fail "no table"
[ "$(wc -l <table)" -gt 80 ] || fail "too short"

# With what the option needs, and that needs.
with_needs() { # COMMAND NEEDS
    for need in $(echo "$2" | sed 's/|[a-z-]*//g' | tr , ' '); do
        [ "$need" = - ] || given "$1" "$need"
    done
}

sed 1d table >rows
while read -r command option works output needs not_with; do
    option=${option#--}
    case $command in record | doctor | help | version | completion | merge) continue ;; esac
    value=$(given "$command" "$option")
    must "$command --$option is tried"
    [ -n "$value" ] || fail "it has no value here: tests/cli/options.sh, given()"
    case $command in
    run | sweep) kinds='workload recording' ;;
    validate) kinds='workload recording configuration' ;;
    query) kinds='results lines recording' ;;
    plot) kinds='occupancy timeline switches gil loop sweep' ;;
    import) kinds='trace recording' ;;
    export) kinds=all ;;
    whatif) kinds='trace recording workload' ;;
    init) kinds='python-service other' ;;
    list) kinds='settings other' ;;
    *) fail "an unknown command" ;;
    esac
    for kind in $kinds; do
        n_pairs=$((n_pairs + 1))
        base=$(base_of "$command" "$kind")
        [ "$option" != list ] || base=${base%% -o*}
        more=$(with_needs "$command" "$needs")
        case ,$works, in
        *,"$kind",*)
            must "$command --$option changes something for $kind"
            case $command/$option/$kind in import/output/recording) value='-o again.cpw' ;; esac
            if [ "$output" != - ]; then base=$(echo "$base" | sed "s/new.cpr/new$output/"); fi
            # shellcheck disable=SC2086
            try $base $more
            before=$sum
            # shellcheck disable=SC2086
            try $base $more $value
            if grep -q 'does nothing\|needs --\|do not go together' err; then
                fail "it is refused"
            fi
            if [ "$sum" = "$before" ] && ! is_silent "$command" "$option" "$kind"; then
                fail "$base $more $value: the same comes out"
            fi
            ;;
        *)
            must "$command --$option is refused for $kind"
            # shellcheck disable=SC2086
            try $base $more $value
            is_code 2
            err_has "error: --[a-z]* does nothing for"
            [ "$works" = - ] || err_has 'it is for: '
            err_has 'help: '
            [ -z "$made" ] || fail "made $made"
            ;;
        esac
    done
    kind=${kinds%% *}
    case $works in "$kind"* | -) ;; *) kind=${works%%,*} ;; esac
    [ "$works" != - ] || continue
    base=$(base_of "$command" "$kind")
    for need in $(echo "$needs" | sed 's/|[a-z-]*//g' | tr , ' '); do
        [ "$need" != - ] || continue
        must "$command --$option needs --$need"
        others=$(echo ",$needs," | sed "s/,$need\(|[a-z]*\)*,/,/")
        less=$base
        case $need in sweep) less=${base%% --sweep*} ;; output) less=${base%% -o*} ;; esac
        # shellcheck disable=SC2086,SC2046
        try $less $(with_needs "$command" "$others") $value
        is_code 2
        err_has 'needs --'
        err_has 'help: '
        [ -z "$made" ] || fail "made $made"
    done
    for other in $(echo "$not_with" | tr , ' '); do
        [ "$other" != - ] || continue
        must "$command --$option is refused beside --$other"
        theirs=$(awk -v o="--$other" -v c="$command" '$1 == c && $2 == o { print $5 }' table)
        # shellcheck disable=SC2086,SC2046
        try $base $more $value $(given "$command" "$other") $(with_needs "$command" "$theirs")
        is_code 2
        err_has "do not go together\|ends in"
        err_has 'help: '
        [ -z "$made" ] || fail "made $made"
    done
    if [ "$output" != - ]; then
        must "$command --$option is refused for another output"
        # shellcheck disable=SC2086
        try $base $more $value
        is_code 2
        err_has "ends in $output"
        err_has 'help: '
        [ -z "$made" ] || fail "made $made"
    fi
done <rows
[ $n_pairs -gt 150 ] || fail "only $n_pairs pairs"

must "what a configuration file says counts where it does something, and is no error elsewhere"
printf '[whatif]\nroot=10\n[global]\njson=on\n' >try.conf
cp_run whatif r.cpr -s cores=2 --config try.conf
is_code 0
cp_run plot occupancy py.cpr -o conf.txt --config try.conf
is_code 0

finish
