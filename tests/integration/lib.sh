# shellcheck shell=bash
# What the integration tests share. Sourced. Each test has a folder of its own, $work, and a farm of real
# processes on a port that the system chooses; everything that it started is killed when it ends. Nothing
# sleeps for a fixed time: a test waits for a line, a row or a process.

set -euo pipefail

build=${FACEFARM_BUILD:?names the build folder; ctest sets it}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/integration
bundle=$root/models/default
facefarm=$build/cli/facefarm
broker_program=$build/broker/facefarm-broker
worker_program=$build/worker/facefarm-worker
# Made by reference.sh, read by those who compare with it.
# shellcheck disable=SC2034 # read by the tests
reference=$build/tests/integration/reference

# A worker is thought dead after this silence. Instrumented builds are slower, so it isn't smaller.
heartbeat_ms=250
silence_ms=2000
# How long a condition is waited for; ctest's own time-out stands behind it.
patience=500

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "FAILED: $*"; exit 1; }
skip() { say "skipped: $*"; exit 77; }

# The default bundle is trained by its recipe; a checkout without the networks cannot run a job.
need_bundle() { [ -f "$bundle/bundle.yaml" ] || skip "models/default has no bundle.yaml"; }

children=()
broker_pid='' worker_pid=''

# with_us COMMAND...: killed when the test is killed, as ctest does at its time-out.
with_us() { exec setpriv --pdeathsig KILL "$@"; }

# ended PID: no child of ours any more; another process may get its number.
ended()
{
    local pid rest=()
    for pid in "${children[@]}"; do
        [ "$pid" = "$1" ] || rest+=("$pid")
    done
    children=("${rest[@]}")
}

