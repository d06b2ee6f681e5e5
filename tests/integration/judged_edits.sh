#!/usr/bin/env bash
# Edits that networks end, from the spec to the report. A face that must stay the same person stops where an embedder (a
# convolutional network) says so, and nowhere else: another stage measures every point of the way. Photos are encoded,
# made older until an estimator says so, and judged by another one.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_small

# ---- the same person ----

careful()
{
    cat <<END
format: facefarm-job/1
name: careful
bundle: small
seed: 5
stages:
- {kind: label, name: labels, count: 600}
- {kind: fit, name: boundaries, from: labels}
- {kind: evaluate, name: stopped, from: boundaries, start: 1000, count: 100, task_size: $1, targets: [Smiling], distance: 6,
   conditions: [Male], identity: portrait, stop: {identity: 0.8}, walk: 8}
- {kind: evaluate, name: way, from: boundaries, start: 1000, count: 100, targets: [Smiling], distance: 0.75,
   distances: {from: 0.75, to: 6, steps: 8}, conditions: [Male], identity: portrait}
END
}
for size in 100 9; do
    careful $size >careful.yaml
    finish_job "$(submit careful.yaml)"
done
moves() { query "SELECT idx, variant, printf('%.17g', f.distance), stopped, printf('%.17g', identity) FROM face f WHERE stage_id = $1 ORDER BY 1, 2"; }
moves 3 >whole
moves 7 >in_parts
expect_same whole in_parts
expect_equal "the network" "portrait 8" "$(query "SELECT name || ' ' || dimension FROM stage_network WHERE stage_id = 3 AND use = 'identity'")"

# The steps of the way, each with what is left of the person there; and how many are within the bound before one is not.
query "CREATE TEMP TABLE step AS
SELECT f.idx, v.projected, CAST(round(v.distance / 0.75) AS INTEGER) AS step, f.identity
FROM face f JOIN variant v USING (stage_id, variant) WHERE f.stage_id = 4 AND f.variant > 0 GROUP BY 1, 2, 3;
CREATE TEMP TABLE expected AS
SELECT idx, projected, coalesce(min(CASE WHEN identity < 0.8 THEN step END) - 1, 8) AS steps FROM step GROUP BY 1, 2;
SELECT idx, projected, steps, CASE WHEN steps = 8 THEN 'reached' ELSE 'identity' END FROM expected ORDER BY 1, 2" >expected
query "SELECT f.idx, v.projected, CAST(round(f.distance / 0.75) AS INTEGER), e.name FROM face f JOIN variant v USING (stage_id, variant)
JOIN edit_end e ON e.number = f.stopped WHERE f.stage_id = 3 AND f.variant > 0 ORDER BY 1, 2" >found
expect_equal "edits" 200 "$(wc -l <found)"
expect_same expected found
for end in reached identity; do
    [ "$(grep -c "$end\$" found)" -gt 10 ] || fail "hardly an edit ends by $end: the test says nothing"
done
has "SELECT min(identity) >= 0.8 FROM face WHERE stage_id = 3" || fail "another person was kept"
"$facefarm" report --db farm.db --store store --job 1 --output report
grep -qF 'another person, by the identity network' report/index.html || fail "the report does not say why edits ended"

# ---- photos, by the judge ----

cat >draw.yaml <<END
format: facefarm-job/1
bundle: small
seed: 6
stages:
- {kind: sample, name: faces, start: 100, count: 30, output: png}
END
finish_job "$(submit draw.yaml)"
mkdir album
cp store/jobs/3/faces/*/*.png album
echo 'no picture' >album/a_note.jpg
images=$("$facefarm" photos import album --store store)
cat >older.yaml <<END
format: facefarm-job/1
name: older
bundle: small
seed: 5
stages:
- {kind: label, name: labels, count: 600}
- {kind: fit, name: boundaries, from: labels}
- {kind: encode, name: photos, images: $images, count: 31}
- {kind: edit, name: sheets, from: boundaries, photos: photos, faces: 5, targets: [age], reach: years, estimator: fitted,
   tolerance: 0.1, limit: 40, distances: {from: 30, to: 60, steps: 3}, conditions: [Male]}
- {kind: evaluate, name: ageing, from: boundaries, photos: photos, targets: [age], reach: more_years, estimator: fitted,
   tolerance: 0.1, limit: 40, distance: 12, conditions: [Male]}
END
finish_job "$(submit older.yaml)"
ageing=$(query "SELECT id FROM stage WHERE job_id = 4 AND name = 'ageing'")
sheets=$(query "SELECT id FROM stage WHERE job_id = 4 AND name = 'sheets'")
expect_equal "edits of photos" "60 reached" "$(query "SELECT count(*) || ' ' || group_concat(DISTINCT stopped) FROM face_move WHERE stage_id = $ageing AND variant > 0")"
has "SELECT max(abs(b.age_fit - a.age_fit - 12)) <= 0.1 FROM face a JOIN face b USING (stage_id, idx) WHERE a.stage_id = $ageing AND a.variant = 0 AND b.variant > 0" ||
    fail "photos are not twelve years older by the estimator that was asked"
# The judge is another network: its figure is its own, and the report's.
shift=$(query "SELECT avg(b.age_judge - a.age_judge) FROM face a JOIN face b USING (stage_id, idx) WHERE a.stage_id = $ageing AND a.variant = 0 AND b.variant = 1")
has "SELECT abs(mean_shift - ($shift)) < 1e-6 AND faces = 30 AND abs(mean_shift) > 1 AND abs(mean_shift - 12) > 0.5 FROM age_shift WHERE stage_id = $ageing AND projected = 0" ||
    fail "the judge says $shift years"
has "SELECT max(abs(f.age_fit - v.distance)) <= 0.1 AND count(*) = 30 FROM face f JOIN variant v USING (stage_id, variant) WHERE f.stage_id = $sheets" ||
    fail "sheets of photos show other ages than asked"
has "SELECT max(identity) <= 1.0001 AND count(identity) = 30 FROM face WHERE stage_id = $ageing AND variant = 1" || fail "edits are not compared with the photos"
"$facefarm" db check farm.db --store store >/dev/null
"$facefarm" report --db farm.db --store store --job 4 --output album_report
for words in 'id="photos"' '1 of 31 photos could not be read' "$(printf '%+.1f' "$shift")"; do
    grep -qF -- "$words" album_report/index.html || fail "the report does not say: $words"
done
