-- What `facefarm report` and `facefarm export` read. ?1 is the job. The statements called report_headline_… are
-- printed in the report, for whoever wants to ask the same of the file with sqlite3.

-- name: report_last_job
SELECT max(id) FROM job;

-- name: report_job
SELECT j.name, j.owner, j.state, j.seed, j.spec, j.submitted_ms, j.ended_ms, j.bundle_id, b.name, b.hash, b.dimension
FROM job j JOIN bundle b ON b.id = j.bundle_id WHERE j.id = ?1;

-- name: report_versions
SELECT (SELECT user_version FROM pragma_user_version), sqlite_version();

-- ---- headline figures ----

-- name: report_headline_faces
SELECT count(*) FROM stage s JOIN face f ON f.stage_id = s.id
WHERE s.job_id = ?1 AND s.kind = 'label';

-- name: report_headline_boundaries
SELECT count(*) FROM boundaries WHERE job = ?1 AND attribute <> 'age';

-- name: report_headline_balanced_accuracy
SELECT avg(balanced_accuracy) FROM boundaries WHERE job = ?1 AND attribute <> 'age';

-- name: report_headline_test_accuracy
SELECT avg(test_accuracy) FROM boundaries WHERE job = ?1 AND attribute <> 'age';

-- name: report_headline_base_rate
SELECT avg(base_rate) FROM boundaries WHERE job = ?1 AND attribute <> 'age';

-- name: report_headline_f1
SELECT avg(f1) FROM boundaries WHERE job = ?1 AND attribute <> 'age';

-- name: report_headline_auc
SELECT avg(auc) FROM boundaries WHERE job = ?1 AND attribute <> 'age';

-- `words` is NULL where it is a plain step.
-- name: report_headline_age_shift
SELECT projected, distance, faces, mean_before, mean_after, mean_shift, low, high,
  (SELECT name FROM direction d WHERE d.stage_id = age_shift.stage_id AND d.position = 0 AND d.projected = 0) AS target,
  (SELECT description FROM variant v WHERE v.stage_id = age_shift.stage_id AND v.variant = 1
     AND description NOT GLOB 'moved by [-0-9.e]*') AS words
FROM age_shift WHERE job = ?1 ORDER BY stage_id, projected;

-- Faces made and the time from the first lease to the last commit.
-- name: report_headline_throughput
SELECT sum(t.faces), max(t.committed_ms) - min(t.leased_ms), count(DISTINCT t.worker_id)
FROM task t JOIN stage s ON s.id = t.stage_id WHERE s.job_id = ?1;

-- ---- faces and sheets ----

-- name: report_sample_files
SELECT f.path, f.kind, f.start, f.count FROM file f JOIN stage s ON s.id = f.stage_id
WHERE s.job_id = ?1 AND s.kind = 'sample' ORDER BY s.position, f.start;

-- Faces, and the rows of sheets of mixed styles, which are faces as sampled beside a first row of others.
-- name: report_sample_count
SELECT coalesce(sum(f.count) FILTER (WHERE f.kind <> 'mixing'), 0), coalesce(sum(f.count) FILTER (WHERE f.kind = 'mixing'), 0) FROM file f JOIN stage s ON s.id = f.stage_id
WHERE s.job_id = ?1 AND s.kind = 'sample';

-- A row a target: its plain and its projected sheet, which may be missing; age first.
-- name: report_sheets
SELECT s.id, s.name, d.name, f.path, d.gain, d.leak, g.path, e.gain, e.leak, d.description, e.description, d.position, s.images IS NOT NULL
FROM stage s
JOIN direction d ON d.stage_id = s.id AND d.projected = 0
JOIN file f ON f.stage_id = s.id AND f.kind = 'sheet' AND f.projected = 0 AND f.start = d.position * s.unit
LEFT JOIN direction e ON e.stage_id = s.id AND e.projected = 1 AND e.position = d.position
LEFT JOIN file g ON g.stage_id = s.id AND g.kind = 'sheet' AND g.projected = 1 AND g.start = f.start
WHERE s.job_id = ?1 AND s.kind = 'edit'
ORDER BY s.position, d.name <> 'age', d.position;

-- The sheet whose first row opens the report: of age if there is one.
-- name: report_banner
SELECT d.name, f.path, min(v.distance), max(v.distance), count(v.variant) + (s.images IS NOT NULL), s.images IS NOT NULL
FROM stage s
JOIN direction d ON d.stage_id = s.id AND d.projected = 0
JOIN file f ON f.stage_id = s.id AND f.kind = 'sheet' AND f.projected = 0 AND f.start = d.position * s.unit
JOIN variant v ON v.stage_id = s.id AND v.projected = 0
WHERE s.job_id = ?1 AND s.kind = 'edit'
GROUP BY s.id, d.position ORDER BY d.name <> 'age', s.position, d.position LIMIT 1;

