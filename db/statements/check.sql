-- Invariants. Each statement selects a sentence for every violation, so a sound database gives no rows. They
-- are run by their order of names in one read transaction (db/check.c); what one assumes, another checks.

-- name: check_begin
BEGIN;

-- name: check_integrity
SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok';

-- name: check_references
SELECT printf('a row of %s (%s) refers to a row of %s that is not there', "table", coalesce(rowid, 'without rowid'), parent)
FROM pragma_foreign_key_check;

-- A job or stage has ended exactly when it says when.
-- name: check_ends
SELECT printf('job %d is %s and its end is %s', id, state, coalesce(ended_ms, 'not noted'))
FROM job WHERE (state IN ('done', 'failed', 'cancelled')) <> (ended_ms IS NOT NULL)
UNION ALL
SELECT printf('stage %d of job %d is %s and its end is %s', id, job_id, state, coalesce(ended_ms, 'not noted'))
FROM stage WHERE (state IN ('done', 'failed', 'cancelled')) <> (ended_ms IS NOT NULL);

-- name: check_jobs
SELECT printf('job %d is done, its stage %d is %s', j.id, s.id, s.state)
FROM job j JOIN stage s ON s.job_id = j.id WHERE j.state = 'done' AND s.state <> 'done'
UNION ALL
SELECT printf('job %d is %s, its stage %d is still %s', j.id, j.state, s.id, s.state)
FROM job j JOIN stage s ON s.job_id = j.id
WHERE j.state IN ('failed', 'cancelled') AND s.state NOT IN ('done', 'failed', 'cancelled')
UNION ALL
SELECT printf('job %d failed, but none of its stages', id)
FROM job j WHERE state = 'failed' AND NOT EXISTS (SELECT 1 FROM stage WHERE job_id = j.id AND state = 'failed')
UNION ALL
SELECT printf('job %d has no stages', id) FROM job j WHERE NOT EXISTS (SELECT 1 FROM stage WHERE job_id = j.id);

-- A stage reads an earlier one of its own job, which is done once the stage has begun.
-- name: check_inputs
SELECT printf('stage %d of job %d reads stage %d of job %d, position %d', s.id, s.job_id, i.id, i.job_id, i.position)
FROM stage s JOIN stage i ON i.id = s.input_id WHERE i.job_id <> s.job_id OR i.position >= s.position
UNION ALL
SELECT printf('stage %d is %s, but the stage %d that it reads is %s', s.id, s.state, i.id, i.state)
FROM stage s JOIN stage i ON i.id = s.input_id WHERE s.state IN ('running', 'done') AND i.state <> 'done';

-- The last word of the audit is the state.
-- name: check_audit
SELECT printf('job %d is %s, its audit says %s', j.id, j.state, a.new)
FROM job j JOIN audit a ON a.id = (SELECT max(id) FROM audit WHERE job_id = j.id AND stage_id IS NULL AND new IS NOT NULL)
WHERE a.new <> j.state
UNION ALL
SELECT printf('stage %d is %s, its audit says %s', s.id, s.state, a.new)
FROM stage s JOIN audit a ON a.id = (SELECT max(id) FROM audit WHERE stage_id = s.id AND new IS NOT NULL)
WHERE a.new <> s.state;

-- Each index is counted once, and lies in its stage.
-- name: check_ranges
SELECT printf('stage %d: the task %d + %d lies outside of 0 to %d', t.stage_id, t.start, t.count, s.total)
FROM task t JOIN stage s ON s.id = t.stage_id WHERE t.start < 0 OR t.count < 1 OR t.start + t.count > s.total
UNION ALL
SELECT printf('stage %d: the tasks at %d and %d overlap', stage_id, start, next)
FROM (SELECT stage_id, start, count, lead(start) OVER (PARTITION BY stage_id ORDER BY start) AS next FROM task)
WHERE start + count > next
UNION ALL
SELECT printf('stage %d: the poisoned range %d + %d lies outside of 0 to %d', p.stage_id, p.start, p.count, s.total)
FROM poison p JOIN stage s ON s.id = p.stage_id WHERE p.start < 0 OR p.count < 1 OR p.start + p.count > s.total
UNION ALL
SELECT printf('stage %d: the range %d + %d is poisoned and done', p.stage_id, p.start, p.count)
FROM poison p WHERE EXISTS (
  SELECT 1 FROM task t WHERE t.stage_id = p.stage_id AND t.start < p.start + p.count AND t.start + t.count > p.start);

