-- A failure with the worker's last lines, forgiven by a retry.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms) VALUES (20, 'again', 'bert', 1, 'name: again', 1, 'running', 3000);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, state, started_ms, forgiven) VALUES
  (20, 20, 0, 'labels', 'label', 0, 4, 1, 1, 'running', 3000, 20);
INSERT INTO failure (id, stage_id, start, count, epoch, worker_id, code, text, at_ms, log) VALUES
  (20, 20, 0, 4, 9, NULL, 'E_LOST', 'it went', 3100, 'the last line');