-- The distances of an edit stage's columns; ?1 is the stage.
-- name: report_steps
SELECT distance FROM variant WHERE stage_id = ?1 AND projected = 0 ORDER BY variant;

-- Mean identity of a sheet's columns; ?1 is the stage, ?2 the target, ?3 whether projected.
-- name: report_step_identity
SELECT avg(f.identity) FROM variant v JOIN stage s ON s.id = v.stage_id
LEFT JOIN face f ON f.stage_id = v.stage_id AND f.variant = v.variant AND f.idx >= ?2 * s.unit AND f.idx < (?2 + 1) * s.unit
WHERE v.stage_id = ?1 AND v.projected = ?3 GROUP BY v.variant ORDER BY v.variant;

-- ---- photos ----

-- name: report_photo_count
SELECT count(*) FROM photos WHERE job = ?1;

-- Those that latents were made of.
-- name: report_photo_encoded
SELECT count(*) FROM photo p JOIN stage s ON s.id = p.stage_id WHERE s.job_id = ?1 AND s.kind = 'encode';

-- name: report_photo_stages
SELECT stage, count(*), sum(code IS NOT NULL), avg(error), max(error), 20 * log10(255 / nullif(sqrt(avg(error * error)), 0)),
       avg(identity), min(identity), avg(age), avg(abs(age_reconstructed - age))
FROM photos WHERE job = ?1 GROUP BY stage_id ORDER BY stage_id;

-- The first photos and their reconstructions.
-- name: report_pairs
SELECT f.path, p.name, p.error, p.identity FROM file f
JOIN photos p ON p.stage_id = f.stage_id AND p.idx = f.start
WHERE p.job = ?1 AND f.kind = 'pair' ORDER BY f.stage_id, f.start;

-- Who has what, as photographed and given back; Wilson's interval.
-- name: report_photo_scores
SELECT a.attribute, s.name, a.faces, 1.0 * a.positives / a.faces,
  (a.positives + 1.920729410347062 - 1.959963984540054 * sqrt(1.0 * a.positives * (a.faces - a.positives) / a.faces + 0.960364705173531)) / (a.faces + 3.841458820694124),
  (a.positives + 1.920729410347062 + 1.959963984540054 * sqrt(1.0 * a.positives * (a.faces - a.positives) / a.faces + 0.960364705173531)) / (a.faces + 3.841458820694124),
  1.0 * r.positives / r.faces, r.mean_change / nullif(a.sd_logit, 0), 1.0 * r.flipped / r.faces
FROM attribute_summary a JOIN stage s ON s.id = a.stage_id
LEFT JOIN attribute_summary r ON r.stage_id = a.stage_id AND r.position = a.position AND r.variant = 1
WHERE s.job_id = ?1 AND a.variant = 0 AND EXISTS (SELECT 1 FROM photo p WHERE p.stage_id = s.id)
ORDER BY s.position, a.position;

-- name: report_photos_unread
SELECT name, stage, code || ': ' || text FROM photos WHERE job = ?1 AND code IS NOT NULL ORDER BY stage_id, idx LIMIT 100;

-- ---- labellers against what is known of photos ----

-- name: report_classifier_count
SELECT count(*) FROM classifier_quality WHERE job = ?1;

-- A stage's test part where it has one, else all its photos; beside it the training part.
-- name: report_classifier
SELECT q.attribute, q.stage, q.part, q.photos, 1.0 * q.positives / q.photos, t.accuracy, q.accuracy, q.accuracy_low, q.accuracy_high,
       q.base_rate, q.balanced_accuracy, q.balanced_low, q.balanced_high, q.precision, q.precision_low, q.precision_high,
       q.recall, q.recall_low, q.recall_high, q.f1, q.f1_low, q.f1_high, q.auc, q.auc_low, q.auc_high, q.squared_error, q.calibration_error
FROM classifier_quality q LEFT JOIN classifier_quality t ON t.stage_id = q.stage_id AND t.position = q.position AND t.part = 'train'
WHERE q.job = ?1 AND q.part = CASE WHEN EXISTS (SELECT 1 FROM photo_quality x WHERE x.stage_id = q.stage_id AND x.part = 'test')
                                   THEN 'test' ELSE 'all' END
