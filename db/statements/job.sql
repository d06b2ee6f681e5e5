-- Jobs and their stages.

-- name: job_insert
INSERT INTO job (name, owner, bundle_id, spec, seed, state, submitted_ms, priority, interactive, after_id, deadline_ms)
VALUES (?1, ?2, ?3, ?4, ?5, 'running', ?6, ?7, ?8, nullif(?9, 0), nullif(?10, 0));

-- name: stage_insert
INSERT INTO stage (job_id, position, name, kind, input_id, start, total, unit, variants, images, latents, state)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'waiting');

-- name: sample_range_insert
INSERT INTO sample_range (stage_id, idx, sample, count) VALUES (?1, ?2, ?3, ?4);

-- name: sample_range_delete
DELETE FROM sample_range WHERE stage_id = ?1 AND idx IN (SELECT idx FROM sample_range WHERE stage_id = ?1 ORDER BY idx LIMIT ?2);

-- Those of faces ?2 to ?2 + ?3 - 1.
-- name: sample_range_list
SELECT idx, sample, count FROM sample_range
WHERE stage_id = ?1 AND idx < ?2 + ?3
  AND idx >= (SELECT max(idx) FROM sample_range WHERE stage_id = ?1 AND idx <= ?2) ORDER BY idx;

-- name: mix_cell_insert
INSERT OR REPLACE INTO mix_cell (stage_id, cell, of, wanted, found, draws) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: variant_insert
INSERT INTO variant (stage_id, variant, distance, projected, target, description, second) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: stage_network_insert
INSERT INTO stage_network (stage_id, use, name, dimension) VALUES (?1, ?2, ?3, ?4);

-- name: job_set_state
UPDATE job SET state = ?2, ended_ms = CASE WHEN ?2 IN ('running', 'paused') THEN NULL ELSE ?3 END WHERE id = ?1;

-- name: stage_set_state
UPDATE stage SET state = ?2, error = coalesce(?3, error),
  started_ms = CASE WHEN ?2 = 'running' THEN ?4 ELSE started_ms END,
  ended_ms = CASE WHEN ?2 IN ('waiting', 'running') THEN NULL ELSE ?4 END, done = ?5
WHERE id = ?1;

-- What a restarted broker takes up again.
-- name: job_open_list
SELECT id, bundle_id, spec, owner, state, priority, interactive, coalesce(deadline_ms, 0), coalesce(after_id, 0),
  coalesce((SELECT state FROM job a WHERE a.id = j.after_id), '')
FROM job j WHERE state IN ('running', 'paused') ORDER BY id;

-- name: job_one
SELECT id, bundle_id, spec, owner, state, priority, interactive, coalesce(deadline_ms, 0), coalesce(after_id, 0),
  coalesce((SELECT state FROM job a WHERE a.id = j.after_id), '')
FROM job j WHERE id = ?1;

-- name: job_set_priority
UPDATE job SET priority = ?2 WHERE id = ?1;

-- name: user_set
INSERT INTO user (name, share, jobs, tasks) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (name) DO UPDATE SET share = excluded.share, jobs = excluded.jobs, tasks = excluded.tasks;

-- name: user_list
SELECT name, share, jobs, tasks FROM user ORDER BY name;

-- name: stage_forgive
UPDATE stage SET error = NULL, forgiven = coalesce((SELECT max(id) FROM failure WHERE stage_id = ?1), 0) WHERE id = ?1;

-- name: stage_list
SELECT id, position, state, error FROM stage WHERE job_id = ?1 ORDER BY position;

-- name: job_list
SELECT j.id, j.name, j.state, b.hash, j.submitted_ms, j.ended_ms,
  (SELECT sum(total) FROM stage s WHERE s.job_id = j.id),
  (SELECT sum(done) FROM stage s WHERE s.job_id = j.id),
  j.owner, j.priority, j.interactive, coalesce(j.after_id, 0), coalesce(j.deadline_ms, 0)
FROM job j JOIN bundle b ON b.id = j.bundle_id
WHERE j.id <= ?1 AND (?3 IS NULL OR j.owner = ?3) ORDER BY j.id DESC LIMIT ?2;

-- name: job_stages
SELECT s.id, s.name, s.kind, s.state, s.total, s.done, s.error,
  (SELECT coalesce(sum(p.count), 0) FROM poison p WHERE p.stage_id = s.id),
  (SELECT count(*) FROM failure f WHERE f.stage_id = s.id)
FROM stage s WHERE s.job_id = ?1 ORDER BY s.position;