finish()
{
    local status=$?
    trap - EXIT
    if [ ${#children[@]} -gt 0 ]; then
        kill -KILL "${children[@]}" 2>/dev/null || true
        wait "${children[@]}" 2>/dev/null || true
    fi
    if [ "$status" != 0 ] && [ "$status" != 77 ]; then
        tail -n 40 "$work"/*.log >&2 || true
        say "its files are left in $work"
    else
        rm -rf "$work"
    fi
    exit "$status"
}

mkdir -p "$build/tests/integration"
work=$(mktemp -d "$build/tests/integration/${0##*/}.XXXXXX")
trap finish EXIT
cd "$work"

# wait_until WHAT COMMAND...: until the command succeeds; it fails if the broker that it needs has died.
wait_until()
{
    local what=$1 deadline=$((SECONDS + patience))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "$what did not come in $patience s"
        if [ -n "$broker_pid" ] && ! kill -0 "$broker_pid" 2>/dev/null; then
            fail "the broker died while waiting for: $what"
        fi
        read -r -t 0.02 <>"$work/never" || true # the pause between two looks
    done
}
mkfifo "$work/never"

# Options of a farm with keys; empty: plain text.
broker_options=() worker_options=() worker_key=''

# key NAME ROLE OWNER: a pair in NAME.key, authorized in the file `keys`.
key() { "$facefarm" keygen "$1.key" --role "$2" --name "$3" >>keys; }

# use_keys: the farm that is started after this speaks CurveZMQ. Keys: admin, client (of ada), other (of bob),
# worker (gpu-1). Commands are run with `as`, submit and finish_job are ada's.
use_keys()
{
    "$facefarm" keygen broker.key --role broker --name broker >broker.pub
    key admin admin root
    key client client ada
    key other client bob
    key worker worker gpu-1
    broker_options=(--secret broker.key --keys keys)
    worker_options=(--broker-key broker.pub)
    worker_key=worker.key
    export FACEFARM_SECRET=$work/client.key FACEFARM_BROKER_KEY=$work/broker.pub
}

# as NAME COMMAND...: with that key.
as()
{
    local name=$1
    shift
    FACEFARM_SECRET=$work/$name.key "$@"
}

# The broker's database, in $work.
database=farm.db

# Where the broker listens: on a free port, until a test says otherwise.
endpoint='tcp://127.0.0.1:*'

# start_broker: with the database and the store of $work; sets FACEFARM_BROKER and broker_pid.
start_broker()
{
    : >broker.log
    with_us "$broker_program" --db "$database" --store store --listen "$endpoint" \
        --heartbeat "$heartbeat_ms" --silence "$silence_ms" "${broker_options[@]}" >>broker.log 2>&1 &
    broker_pid=$!
    children+=("$broker_pid")
    wait_until "the broker's listening line" grep -q 'listening on' broker.log
    FACEFARM_BROKER=$(sed -n 's/.*listening on \([^ ]*\).*/\1/p' broker.log | sed -n 1p)
    export FACEFARM_BROKER
}

# known NAME: the condition of the worker's having been welcomed; it fails the test if the worker died instead.
known()
{
    kill -0 "$worker_pid" 2>/dev/null || fail "worker $1 died: $(tail -n 5 "$1.log")"
    has "SELECT count(*) > 0 FROM worker WHERE name = '$1'"
}

# run_worker NAME OPTION...: one thread, so that several share two cores; its process is in worker_pid.
run_worker()
{
    local name=$1
    shift
    with_us "$worker_program" --broker "$FACEFARM_BROKER" --name "$name" --device 0 --threads 1 \
        "${worker_options[@]}" ${worker_key:+--secret "$worker_key"} "$@" >"$name.log" 2>&1 &
    worker_pid=$!
    children+=("$worker_pid")
    wait_until "worker $name" known "$name"
}

# start_worker NAME: one that shares the broker's store.
start_worker() { run_worker "$1" --store store; }

# start_remote NAME [OPTION...]: one with a cache and without a store.
start_remote()
{
    local name=$1
    shift
    run_worker "$name" --cache "$work/cache" "$@"
}

# start_small: a farm with one worker, "alone", and the small bundle (made here, unless the test has made it).
start_small()
{
    [ -d small ] || "$build/tests/integration/small_bundle" small
    start_broker
    start_worker alone
    "$facefarm" bundle add small
}

# start_faulty NAME DEVICES FAULTS: a worker whose OpenCL calls fail, see tests/engine/opencl_faults.h.
start_faulty()
{
    FACEFARM_OPENCL_FAULTS=$3 with_us "$build/tests/integration/facefarm_worker_faulty" --broker "$FACEFARM_BROKER" --store store \
        --name "$1" --device "$2" >"$1.log" 2>&1 &
    worker_pid=$!
    children+=("$worker_pid")
}

# need_two_units: for tests that divide device 0.
need_two_units()
{
    local units
    units=$("$worker_program" --list-devices --json | sed -n 's/.*"compute_units": \([0-9]*\).*/\1/p' | sed -n 1p)
    [ "${units:-0}" -ge 2 ] || skip "device 0 has fewer than two compute units"
}

# stop PID: asks it to end, and expects that it does so in order.
stop()
{
    local status=0
    kill -TERM "$1"
    wait "$1" || status=$?
    ended "$1"
    [ "$status" = 0 ] || fail "process $1 ended with $status"
}

# kill_hard PID: as a power cut would.
kill_hard()
{
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
    ended "$1"
}

query() { sqlite3 -readonly -cmd '.timeout 10000' "$work/$database" "$1"; }

# has SQL-CONDITION: true when the farm's database says so.
has() { [ "$(query "SELECT coalesce(($1), 0)")" = 1 ]; }

# done_share STAGE PERCENT: a condition, of at least that share of a stage's indices being committed.
done_share()
{
    printf "SELECT sum(t.count) * 100 >= %d * s.total FROM task t JOIN stage s ON s.id = t.stage_id WHERE s.name = '%s'" \
        "$2" "$1"
}

# submit SPEC: prints the job's number.
submit() { "$facefarm" submit "$1"; }

# finish_job JOB: waits for its end as a person would.
finish_job() { timeout "$patience" "$facefarm" job wait "$1" || fail "facefarm job wait $1 ended with $?"; }

job_state() { query "SELECT state FROM job WHERE id = $1"; }

# Everything about a finished farm that may not depend on how it ran; dump.sql says what that is. Its database
# keeps its invariants, and its store has the files that the database tells of.
dump()
{
    "$facefarm" db check "$1" --store store >"$work/checked.log" 2>&1 || fail "db check: $(head -c 2000 "$work/checked.log")"
    sqlite3 -readonly -cmd '.timeout 10000' "$1" <"$here/dump.sql"
}

# expect_same EXPECTED FOUND: files, compared row for row.
expect_same()
{
    [ -s "$1" ] || fail "$1 is empty: there is nothing to compare with"
    diff -u "$1" "$2" >difference || fail "$2 differs from $1: $(head -c 2000 difference)"
}

# told GREP-ARGUMENTS...: grep -q that reads to the end: what writes to it may not end by SIGPIPE, which pipefail would
# take for a failure now and then.
told() { grep "$@" | cat >/dev/null; }

# expect_equal WHAT EXPECTED FOUND
expect_equal() { [ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"; }
