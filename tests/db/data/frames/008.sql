-- A paused job with every rank, of a user with limits.
INSERT INTO user (name, share, jobs, tasks) VALUES ('anna', 2.5, 10, 1000);
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, priority, interactive, after_id, deadline_ms) VALUES
  (80, 'ranked', 'anna', 1, 'name: ranked', 1, 'paused', 8000, 7, 1, 3, 9000);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, state) VALUES (80, 80, 0, 'labels', 'label', 0, 5, 1, 1, 'waiting');
