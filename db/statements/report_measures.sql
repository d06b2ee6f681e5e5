-- What the report shows of an evaluation's measures. ?1 is the stage unless it says the job.

-- The job's evaluation with a sweep of its first target (three distances or more besides 0), the largest first;
-- ?1 is the job.
-- name: report_sweep_stage
SELECT s.id, s.name, s.total, s.start FROM stage s
WHERE s.job_id = ?1 AND s.kind = 'evaluate' AND s.state = 'done'
  AND (SELECT count(DISTINCT distance) FROM variant v WHERE v.stage_id = s.id AND v.target = 0) >= 3
ORDER BY s.total DESC, s.position LIMIT 1;

-- The job's evaluation of the most targets, if of several; ?1 is the job.
-- name: report_effects_stage
SELECT s.id, s.name, s.total, s.start, max(v.target) + 1 AS targets,
       (SELECT distance FROM variant WHERE stage_id = s.id AND variant = 1) FROM stage s
JOIN variant v ON v.stage_id = s.id
WHERE s.job_id = ?1 AND s.kind = 'evaluate' AND s.state = 'done'
GROUP BY s.id HAVING targets > 1 ORDER BY targets DESC, s.position LIMIT 1;

-- The job's evaluations whose faces have features of a network; ?1 is the job.
-- name: report_feature_stages
SELECT s.id, s.name, n.name, n.dimension, (SELECT max(variant) + 1 FROM face_feature f WHERE f.stage_id = s.id) FROM stage s
JOIN stage_network n ON n.stage_id = s.id AND n.use = 'features'
WHERE s.job_id = ?1 AND s.kind = 'evaluate' AND s.state = 'done'
  AND EXISTS (SELECT 1 FROM face_feature f WHERE f.stage_id = s.id) ORDER BY s.position;

-- name: report_features
SELECT idx, variant, feature FROM face_feature WHERE stage_id = ?1 ORDER BY idx, variant;

-- name: report_logit_stage
SELECT s.id, s.name, j.bundle_id FROM stage s JOIN job j ON j.id = s.job_id
WHERE s.job_id = ?1 AND s.kind = 'evaluate' AND s.state = 'done' ORDER BY s.position LIMIT 1;

-- name: report_parts
SELECT CASE p.part WHEN 'all' THEN 'all faces' WHEN 'male' THEN 'men, by the classifier' WHEN 'female' THEN 'women, by the classifier'
         ELSE printf('%d to %d years before', substr(p.part, 5), substr(p.part, 5) + 9) END,
       p.faces, p.value, p.low, p.high, q.value, q.low, q.high
FROM measure p LEFT JOIN variant v ON v.stage_id = p.stage_id AND v.variant = 2 AND v.projected = 1
LEFT JOIN measure q ON q.stage_id = p.stage_id AND q.variant = v.variant AND q.name = p.name AND q.part = p.part
WHERE p.stage_id = ?1 AND p.variant = 1 AND p.name = 'age_shift'
ORDER BY p.part <> 'all', p.part NOT IN ('male', 'female'), p.part;

-- name: report_spread
WITH kinds (variant, label, prefix) AS (
  VALUES (0, 'age before', 'age'), (1, 'age after', 'age'), (2, 'age after, projected', 'age'),
         (1, 'shift', 'age_shift'), (2, 'shift, projected', 'age_shift'))
