#!/bin/sh
# coreplay record: programs such as tutorials show print and return the same as without the
# recorder, and what is written runs.  The times stand in the log: they depend on the load.
python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || exit 77
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
exec python3 "${top_srcdir:?}/tests/record/corpus.py" --at-least 85 --keep "$work" "${COREPLAY:?}" \
    "${top_builddir:?}/traces/record/coreplay_record.py" "$top_srcdir"/tests/record/programs/*.py
