#!/usr/bin/env bash
# Real file systems of a few MiB that are full or read-only: the queue pauses, says so, and goes on by itself when there
# is room; a store that is full or read-only is no failure; what cannot be written at a start is a clear error.
if [ -z "${FACEFARM_DISK_TEST:-}" ]; then
    # A mount namespace of its own, so that the mounts end with it.
    export FACEFARM_DISK_TEST=1
    for how in "unshare --mount" "unshare --user --map-root-user --mount"; do
        if $how sh -c 'mount -t tmpfs none /mnt' 2>/dev/null; then exec $how "$0"; fi
    done
    echo "disk.sh: skipped: this machine does not let us mount a tmpfs" >&2
    exit 77
fi
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
mkdir disk store
mount -t tmpfs -o size=12m none disk
mount -t tmpfs -o size=24m none store
database=disk/farm.db

# fill FOLDER: to the last byte.
fill() { cat /dev/zero >"$1/ballast" 2>/dev/null || true; }
notice() { "$facefarm" "$1" list --json | told "\"notice\": \"paused: the disk is full"; }
no_notice() { "$facefarm" job list --json | told '"notice": ""'; }

start_broker
start_worker patient
"$facefarm" bundle add "$bundle"
job=$(submit "$here/study.yaml")
wait_until "a fifth of the labels" has "$(done_share labels 20)"
fill disk
wait_until "the pause" notice job
notice worker || fail "worker list does not tell of the pause"
"$facefarm" job show "$job" 2>&1 | told 'the broker is paused: the disk is full' || fail "job show does not tell of the pause"
if submit "$here/study.yaml" >refused.log 2>&1; then fail "a submit was taken while paused"; fi
grep -q 'paused: the disk is full' refused.log || fail "a submit is refused as: $(cat refused.log)"
grep -q 'paused: the disk is full' broker.log || fail "the log does not tell of the pause"
rm disk/ballast
wait_until "the end of the pause" no_notice
finish_job "$job"
expect_equal "jobs" 1 "$(query "SELECT count(*) FROM job")"
dump disk/farm.db >tables
expect_same "$reference/tables" tables

# The store: nothing has failed by it.
fill store
second=$(submit "$here/study.yaml")
store_is_told() { "$facefarm" worker list --json | told '(store full)'; }
wait_until "the full store" store_is_told
rm store/ballast
finish_job "$second"
expect_equal "failures" 0 "$(query "SELECT count(*) FROM failure")"

# The same of a store that has become read-only: what is in it is read, and jobs wait for it to be writable again.
mount -o remount,size=48m disk
mount -o remount,ro store
third=$(submit "$here/study.yaml")
store_is_read_only() { "$facefarm" worker list --json | told '(store read-only)'; }
wait_until "the read-only store" store_is_read_only
expect_equal "state of the job" running "$(job_state "$third")"
mount -o remount,rw store
finish_job "$third"
expect_equal "failures" 0 "$(query "SELECT count(*) FROM failure")"

# A read-only disk at the start.
stop "$worker_pid"
stop "$broker_pid"
broker_pid=''
mount -o remount,ro disk
if "$broker_program" --db disk/farm.db --store store --listen 'tcp://127.0.0.1:*' >read_only.log 2>&1; then
    fail "the broker started on a read-only disk"
fi
grep -q 'disk/farm.db.*Read-only file system' read_only.log || fail "a read-only disk is told as: $(cat read_only.log)"
umount disk store
