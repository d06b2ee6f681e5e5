-- The journal of state changes: the table audit.

-- name: event_insert
INSERT INTO audit (at_ms, job_id, stage_id, worker_id, event, old, new, actor, text)
VALUES (?1, nullif(?2, 0), nullif(?3, 0), nullif(?4, 0), ?5, ?6, ?7, ?8, ?9);

-- The oldest up to ?1, at most ?2 of them.
-- name: event_prune
DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id <= ?1 ORDER BY id LIMIT ?2);

-- name: event_newest
SELECT coalesce(max(id), 0) FROM audit;

-- name: event_oldest
SELECT coalesce(min(id), 0) FROM audit;

-- Those behind ?1 up to ?2, of a job (?3, 0: all) and an owner's jobs (?4, NULL: everything).
-- name: event_list
SELECT a.id, a.at_ms, a.event, coalesce(a.job_id, s.job_id, 0), s.name, w.name, a.old, a.new, a.actor, a.text
FROM audit a
LEFT JOIN stage s ON s.id = a.stage_id
LEFT JOIN worker w ON w.id = a.worker_id
LEFT JOIN job j ON j.id = coalesce(a.job_id, s.job_id)
WHERE a.id > ?1 AND a.id <= ?2 AND (?3 = 0 OR j.id = ?3) AND (?4 IS NULL OR j.owner = ?4)
ORDER BY a.id LIMIT ?5;
