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
"$COREPLAY" completion zsh >_coreplay
"$COREPLAY" completion fish >fish

# What can follow the words, with CURRENT typed already.
words() { # CURRENT WORD...
    typed=$1
    shift
    "$COREPLAY" completion words --current="$typed" -- "$@" | cut -f 1
}

must "scripts of completion are valid for their shell"
for shell in bash zsh fish; do
    if command -v $shell >/dev/null; then
        case $shell in
        fish) fish --no-execute fish || fail "fish refuses its script" ;;
        zsh) zsh -n _coreplay || fail "zsh refuses its script" ;;
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
    words - "$c" >offered
    for option in $(sed -n 's/^  \(-., \|    \)--\([a-z-]*\).*/\2/p' page); do
        grep -qe "--$option\*" manual || fail "$c --$option: not in the manual page"
        grep -qxe "--$option=*" offered || fail "$c --$option: it is not completed"
    done
    words "$c" | grep -qx "$c" || fail "$c: it is not completed"
done

cat >load.cpw <<'END'
param load = 3ms in [3ms, 4ms]
process p { thread a { cpu load } }
END
"$COREPLAY" sweep load.cpw --sweep load=3ms,4ms --sweep cores=1,2 -o load.db -q
offers() { # WANTED CURRENT WORD...
    wanted=$1
    shift
    words "$@" | grep -qxe "$wanted" || fail "'$*' does not offer $wanted"
}

must "names and values of settings, params, axes, columns and metrics are completed"
offers 'policy=' pol run load.cpw -s
offers 'load=' lo run load.cpw --set
offers '--set=load=' --set=lo run load.cpw
offers 'load=4ms' load= run load.cpw --set
offers 'policy=eevdf-6.12' policy=ee run load.cpw -s
offers '--sweep=policy=rr,mlfq' --sweep=policy=rr,ml sweep load.cpw
offers 'gil=interval' gil= run load.cpw -s
offers 'runtime.version=3.13t' runtime.version=3.13 run load.cpw -s
offers 'exact_ticks=on' exact_ticks= run load.cpw -s
offers 'costs=ideal' costs= run load.cpw -s
offers 'laptop4' lap run load.cpw -m
offers 'cores' '' sweep load.cpw --sweep cores=1,2 --zip
offers 'min cores' min sweep load.cpw --sweep cores=1,2 --find
offers 'load' '' query load.db --group
offers 'load,cores' load, query load.db --group
offers 'makespan' mak query load.db --columns
offers 'load' lo plot sweep load.db -x
offers 'switches' sw plot sweep load.db -y
offers 'occupancy' occ plot
offers 'occupancy,switches' occupancy,sw plot
offers ':files' '' plot sweep
offers ':files' '' run
offers 'first' fi init
offers 'eevdf.base_slice' eevdf. list settings
offers 'always' al -q --color
[ -z "$(words x nothing-such)" ] || fail "something follows an unknown command"

must "bash completes commands, options and words"
if command -v bash >/dev/null; then
    cat >try.sh <<'END'
source ./bash
compopt() { :; }
coreplay() { "$COREPLAY" "$@"; }
complete_line() { COMP_LINE=$1; COMP_POINT=${#1}; COMPREPLY=(); _coreplay; echo "${COMPREPLY[@]}"; }
complete_line 'coreplay comp'
complete_line 'coreplay version --js'
complete_line 'coreplay version --color=al'
complete_line 'coreplay completion z'
complete_line 'coreplay -q help vers'
complete_line 'coreplay run load.cpw -s load='
complete_line 'coreplay query load.db --group '
complete_line 'coreplay run load.c'
END
    COREPLAY=$COREPLAY bash try.sh >out 2>err
    err_empty
    printf '%s\n' completion --json always zsh version '3ms 4ms' \
        "$(words '' query load.db --group | tr '\n' ' ' | sed 's/ $//')" load.cpw >want
    cmp -s want out || fail "wrong words"
fi

# The shells find the program by its name.
mkdir -p bin
printf '#!/bin/sh\nexec "%s" "$@"\n' "$COREPLAY" >bin/coreplay
chmod +x bin/coreplay

must "fish completes commands, options, values and files"
if command -v fish >/dev/null; then
    cat >try.fish <<'END'
source ./fish
complete -C 'coreplay comp'
complete -C 'coreplay version --js'
complete -C 'coreplay version --color=al'
complete -C 'coreplay run load.cpw -s load='
complete -C 'coreplay plot sweep load.db -x lo'
complete -C 'coreplay run load.c'
END
    PATH=$PWD/bin:$PATH fish --no-config try.fish 2>err | cut -f 1 >out
    err_empty
    printf '%s\n' completion --json --color=always load=3ms load=4ms load load.cpw >want
    cmp -s want out || fail "wrong words"
fi

must "zsh completes commands, options, values and files"
if command -v zsh >/dev/null && zsh -fc 'zmodload zsh/zpty' 2>/dev/null; then
    cat >try.zsh <<'END'
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; PS1=; unsetopt beep'
zpty -w z 'show() { zle complete-word; print -r -- "<$BUFFER>" >>zsh.out; BUFFER= }; zle -N show; bindkey "^I" show'
zpty -w z 'print ready >zsh.ready'
for i in {1..100}; do [[ -s zsh.ready ]] && break; zpty -r -t z line; sleep 0.1; done
n=0
while read -r line; do
    (( n++ ))
    zpty -w -n z "$line"$'\t'
    for i in {1..100}; do
        [[ -f zsh.out && $(wc -l <zsh.out) -ge $n ]] && break
        zpty -r -t z seen
        sleep 0.1
    done
done <zsh.in
zpty -d z
END
    cat >zsh.in <<'END'
coreplay comp
coreplay version --js
coreplay version --color=al
coreplay run load.cpw -s load=4
coreplay plot sweep load.db -x lo
coreplay run load.c
coreplay run --no-such-opt
END
    PATH=$PWD/bin:$PATH timeout 60 zsh -f try.zsh >zsh.log 2>&1 </dev/null
    sed 's/ >$/>/' zsh.out >out 2>err
    cat >want <<'END'
<coreplay completion>
<coreplay version --json>
<coreplay version --color=always>
<coreplay run load.cpw -s load=4ms>
<coreplay plot sweep load.db -x load>
<coreplay run load.cpw>
<coreplay run --no-such-opt>
END
    cmp -s want out || fail "wrong words: $(diff want out)"
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