-- A stage is done when all of it is, and an ended one says how much.
-- name: check_progress
WITH progress AS (
  SELECT s.id, s.state, s.total, s.done, coalesce((SELECT sum(count) FROM task WHERE stage_id = s.id), 0) AS found FROM stage s
)
SELECT printf('stage %d is done with %d of %d indices', id, found, total)
FROM progress WHERE state = 'done' AND found <> total
UNION ALL
SELECT printf('stage %d is %s and says that %d indices are done, its tasks have %d', id, state, done, found)
FROM progress WHERE state IN ('done', 'failed', 'cancelled') AND done <> found;

-- Exactly the variants of exactly the done indices are measured.
-- name: check_faces
SELECT printf('stage %d has %d measured faces, its tasks have %d', s.id,
    (SELECT count(*) FROM face WHERE stage_id = s.id),
    ((SELECT coalesce(sum(count), 0) FROM task WHERE stage_id = s.id) - (SELECT count(*) FROM skipped WHERE stage_id = s.id)) * s.variants)
FROM stage s
WHERE (SELECT count(*) FROM face WHERE stage_id = s.id)
   <> ((SELECT coalesce(sum(count), 0) FROM task WHERE stage_id = s.id) - (SELECT count(*) FROM skipped WHERE stage_id = s.id)) * s.variants
UNION ALL
SELECT printf('stage %d: face %d is skipped, and measured', k.stage_id, k.idx)
FROM skipped k WHERE EXISTS (SELECT 1 FROM face f WHERE f.stage_id = k.stage_id AND f.idx = k.idx)
UNION ALL
SELECT printf('stage %d: face %d is measured, but of no task', f.stage_id, f.idx)
FROM (SELECT DISTINCT stage_id, idx FROM face) f
WHERE coalesce((SELECT start + count FROM task t WHERE t.stage_id = f.stage_id AND t.start <= f.idx
                ORDER BY start DESC LIMIT 1), 0) <= f.idx
UNION ALL
SELECT printf('stage %d: face %d has a variant %d, the stage has %d', f.stage_id, f.idx, f.variant, s.variants)
FROM face f JOIN stage s ON s.id = f.stage_id WHERE f.variant < 0 OR f.variant >= s.variants;

-- Which samples a stage's faces are is said of each face once, and no sample is two faces of a stage. While a stage waits
-- the faces of its mix may be half written (broker/selection.h), also where it was cancelled meanwhile.
-- name: check_samples
WITH ranges AS (
  SELECT r.*, lag(r.idx + r.count, 1, 0) OVER (PARTITION BY r.stage_id ORDER BY r.idx) AS expected,
         lead(r.sample) OVER (PARTITION BY r.stage_id ORDER BY r.sample) AS next,
         CASE s.kind WHEN 'edit' THEN s.unit ELSE s.total END AS faces,
         sum(r.count) OVER (PARTITION BY r.stage_id) AS found
  FROM sample_range r JOIN stage s ON s.id = r.stage_id WHERE s.state IN ('running', 'done')
)
SELECT printf('stage %d: the samples of face %d are said, expected face %d', stage_id, idx, expected) FROM ranges WHERE idx <> expected
UNION ALL
SELECT printf('stage %d: the samples %d + %d and %d overlap', stage_id, sample, count, next) FROM ranges WHERE sample + count > next
UNION ALL
SELECT DISTINCT printf('stage %d: the samples of %d of %d faces are said', stage_id, found, faces) FROM ranges WHERE found <> faces;

