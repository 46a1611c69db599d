#!/bin/sh
# coreplay record: programs such as tutorials show print and return the same as without the
# recorder, and what is written runs.  The times stand in the log: they depend on the load.
# coreplay import: read and not run, each of them becomes a valid workload.
python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || exit 77
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
COREPLAY_DATA=${top_builddir:?}/traces/record
export COREPLAY_DATA
bad=0
for program in "${top_srcdir:?}"/tests/record/programs/*.py; do
    "${COREPLAY:?}" import "$program" -o "$work/read.cpw" --force 2>"$work/err" &&
        "$COREPLAY" validate "$work/read.cpw" >/dev/null 2>"$work/err" || {
        echo "$program: read and not run, it is no valid workload"
        head -n 5 "$work/err"
        bad=1
    }
done
python3 "$top_srcdir/tests/record/corpus.py" --at-least 95 --keep "$work" "$COREPLAY" \
    "$COREPLAY_DATA/coreplay_record.py" "$top_srcdir"/tests/record/programs/*.py || bad=1
exit $bad
