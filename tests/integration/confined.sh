#!/usr/bin/env bash
# Broker and worker under the system calls, address families and memory that deploy's units leave them, which a filter by
# libseccomp stands for: kernels are compiled, a farm with keys runs a job whose files travel, keys are read again,
# metrics are served, and all ends in order. Groups of calls are systemd's own.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$build/tests/integration/confine" ] || skip "it was built without libseccomp"
command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze, whose groups of system calls the units name"

# calls NAME...: of groups, with the groups in them.
calls()
{
    local name
    for name in "$@"; do
        case $name in
        @*)
            # shellcheck disable=SC2046 # words on purpose
            calls $(systemd-analyze syscall-filter --no-pager "$name" | sed -n 's/^ \+\([@a-z0-9_-]\+\)$/\1/p')
            ;;
        *) echo "$name" ;;
        esac
    done
}

# setting UNIT NAME: its values, a line each.
setting() { sed -n "s/^$2=//p" "$root/deploy/facefarm-$1.service"; }

# rules UNIT: as confine reads them. What no list of systemd's can take away is in @default.
rules()
{
    local line
    : >"$1.allowed"
    while read -r line; do
        # shellcheck disable=SC2086 # words on purpose
        case $line in
        '~'*) calls ${line#'~'} | sort -u | comm -23 "$1.allowed" - >"$1.left" && mv "$1.left" "$1.allowed" ;;
        *) { cat "$1.allowed"; calls $line; } | sort -u >"$1.left" && mv "$1.left" "$1.allowed" ;;
        esac
    done < <(setting "$1" SystemCallFilter)
    { cat "$1.allowed"; calls @default; } | sort -u | sed 's/^/call /'
    setting "$1" RestrictAddressFamilies | tr ' ' '\n' | sed 's/^/family /'
    if [ "$(setting "$1" MemoryDenyWriteExecute)" = yes ]; then echo no_write_execute; fi
}

# confined UNIT PROGRAM: a program that is it, confined.
confined()
{
    rules "$1" >"$1.rules"
    [ "$(grep -c '^call' "$1.rules")" -gt 100 ] || fail "the unit of the $1 allows $(wc -l <"$1.rules") things"
    printf '#!/bin/sh\nexec "%s" "%s" "%s" "$@"\n' "$build/tests/integration/confine" "$work/$1.rules" "$2" >"$1"
    chmod +x "$1"
}
confined broker "$broker_program"
confined worker "$worker_program"
broker_program=$work/broker worker_program=$work/worker
grep -q no_write_execute broker.rules || fail "the broker's unit lets memory be written and executed"

export POCL_CACHE_DIR=$work/pocl
"$build/tests/integration/small_bundle" small
use_keys
broker_options+=(--metrics 0)
start_broker
as admin "$facefarm" bundle add small
start_remote alone
key late client late
kill -HUP "$broker_pid"
wait_until "the keys" grep -q ' keys are authorized' broker.log

cat >job.yaml <<END
format: facefarm-job/1
bundle: small
seed: 5
stages:
- {kind: sample, name: faces, count: 8}
- {kind: label, name: labels, count: 600}
- {kind: fit, name: boundaries}
- {kind: edit, name: sheets, faces: 2, targets: [Smiling]}
- {kind: evaluate, name: fresh, count: 10, targets: [age]}
END
job=$(as late submit job.yaml)
as late finish_job "$job"
expect_equal "failed attempts" 0 "$(query "SELECT count(*) FROM failure")"
expect_equal "faces in the store" 8 "$(find store/jobs/1/faces -name '*.png' | wc -l)"
port=$(sed -n 's|^metrics on http://127.0.0.1:\([0-9]*\)/metrics$|\1|p' broker.log)
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
grep -q '^facefarm_faces_made_total{kind="label"} 600' <<<"$(cat <&3)" || fail "no metrics of the job"
exec 3>&-
stop "$worker_pid"
stop "$broker_pid"
if grep -iE 'EPERM|not permitted' broker.log alone.log; then fail "something was refused"; fi
