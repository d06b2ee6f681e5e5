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
"$facefarm" job show "$first" | told running || fail "job show does not say running"
expect_equal "owners" "anna bert" "$(query "SELECT group_concat(owner, ' ') FROM job WHERE id IN ($first, $second)")"
expect_equal "done without a worker" 0 "$(query "SELECT count(*) FROM task")"

"$facefarm" explain "$first" | told -E '^labels +running +no worker is connected$' || fail "explain says: $("$facefarm" explain "$first")"
"$facefarm" explain "$first" --json | told '"code": "no_worker"' || fail "explain --json does not tell"

# A cancelled job ends at once, with its stages, and stays so.
"$facefarm" job cancel "$cancelled"
expect_equal "state of the cancelled job" cancelled "$(job_state "$cancelled")"
expect_equal "its stages" cancelled "$(query "SELECT DISTINCT state FROM stage WHERE job_id = $cancelled")"
status=0
"$facefarm" job wait "$cancelled" || status=$?
expect_equal "exit code of waiting for it" 3 "$status"

# A job that follows waits; a paused one rests, also over a broker's end.
"$facefarm" job pause "$first" | told paused || fail "job show does not say paused"
third=$("$facefarm" submit labels.yaml --after "$second" --priority -7 --deadline 2h)
"$facefarm" job priority "$third" --to -8 >/dev/null
kill_hard "$broker_pid"
endpoint=$FACEFARM_BROKER
start_broker
expect_equal "the paused job" paused "$(job_state "$first")"
expect_equal "what follows" waiting "$(query "SELECT state FROM stage WHERE job_id = $third")"
"$facefarm" job show "$third" | tr '\n' ' ' | told "priority -8 after job $second deadline 20" || fail "job show does not tell ranks"
"$facefarm" user set anna --share 2 --jobs 1 >/dev/null
"$facefarm" user list | told -E ' 2 +1/1 .* anna$' || fail "user list does not tell: $("$facefarm" user list)"
expect_equal "failures of the paused job" '{"failures":[]}' "$("$facefarm" job failures "$first" --json | tr -d ' \n')"
status=0
USER=anna "$facefarm" submit labels.yaml 2>refusal || status=$?
expect_equal "exit code beyond a limit" 1 "$status"
grep -q 'anna has 1 open jobs, 1 are allowed' refusal || fail "the refusal says: $(cat refusal)"
status=0
"$facefarm" submit labels.yaml --deadline yesterday 2>refusal || status=$?
expect_equal "exit code of a bad deadline" 2 "$status"
"$facefarm" job resume "$first" >/dev/null

# Both users' jobs are done when a worker comes, and give the same labels.
"$facefarm" events --follow --job "$third" >followed &
follower=$!
children+=("$follower")
start_worker late
finish_job "$first"
finish_job "$second"
finish_job "$third"
expect_equal "different labels" 0 "$(query "SELECT count(*) FROM
    (SELECT idx, age_fit, age_judge FROM face WHERE stage_id = (SELECT id FROM stage WHERE job_id = $first)
     EXCEPT SELECT idx, age_fit, age_judge FROM face WHERE stage_id = (SELECT id FROM stage WHERE job_id = $second))")"
expect_equal "labels of all" 192 "$(query "SELECT count(*) FROM face")"
expect_equal "the cancelled job now" cancelled "$(job_state "$cancelled")"
expect_equal "events of the third job" "submit priority start complete complete" \
    "$("$facefarm" events --job "$third" --json | sed 's/.*"event":"\([a-z]*\)".*/\1/' | paste -sd ' ')"
wait_until "the end of the third job among the followed events" grep -q "complete *job $third  running -> done" followed
kill "$follower"
"$facefarm" events | told 'broker_start' || fail "events do not tell of the broker"
expect_equal "jobs listed" 4 "$("$facefarm" job list --json | grep -c '"submitted')"
