# shellcheck shell=bash
# What the command's scripts share. Sourced. $work is a folder of the test's own, removed when it succeeds.

set -euo pipefail
export LC_ALL=C
unset FACEFARM_BROKER

# shellcheck disable=SC2034 # used by the tests
facefarm=${FACEFARM_BUILD:?names the build folder; ctest sets it}/cli/facefarm
# shellcheck disable=SC2034 # used by the tests
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "FAILED: $*"; exit 1; }
skip() { say "skipped: $*"; exit 77; }

command -v sqlite3 >/dev/null || skip "there is no sqlite3"

mkdir -p "$FACEFARM_BUILD/tests/cli"
work=$(mktemp -d "$FACEFARM_BUILD/tests/cli/${0##*/}.XXXXXX")
finish()
{
    local status=$?
    if [ $status = 0 ] || [ $status = 77 ]; then rm -rf "$work"; else say "its files are left in $work"; fi
}
trap finish EXIT
cd "$work"

# expect STATUS WORDS COMMAND...: ends with that status, and stderr has the words
expect()
{
    local status=$1 words=$2 found=0
    shift 2
    "$@" >out 2>err || found=$?
    [ "$found" = "$status" ] || fail "\"$*\" ended with $found, expected $status: $(cat err)"
    grep -qF -- "$words" err || fail "\"$*\" does not say \"$words\" but: $(cat err)"
}

# told GREP-ARGUMENTS...: grep -q that reads to the end: what writes to it may not end by SIGPIPE, which pipefail would
# take for a failure now and then.
told() { grep "$@" | cat >/dev/null; }

# same WHAT FOUND EXPECTED
same() { [ "$2" = "$3" ] || fail "$1: found \"$2\", expected \"$3\""; }