ORDER BY q.stage_id, q.position;

-- name: report_classifier_means
SELECT stage, part, count(*), avg(accuracy), avg(base_rate), avg(balanced_accuracy), avg(f1), avg(auc)
FROM classifier_quality WHERE job = ?1 GROUP BY stage_id, part ORDER BY stage_id, part;

-- ---- ages ----

-- The first evaluate stage: where it is, gain and leak of its directions, and two things that make it honest: its faces
-- were not labelled for the fit, and it is judged by another estimator than the boundary was fitted with.
-- name: report_evaluate
SELECT s.id, s.start, d.name, d.gain, d.leak, e.gain, e.leak,
       NOT EXISTS (SELECT 1 FROM seen_stages v WHERE v.stage_id = s.id) AS unseen,
       EXISTS (SELECT 1 FROM face f WHERE f.stage_id = s.id AND f.age_fit IS NOT f.age_judge) AS two_estimators,
       s.name
FROM stage s
JOIN direction d ON d.stage_id = s.id AND d.projected = 0 AND d.position = 0
LEFT JOIN direction e ON e.stage_id = s.id AND e.projected = 1 AND e.position = 0
WHERE s.job_id = ?1 AND s.kind = 'evaluate' ORDER BY s.position LIMIT 1;

-- Faces by age in bins of two years; ?1 is the stage.
-- name: report_age_histogram
SELECT variant, 2 * CAST(floor(age_judge / 2) AS INTEGER) AS bin, count(*) FROM face
WHERE stage_id = ?1 AND age_judge IS NOT NULL
  AND variant <= 1 + (SELECT coalesce(max(projected), 0) FROM variant WHERE stage_id = ?1 AND variant = 2) GROUP BY variant, bin ORDER BY variant, bin;

-- Shifts of the faces in bins of two years; ?1 is the stage.
-- name: report_shift_histogram
SELECT a.variant, 2 * CAST(floor((a.age_judge - b.age_judge) / 2) AS INTEGER) AS bin, count(*)
FROM face a JOIN face b ON b.stage_id = a.stage_id AND b.idx = a.idx AND b.variant = 0
WHERE a.stage_id = ?1 AND a.variant > 0 AND a.age_judge IS NOT NULL AND b.age_judge IS NOT NULL
  AND a.variant <= 1 + (SELECT coalesce(max(projected), 0) FROM variant WHERE stage_id = ?1 AND variant = 2)
GROUP BY a.variant, bin ORDER BY a.variant, bin;

-- Share of the faces that the edit made older, and the estimator's own range; ?1 is the stage.
-- name: report_age_quality
SELECT a.variant, avg(a.age_judge > b.age_judge), min(a.age_judge), max(a.age_judge)
FROM face a JOIN face b ON b.stage_id = a.stage_id AND b.idx = a.idx AND b.variant = 0
WHERE a.stage_id = ?1 AND a.variant > 0 GROUP BY a.variant ORDER BY a.variant;

-- Mean shift by the age before, in tens of years with at least ten faces; ?1 is the stage.
-- name: report_shift_by_age
SELECT a.variant - 1, 10 * CAST(floor(b.age_judge / 10) AS INTEGER) + 5 AS age, avg(a.age_judge - b.age_judge)
FROM face a JOIN face b ON b.stage_id = a.stage_id AND b.idx = a.idx AND b.variant = 0
WHERE a.stage_id = ?1 AND a.variant > 0 AND a.age_judge IS NOT NULL AND b.age_judge IS NOT NULL
  AND a.variant <= 1 + (SELECT coalesce(max(projected), 0) FROM variant WHERE stage_id = ?1 AND variant = 2)
GROUP BY a.variant, age HAVING count(*) >= 10 ORDER BY a.variant, age;

-- Age over the sweep of the edit stages' target age: a row a face and step.
-- name: report_dose
SELECT v.projected, f.idx % s.unit, v.distance, f.age_judge
FROM stage s
JOIN direction d ON d.stage_id = s.id AND d.name = 'age' AND d.projected = 0
JOIN face f ON f.stage_id = s.id AND f.idx / s.unit = d.position
JOIN variant v ON v.stage_id = s.id AND v.variant = f.variant
WHERE s.job_id = ?1 AND s.kind = 'edit' AND f.age_judge IS NOT NULL
ORDER BY v.projected, f.idx, v.distance;

