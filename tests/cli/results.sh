#!/bin/sh
# Result files may come from anybody: whatever a file holds, every command that reads it ends
# at once with an answer or with exit code 3, and changes nothing.
. "$top_srcdir/tests/cli/lib.sh"
sqlite3=$(command -v sqlite3 || :)
if [ -z "$sqlite3" ]; then
    echo "no sqlite3: nothing tested"
    exit 77
fi
cat >w.cpw <<'END'
process p {
    thread a { repeat 20 { cpu uniform(1ms, 3ms) } }
    thread b { repeat 20 { cpu uniform(1ms, 3ms) } }
}
END
cp_run sweep w.cpw --sweep cores=1,2 --repeat 3 -o good.db
is_code 0

few='query --csv bad.db
query --group cores --show mean(makespan),p95(cpu),ci95(makespan) bad.db
plot sweep bad.db -x cores -o out.txt --force
merge merged.db good.db bad.db'
all="$few
query bad.db
query --columns outcome,error,makespan,cores,seed bad.db
query --compare cores=1,2 --metric makespan bad.db
query --json bad.db
plot sweep bad.db -x cores -y cpu --log -o out.svg --force
merge merged.db bad.db"
readers=$all

# Every reader of bad.db; the code they must have, "any" for one of a command that ends well.
read_all() {
    chmod a-w bad.db
    cp bad.db before.db
    while read -r how; do
        # shellcheck disable=SC2086
        code=0
        timeout 20 "$COREPLAY" $how >out 2>err </dev/null || code=$?
        case $code in
        0) [ "$1" = any ] || fail "$how: taken" ;;
        2) [ "$1" = any ] || fail "$how: exit code 2" ;;
        3) err_has 'error: ' ;;
        *) fail "$how: exit code $code" ;;
        esac
        no_file merged.db.part bad.db-wal bad.db-shm bad.db-journal
        rm -f merged.db
    done <<END
$readers
END
    cmp -s bad.db before.db || fail "bad.db was changed"
    # The plan is the one of good.db: the sweep goes on, or refuses the file.
    chmod u+w bad.db
    code=0
    timeout 20 "$COREPLAY" sweep w.cpw --sweep cores=1,2 --repeat 4 -o bad.db >out 2>err \
        </dev/null || code=$?
    case $code in
    0 | 1 | 4) [ "$1" = any ] || fail "sweep: taken" ;;
    3 | 5) ;;
    *) fail "sweep: exit code $code" ;;
    esac
    no_file bad.db-wal bad.db-shm bad.db-journal
    rm -f bad.db before.db
}

# what must hold; "refused" or "any"; SQL
hostile() {
    must "a result file with $1 ends every command"
    rm -f bad.db
    cp good.db bad.db
    "$sqlite3" bad.db "PRAGMA writable_schema = ON; $3" >sql.out 2>&1 ||
        fail "sqlite3: $(cat sql.out)"
    read_all "$2"
}
endless='WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c)'
for t in meta axis metric result; do
    hostile "$t as an endless view" refused "ALTER TABLE $t RENAME TO t2;
        CREATE VIEW $t AS $endless SELECT t2.* FROM t2, c"
    hostile "no $t" refused "DROP TABLE $t"
    hostile "an empty $t" any "DELETE FROM $t"
    hostile "$t of other columns" refused "DROP TABLE $t; CREATE TABLE $t(x);
        INSERT INTO $t VALUES(1)"
    hostile "$t as a table of its own text" any "CREATE TABLE t2 AS SELECT * FROM $t;
        DROP TABLE $t; ALTER TABLE t2 RENAME TO $t"
    hostile "a rule in $t" refused "UPDATE sqlite_master SET sql = replace(sql, 'TEXT',
        'TEXT CHECK(length(hex(zeroblob(50000000))) > 0)') WHERE name = '$t'"
done
hostile "a computed column" refused "UPDATE sqlite_master SET sql = replace(sql,
    '\"makespan_ns\" INTEGER', '\"makespan_ns\" INTEGER AS (length(hex(zeroblob(50000000))))')
    WHERE name = 'result'"
