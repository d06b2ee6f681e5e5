-- Rows of imported latents.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms) VALUES (170, 'rows', 'anna', 1, 'name: rows', 1, 'running', 17000);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, state, started_ms, latents) VALUES
  (170, 170, 0, 'labels', 'label', 4, 2, 1, 1, 'running', 17000, 'l1234567890123');
