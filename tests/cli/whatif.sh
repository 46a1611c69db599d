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
out_has '^Cause: with 4 cores the program is '
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

finish