hostile "a computing index" refused "CREATE INDEX i ON result(hex(outcome))"
hostile "a trigger" any "CREATE TRIGGER t AFTER INSERT ON result BEGIN
    INSERT INTO meta $endless SELECT i, i FROM c; END"
hostile "a view beside its tables" any "CREATE VIEW v AS $endless SELECT i FROM c"
readers=$few
for value in NULL 9e999 "'text'" "x'00ff'" -1 9223372036854775807 "''" \
    "cast(x'ff41' AS TEXT)" "printf('%.*c', 5000000, 'x')" "char(27) || '[31m' || char(8238)"; do
    for place in result.makespan_ns result.cores result.outcome result.error result.seed \
        result.failed metric.unit metric.column metric.name axis.key axis.column axis.spec \
        meta.value; do
        table=${place%.*}
        hostile "$value in $place" any "CREATE TABLE t2 AS SELECT * FROM $table;
            DROP TABLE $table; ALTER TABLE t2 RENAME TO $table;
            UPDATE $table SET ${place#*.} = $value"
    done
done

must "kinds are checked where the tables are as they were made"
for set in "makespan_ns = 9e999" "makespan_ns = 'x'" "makespan_ns = -5" "makespan_ns = 1.5" \
    "cores = x'00'" "outcome = x'00'" "seed = 'x'" "failed = -1"; do
    cp good.db bad.db
    "$sqlite3" bad.db "UPDATE result SET $set"
    cp_run query --columns "$(echo "${set%% *}" | sed 's/_ns//')" bad.db
    is_code 3
    err_has "holds in '${set%% *}' what no run has"
    cp_run merge merged.db good.db bad.db
    is_code 3
    no_file merged.db merged.db.part
done

# Pages: every one of them damaged in turn, and pointing to itself.
must "damaged pages are told"
readers=$few
pages=$("$sqlite3" good.db 'PRAGMA page_count')
page=$("$sqlite3" good.db 'PRAGMA page_size')
i=0
while [ "$i" -lt "$pages" ]; do
    for offset in 0 3 5 8 12 20 100; do
        cp good.db bad.db
        printf '\005\000\000\001\000\002\377' |
            dd of=bad.db bs=1 seek=$((i * page + offset)) conv=notrunc 2>dd.err
        read_all any
    done
    i=$((i + 1))
done

must "a journal that names another file is not followed"
cp good.db bad.db
echo mine >victim
{
    head -c 1024 /dev/zero
    printf 'victim\000\000\000\006\000\000\000\000\331\325\005\371\040\241\143\327'
} >bad.db-journal
cp_run query bad.db
is_code 3
[ "$(cat victim)" = mine ] || fail "the file is gone"
rm -f bad.db-journal bad.db

must "a file in WAL mode is read, and nothing stays beside it"
cp good.db wal.db
"$sqlite3" wal.db 'PRAGMA journal_mode = WAL' >sql.out
for mode in a-w u+w; do
    chmod $mode wal.db
    cp_run query wal.db
    is_code 0
    out_has '^ *2 *done'
    no_file wal.db-wal wal.db-shm
done

must "lines of JSON may be anything, too"
for line in '{"metrics":{"makespan_ns":1e999},"outcome":"done"}' '{"metrics":null}' '[' '{"a":' \
    '{"metrics":{"makespan_ns":"x"}}' '{"metrics":[1,2],"outcome":{"a":{"b":[]}}}' \
    '{"metrics":{"makespan_ns":-9223372036854775808,"cpu_ns":1e300}}'; do
    printf '%s\n%s\n' "$line" "$line" >lines.json
    for how in 'query lines.json' 'query --columns makespan,cpu,outcome lines.json' \
        'query --group outcome lines.json' 'query --json lines.json' \
        'plot sweep lines.json -x outcome -o out.txt --force'; do
        # shellcheck disable=SC2086
        cp_run $how
        case $code in
        0 | 2 | 3) ;;
        *) fail "$how of $line: exit code $code" ;;
        esac
        if grep -q 'inf\|nan' out; then fail "$how of $line: no number"; fi
    done
done
finish
