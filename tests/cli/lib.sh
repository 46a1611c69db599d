# Helpers of the end-to-end tests; read by the scripts beside it.
# Each test begins with `must "what must hold"`; failures are counted and named.
# shellcheck shell=sh disable=SC2034
LC_ALL=C
unset NO_COLOR COREPLAY_JOBS COREPLAY_DATA XDG_CONFIG_HOME
export LC_ALL
COREPLAY=${COREPLAY:-./coreplay}
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
HOME=$work
export HOME
n_failed=0
claim=
# For commands that print JSON; jq is optional on a bare machine.
have_jq=$(command -v jq || true)

must() {
    claim=$1
}

fail() {
    n_failed=$((n_failed + 1))
    [ $n_failed -le 12 ] || return 0
    echo "not so: $claim"
    echo "    $1"
    if [ -s err ]; then sed 's/^/    stderr: /' err | head -n 12; fi
    if [ -s out ]; then sed 's/^/    stdout: /' out | head -n 6; fi
}

# Runs the program; code, out and err are left behind.
cp_run() {
    code=0
    "$COREPLAY" "$@" >out 2>err </dev/null || code=$?
    case $code in
    13[2-9]) fail "coreplay $*: crashed with code $code" ;;
    esac
    if grep -q 'Sanitizer\|runtime error:' err; then fail "coreplay $*: sanitizer report"; fi
}

is_code() {
    [ "$code" = "$1" ] || fail "exit code $code, expected $1"
}

out_has() {
    grep -qe "$1" out || fail "stdout lacks: $1"
}

err_has() {
    grep -qe "$1" err || fail "stderr lacks: $1"
}

out_empty() {
    [ ! -s out ] || fail "stdout is not empty"
}

err_empty() {
    [ ! -s err ] || fail "stderr is not empty"
}

# Every line of stdout is a JSON object in which the jq expression holds.
json_has() {
    [ -n "$have_jq" ] || return 0
    jq -es "$1" <out >/dev/null 2>&1 || fail "JSON does not satisfy: $1"
}

no_file() {
    for left in "$@"; do
        [ ! -e "$left" ] || fail "$left was left behind"
    done
}

finish() {
    [ "$n_failed" = 0 ] || echo "$n_failed failed"
    [ "$n_failed" = 0 ]
    exit
}
