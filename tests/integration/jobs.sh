#!/usr/bin/env bash
# Jobs of two users, a farm without workers, and cancelling.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need_bundle
start_broker
"$facefarm" bundle add "$bundle"
cat >labels.yaml <<END
format: facefarm-job/1
name: labels
bundle: default
stages:
  - {kind: label, name: labels, count: 64}
END

# Without a worker a job is kept, not lost and not failed.
expect_equal "workers" '[]' "$("$facefarm" worker list --json | tr -d ' \n' | sed 's/.*\(\[.*\]\).*/\1/')"
first=$(USER=anna submit labels.yaml)
second=$(USER=bert submit labels.yaml)
cancelled=$(submit "$here/study.yaml")
"$facefarm" job show "$first" | grep -q running || fail "job show does not say running"
expect_equal "owners" "anna bert" "$(query "SELECT group_concat(owner, ' ') FROM job WHERE id IN ($first, $second)")"
expect_equal "done without a worker" 0 "$(query "SELECT count(*) FROM task")"

# A cancelled job ends at once, with its stages, and stays so.
"$facefarm" job cancel "$cancelled"
expect_equal "state of the cancelled job" cancelled "$(job_state "$cancelled")"
expect_equal "its stages" cancelled "$(query "SELECT DISTINCT state FROM stage WHERE job_id = $cancelled")"
status=0
"$facefarm" job wait "$cancelled" || status=$?
expect_equal "exit code of waiting for it" 3 "$status"

# Both users' jobs are done when a worker comes, and give the same labels.
start_worker late
finish_job "$first"
finish_job "$second"
expect_equal "different labels" 0 "$(query "SELECT count(*) FROM
    (SELECT idx, age_fit, age_judge FROM face WHERE stage_id = (SELECT id FROM stage WHERE job_id = $first)
     EXCEPT SELECT idx, age_fit, age_judge FROM face WHERE stage_id = (SELECT id FROM stage WHERE job_id = $second))")"
expect_equal "labels of both" 128 "$(query "SELECT count(*) FROM face")"
expect_equal "the cancelled job now" cancelled "$(job_state "$cancelled")"
expect_equal "jobs listed" 3 "$("$facefarm" job list --json | grep -c '"submitted')"
