#!/usr/bin/env bash
# Three workers give what one gives, to the last bit.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
start_broker
for name in one two three; do
    start_worker "$name"
done
"$facefarm" bundle add "$bundle"
job=$(submit "$here/study.yaml")
finish_job "$job"

expect_equal "workers that labelled" 3 "$(query "SELECT count(DISTINCT worker_id) FROM task t
    JOIN stage s ON s.id = t.stage_id WHERE s.name = 'labels'")"
dump farm.db >tables
expect_same "$reference/tables" tables
