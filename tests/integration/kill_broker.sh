#!/usr/bin/env bash
# A broker that is killed and started again goes on where its last transaction ended; its worker comes
# back by itself, and so does the client that waits.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
start_broker
export FACEFARM_LOG=debug
start_worker patient
unset FACEFARM_LOG
"$facefarm" bundle add "$bundle"
job=$(submit "$here/study.yaml")
timeout "$patience" "$facefarm" job wait "$job" >wait.log 2>&1 &
client=$!
children+=("$client")

# kill_at STAGE PERCENT: kills the broker then and starts it on the same endpoint.
kill_at()
{
    wait_until "$2 % of $1" has "$(done_share "$1" "$2")"
    kill_hard "$broker_pid"
    expect_equal "state when the broker was killed" running "$(job_state "$job")"
    endpoint=$FACEFARM_BROKER
    start_broker
}
kill_at labels 20
kill_at labels 60
kill_at ageing 20

wait "$client" || fail "facefarm job wait ended with $?"

# The worker kept what it held, and the new broker leased none of it a second time.
expect_equal "tasks that the worker ran" "$(query "SELECT count(*) FROM task")" "$(grep -c ' done in ' patient.log)"
dump farm.db >tables
expect_same "$reference/tables" tables
