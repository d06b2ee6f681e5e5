#!/usr/bin/env bash
# A device that is lost in mid-job fails its task, comes back and goes on: with the tables of an undisturbed run.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
start_broker
"$facefarm" bundle add "$bundle"

# -36 is CL_INVALID_COMMAND_QUEUE; the first opening fails, too.
start_faulty alone 0:1 "function=clEnqueueNDRangeKernel nth=2000 code=-36 lost=1 openings=1"
wait_until "worker alone" known alone
job=$(submit "$here/study.yaml")
finish_job "$job"
grep -q 'is lost, it is opened again in 1.0 s (try 1 of 8)' alone.log || fail "the loss is not in the log"
grep -q 'is lost, it is opened again in 2.0 s (try 2 of 8): clCreateContext' alone.log ||
    fail "the opening that failed is not in the log"
grep -q 'is back' alone.log || fail "the device did not come back"
expect_equal "what failed" "E_LOST 1" "$(query "SELECT code || ' ' || count(*) FROM failure GROUP BY code")"
has "SELECT text LIKE '%clEnqueueNDRangeKernel of %CL_INVALID_COMMAND_QUEUE%' FROM failure" ||
    fail "the failure does not say what failed"
dump farm.db >tables
expect_same "$reference/tables" tables
stop "$worker_pid"
