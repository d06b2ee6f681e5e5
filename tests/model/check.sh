#!/usr/bin/env bash
# check.sh quick|large: has spin search the model of the protocol (lease.pml). `quick` is some seconds a
# configuration, `large` minutes and up to 3 GiB. What each searches is said by the lines at the end.
set -euo pipefail
export LC_ALL=C

command -v spin >/dev/null || { echo "skipped: there is no spin"; exit 77; }
model=$(cd "$(dirname "$0")" && pwd)/lease.pml
mkdir -p "${FACEFARM_BUILD:?names the build folder; ctest sets it}/tests/model"
work=$(mktemp -d "$FACEFARM_BUILD/tests/model/check.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# search FLAGS PAN-FLAGS EXPECTED MODEL-DEFINITIONS...: spin's verdict is "EXPECTED errors" of a whole search.
search()
{
    local flags=$1 run=$2 expected=$3 found
    shift 3
    spin "$@" -a "$model" >spin.log 2>&1 || { cat spin.log; exit 1; }
    # shellcheck disable=SC2086 # lists of flags
    gcc -w -O2 $flags -o pan pan.c
    # shellcheck disable=SC2086
    ./pan $run -m4000000 >pan.log 2>&1
    found=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log)
    printf '%-92s %s errors, %s\n' "$*" "$found" "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1 states/p' pan.log)"
    if [ "$found" != "$expected" ] || { [ "$expected" = 0 ] && grep -q 'Search not completed' pan.log; }; then
        cat pan.log
        echo "FAILED: expected $expected errors of a whole search"
        exit 1
    fi
}
# Assertions, and that every task ends (weak fairness).
ends() { search -DNFAIR=4 '-a -f' 0 "$@"; }
# Assertions alone, which takes a tenth of the time.
holds() { search '-DSAFETY -DNOCLAIM' '' 0 "$@"; }
# The model sees it when a task is lost.
loses() { search -DNFAIR=4 '-a -f' 1 "$@"; }

one=(-DWORKERS=1 -DTASKS=1) two=(-DWORKERS=2 -DTASKS=1) tasks=(-DWORKERS=1 -DTASKS=2 -DCREDIT=2)
case ${1-} in
quick)
    ends "${one[@]}" -DBROKER_KILLS=1 -DWORKER_KILLS=1 -DCUTS=1 -DSILENCES=1
    ends "${one[@]}" -DCUTS=1 -DSILENCES=1 -DFAILURES=1
    ends "${two[@]}" -DWORKER_KILLS=1
    holds "${two[@]}" -DSILENCES=1
    holds "${two[@]}" -DSECOND
    loses "${one[@]}" -DCUTS=1 -DFORGETFUL
    ;;
large)
    ends "${one[@]}" -DBROKER_KILLS=1 -DWORKER_KILLS=1 -DCUTS=1 -DSILENCES=1 -DFAILURES=1
    ends "${one[@]}" -DBROKER_KILLS=2 -DCUTS=2 -DSILENCES=2
    ends "${tasks[@]}" -DCUTS=1 -DFAILURES=1
    ends "${tasks[@]}" -DBROKER_KILLS=1 -DCUTS=1
    ends "${two[@]}" -DWORKER_KILLS=1 -DCUTS=1
    ends "${two[@]}" -DSECOND -DWORKER_KILLS=1
    ends "${two[@]}" -DSECOND -DFAILURES=1
    ends "${two[@]}" -DSECOND -DSILENCES=1
    ends "${two[@]}" -DSECOND -DCUTS=1
    ends "${two[@]}" -DSECOND -DBROKER_KILLS=1
    holds "${two[@]}" -DSECOND -DBROKER_KILLS=1 -DWORKER_KILLS=1
    holds "${two[@]}" -DBROKER_KILLS=1 -DWORKER_KILLS=1
    holds "${two[@]}" -DBROKER_KILLS=1 -DFAILURES=1
    holds "${two[@]}" -DCUTS=1 -DSILENCES=1
    ;;
*)
    echo "usage: check.sh quick|large" >&2
    exit 2
    ;;
esac
