#!/bin/sh
# One fault at a time hits a run that writes a recording: the exit code is a documented one,
# the target is what it was or complete, and no other file is left.  The faults are drawn from
# VOPR_SEED (from 1) on, VOPR_FAULTS of them.
[ -z "${CP_SANITIZED:-}" ] || exit 77 # sanitizers have an allocator of their own
fault=$top_builddir/tests/random/.libs/fault.so
[ -f "$fault" ] || fault=$top_builddir/tests/random/fault.so
[ -f "$fault" ] || exit 77
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
seed=${VOPR_SEED:-1}
first=$seed
last=$((seed + ${VOPR_FAULTS:-40}))
status=0
ran=0

cat >"$work/w.cpw" <<'W'
machine { cores 2 }
kernel { hz 1000 }
run { until 200ms; costs reference }
process p {
  lock l
  thread w x 4 { forever { cpu exp(50us); wait exp(100us); lock l { cpu 5us } } }
}
W
sed 's/x 4/x 3/' "$work/w.cpw" >"$work/old.cpw"

"$COREPLAY" run -q "$work/w.cpw" -o "$work/new.cpr" >/dev/null 2>&1
"$COREPLAY" run -q "$work/old.cpw" -o "$work/old.cpr" >/dev/null 2>&1
while [ "$seed" -lt "$last" ]; do
    mkdir "$work/dir" || exit 99
    case $((seed % 5)) in
    0) call=malloc n=$((seed * 7919 % 4000 + 1)) ;;
    1) call=write n=$((seed * 31 % 12 + 1)) ;;
    2) call=open n=$((seed * 17 % 12 + 1)) ;;
    3) call=sync n=1 ;;
    4) call=rename n=1 ;;
    esac
    case $((seed / 5 % 4)) in
    0) what=fail ;;
    1) what=full ;;
    2) what=term ;;
    3) what=kill ;;
    esac
    target=$work/dir/out.cpr
    [ $((seed / 20 % 2)) = 0 ] || cp "$work/old.cpr" "$target"
    COREPLAY_FAULT=$call:$n:$what LD_PRELOAD=$fault timeout 60 "$COREPLAY" run "$work/w.cpw" \
        -o "$target" >"$work/out" 2>"$work/err"
    code=$?
    ran=$((ran + 1))
    bad=
    case $code/$what in
    [0-5]/* | 143/term | 137/kill) ;;
    *) bad="exit code $code" ;;
    esac
    if [ -e "$target" ]; then
        cmp -s "$target" "$work/new.cpr" || cmp -s "$target" "$work/old.cpr" ||
            bad="$bad, the target is neither old nor complete"
    elif [ "$code" = 0 ]; then
        bad="$bad, no target"
    fi
    # What a kill leaves in the moment of renaming, the next writer removes.
    [ $call/$what != rename/kill ] || "$COREPLAY" run -q "$work/w.cpw" -o "$target" --force \
        >/dev/null 2>&1
    left=$(find "$work/dir" -type f ! -name out.cpr)
    [ -z "$left" ] || bad="$bad, left: ${left##*/}"
    [ -z "$bad" ] || {
        echo "FAIL seed $seed: $call $n $what: ${bad#, }: $(head -1 "$work/err")"
        status=1
    }
    rm -rf "$work/dir"
    seed=$((seed + 1))
done
echo "$ran faults, from VOPR_SEED=$first"
exit $status
