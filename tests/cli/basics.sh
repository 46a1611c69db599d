#!/bin/sh
# The command line itself: global options, spellings, mistypes, streams and exit codes.
. "$top_srcdir/tests/cli/lib.sh"

must "without a command the user is told how to begin, with code 2"
cp_run
is_code 2
out_empty
err_has 'no command given'
err_has 'help: coreplay help'

must "help goes to standard output and names every exit code"
cp_run help
is_code 0
err_empty
for word in 'usage: coreplay' 'Examples:' 'Commands:' 'Exit codes:' '130'; do
    out_has "$word"
done

must "help COMMAND and COMMAND --help are the same page, examples before options"
for c in $("$COREPLAY" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    cp_run help "$c"
    is_code 0
    cp out page
    cp_run "$c" --help
    is_code 0
    cmp -s page out || fail "help $c differs from $c --help"
    cp_run "$c" -h
    cmp -s page out || fail "$c -h differs from $c --help"
    out_has "^usage: coreplay $c"
    [ "$(sed -n '/^Examples:/,/^$/p' out | grep -c '^  [^ ]')" = 3 ] ||
        fail "help $c does not show 3 examples"
    [ "$(grep -n '^Examples:' out | cut -d: -f1)" -lt "$(grep -n 'options:\|^Options:' out |
        head -n 1 | cut -d: -f1)" ] || fail "help $c: options come first"
    out_has '^See also: '
    [ "$(awk '{ print length }' out | sort -n | tail -n 1)" -le 100 ] ||
        fail "help $c has a long line"
done

must "the version is printed by three spellings"
cp_run version
is_code 0
out_has '^coreplay [0-9]*\.[0-9]*\.[0-9]*$'
cp out page
cp_run --version
cmp -s page out || fail "--version differs"
cp_run -V
cmp -s page out || fail "-V differs"
cp_run version --json
json_has '.[0] | .coreplay and .schema == 1'

must "an unknown command gets the nearest one"
for pair in halp:help versoin:version doktor:doctor HELP:help completoin:completion; do
    cp_run "${pair%:*}"
    is_code 2
    out_empty
    err_has "unknown command '${pair%:*}'"
    err_has "did you mean 'coreplay ${pair#*:}'"
done
cp_run xyzzyxyzzy
is_code 2
err_has 'help: coreplay help lists the commands'
: >plain.cpw
cp_run plain.cpw
is_code 2
err_has 'coreplay run plain.cpw'

must "an unknown option gets the nearest one"
cp_run --jsn version
is_code 2
err_has "did you mean '--json'"
cp_run version --quite
is_code 2
err_has "did you mean '--quiet'"
cp_run version -json
is_code 2
err_has "did you mean '--json'"
cp_run version -x
is_code 2
err_has "unknown option '-x'"
cp_run version --color=purple
is_code 2
err_has "not one of auto, always, never"
cp_run version --color=alway
err_has "did you mean 'always'"
cp_run version --json=yes
is_code 2
err_has 'takes no value'
cp_run version --config
is_code 2
err_has 'needs FILE'
cp_run version --config --json
is_code 2
err_has 'needs FILE'

must "operands are counted"
cp_run version extra
is_code 2
err_has "unexpected operand 'extra'"
cp_run completion
is_code 2
err_has 'found nothing'
cp_run completion bsh
is_code 2
err_has "did you mean 'bash'"

must "-C changes the directory and says when it cannot"
mkdir sub
cp_run -C sub doctor
is_code 0
cp_run doctor --directory=sub
is_code 0
cp_run -C nowhere doctor
is_code 3
err_has "cannot change to directory 'nowhere'"

must "colours come only when asked for"
cp_run halp
if grep -q "$(printf '\033')" err; then fail "colour in a file"; fi
cp_run --color=always halp
grep -q "$(printf '\033')" err || fail "no colour with --color=always"

must "control characters in arguments never reach the terminal"
cp_run "$(printf 'bad\033[31mword\007')"
is_code 2
if grep -q "$(printf '\033\|\007')" err; then fail "raw control character"; fi
err_has 'x1b'

must "what is not UTF-8 does no harm"
cp_run "$(printf 'bad\377word')"
is_code 2
cp_run help "$(printf '\377\376')"
is_code 2

must "a full disk is exit code 5 with a message"
if [ -w /dev/full ]; then
    code=0
    "$COREPLAY" help >/dev/full 2>err || code=$?
    : >out
    is_code 5
    err_has 'cannot write to standard output'
fi

must "a closed pipe ends quietly with code 5"
code=$( { { "$COREPLAY" help 2>err; echo $? >&3; } | sh -c 'exec <&-; sleep 0.2'; } 3>&1 )
: >out
case $code in
0 | 5) ;; # 0: everything fitted the pipe before it was closed
*) fail "exit code $code" ;;
esac
err_empty

must "closed standard streams do not end up in files"
code=0
"$COREPLAY" help >&- 2>err || code=$?
: >out
is_code 5
code=0
"$COREPLAY" version <&- >out 2>err || code=$?
is_code 0

must "coreplay.conf gives defaults, is checked, and the command line beats it"
printf '[global]\njson=on\n' >coreplay.conf
cp_run version
json_has '.[0].schema == 1'
printf '[version]\njsn=on\n' >coreplay.conf
cp_run version
is_code 3
err_has "coreplay.conf:2: .*no option 'jsn'"
err_has "did you mean 'json'"
printf '[versoin]\njson=on\n' >coreplay.conf
cp_run version
is_code 3
err_has 'unknown part'
err_has "did you mean 'version'"
printf 'no group\n' >coreplay.conf
cp_run version
is_code 3
printf '[global]\ncolor=never\n' >other.conf
must "coreplay.conf of the current folder is announced; it runs no code and names no output"
cat >tiny.cpw <<'END'
process p { thread t { cpu 1ms } }
END
printf '[run]\noutput=left.cpr\npolicy-file=evil.c\nrows=1\n[init]\nforce=on\n' >coreplay.conf
echo '#error must not be compiled' >evil.c
cp_run run tiny.cpw
is_code 0
err_has 'coreplay.conf in this folder'
err_has "coreplay.conf:2: 'output' is left out"
err_has "coreplay.conf:3: 'policy-file' is left out"
[ ! -e left.cpr ] || fail "it was written"
must "the same file counts when --config names it, and as the user's own"
sed -i '/policy-file/d' coreplay.conf
cp_run run tiny.cpw --config coreplay.conf
is_code 0
[ -s left.cpr ] || fail "it was not written"
rm -f left.cpr evil.c coreplay.conf
cp_run --config other.conf --color=always halp
is_code 2
cp_run --config missing.conf version
is_code 3
err_has 'missing.conf'
mkdir -p .config/coreplay
printf '[global]\njson=on\n' >.config/coreplay/coreplay.conf
cp_run version
json_has '.[0].schema == 1'
rm -r .config

must "doctor names a remedy for everything missing"
cp_run doctor
is_code 0
[ "$(grep -c '^missing' out)" = "$(grep -c '  -> ' out)" ] || fail "a remedy is missing"
cp_run doctor --json
json_has '.[0].checks | length > 5 and all(.ok or (.remedy | length > 5))'

finish