SELECT k.label, q5.value, q25.value, q50.value, q75.value, q95.value, sd.value, low.value, high.value
FROM kinds k
JOIN measure q5 ON q5.stage_id = ?1 AND q5.variant = k.variant AND q5.name = k.prefix || '_q05'
JOIN measure q25 ON q25.stage_id = ?1 AND q25.variant = k.variant AND q25.name = k.prefix || '_q25'
JOIN measure q50 ON q50.stage_id = ?1 AND q50.variant = k.variant AND q50.name = k.prefix || '_q50'
JOIN measure q75 ON q75.stage_id = ?1 AND q75.variant = k.variant AND q75.name = k.prefix || '_q75'
JOIN measure q95 ON q95.stage_id = ?1 AND q95.variant = k.variant AND q95.name = k.prefix || '_q95'
JOIN measure sd ON sd.stage_id = ?1 AND sd.variant = k.variant AND sd.name = k.prefix || '_sd'
LEFT JOIN measure low ON low.stage_id = ?1 AND low.variant = k.variant AND low.name = 'clipped_low' AND k.prefix = 'age'
LEFT JOIN measure high ON high.stage_id = ?1 AND high.variant = k.variant AND high.name = 'clipped_high' AND k.prefix = 'age'
WHERE k.variant < 2 OR (SELECT projected FROM variant WHERE stage_id = ?1 AND variant = 2) = 1;

-- name: report_identity_network
SELECT name FROM stage_network WHERE stage_id = ?1 AND use = 'identity';

-- A measure of every target at the stage's own distance, plain and projected; ?2 is its name.
-- name: report_identity
SELECT d.name, p.value, p.low, p.high, q.value, q.low, q.high, x.value, x.low, x.high
FROM variant v
JOIN direction d ON d.stage_id = v.stage_id AND d.position = v.target AND d.projected = 0
JOIN measure p ON p.stage_id = v.stage_id AND p.variant = v.variant AND p.name = ?2 AND p.part = 'all'
LEFT JOIN variant w ON w.stage_id = v.stage_id AND w.variant = v.variant + 1 AND w.projected = 1 AND w.target = v.target
LEFT JOIN measure q ON q.stage_id = v.stage_id AND q.variant = w.variant AND q.name = ?2 AND q.part = 'all'
LEFT JOIN measure x ON x.stage_id = v.stage_id AND x.variant = w.variant AND x.name = ?2 || '_difference' AND x.part = 'all'
WHERE v.stage_id = ?1 AND v.projected = 0 AND v.distance = (SELECT distance FROM variant WHERE stage_id = ?1 AND variant = 1)
ORDER BY v.target;

-- Plain against projected, of the first target at the stage's own distance.
-- name: report_projection
WITH names (name, label, place) AS (
  VALUES ('age_shift', 'age shift, years', 0), ('target_change', 'target, standard deviations', 1),
         ('dependency', 'all else, standard deviations', 2), ('dependency_ratio', 'all else for a unit of the target', 3),
         ('identity', 'identity, cosine of embeddings', 4), ('likeness', 'likeness, cosine of the logits', 5))
SELECT n.label, p.value, p.low, p.high, q.value, q.low, q.high, d.value, d.low, d.high,
       CASE WHEN d.low > 0 THEN 'more' WHEN d.high < 0 THEN 'less' ELSE 'no difference seen' END
FROM names n
JOIN measure p ON p.stage_id = ?1 AND p.variant = 1 AND p.name = n.name AND p.part = 'all'
JOIN measure q ON q.stage_id = ?1 AND q.variant = 2 AND q.name = n.name AND q.part = 'all'
JOIN measure d ON d.stage_id = ?1 AND d.variant = 2 AND d.name = n.name || '_difference' AND d.part = 'all'
ORDER BY n.place;

-- A measure over the sweep of the first target; ?2 is its name.
-- name: report_sweep
SELECT v.projected, v.distance, m.value, m.low, m.high
FROM measure m JOIN variant v ON v.stage_id = m.stage_id AND v.variant = m.variant
WHERE m.stage_id = ?1 AND v.target = 0 AND m.part = 'all' AND m.name = ?2
ORDER BY v.projected, v.distance;

