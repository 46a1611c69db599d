#!/bin/sh
# list, init and validate.
. "$top_srcdir/tests/cli/lib.sh"

must "every list prints a table, names and JSON that agree"
for kind in policies models runtimes metrics charts distributions settings machines examples options; do
    cp_run list $kind
    is_code 0
    err_empty
    n=$(($(wc -l <out) - 1))
    cp_run list $kind --names
    is_code 0
    [ "$(wc -l <out)" = $n ] || fail "list $kind --names: not $n lines"
    cp_run list $kind --json
    json_has ".[0].$kind | length == $n and all(.name | length > 0)"
done

must "an unknown list or key gets the nearest"
cp_run list polices
is_code 2
err_has "did you mean 'policies'"
cp_run list settings coers
is_code 2
err_has "did you mean 'cores'"
cp_run list charts occupancy
is_code 2
cp_run list
is_code 2

must "list settings KEY describes one, a prefix shows all below it"
cp_run list settings cores
is_code 0
out_has '^cores$'
out_has 'default  2'
out_has 'range    1 to 1024'
cp_run list settings eevdf
is_code 0
out_has '^eevdf.base_slice '
[ "$(grep -vc '^eevdf\.\|^name' out)" = 0 ] || fail "other settings are listed"

cp_run list settings base_slice
is_code 0
out_has '^eevdf.base_slice$'

must "every setting's default is taken by run"
"$COREPLAY" init -q || exit 99
cp_run list settings --json
if [ -n "$have_jq" ]; then
    jq -r '.settings[] | select(.default != "") | .name + "=" + .default' <out >pairs
    while read -r pair; do
        case $pair in *.NAME.*) continue ;; esac
        cp_run validate first.cpw -q -s "$pair"
        is_code 0
    done <pairs
fi

must "--effective shows values and where they came from"
cp_run list settings --effective first.cpw -s cores=3
is_code 0
out_has '^cores  *3  *--set$'
out_has '^hz  *250  *built-in$'
printf '[settings]\nhz=1000\n' >coreplay.conf
cp_run list settings --effective first.cpw
out_has '^cores  *2  *workload$'
out_has '^hz  *1000  *coreplay.conf$'
rm coreplay.conf
cp_run list settings --effective first.cpw jobs
out_has '^jobs  *20  *workload$'
cp_run list settings --effective missing.cpw
is_code 3
printf 'machine { cores 4 }\n' >wide.cpw
cp_run list settings --effective first.cpw --machine wide.cpw
out_has '^cores  *4  *--machine$'
printf 'process p runtime python "3.12" { thread m { cpu 1ms } }\n' >py.cpw
cp_run list settings --effective py.cpw gil -s costs=ideal -s gil.interval=1ms
out_has '^gil.interval  *1ms  *--set$'
out_has '^gil.drop  *0ns  *costs$'
out_has '^gil.starving  *1s  *built-in$'
[ "$(grep -c '^gil.interval' out)" = 1 ] || fail "gil.interval is not there once"

must "the settings of a result make the same result"
for sets in "-s seed=7" "-s gil.interval=1ms -s costs=ideal" "-m laptop8hybrid --until 1s"; do
    [ -n "$have_jq" ] || break
    # shellcheck disable=SC2086 # two words an option
    cp_run run py.cpw --json $sets
    mv out first.json
    jq -r '.settings | to_entries[] | "-s", .key + "=" + .value' <first.json >args
    set --
    while IFS= read -r arg; do set -- "$@" "$arg"; done <args
    [ $# -gt 150 ] || fail "only $# settings in JSON"
    cp_run run py.cpw --json "$@"
    is_code 0
    cmp -s first.json out || fail "the result differs from that of $sets"
done

must "init writes a workload that runs, and never overwrites one"
rm -f first.cpw
cp_run init
is_code 0
out_empty
err_has 'wrote first.cpw; next: coreplay run first.cpw'
cp_run run first.cpw
is_code 0
echo mine >first.cpw
cp_run init
is_code 5
err_has 'force'
[ "$(cat first.cpw)" = mine ] || fail "the file was overwritten"
cp_run init --force
is_code 0
cp_run init -o -
is_code 0
cmp -s out first.cpw || fail "-o - differs"
cp_run init frist
is_code 2
err_has "did you mean 'first'"
cp_run init -o nowhere/x.cpw
is_code 5
cp_run init --list
is_code 0
out_has '^first '

must "init python-service writes a workload that runs in every form"
cp_run init python-service --rate 100/s --cpu 2ms --io 8ms --released 20% --memory 60MiB
is_code 0
for model in sync threads async interpreters free; do
    cp_run run python-service.cpw -s model=$model --until 2s
    is_code 0
done
cp_run init python-service --rate fast -o -
is_code 2
err_has 'requests per second'

must "init --policy writes a policy that run takes"
cp_run init --policy mine
is_code 0
[ -s mine.c ] || fail "no mine.c"
cp_run init --policy 'my policy'
is_code 2
cp_run init --policy mine first
is_code 2
if command -v "${CC:-cc}" >/dev/null && [ -z "${CP_SANITIZED:-}" ]; then
    COREPLAY_INCLUDE=$top_srcdir
    export COREPLAY_INCLUDE
    cp_run run first.cpw --policy-file mine.c --json
    is_code 0
    json_has '.[0].settings.policy == "mine"'
    cp_run run first.cpw --policy-file mine.c -s mine.quantum=1ms
    is_code 0
    echo 'no C' >bad.c
    cp_run run first.cpw --policy-file bad.c
    is_code 3
    cp_run run first.cpw --policy-file missing.c
    is_code 3
fi

must "validate says ok, lists programs, and finds every error"
cp_run validate first.cpw
is_code 0
out_has '^first.cpw: ok'
cp_run validate --listing first.cpw
is_code 0
out_has 'thread clerk'
printf 'process p {\n  thread t { cpu 5 }\n  thread u { lok l { } }\n}\n' >bad.cpw
cp_run validate bad.cpw
is_code 3
err_has '^bad.cpw:2:'
err_has '^bad.cpw:3:'
cp_run validate bad.cpw first.cpw --json
is_code 3
json_has 'length == 2 and (.[0].ok | not) and (.[0].messages | length == 2) and .[1].ok'
cp_run validate missing.cpw
is_code 3
printf '[run]\njobs=0\n' >x.conf
cp_run validate x.conf
is_code 3
err_has 'x.conf:2'
printf '[run]\njobs=2\n' >x.conf
cp_run validate x.conf
is_code 0

must "a setting with others below it is described, and those are listed"
cp_run list settings gil
is_code 0
out_has '^gil$'
out_has '^    default  auto$'
out_has '^name  *default '
out_has '^gil.interval '
cp_run list settings gil --names
out_has '^gil$'
out_has '^gil.interval$'
cp_run list settings warmup
out_has 'range    a time, auto'

finish
