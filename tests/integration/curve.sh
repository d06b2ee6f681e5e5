#!/usr/bin/env bash
# A farm with keys gives the tables of one without: broker, worker, a client's job and an admin's bundle. SIGHUP
# revokes: the worker's leases go back and another key ends the job.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
use_keys
start_broker
start_worker victim
as admin "$facefarm" bundle add "$bundle"
job=$(as client submit "$here/study.yaml")
expect_equal "owner" ada "$(query "SELECT owner FROM job WHERE id = $job")"
expect_equal "jobs that another client sees" 0 "$(as other "$facefarm" job list --json | grep -c '"job":' || true)"

wait_until "a third of the labels" has "$(done_share labels 33)"
key worker2 worker gpu-2
sed -i '/ gpu-1$/d' keys
kill -HUP "$broker_pid"
wait_until "the end of the victim's session" grep -q 'key is not authorized any more' broker.log
worker_key=worker2.key
start_worker second
finish_job "$job"
grep -q 'E_DENIED\|not authorized any more' victim.log || fail "the victim was not told: $(tail -n 5 victim.log)"
expect_equal "failed attempts" 0 "$(query "SELECT count(*) FROM failure")"
# All but the owner, who is a key's here.
unowned() { sed -E "s/^([0-9]+,'small',)'[^']*'/\1'-'/"; }
dump farm.db | unowned >tables
unowned <"$reference/tables" >expected
expect_same expected tables
