#!/bin/sh
# Help, manual pages and completions all come from the option tables: none may lack an
# option the program takes, none may name one it refuses.
. "$top_srcdir/tests/cli/lib.sh"

"$COREPLAY" help >page
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' page)
[ -n "$commands" ] || {
    claim="help lists commands"
    fail "none found"
}
"$COREPLAY" completion bash >bash
"$COREPLAY" completion zsh >zsh
"$COREPLAY" completion fish >fish

must "scripts of completion are valid for their shell"
for shell in bash zsh fish; do
    if command -v $shell >/dev/null; then
        case $shell in
        fish) fish --no-execute fish || fail "fish refuses its script" ;;
        *) $shell -n $shell || fail "$shell refuses its script" ;;
        esac
    fi
done

must "every option of every command is in help, manual page and completions, and is known"
for c in $commands; do
    "$COREPLAY" help "$c" >page
    man=$top_srcdir/docs/coreplay-$c.1.scd
    [ -f "$man" ] || {
        fail "no manual page of $c"
        continue
    }
    "$COREPLAY" help --manual "$man" >manual 2>err || fail "manual page of $c"
    if grep -q '@[A-Z_]*@' manual; then fail "$man: a mark was left"; fi
    sed -n "/^    $c)\$/,/^        ;;\$/p" bash >bash.$c
    sed -n "/^    $c)\$/,/^        ;;\$/p" zsh >zsh.$c
    grep "__fish_seen_subcommand_from $c'" fish >fish.$c
    for option in $(sed -n 's/^  \(-., \|    \)--\([a-z-]*\).*/\2/p' page); do
        grep -qe "--$option\*" manual || fail "$c --$option: not in the manual page"
        grep -qe "--$option\b" bash.$c || fail "$c --$option: bash does not complete it"
        grep -qe "--$option\b" zsh.$c || fail "$c --$option: zsh does not complete it"
        grep -qe "-l $option\b" fish.$c || fail "$c --$option: fish does not complete it"
    done
    grep -qe "\`$c\|coreplay-$c\|-a $c " fish || fail "$c: fish does not complete it"
done

must "bash completes commands, options and words"
if command -v bash >/dev/null; then
    cat >try.sh <<'END'
source ./bash
compopt() { :; }
coreplay() { "$COREPLAY" "$@"; }
complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _coreplay; echo "${COMPREPLY[@]}"; }
complete_line coreplay comp
complete_line coreplay version --js
complete_line coreplay version --color = al
complete_line coreplay completion z
complete_line coreplay -q help vers
END
    COREPLAY=$COREPLAY bash try.sh >out 2>err
    err_empty
    printf 'completion\n--json\nalways\nzsh\nversion\n' >want
    cmp -s want out || fail "wrong words"
fi

must "every command has a manual page that scdoc takes"
if command -v scdoc >/dev/null; then
    for f in "$top_srcdir"/docs/coreplay*.1.scd; do
        "$COREPLAY" help --manual "$f" | scdoc >manual 2>err || fail "scdoc refuses $f"
    done
fi

must "the page of the language says what its document says"
if command -v scdoc >/dev/null; then
    sh "$top_srcdir/tools/md-to-scd" coreplay-workload 5 'the language' \
        <"$top_srcdir/docs/workload-language.md" >page.scd
    scdoc <page.scd >page 2>err || fail "scdoc refuses the page"
    [ "$(grep -c '^```' page.scd)" -ge "$(grep -c '^```' "$top_srcdir/docs/workload-language.md")" ] ||
        fail "examples are missing"
    grep -q '^# STATEMENTS' page.scd || fail "a heading is missing"
fi

finish