-- The wide table of each bundle has the rows of face, and no others. SQL that SQL writes, ?1 = bundle.
-- name: check_make_logits
SELECT printf('SELECT printf(''stage %%d: face %%d, variant %%d has no logits'', f.stage_id, f.idx, f.variant)
FROM face f JOIN stage s ON s.id = f.stage_id JOIN job j ON j.id = s.job_id
WHERE j.bundle_id = %d AND NOT EXISTS (SELECT 1 FROM face_attributes_%d a
  WHERE a.stage_id = f.stage_id AND a.idx = f.idx AND a.variant = f.variant)
UNION ALL
SELECT printf(''stage %%d: logits of face %%d, variant %%d, which is not measured'', a.stage_id, a.idx, a.variant)
FROM face_attributes_%d a WHERE NOT EXISTS (SELECT 1 FROM face f
  WHERE f.stage_id = a.stage_id AND f.idx = a.idx AND f.variant = a.variant)', ?1, ?1, ?1);

-- name: check_bundles
SELECT id FROM bundle ORDER BY id;

-- A fit's done indices are its boundaries, all of one length.
-- name: check_boundaries
SELECT printf('stage %d has %d boundaries, its tasks have %d', s.id, (SELECT count(*) FROM boundary WHERE stage_id = s.id),
    (SELECT coalesce(sum(count), 0) FROM task WHERE stage_id = s.id))
FROM stage s WHERE s.kind = 'fit' AND (SELECT count(*) FROM boundary WHERE stage_id = s.id)
  <> (SELECT coalesce(sum(count), 0) FROM task WHERE stage_id = s.id)
UNION ALL
SELECT printf('stage %d: the boundary of %s has a normal of %d bytes, others have %d', b.stage_id, b.name, length(b.normal), m.most)
FROM boundary b JOIN (SELECT stage_id, max(length(normal)) AS most FROM boundary GROUP BY stage_id) m USING (stage_id)
WHERE length(b.normal) <> m.most OR length(b.normal) % 4 <> 0
UNION ALL
SELECT printf('stage %d: there is a fit (%s) of boundary %d, but not the boundary', f.stage_id, f.role, f.position)
FROM fitted f WHERE NOT EXISTS (SELECT 1 FROM boundary b WHERE b.stage_id = f.stage_id AND b.position = f.position)
UNION ALL
SELECT printf('stage %d: there is a fit of layer %d of boundary %d, but not the boundary', f.stage_id, f.layer, f.position)
FROM fitted_layer f WHERE NOT EXISTS (SELECT 1 FROM boundary b WHERE b.stage_id = f.stage_id AND b.position = f.position);

-- A file belongs to a done range, and no two tasks share one (its path is the key).
-- name: check_files
SELECT printf('stage %d: %s is of the range %d + %d, which is not done', f.stage_id, f.path, f.start, f.count)
FROM file f WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.stage_id = f.stage_id
  AND t.start < f.start + f.count AND t.start + t.count > f.start);

-- What the report reads was made of all faces.
-- name: check_summaries
SELECT printf('stage %d is done: attribute %s, variant %d is summed up over %d faces of %d', s.id, a.attribute, a.variant, a.faces, s.total)
FROM stage s JOIN attribute_summary a ON a.stage_id = s.id WHERE s.state = 'done' AND a.faces <> s.total - (SELECT count(*) FROM skipped k WHERE k.stage_id = s.id)
UNION ALL
SELECT printf('stage %d is done and not summed up', s.id)
FROM stage s WHERE s.state = 'done' AND s.variants > 0 AND NOT EXISTS (SELECT 1 FROM attribute_summary WHERE stage_id = s.id)
  AND (SELECT count(*) FROM skipped k WHERE k.stage_id = s.id) < s.total;

-- Of a store beside the database: what should be in it.
-- name: check_stored
SELECT path, kind, bytes, sha256 FROM file ORDER BY stage_id, path;

-- Measures are those of an evaluation that has ended well, of its own edits.
-- name: check_measures
SELECT printf('stage %d is %s and %s, and has measures', s.id, s.kind, s.state)
FROM stage s WHERE EXISTS (SELECT 1 FROM measure m WHERE m.stage_id = s.id) AND (s.kind <> 'evaluate' OR s.state <> 'done')
UNION ALL
SELECT printf('stage %d: %s is measured of variant %d, which it has not', m.stage_id, m.name, m.variant)
FROM measure m WHERE NOT EXISTS (SELECT 1 FROM variant v WHERE v.stage_id = m.stage_id AND v.variant = m.variant)
UNION ALL
SELECT printf('stage %d: the interval of %s of variant %d is %g to %g', stage_id, name, variant, low, high)
FROM measure WHERE (low IS NULL) <> (high IS NULL) OR low > high;
