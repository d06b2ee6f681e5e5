-- Workers: one row a session.

-- name: worker_upsert
INSERT INTO worker (session, name, host, device, driver, device_kind, compute_units, memory, first_seen_ms, last_seen_ms,
  state, labels)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 'alive', ?10)
ON CONFLICT (session) DO UPDATE SET name = excluded.name, host = excluded.host, device = excluded.device,
  driver = excluded.driver, device_kind = excluded.device_kind, compute_units = excluded.compute_units,
  memory = excluded.memory, last_seen_ms = excluded.last_seen_ms,
  state = excluded.state, labels = excluded.labels
RETURNING id;

-- name: worker_seen
UPDATE worker SET last_seen_ms = ?2, state = ?3 WHERE id = ?1;

-- name: worker_aside
UPDATE worker SET aside = ?2 WHERE id = ?1;

-- Read once, when the broker starts: it counts from there.
-- name: worker_list
SELECT w.id, w.session, w.name, w.host, w.device, w.device_kind, w.last_seen_ms,
  coalesce(t.done, 0), coalesce(f.failed, 0), w.state = 'alive', w.aside, w.labels, w.memory
FROM worker w
LEFT JOIN (SELECT worker_id, count(*) AS done FROM task GROUP BY worker_id) t ON t.worker_id = w.id
LEFT JOIN (SELECT worker_id, count(*) AS failed FROM failure GROUP BY worker_id) f ON f.worker_id = w.id
ORDER BY w.last_seen_ms DESC LIMIT ?1;
