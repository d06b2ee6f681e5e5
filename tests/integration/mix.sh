#!/usr/bin/env bash
# A target mix of classes: found among the labelled faces in their order, the same however they were cut and whether the
# broker was killed meanwhile; taken by other stages; and told where it is not reached.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_small

job()
{
    cat <<END
format: facefarm-job/1
bundle: small
seed: 5
stages:
- {kind: label, name: pool, start: 100, count: 600, task_size: $1, mix: [{faces: 30, of: [Male, -Smiling]}, {faces: 40, of: [-Male]}, {faces: 5, of: [Male]}]}
- {kind: sample, name: faces, samples: pool}
- {kind: label, name: balanced, samples: pool, task_size: $1}
- {kind: fit, name: boundaries, from: pool}
- {kind: fit, name: few, from: balanced}
- {kind: evaluate, name: ageing, from: boundaries, samples: pool, targets: [age]}
END
}
job 600 >whole.yaml
job 7 >parts.yaml
finish_job "$(submit whole.yaml)"
second=$(submit parts.yaml)
wait_until "the second job's first results" has "$(printf "SELECT count(*) > 3 FROM task t JOIN stage s ON s.id = t.stage_id WHERE s.job_id = %d" "$second")"
kill_hard "$broker_pid"
endpoint=$FACEFARM_BROKER
start_broker
finish_job "$second"

# What SQL would choose: a face goes to the first cell with room.
query "SELECT sample, Male, Smiling FROM small_labels WHERE job = 1 AND stage = 'pool' ORDER BY idx" | awk -F '|' '
    $2 > 0 && $3 <= 0 && a < 30 {a++; print $1; next}
    $2 <= 0 && b < 40 {b++; print $1; next}
    $2 > 0 && c < 5 {c++; print $1}' >expected
expect_equal "faces of the mix" 75 "$(wc -l <expected)"
for job in 1 2; do
    query "SELECT sample FROM small_labels WHERE job = $job AND stage = 'balanced' ORDER BY idx" >found
    expect_same expected found
done
expect_equal "their scores" 0 "$(query "SELECT count(*) FROM small_labels a JOIN small_labels b USING (job, sample)
    WHERE a.stage = 'balanced' AND b.stage = 'pool' AND (a.Male, a.Smiling, a.age_judge) IS NOT (b.Male, b.Smiling, b.age_judge)")"
find store/jobs/2/faces -name '*.png' -printf '%f\n' | sed 's/^0*//; s/\.png//' | sort -n >files
sort -n expected >sorted
expect_same sorted files
expect_equal "cells" 'Male, -Smiling|30|30
-Male|40|40
Male|5|5' "$(query "SELECT of, wanted, found FROM mix_cell WHERE stage_id = 1 ORDER BY cell")"
expect_equal "the last that was looked at" "$(sort -n expected | tail -n 1)" "$(query "SELECT 99 + max(draws) FROM mix_cell WHERE stage_id = 1")"
expect_equal "an evaluation's samples" 75 "$(query "SELECT count(*) FROM evaluation WHERE job = 2 AND sample IN (SELECT sample FROM small_labels WHERE job = 2 AND stage = 'balanced')")"
"$facefarm" db check farm.db --store store >/dev/null
"$facefarm" report --db farm.db --store store --job 2 --output report
grep -qF 'mix of stage pool, Male, -Smiling: 30 of 30 faces found among the first' report/index.html || fail "the report does not tell of the mix"

# What is not there is not reached, and told cell by cell.
job 600 | sed 's/faces: 40/faces: 500/' >bad.yaml
third=$(submit bad.yaml)
if "$facefarm" job wait "$third" >/dev/null 2>&1; then fail "a mix that is not there was found"; fi
expect_equal "the job" failed "$(job_state "$third")"
has "SELECT error GLOB 'the mix is not reached in 600 faces: Male, -Smiling: 30 of 30; -Male: [0-9]* of 500; Male: 5 of 5' FROM stage WHERE job_id = $third AND name = 'pool'" ||
    fail "it says: $(query "SELECT error FROM stage WHERE job_id = $third AND name = 'pool'")"
job 600 | sed 's/of: \[Male\]/of: [Bald]/' >bad.yaml
if "$facefarm" submit bad.yaml >/dev/null 2>bad.log; then fail "an attribute that the bundle has not was taken"; fi
grep -qF 'stage pool: mix: bundle small has no attribute "Bald"' bad.log || fail "$(cat bad.log)"