-- Two measures of the same edits against each other; ?2 and ?3 are their names.
-- name: report_sweep_pairs
SELECT v.projected, a.value, b.value, b.low, b.high
FROM measure a JOIN measure b ON b.stage_id = a.stage_id AND b.variant = a.variant AND b.part = a.part
JOIN variant v ON v.stage_id = a.stage_id AND v.variant = a.variant
WHERE a.stage_id = ?1 AND v.target = 0 AND a.part = 'all' AND a.name = ?2 AND b.name = ?3 AND v.distance > 0
ORDER BY v.projected, v.distance;

-- The sweep's figures that are one a kind of edit.
-- name: report_sweep_shape
SELECT CASE v.projected WHEN 1 THEN 'projected' ELSE 'plain' END, m.value, m.low, m.high, a.value, r.value, m.faces
FROM measure m JOIN variant v ON v.stage_id = m.stage_id AND v.variant = m.variant
LEFT JOIN measure a ON a.stage_id = m.stage_id AND a.variant = m.variant AND a.name = 'disentanglement_area'
LEFT JOIN measure r ON r.stage_id = m.stage_id AND r.variant = m.variant AND r.name = 'disentanglement_reach'
WHERE m.stage_id = ?1 AND v.target = 0 AND m.name = 'monotone' ORDER BY v.projected;

-- The re-scoring matrix at the stage's own distance; ?2 says whether projected.
-- name: report_rescoring
SELECT target_position, position, target, attribute, per_step FROM rescoring r
WHERE stage_id = ?1 AND projected = ?2 AND distance = (SELECT distance FROM variant WHERE stage_id = ?1 AND variant = 1)
ORDER BY target_position, position;

-- What each target's edit does, plain and projected.
-- name: report_effects
SELECT d.name, e.gain, t.value, u.value, r.value, r.low, r.high, q.value, q.low, q.high, x.value, x.low, x.high
FROM variant v
JOIN direction d ON d.stage_id = v.stage_id AND d.position = v.target AND d.projected = 0
JOIN measure t ON t.stage_id = v.stage_id AND t.variant = v.variant AND t.name = 'target_change' AND t.part = 'all'
JOIN measure r ON r.stage_id = v.stage_id AND r.variant = v.variant AND r.name = 'dependency_ratio' AND r.part = 'all'
LEFT JOIN variant w ON w.stage_id = v.stage_id AND w.variant = v.variant + 1 AND w.projected = 1 AND w.target = v.target
LEFT JOIN direction e ON e.stage_id = v.stage_id AND e.position = v.target AND e.projected = 1
LEFT JOIN measure u ON u.stage_id = v.stage_id AND u.variant = w.variant AND u.name = 'target_change' AND u.part = 'all'
LEFT JOIN measure q ON q.stage_id = v.stage_id AND q.variant = w.variant AND q.name = 'dependency_ratio' AND q.part = 'all'
LEFT JOIN measure x ON x.stage_id = v.stage_id AND x.variant = w.variant AND x.name = 'dependency_ratio_difference' AND x.part = 'all'
WHERE v.stage_id = ?1 AND v.projected = 0 AND v.distance = (SELECT distance FROM variant WHERE stage_id = ?1 AND variant = 1)
ORDER BY x.value IS NULL, x.value, r.value;

-- How many targets it helps, harms, or neither; and the means.
-- name: report_effects_count
SELECT sum(m.high < 0), sum(m.low > 0), count(*), avg(m.value)
FROM measure m JOIN variant v ON v.stage_id = m.stage_id AND v.variant = m.variant
WHERE m.stage_id = ?1 AND m.name = 'dependency_ratio_difference' AND m.part = 'all'
  AND v.distance = (SELECT distance FROM variant WHERE stage_id = ?1 AND variant = 1);

-- The gain–leak curves of a target in the first stage that has them; ?1 is the job, ?2 the target.
-- name: report_gain_leak
SELECT method, weight, gain, leak FROM gain_leak_curve
WHERE job = ?1 AND target = ?2 AND stage_id = (SELECT min(stage_id) FROM gain_leak_curve WHERE job = ?1 AND target = ?2)
ORDER BY method, weight;

