#!/usr/bin/env bash
# Which samples a stage has: seeds in ranges give the faces that a plain stage of the same seed has, however the
# stage is cut, in rows, files and views.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_small

cat >plain.yaml <<END
format: facefarm-job/1
bundle: small
seed: 5
stages:
- {kind: sample, name: faces, count: 60}
- {kind: label, name: labels, count: 600}
END
finish_job "$(submit plain.yaml)"

seeded()
{
    cat <<END
format: facefarm-job/1
bundle: small
seed: 5
stages:
- {kind: sample, name: faces, seeds: "50-59,3,999999999-1000000001,10-29", task_size: $1}
- {kind: label, name: labels, seeds: [400-599, 0-299], task_size: $1}
- {kind: fit, name: boundaries, set: balanced, folds: 2}
- {kind: edit, name: sheets, seeds: 31 7, targets: [Smiling], distances: {from: -2, to: 2, steps: 3}}
- {kind: edit, name: grids, seeds: [31, 7], targets: [Smiling, Male], distances: {from: -2, to: 2, steps: 3}, rows: {steps: 2}}
- {kind: evaluate, name: fresh, count: 10, targets: [age]}
- {kind: evaluate, name: seen, seeds: "1000-1009,550,2000", targets: [age], task_size: $1}
END
}
seeded 7 | sed 's/31 7/"31,7"/' >seeded.yaml
finish_job "$(submit seeded.yaml)"
seeded 500 | sed 's/31 7/"31,7"/' >whole.yaml
finish_job "$(submit whole.yaml)"

expect_equal "labelled faces" 500 "$(query "SELECT count(*) FROM small_labels WHERE job = 2")"
expect_equal "those that are other faces than the plain job's" 0 "$(query "SELECT count(*) FROM small_labels a LEFT JOIN small_labels b
    ON b.job = 1 AND b.sample = a.sample WHERE a.job = 2 AND (b.Smiling, b.Male, b.age_judge) IS NOT (a.Smiling, a.Male, a.age_judge)")"
expect_equal "their order" '400 599 0 299' "$(query "SELECT group_concat(sample, ' ') FROM (SELECT sample FROM small_labels WHERE job = 2 AND idx IN (0, 199, 200, 499) ORDER BY idx)")"
expect_equal "ranges" '0 50 10, 10 3 1, 11 999999999 3, 14 10 20' "$(query "SELECT group_concat(idx || ' ' || sample || ' ' || count, ', ') FROM
    (SELECT * FROM sample_ranges WHERE job = 2 AND stage = 'faces' ORDER BY idx)")"
expect_equal "a plain stage's" '0 0 600' "$(query "SELECT idx || ' ' || sample || ' ' || count FROM sample_ranges WHERE job = 1 AND stage = 'labels'")"

# The files are called after the samples, and show the same faces.
(cd store/jobs/1/faces && find . -name '*.png' -printf '%f\n' | sort) >plain
(cd store/jobs/2/faces && find . -name '*.png' -printf '%f\n' | sort) >seeds
expect_equal "files" 34 "$(wc -l <seeds)"
expect_equal "samples beyond the plain ones" '1000000000.png 1000000001.png 999999999.png' "$(comm -13 plain seeds | paste -s -d ' ')"
comm -12 plain seeds >both
while read -r name; do
    cmp "$(find store/jobs/1/faces -name "$name")" "$(find store/jobs/2/faces -name "$name")" || fail "$name is another face"
    cmp "$(find store/jobs/2/faces -name "$name")" "$(find store/jobs/3/faces -name "$name")" || fail "$name depends on the cut"
done <both
grep -qx 000000003.png seeds || fail "sample 3 has no file"

expect_equal "samples on the sheet" '31 7' "$(query "SELECT group_concat(sample, ' ') FROM (SELECT DISTINCT face, sample FROM small_edits WHERE job = 2 AND stage = 'sheets' ORDER BY face)")"
expect_equal "grids are called after theirs" 2 "$(find store/jobs/2/grids -name '*_000000031.png' -o -name '*_000000007.png' | wc -l)"
expect_equal "the middle of the sheet" 0 "$(query "SELECT count(*) FROM small_edits e JOIN small_labels l ON l.job = 1 AND l.sample = e.sample
    WHERE e.job = 2 AND e.stage = 'sheets' AND e.distance = 0 AND e.Smiling <> l.Smiling")"
expect_equal "an evaluation's samples" '1000 1009 550 2000' "$(query "SELECT group_concat(sample, ' ') FROM (SELECT sample FROM evaluation WHERE job = 2 AND stage = 'seen' AND idx IN (0, 9, 10, 11) ORDER BY idx)")"
expect_equal "behind what was labelled" 600 "$(query "SELECT min(sample) FROM evaluation WHERE job = 2 AND stage = 'fresh'")"
values="SELECT s.name, f.idx, f.variant, f.age_judge, f.distance FROM face f JOIN stage s ON s.id = f.stage_id WHERE s.job_id = %d ORDER BY 1, 2, 3"
# shellcheck disable=SC2059 # the format is ours
query "$(printf "$values" 2)" >in_parts
# shellcheck disable=SC2059
query "$(printf "$values" 3)" >at_once
expect_same at_once in_parts
expect_equal "boundaries that depend on the cut" 0 "$(query "SELECT count(*) FROM boundary a JOIN boundary b USING (position) JOIN stage s ON s.id = a.stage_id JOIN stage t ON t.id = b.stage_id
    WHERE s.job_id = 2 AND t.job_id = 3 AND (a.normal <> b.normal OR a.test_tp <> b.test_tp)")"
"$facefarm" db check farm.db --store store >/dev/null

"$facefarm" report --db farm.db --store store --job 2 --output report
grep -qF 'Stage seen measures faces that the boundaries were fitted on' report/index.html || fail "the report does not warn of sample 550"
if grep -qF 'Stage fresh measures faces' report/index.html; then fail "the report warns of fresh faces"; fi
grep -qF '50-59, 3, 999999999-1000000001, 10-29' report/index.html || fail "the report does not say which samples"

# A thousand million faces are two numbers.
cat >many.yaml <<END
format: facefarm-job/1
bundle: small
stages:
- {kind: label, seeds: "5,1000000000-1999999999", needs: {labels: {zone: nowhere}}}
END
job=$(submit many.yaml)
expect_equal "faces" 1000000001 "$(query "SELECT total FROM stage WHERE job_id = $job")"
"$facefarm" job cancel "$job" >/dev/null
