#!/usr/bin/env bash
# Where no broker is, commands say so and end with 4; endpoints off this machine are refused without keys.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

# All at once: each waits for its answer as long as it would in earnest.
begin=$SECONDS
number=0
pids=()
for words in "job list --broker ipc://$work/nobody" "worker list --broker ipc://$work/nobody" \
    "job wait 1 --broker ipc://$work/nobody" 'study --broker tcp://127.0.0.1:1 --json'; do
    number=$((number + 1))
    # shellcheck disable=SC2086 # words
    timeout 60 "$facefarm" $words >out.$number 2>err.$number &
    pids+=($!)
done
for i in "${!pids[@]}"; do
    status=0
    wait "${pids[$i]}" || status=$?
    same "exit code of number $((i + 1))" $status 4
    grep -q 'no broker answers' "err.$((i + 1))" || fail "it says: $(cat "err.$((i + 1))")"
done
[ $((SECONDS - begin)) -lt 40 ] || fail "they took $((SECONDS - begin)) s"
same "the error's code in JSON" "$(sqlite3 :memory: "SELECT json_extract(readfile('out.4'), '\$.error.code')")" E_TIMEOUT
expect 1 'example.org' "$facefarm" job list --broker tcp://example.org:7117
expect 1 'nonsense' "$facefarm" job list --broker nonsense
expect 2 "expected a job's number" "$facefarm" job wait soon
say "done"
