#!/usr/bin/env bash
# `up`: runs a command on a farm of its own, hands on its exit code, starts again what is killed, and leaves no process.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

bundle=$here/../../models/default
[ -x "$FACEFARM_BUILD/broker/facefarm-broker" ] || skip "the broker is not built"
[ -x "$FACEFARM_BUILD/worker/facefarm-worker" ] || skip "the worker is not built"
[ "$("$FACEFARM_BUILD/worker/facefarm-worker" --list-devices --json 2>/dev/null | grep -c index)" != 0 ] || skip "this machine has no OpenCL device"
[ -f "$bundle/bundle.yaml" ] || skip "models/default has no bundle.yaml"

# left: processes of this test's farms; they carry its folder in their arguments
left() { pgrep -af -- "--store $work/" || true; }
# until COMMAND...: looks again until it succeeds, for a minute
until_true() { local end=$((SECONDS + 60)); until "$@"; do [ $SECONDS -lt $end ] || fail "\"$*\" did not come true"; sleep 0.1; done; }

up_command=("$facefarm" up --db farm.db --store "$work/store" --bundle "$bundle" --workers 1 --threads 1)

# shellcheck disable=SC2016 # for the inner shell
expect 7 'ready at' "${up_command[@]}" -- sh -c 'echo "$FACEFARM_BROKER"; exit 7'
grep -q '^tcp://127.0.0.1:' out || fail "the command has no FACEFARM_BROKER: $(cat out)"
same "processes left" "$(left)" ''
expect 1 'nonsense' "${up_command[@]}" --device nonsense -- true
expect 1 '--label zone: ' "${up_command[@]}" --label zone -- true
expect 1 '--label : ' "${up_command[@]}" --label '' -- true
"${up_command[@]}" --device 0:1 --memory 300M --label zone=a,rack=3 --db devices.db -- "$facefarm" study --faces 64 --samples 0 --evaluate 0 --sheets 0 --wait >out 2>err || fail "$(cat err)"
grep -q 'worker-1 on 0:1' err || fail "it does not say which device the worker has: $(cat err)"
grep -q 'of 300.0 MiB on' devices.db.log || fail "the worker does not keep to 300 MiB: $(cat devices.db.log)"
same "the worker's labels" "$(sqlite3 devices.db 'SELECT labels FROM worker')" 'rack=3,zone=a'
[ -s farm.db.log ] || fail "there is no farm.db.log"
expect 127 'no-such-command-anywhere: No such file' "${up_command[@]}" -- no-such-command-anywhere
expect 1 'nowhere' "${up_command[@]}" --bundle "$work/nowhere" -- true
same "processes left" "$(left)" ''

# A submitted job ends there; figures of the file are those of the job.
"${up_command[@]}" -- "$facefarm" study --faces 200 --samples 8 --evaluate 40 --sheets 1 --wait --json >study.json 2>err || fail "$(cat err)"
same "the job's state" "$(sqlite3 :memory: "SELECT json_extract(readfile('study.json'), '\$.state')")" 'done'
same "faces labelled" "$(sqlite3 farm.db "SELECT count(*) FROM default_labels")" 200
"$facefarm" report --db farm.db --store store --output report >/dev/null 2>err || fail "$(cat err)"
[ ! -s err ] || fail "$(cat err)"

# A killed worker and a killed broker come again, at the same endpoint.
"${up_command[@]}" --listen 'tcp://127.0.0.1:*' >out 2>err &
up=$!
until_true grep -q 'ready at' err
FACEFARM_BROKER=$(sed -n 's/.*ready at //p' err)
export FACEFARM_BROKER
kill -KILL "$(pgrep -P $up -f facefarm-worker)"
until_true grep -q 'worker-1 ended (killed by SIGKILL' err
kill -KILL "$(pgrep -P $up -f facefarm-broker)"
until_true grep -q 'broker ended (killed by SIGKILL' err
until_true sh -c "'$facefarm' worker list --json | grep -q '\"state\": \"idle\"'"
"$facefarm" job list | told study || fail "the job is gone"

# Every command answers in JSON; a job that is cancelled ends the wait for it with 3.
"$facefarm" study --faces 4000000 --samples 0 --evaluate 0 --sheets 0 --name endless --json >submitted.json
job=$(sqlite3 :memory: "SELECT json_extract(readfile('submitted.json'), '\$.job')")
"$facefarm" job wait "$job" --json >waited.json 2>progress &
waiter=$!
until_true grep -q 'labels running' progress
"$facefarm" job list --json >list.json
"$facefarm" job show "$job" --json >show.json
"$facefarm" job cancel "$job" --json >cancel.json
"$facefarm" worker list --json >workers.json
"$facefarm" bundle add "$bundle" --json >bundle.json
for file in *.json; do
    same "$file is JSON" "$(sqlite3 :memory: "SELECT json_valid(CAST(readfile('$file') AS TEXT))")" 1
done
status=0
wait $waiter || status=$?
same "exit code of a wait for a cancelled job" $status 3
same "the job's state" "$(sqlite3 :memory: "SELECT json_extract(readfile('waited.json'), '\$.state')")" cancelled
expect 3 cancelled "$facefarm" job wait "$job"
expect 1 99 "$facefarm" job show 99
expect 1 nobody "$facefarm" study --bundle nobody
"$facefarm" study --dry-run --faces 64 --samples 0 --evaluate 0 --sheets 0 >spec.yaml
"$facefarm" submit spec.yaml --wait >out 2>err || fail "$(cat err)"
"$facefarm" submit - <spec.yaml >out 2>err || fail "$(cat err)"
grep -qx '[0-9]*' out || fail "submit prints \"$(cat out)\", expected a job's number"

kill -TERM $up
status=0
wait $up || status=$?
same "exit code of a farm that was stopped" $status 0
same "processes left" "$(left)" ''

# Where up itself is killed its children end too.
"${up_command[@]}" --listen 'tcp://127.0.0.1:*' >out 2>err &
up=$!
until_true grep -q 'ready at' err
kill -KILL $up
wait $up 2>/dev/null || true
until_true sh -c "! pgrep -f -- '--store $work/stor[e]' >/dev/null"
say "done"
