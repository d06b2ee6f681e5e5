#!/usr/bin/env bash
# Workers that share no store: the bundle goes to them over the wire, once, and the files of their results come
# back. Tables and files are those of a farm with a shared store, also when workers and the broker are killed.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
use_keys

start_broker
start_remote one
first=$worker_pid
# It has a folder, but that is another farm's store.
mkdir other
start_remote two --store other
# The bundle comes from the admin's machine: nothing but its bytes reaches the broker.
as admin "$facefarm" bundle add --upload "$bundle"
job=$(submit "$here/study.yaml")
wait_until "the first faces" has "SELECT count(*) > 0 FROM file"
kill_hard "$first"
start_remote three
wait_until "a third of the labels" has "$(done_share labels 33)"
port=${FACEFARM_BROKER##*:}
kill_hard "$broker_pid"
endpoint="tcp://127.0.0.1:$port"
start_broker
finish_job "$job"

expect_equal "faults" 0 "$(query "SELECT count(*) FROM determinism_fault")"
expect_equal "bundles fetched" 1 "$(cat one.log two.log three.log | grep -c 'bundles/.* fetched')"
expect_equal "left in .incoming" "" "$(ls store/.incoming)"
[ ! -e other/jobs ] || fail "files in a store that is another farm's"
unowned() { sed -E "s/^([0-9]+,'small',)'[^']*'/\1'-'/"; }
dump farm.db | unowned >tables # which compares the store's files with the tables
unowned <"$reference/tables" >expected
expect_same expected tables