-- What else moved, in standard deviations of the logit, and the shares; ?1 is the evaluate stage.
-- name: report_moved
SELECT b.attribute, p.mean_change / nullif(b.sd_logit, 0), q.mean_change / nullif(b.sd_logit, 0),
       1.0 * b.positives / b.faces, 1.0 * p.positives / p.faces, 1.0 * q.positives / q.faces,
       q.difference / nullif(b.sd_logit, 0), (q.difference - 1.96 * q.sd_difference / sqrt(q.faces)) / nullif(b.sd_logit, 0),
       (q.difference + 1.96 * q.sd_difference / sqrt(q.faces)) / nullif(b.sd_logit, 0)
FROM attribute_summary b
JOIN attribute_summary p ON p.stage_id = b.stage_id AND p.position = b.position AND p.variant = 1
LEFT JOIN variant v ON v.stage_id = b.stage_id AND v.variant = 2 AND v.projected = 1
LEFT JOIN attribute_summary q ON q.stage_id = b.stage_id AND q.position = b.position AND q.variant = v.variant
WHERE b.stage_id = ?1 AND b.variant = 0
ORDER BY abs(p.mean_change / nullif(b.sd_logit, 0)) DESC, b.position;

-- Mean size of those changes, plain and projected; ?1 is the evaluate stage.
-- name: report_moved_mean
SELECT avg(abs(p.mean_change / nullif(b.sd_logit, 0))), avg(abs(q.mean_change / nullif(b.sd_logit, 0)))
FROM attribute_summary b
JOIN attribute_summary p ON p.stage_id = b.stage_id AND p.position = b.position AND p.variant = 1
LEFT JOIN variant v ON v.stage_id = b.stage_id AND v.variant = 2 AND v.projected = 1
LEFT JOIN attribute_summary q ON q.stage_id = b.stage_id AND q.position = b.position AND q.variant = v.variant
WHERE b.stage_id = ?1 AND b.variant = 0;

-- ---- labels and boundaries ----

-- name: report_distribution
SELECT attribute, positives, faces, share, low, high FROM class_distribution
WHERE job = ?1 ORDER BY stage_id, share DESC, position;

-- The study's table. A boundary fitted on fewer faces than four times the dimensions separates noise.
-- name: report_boundaries
SELECT v.attribute, v.data_size, v.positives, v.train_accuracy, v.test_accuracy, v.f1, v.base_rate,
       v.balanced_accuracy, v.auc, v.test_size,
       v.test_accuracy < v.base_rate AS baseline_wins,
       v.data_size - v.test_size < 4 * b.dimension AS small_training
FROM boundaries v JOIN job j ON j.id = v.job JOIN bundle b ON b.id = j.bundle_id
WHERE v.job = ?1 ORDER BY v.stage_id, v.attribute = 'age', v.position;

-- ---- the run ----

-- What was found of the mixes that stages looked for, cell by cell.
-- name: report_mix
SELECT s.name, c.of, c.found, c.wanted, c.draws FROM mix_cell c JOIN stage s ON s.id = c.stage_id
WHERE s.job_id = ?1 ORDER BY s.position, c.cell;

-- name: report_stages
SELECT s.name, s.kind, s.state, s.total, s.done, s.started_ms, s.ended_ms, s.error, coalesce(p.samples, '')
FROM stage s LEFT JOIN stage_samples p ON p.stage_id = s.id WHERE s.job_id = ?1 ORDER BY s.position;

-- name: report_throughput
SELECT stage, kind, worker, host, device, tasks, attempts, faces, bytes, latents_ms, generate_ms, label_ms, solve_ms,
       encode_ms, busy_ms, faces_per_second
FROM throughput WHERE job = ?1 ORDER BY stage_id, worker_id;

-- name: report_workers
SELECT DISTINCT w.name, w.host, w.device, w.driver, w.device_kind, w.compute_units, w.memory
FROM task t JOIN stage s ON s.id = t.stage_id JOIN worker w ON w.id = t.worker_id
WHERE s.job_id = ?1 ORDER BY w.id;

-- name: report_failures
SELECT s.name, f.start, f.count, f.code, f.text, count(*), coalesce(w.name, '')
FROM failure f JOIN stage s ON s.id = f.stage_id LEFT JOIN worker w ON w.id = f.worker_id
WHERE s.job_id = ?1 GROUP BY f.stage_id, f.start, f.count, f.code, f.text, f.worker_id ORDER BY min(f.id) LIMIT 100;

-- name: report_poison
SELECT s.name, p.start, p.count FROM poison p JOIN stage s ON s.id = p.stage_id
WHERE s.job_id = ?1 ORDER BY s.position, p.start LIMIT 100;

