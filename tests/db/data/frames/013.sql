-- A judged grid, of which one face is done.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms) VALUES (130, 'grid', 'anna', 1, 'name: grid', 1, 'running', 13000);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, state, started_ms) VALUES
  (130, 130, 0, 'grid', 'edit', 0, 2, 2, 1, 'running', 13000);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms, evaluations) VALUES (130, 0, 1, 130, 1, 90, 'd130', 13000, 13100, 1, 0, 1, 2, 3, 0, 0, 6, 12);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge, distance, reached, stopped, evaluations) VALUES (130, 0, 0, 30, 31, 2.5, 0, 3, 12);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") VALUES (130, 0, 0, 1, 2);
INSERT INTO variant (stage_id, variant, distance, projected, description, second) VALUES (130, 0, 1, 0, 'a grid', -2);
INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak, method, description, "offset") VALUES
  (130, 0, 0, 'Young', x'0000803f00000000', 1, 0.5, 'plain', 'z + a n', 0.5);
