#!/usr/bin/env bash
# One worker process with two devices, the halves of a CPU: both work, and the tables are those of one device.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
need_two_units
start_broker
with_us "$worker_program" --broker "$FACEFARM_BROKER" --store store --name both --device 0:1,0:1 >both.log 2>&1 &
worker_pid=$!
children+=("$worker_pid")
wait_until "the first device" known both.0
wait_until "the second device" known both.1
"$facefarm" bundle add "$bundle"
job=$(submit "$here/study.yaml")
finish_job "$job"

expect_equal "devices that labelled" 2 "$(query "SELECT count(DISTINCT worker_id) FROM task t
    JOIN stage s ON s.id = t.stage_id WHERE s.name = 'labels'")"
expect_equal "failures" 0 "$(query "SELECT count(*) FROM failure")"
dump farm.db >tables
expect_same "$reference/tables" tables
stop "$worker_pid"
grep -q 'both.0.* leaves' broker.log || fail "the first device did not say goodbye"
grep -q 'both.1.* leaves' broker.log || fail "the second device did not say goodbye"
