#!/bin/sh
# join.sh WORDS-FILE ... -- PART ...: the recorder as one file, which works alone.  The words a
# workload may not be named with are those of the language's tables.
files=
while [ "$1" != -- ]; do
    files="$files $1"
    shift
done
shift
# shellcheck disable=SC2086
words=$(grep -hoE '"[a-z_]{2,}"' $files | tr -d '"' | sort -u | tr '\n' ' ')
cat "$@" | sed "s/@WORDS@/$words/"