-- All targets of the sheets at some discounts; ?1 is the job.
-- name: report_gain_leak_targets
SELECT c.target,
  max(CASE WHEN method = 'exact' AND weight = 0 THEN leak END),
  max(CASE WHEN method = 'exact' AND abs(weight - 0.5) < 1e-6 THEN gain END), max(CASE WHEN method = 'exact' AND abs(weight - 0.5) < 1e-6 THEN leak END),
  max(CASE WHEN method = 'exact' AND abs(weight - 0.8) < 1e-6 THEN gain END), max(CASE WHEN method = 'exact' AND abs(weight - 0.8) < 1e-6 THEN leak END),
  max(CASE WHEN method = 'exact' AND abs(weight - 1) < 1e-6 THEN gain END),
  max(CASE WHEN method = 'correlation' THEN gain END), max(CASE WHEN method = 'correlation' THEN leak END),
  max(CASE WHEN method = 'naive' AND abs(weight - 1) < 1e-6 THEN gain END), max(CASE WHEN method = 'naive' AND abs(weight - 1) < 1e-6 THEN leak END)
FROM gain_leak_curve c
WHERE c.job = ?1 AND c.stage_id = (SELECT stage_id FROM gain_leak_curve WHERE job = ?1 GROUP BY stage_id ORDER BY count(DISTINCT position) DESC, stage_id LIMIT 1)
GROUP BY c.position ORDER BY c.position;

-- ---- matrices ----

-- The boundaries of the job's first fit; ?1 is the job.
-- name: report_normals
SELECT b.name, b.normal FROM boundary b
WHERE b.stage_id = (SELECT id FROM stage WHERE job_id = ?1 AND kind = 'fit' ORDER BY position LIMIT 1)
ORDER BY b.position;

-- The job's first label stage and its bundle; ?1 is the job.
-- name: report_label_stage
SELECT s.id, j.bundle_id, s.name, s.total FROM stage s JOIN job j ON j.id = s.job_id
WHERE s.job_id = ?1 AND s.kind = 'label' AND s.images IS NULL AND s.state = 'done' ORDER BY s.position LIMIT 1;

-- Which worker labelled what.
-- name: report_label_tasks
SELECT t.start, t.count, t.worker_id, w.name, w.device FROM task t JOIN worker w ON w.id = t.worker_id
WHERE t.stage_id = ?1 ORDER BY t.start;

-- name: report_attributes
SELECT name FROM bundle_attribute WHERE bundle_id = ?1 ORDER BY position;

-- ---- warnings ----

