#!/usr/bin/env bash
# Workers that are drained, asked to end, or at their time limit leave in order: nothing has failed by it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
start_broker
start_worker drained
drained=$worker_pid
"$facefarm" bundle add "$bundle"
job=$(submit "$here/study.yaml")
wait_until "a tenth of the labels" has "$(done_share labels 10)"

# A drained worker ends by itself, with exit code 0, and delivers what ran.
"$facefarm" worker drain drained | told draining || fail "worker list does not say draining"
status=0
wait "$drained" || status=$?
ended "$drained"
expect_equal "exit code of the drained worker" 0 "$status"
expect_equal "state after the drain" running "$(job_state "$job")"

# One with a time limit, too.
with_us "$worker_program" --broker "$FACEFARM_BROKER" --store store --name limited --device 0 --threads 1 --time-limit 2 \
    >limited.log 2>&1 &
limited=$!
children+=("$limited")
wait "$limited" || fail "the worker with a time limit ended with $?"
ended "$limited"
grep -q 'its time limit has come' limited.log || fail "the time limit is not in the log"
# The worker does not wait for its goodbye to be committed.
wait_until "its goodbye" has "SELECT state = 'gone' FROM worker WHERE name = 'limited'"

# SIGTERM drops what runs, and gives it back.
start_worker asked
wait_until "two thirds of the labels" has "$(done_share labels 66)"
stop "$worker_pid"
start_worker last
finish_job "$job"
expect_equal "failures" 0 "$(query "SELECT count(*) FROM failure")"
dump farm.db >tables
expect_same "$reference/tables" tables
