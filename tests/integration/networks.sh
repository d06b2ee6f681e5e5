#!/usr/bin/env bash
# What a bundle's embedders say of edits: identity as a cosine and features of distributions, by the bundle's own
# networks, by those that a stage names, and the same however the stage was cut. A network that answers with what
# is no number fails the task that meets it, down to the one face.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

"$build/tests/integration/small_bundle" small
"$build/tests/integration/small_bundle" broken nan
sed -i 's/^name: small/name: broken/' broken/bundle.yaml
start_broker
start_worker alone
"$facefarm" bundle check small
"$facefarm" bundle add small
"$facefarm" bundle add broken

study()
{
    cat <<END
format: facefarm-job/1
name: networks
bundle: small
seed: 5
stages:
- {kind: label, name: labels, count: 600}
- {kind: fit, name: boundaries, from: labels}
- {kind: edit, name: sheets, faces: 3, targets: [Smiling], distances: {from: -2, to: 2, steps: 5}, conditions: [Male]}
- {kind: evaluate, name: ageing, start: 1000, count: 300, task_size: $1, targets: [age, Smiling], distance: 2,
   distances: {from: -2, to: 2, steps: 5}, conditions: [Male]}
- {kind: evaluate, name: named, start: 1000, count: 40, targets: [age], distance: 2, features: person}
- {kind: evaluate, name: unmeasured, start: 1000, count: 40, targets: [age], distance: 2, identity: none, features: none}
END
}

values="SELECT s.name, f.idx, f.variant, printf('%%.17g', f.identity), hex(a.feature) FROM face f JOIN stage s ON s.id = f.stage_id
    LEFT JOIN face_feature a USING (stage_id, idx, variant) WHERE s.job_id = %d AND s.kind <> 'label' ORDER BY 1, 2, 3"
for size in 300 7; do
    study $size >study.yaml
    finish_job "$(submit study.yaml)"
done
# shellcheck disable=SC2059 # the format is ours
query "$(printf "$values" 1)" >whole
# shellcheck disable=SC2059
query "$(printf "$values" 2)" >in_parts
expect_same whole in_parts

expect_equal "the networks" 'ageing features looks 5
ageing identity person 6
named features person 6
named identity person 6
sheets identity person 6' \
    "$(query "SELECT s.name || ' ' || n.use || ' ' || n.name || ' ' || n.dimension FROM stage_network n JOIN stage s ON s.id = n.stage_id WHERE s.job_id = 1 ORDER BY 1")"
expect_equal "features of the evaluation" "900 0 2" "$(query "SELECT count(*) || ' ' || min(variant) || ' ' || max(variant) FROM face_feature WHERE stage_id = 4")"
has "SELECT count(*) = 0 FROM face WHERE stage_id = 6 AND identity IS NOT NULL" || fail "identity was measured without a network"
has "SELECT min(identity) > 0.9999999 FROM face WHERE stage_id = 4 AND variant = 0" || fail "a face is not itself"
has "SELECT max(identity) < 0.99999 AND min(identity) > -1.0001 FROM face WHERE stage_id = 4 AND variant = 1" || fail "an edited face is the face"
# A sheet's third column of five is the face itself, at distance 0.
has "SELECT min(identity) > 0.99999 FROM face WHERE stage_id = 3 AND variant IN (2, 7)" || fail "a sheet's middle is another face"
has "SELECT max(identity) < 0.999 FROM face WHERE stage_id = 3 AND variant NOT IN (2, 7)" || fail "a sheet's edge is the same face"
# The farther, the less the same.
has "SELECT a.value < b.value AND a.high < 1 FROM measures a JOIN measures b USING (stage_id, target, projected, part, measure)
     WHERE a.stage_id = 4 AND a.target = 'age' AND a.projected = 0 AND a.measure = 'identity' AND a.distance = 2 AND b.distance = 1" ||
    fail "identity does not fall along the sweep"
has "SELECT count(*) = 1 FROM measures WHERE stage_id = 4 AND measure = 'identity_difference' AND distance = 2 AND target = 'age'" ||
    fail "plain and projected are not compared"

"$facefarm" report --db farm.db --store store --job 1 --output report
grep -q 'Identity against the age' report/index.html || fail "the report has no curve of identity"
grep -q 'features of network <b>looks</b>' report/index.html || fail "the report does not name the network of features"
grep -q '"network": "looks"' report/report.json || fail "report.json has no distances"

# Drift: a part of the labels against all, by the figures in the database.
has "SELECT abs(json_extract(g.value, '\$.difference') - (avg(CASE WHEN idx < 60 THEN x END) - avg(x)) / sqrt(avg(x * x) - avg(x) * avg(x))) < 1e-9
     AND json_extract(g.value, '\$.low') < json_extract(g.value, '\$.difference') AND json_extract(g.value, '\$.high') > json_extract(g.value, '\$.difference')
     FROM json_each(readfile('$work/report/report.json'), '\$.drift') g
     JOIN (SELECT 'Smiling' AS name, idx, Smiling AS x FROM face_attributes_1 WHERE stage_id = 1
           UNION ALL SELECT 'Male', idx, Male FROM face_attributes_1 WHERE stage_id = 1
           UNION ALL SELECT 'Odd', idx, Odd FROM face_attributes_1 WHERE stage_id = 1) a ON a.name = json_extract(g.value, '\$.attribute')
     WHERE json_extract(g.value, '\$.group') = 'part 1 of 10'" || fail "the drift of the first part is another"

# Unknown networks are refused when the job is submitted.
study 0 | sed 's/features: person/features: nobody/' >bad.yaml
if "$facefarm" submit bad.yaml >/dev/null 2>bad.log; then fail "an unknown embedder was taken"; fi
grep -q 'features: bundle small has no embedder "nobody"' bad.log || fail "$(cat bad.log)"
study 0 | sed 's/identity: none/identity: looks/' >bad.yaml
if "$facefarm" submit bad.yaml >/dev/null 2>bad.log; then fail "features judged identity"; fi
grep -q 'expected kind identity' bad.log || fail "$(cat bad.log)"

# No numbers: the job fails by the faces that have none, every other is done.
printf '%s\n' 'format: facefarm-job/1' 'bundle: broken' 'seed: 5' 'stages: [{kind: label, count: 100, task_size: 50}]' >odd.yaml
job=$(submit odd.yaml)
if "$facefarm" job wait "$job" >/dev/null 2>&1; then fail "a job with a face that has no score is done"; fi
"$facefarm" job failures "$job" >told 2>&1
grep -qE 'sample [0-9]+: odd \(o.onnx\) output y makes Odd -?nan, expected a finite number' told || fail "$(cat told)"
has "SELECT count(*) BETWEEN 1 AND 20 AND max(count) = 1 FROM poison p JOIN stage s ON s.id = p.stage_id WHERE s.job_id = $job" ||
    fail "what was set aside is more than the faces without a score"