-- A sentence for whatever makes a figure weaker than it looks; ?1 is the job.
-- name: report_warnings
WITH b AS (
  SELECT v.*, replace(v.attribute, '_', ' ') AS label, u.dimension,
         v.data_size - v.test_size AS train_size
  FROM boundaries v JOIN job j ON j.id = v.job JOIN bundle u ON u.id = j.bundle_id WHERE v.job = ?1
), e AS (
  SELECT s.* FROM stage s WHERE s.job_id = ?1 AND s.kind = 'evaluate' AND s.state = 'done'
)
SELECT 'judge' AS code, printf('The ages of stage %s are judged by the estimator that the boundary was fitted with: an edit can please its own ruler. Name a second estimator with role judge in the bundle.', name) AS text
FROM e WHERE EXISTS (SELECT 1 FROM face f WHERE f.stage_id = e.id AND f.age_judge IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM face f WHERE f.stage_id = e.id AND f.age_fit IS NOT f.age_judge)
UNION ALL
SELECT 'seen', printf('Stage %s measures faces that the boundaries were fitted on.', name)
FROM e WHERE e.id IN (SELECT stage_id FROM seen_stages WHERE job = ?1)
UNION ALL
SELECT 'photos', printf('Stage %s: %d of %d photos could not be read and are left out; the table of photos says why.', s.name, count(p.code), count(*))
FROM stage s JOIN photo p ON p.stage_id = s.id WHERE s.job_id = ?1 GROUP BY s.id HAVING count(p.code) > 0
UNION ALL
SELECT 'baseline', printf('%d of %d boundaries answer no better on test faces than always saying the majority: %s. Their accuracy says nothing; look at balanced accuracy and AUC.', count(*), (SELECT count(*) FROM b), group_concat(label, ', '))
FROM b WHERE test_accuracy <= base_rate HAVING count(*) > 0
UNION ALL
SELECT 'small', printf('%d boundaries were fitted on fewer than four times as many faces as the latent space has dimensions (%d): such a set can always be separated, and the training accuracy is noise: %s.', count(*), max(dimension), group_concat(label, ', '))
FROM b WHERE train_size < 4 * dimension HAVING count(*) > 0
UNION ALL
SELECT 'positives', printf('%d %s tested on fewer than 30 faces that have the attribute, so that F1 and recall are rough: %s.', count(*), iif(count(*) = 1, 'boundary is', 'boundaries are'), group_concat(label || ' (' || test_positives || ')', ', '))
FROM b WHERE test_positives < 30 HAVING count(*) > 0
UNION ALL
SELECT w.code, printf('%s: %s.', upper(substr(w.code, 1, 1)) || substr(w.code, 2), group_concat(replace(w.attribute, '_', ' ') || ' (' || w.text || ')', '; '))
FROM boundary_warnings w WHERE w.job = ?1 AND w.code IN ('one class', 'few of a class', 'no better than chance', 'unstable') GROUP BY w.code
UNION ALL
SELECT 'clipped', printf('Stage %s: %.1f %% of the ages after the edit lie at an end of the estimator''s range; those faces may have moved further than it can say.', e.name, 100 * max(m.value))
FROM e JOIN measure m ON m.stage_id = e.id AND m.name IN ('clipped_low', 'clipped_high') AND m.variant > 0
GROUP BY e.id HAVING max(m.value) > 0.01
UNION ALL
SELECT 'monotone', printf('Stage %s: along the sweep only %.0f %% of the faces move one way at every step.', e.name, 100 * m.value)
FROM e JOIN measure m ON m.stage_id = e.id AND m.name = 'monotone' JOIN variant v ON v.stage_id = e.id AND v.variant = m.variant
WHERE v.target = 0 AND v.projected = 0 AND m.value < 0.8
UNION ALL
SELECT 'backwards', printf('Stage %s: along these boundaries their own attribute went the wrong way: %s. A ratio to it means nothing.', e.name,
  group_concat(replace(d.name, '_', ' ') || CASE v.projected WHEN 1 THEN ', projected' ELSE '' END, '; '))
FROM e JOIN measure m ON m.stage_id = e.id AND m.name = 'target_change' AND m.part = 'all' AND m.value <= 0
JOIN variant v ON v.stage_id = e.id AND v.variant = m.variant AND v.distance > 0
JOIN direction d ON d.stage_id = e.id AND d.position = v.target AND d.projected = v.projected
WHERE v.distance = (SELECT distance FROM variant WHERE stage_id = e.id AND variant = 1)
GROUP BY e.id
UNION ALL
SELECT 'identity', 'The bundle has no network for identity: likeness compares the classifier''s logits and does not know the person.'
WHERE EXISTS (SELECT 1 FROM e JOIN measure m ON m.stage_id = e.id AND m.name = 'likeness')
  AND NOT EXISTS (SELECT 1 FROM e JOIN measure m ON m.stage_id = e.id AND m.name = 'identity')
UNION ALL
SELECT 'first', printf('Stage %s: measures are of the first %d of %d faces.', e.name, min(m.faces), e.total)
FROM e JOIN measure m ON m.stage_id = e.id AND m.name = 'likeness' GROUP BY e.id HAVING min(m.faces) < e.total - (SELECT count(*) FROM skipped k WHERE k.stage_id = e.id);
