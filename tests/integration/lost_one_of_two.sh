#!/usr/bin/env bash
# A device that is lost and does not come back does not concern the other one of its worker, which ends the job
# with the same tables.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
need_two_units
start_broker
"$facefarm" bundle add "$bundle"
# -6 is CL_OUT_OF_HOST_MEMORY, after which nothing goes any more.
start_faulty both 0:1,0:1 "function=clEnqueueNDRangeKernel nth=2000 code=-6 lost=1 openings=1000"
wait_until "the first device" known both.0
wait_until "the second device" known both.1
job=$(submit "$here/study.yaml")
finish_job "$job"

expect_equal "devices lost" 1 "$(grep -c '(try 1 of 8)' both.log)"
if grep -q 'is back' both.log; then fail "the lost device came back"; fi
expect_equal "what failed" "E_LOST 1" "$(query "SELECT code || ' ' || count(*) FROM failure GROUP BY code")"
has "SELECT text LIKE '%clEnqueueNDRangeKernel of %does not answer%' FROM failure" || fail "the failure does not say that the device is gone"
"$facefarm" worker list >workers
expect_equal "lost devices in the list" 1 "$(grep -c '(lost) (cpu, ' workers)"
dump farm.db >tables
expect_same "$reference/tables" tables
stop "$worker_pid"