-- name: report_faults
SELECT s.name, d.start, d.count, w.name, d.expected, d.found
FROM determinism_fault d JOIN stage s ON s.id = d.stage_id JOIN worker w ON w.id = d.worker_id
WHERE s.job_id = ?1 ORDER BY d.id LIMIT 100;

-- ---- export ----

-- The makers' ?1 is the bundle; of what they make, ?1 is the job.
-- name: export_make_labels
SELECT printf('SELECT * FROM "%w_labels" WHERE job = ?1 ORDER BY stage, idx', view_prefix)
FROM bundle WHERE id = ?1;

-- name: export_make_evaluation
SELECT printf('SELECT * FROM "%w_evaluation" WHERE job = ?1 ORDER BY stage, idx', view_prefix)
FROM bundle WHERE id = ?1;

-- name: export_make_edits
SELECT printf('SELECT * FROM "%w_edits" WHERE job = ?1 ORDER BY stage, idx, variant', view_prefix)
FROM bundle WHERE id = ?1;

-- name: export_boundaries
SELECT v.stage, v.attribute, v.data_size, v.train_accuracy, v.test_accuracy, v.f1, v.base_rate, v.balanced_accuracy,
       v.precision, v.recall, v.auc, v.positives, v.test_positives, v.test_size, b."offset", b.threshold
FROM boundaries v JOIN boundary b ON b.stage_id = v.stage_id AND b.position = v.position
WHERE v.job = ?1 ORDER BY v.stage_id, v.position;

-- name: export_normals
SELECT s.name, b.name, b.normal, b.layers FROM boundary b JOIN stage s ON s.id = b.stage_id
WHERE s.job_id = ?1 ORDER BY b.stage_id, b.position;

-- Photos that an encode stage made latents of, and these, in the same order. ?2: of one stage, or NULL.
-- name: export_latents
SELECT s.name AS stage, row_number() OVER (PARTITION BY s.id ORDER BY l.idx) - 1 AS row, s.start + l.idx AS number, p.name AS photo, p.sha256
FROM photo_latent l JOIN stage s ON s.id = l.stage_id JOIN photo p ON p.stage_id = l.stage_id AND p.idx = l.idx
WHERE s.job_id = ?1 AND (?2 IS NULL OR s.name = ?2) ORDER BY s.position, l.idx;

-- name: export_latent_rows
SELECT s.name, l.latent FROM photo_latent l JOIN stage s ON s.id = l.stage_id
WHERE s.job_id = ?1 AND (?2 IS NULL OR s.name = ?2) ORDER BY s.position, l.idx;

-- ---- where edits ended, and grids; ?1 is the job ----

-- name: report_ends_count
SELECT count(*) FROM edit_ends WHERE job = ?1;

-- name: report_ends
SELECT e.stage, e.target, e.description, e.stopped, e.means, e.faces,
       1.0 * e.faces / (SELECT sum(f.faces) FROM edit_ends f
                        WHERE f.stage_id = e.stage_id AND f.variant = e.variant AND f.target = e.target),
       e.mean_distance, e.mean_evaluations
FROM edit_ends e WHERE e.job = ?1 ORDER BY e.stage_id, e.target, e.variant, e.faces DESC;

-- A row a grid of a face.
-- name: report_grids
SELECT s.name, f.path, f.projected, d.name, d2.name,
       coalesce((SELECT r.sample + f.start - r.idx FROM sample_range r WHERE r.stage_id = s.id AND r.idx <= f.start
                 ORDER BY r.idx DESC LIMIT 1), s.start + f.start), min(v.distance), max(v.distance),
       min(v.second), max(v.second),
       (SELECT description FROM variant w WHERE w.stage_id = s.id AND w.projected = f.projected ORDER BY w.variant LIMIT 1)
FROM stage s
JOIN file f ON f.stage_id = s.id AND f.kind = 'grid'
JOIN direction d ON d.stage_id = s.id AND d.position = 0 AND d.projected = 0
JOIN direction d2 ON d2.stage_id = s.id AND d2.position = 1 AND d2.projected = 0
JOIN variant v ON v.stage_id = s.id AND v.projected = f.projected
WHERE s.job_id = ?1 AND s.kind = 'edit'
GROUP BY s.id, f.path ORDER BY s.position, f.start, f.projected;

-- What the first column of a stage's sheets shows, in words, where it is no plain step; ?1 is the stage.
-- name: report_first_column
SELECT description FROM variant
WHERE stage_id = ?1 AND projected = 0 AND description NOT GLOB 'moved by [-0-9.e]*' ORDER BY variant LIMIT 1;
