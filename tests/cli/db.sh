#!/usr/bin/env bash
# db check finds each kind of damage, and nothing in a sound database; db backup copies one that is being written.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

"$here/make_farm.sh" .
# The farm of the other tests is deliberately odd: a poisoned face of a stage that is done, and digests of nothing.
sqlite3 farm.db "PRAGMA journal_mode = WAL; DELETE FROM poison; UPDATE stage SET total = 999 WHERE id = 5;
    UPDATE task SET count = 99 WHERE stage_id = 5 AND start = 900" >journal_mode
sqlite3 farm.db "SELECT path, kind FROM file" | while IFS='|' read -r path kind; do
    if [ "$kind" = png-folder ]; then hash=$(cat "store/$path"/* | sha256sum); else hash=$(sha256sum <"store/$path"); fi
    echo "UPDATE file SET sha256 = '${hash%% *}' WHERE path = '$path';"
done >digests.sql
sqlite3 farm.db <digests.sql

"$facefarm" db check farm.db --store store >out 2>err || fail "a sound database: $(cat out err)"
grep -q '15 invariants checked, 85 files compared: nothing is wrong' err || fail "it says: $(cat err)"
same "sound with --json" "$("$facefarm" db check farm.db --json 2>/dev/null | tr -d ' \n')" \
    '{"sound":true,"invariants":15,"files":0,"wrong":0,"findings":[]}'

# damage INVARIANT WORDS SQL: the statement, applied to a sound copy, is found out as that.
damage()
{
    cp farm.db bad.db
    sqlite3 bad.db "PRAGMA foreign_keys = OFF; $3"
    if "$facefarm" db check bad.db >out 2>err; then fail "not found: $3"; fi
    grep "^$1 " out | told -F -- "$2" || fail "\"$3\" is not told as \"$1 … $2\" but: $(head -n 5 out)"
}
damage references 'a row of task' "UPDATE task SET worker_id = 99 WHERE stage_id = 1"
damage ends 'job 1 is running and its end is' "UPDATE job SET state = 'running'"
damage ends 'stage 2 of job 1 is done and its end is not noted' "UPDATE stage SET ended_ms = NULL WHERE id = 2"
damage jobs 'job 1 is done, its stage 4 is failed' "UPDATE stage SET state = 'failed' WHERE id = 4"
damage jobs 'job 1 is cancelled, its stage 4 is still waiting' "UPDATE job SET state = 'cancelled'; UPDATE stage SET state = 'waiting' WHERE id = 4"
damage jobs 'job 1 failed, but none of its stages' "UPDATE job SET state = 'failed'"
damage jobs 'job 1 has no stages' "DELETE FROM stage"
damage inputs 'stage 3 of job 1 reads stage 4' "UPDATE stage SET input_id = 4 WHERE id = 3"
damage inputs 'but the stage 2 that it reads is running' "UPDATE stage SET state = 'running' WHERE id = 2"
damage audit 'stage 3 is done, its audit says running' "INSERT INTO audit (at_ms, job_id, stage_id, event, old, new) VALUES (1, 1, 3, 'start', 'waiting', 'running')"
damage audit 'job 1 is done, its audit says failed' "INSERT INTO audit (at_ms, job_id, event, old, new) VALUES (1, 1, 'fail', 'running', 'failed')"
damage ranges 'the tasks at 0 and 100 overlap' "UPDATE task SET count = 101 WHERE stage_id = 2 AND start = 0"
damage ranges 'lies outside of 0 to 2000' "UPDATE task SET count = 200 WHERE stage_id = 2 AND start = 1900"
damage ranges 'is poisoned and done' "INSERT INTO poison VALUES (2, 150, 100)"
damage progress 'stage 2 is done with 1900 of 2000 indices' "DELETE FROM task WHERE stage_id = 2 AND start = 300"
damage progress 'says that 7 indices are done' "UPDATE stage SET done = 7 WHERE id = 2"
damage faces 'stage 2 has 1999 measured faces, its tasks have 2000' "DELETE FROM face WHERE stage_id = 2 AND idx = 7"
damage faces 'face 5000 is measured, but of no task' "UPDATE face SET idx = 5000 WHERE stage_id = 2 AND idx = 7"
damage faces 'has a variant 9, the stage has 7' "UPDATE face SET variant = 9 WHERE stage_id = 5 AND idx = 7 AND variant = 2"
damage logits 'face 7, variant 0 has no logits' "DELETE FROM face_attributes_1 WHERE stage_id = 2 AND idx = 7"
damage logits 'logits of face 5000, variant 0, which is not measured' "UPDATE face_attributes_1 SET idx = 5000 WHERE stage_id = 2 AND idx = 7"
damage boundaries 'stage 3 has 40 boundaries, its tasks have 41' "DELETE FROM boundary WHERE position = 7"
damage boundaries 'the boundary of Bald has a normal of 8 bytes, others have 16' "UPDATE boundary SET normal = x'0000000000000000' WHERE name = 'Bald'"
damage files 'which is not done' "UPDATE file SET start = 5000 WHERE stage_id = 1 AND start = 0"
damage samples 'stage 2: the samples of 1999 of 2000 faces are said' "INSERT INTO sample_range VALUES (2, 0, 5, 1999)"
damage samples 'stage 2: the samples of face 1001 are said, expected face 1000' "INSERT INTO sample_range VALUES (2, 0, 5, 1000), (2, 1001, 5000, 1000)"
damage samples 'stage 2: the samples 5 + 1000 and 1004 overlap' "INSERT INTO sample_range VALUES (2, 0, 1004, 1000), (2, 1000, 5, 1000)"
damage summaries 'is summed up over 998 faces of 999' "UPDATE attribute_summary SET faces = 998 WHERE stage_id = 5 AND position = 3"
damage summaries 'stage 5 is done and not summed up' "DELETE FROM attribute_summary WHERE stage_id = 5"
same "what is told of one invariant" "$(cp farm.db bad.db; sqlite3 bad.db "DELETE FROM face WHERE stage_id = 5"
    "$facefarm" db check bad.db 2>/dev/null | grep -c '^logits ' || true)" 20

# Pages that are damaged, and files that are no database.
cp farm.db bad.db
page=$(sqlite3 bad.db "SELECT pageno FROM dbstat WHERE name = 'face' AND pagetype = 'leaf' LIMIT 1" 2>/dev/null || true)
if [ -n "$page" ]; then
    dd if=/dev/urandom of=bad.db bs=4096 seek=$((page - 1)) count=1 conv=notrunc 2>/dev/null
    "$facefarm" db check bad.db >out 2>err && fail "a page of noise was not found"
    cat out err | told -iE 'malformed|page' || fail "a page of noise is told as: $(cat out err)"
fi
expect 1 'no-such.db' "$facefarm" db check no-such.db
echo "not a database, but long enough to be looked at as if it were one: $(seq 100)" >text.db
expect 1 'not an SQLite database' "$facefarm" db check text.db

# The store.
printf x >>"$(find store -name '*.png' | sort | sed -n 1p)"
rm "$(find store -path '*sheets*' -name '*.png' | sort | sed -n 1p)"
victim=$(find store -name '00000040.png')
rm "$victim" && ln -s /dev/zero "$victim"
sheet=$(find store -path '*sheets*' -name '*.png' | sort | sed -n 1p)
rm "$sheet" && mkfifo "$sheet"
if "$facefarm" db check farm.db --store store >out 2>err; then fail "the store's damage was not found"; fi
same "damaged files" "$(grep -c '^store ' out)" 4
grep -q 'is not a regular file' out || fail "a pipe is told as: $(cat out)"
grep -q 'has SHA-256 .* its task told' out || fail "a changed file is told as: $(cat out)"
grep -q 'No such file' out || fail "a missing file is told as: $(cat out)"
grep -q '00000040.png' out || fail "a link is told as: $(cat out)"

# A backup while somebody writes: what is committed is in it, what is not is not.
mkfifo orders never
sqlite3 farm.db <orders &
writer=$!
exec 3>orders
cat >&3 <<END
UPDATE worker SET name = 'committed';
BEGIN IMMEDIATE;
UPDATE worker SET name = 'not yet';
.output ready
SELECT 1;
.output
END
until [ -s ready ]; do read -r -t 0.02 <>never || true; done # the pause between two looks
"$facefarm" db backup farm.db copy.db || fail "backup ended with $?"
echo "COMMIT;" >&3
exec 3>&-
wait "$writer"
same "the copy" "$(sqlite3 copy.db "SELECT group_concat(DISTINCT name) FROM worker")" committed
same "the original" "$(sqlite3 farm.db "SELECT group_concat(DISTINCT name) FROM worker")" 'not yet'
"$facefarm" db check copy.db 2>err || fail "the copy is damaged: $(cat err)"
expect 1 'is there already' "$facefarm" db backup farm.db copy.db
expect 1 'No such file' "$facefarm" db backup farm.db nowhere/copy.db
same "leftovers" "$(find . -name '*.partial*')" ''
say "done"
