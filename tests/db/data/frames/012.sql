INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (120, 'empty', 'anna', 1, 'name: empty', 1, 'done', 12000, 12100);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, done, state, started_ms, ended_ms) VALUES
  (120, 120, 0, 'probe', 'probe', 0, 5, 1, 0, 5, 'done', 12000, 12100);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES (120, 0, 5, 120, 1, 90, 'd120', 12000, 12100, 0, 0, 0, 0, 0, 0, 0, 0);
