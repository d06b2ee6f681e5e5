#!/usr/bin/env bash
# A worker that is killed in mid-task costs time, never a result: another ends the job with the same tables.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
start_broker
start_worker victim
victim=$worker_pid
"$facefarm" bundle add "$bundle"
job=$(submit "$here/study.yaml")

wait_until "a third of the labels" has "$(done_share labels 33)"
kill_hard "$victim"
expect_equal "state when the worker was killed" running "$(job_state "$job")"
start_worker second
second=$worker_pid
wait_until "a third of the evaluation" has "$(done_share ageing 33)"
kill_hard "$second"
expect_equal "state when the second was killed" running "$(job_state "$job")"
start_worker third
finish_job "$job"

# What the dead ones logged last is told with what they held, and is what they logged.
"$facefarm" job failures "$job" --log >failures.txt
sed -n 's/^    | //p' failures.txt | sort -u >last_lines
[ -s last_lines ] || fail "no last lines of killed workers: $(cat failures.txt)"
while read -r line; do grep -qF -- "$line" victim.log second.log || fail "no worker logged: $line"; done <last_lines
expect_equal "failures whose worker's last lines are in the table" "$(query "SELECT count(*) FROM failure")" \
    "$(query "SELECT count(*) FROM failure WHERE log <> ''")"

has "SELECT max(attempts) > 1 FROM task" || fail "no range was leased twice: nothing was lost"
dump farm.db >tables
expect_same "$reference/tables" tables
