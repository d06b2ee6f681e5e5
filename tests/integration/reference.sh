#!/usr/bin/env bash
# The undisturbed run on one worker that the other tests compare theirs with.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need_bundle
rm -rf "$reference"
start_broker
start_worker alone
"$facefarm" bundle add "$bundle"
job=$(submit "$here/study.yaml")
finish_job "$job"
expect_equal "state" "done" "$(job_state "$job")"
dump farm.db >tables
# Closed in order, so that what the next test reads is one file.
stop "$worker_pid"
stop "$broker_pid"
mkdir "$reference"
cp -r farm.db store tables "$reference"
