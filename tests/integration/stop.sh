#!/usr/bin/env bash
# What runs is stopped by pausing and by cancelling, in the middle of a task, and the worker goes on with other work.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need_bundle
start_broker
start_worker busy
"$facefarm" bundle add "$bundle"
# One task is the whole stage, minutes of work.
cat >long.yaml <<END
format: facefarm-job/1
name: long
bundle: default
stages:
  - {kind: label, name: labels, count: 65536, task_size: 65536}
END
cat >short.yaml <<END
format: facefarm-job/1
name: short
bundle: default
stages:
  - {kind: label, name: labels, count: 64}
END
leased() { "$facefarm" job show "$1" --json | told '"leased": [1-9]'; }
stopped() { [ "$(grep -c 'E_INTERRUPTED' busy.log)" = "$1" ]; }

long=$(submit long.yaml)
wait_until "the long job's task" leased "$long"
"$facefarm" job pause "$long" >/dev/null
wait_until "the task's end by the pause" stopped 1
short=$(submit short.yaml)
finish_job "$short"
"$facefarm" job resume "$long" >/dev/null
wait_until "the long job's task again" leased "$long"
"$facefarm" job cancel "$long" >/dev/null
wait_until "the task's end by the cancelling" stopped 2
short=$(submit short.yaml)
finish_job "$short"
expect_equal "failures" 0 "$(query "SELECT count(*) FROM failure")"
expect_equal "state of the long job" cancelled "$(job_state "$long")"
