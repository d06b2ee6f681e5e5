-- A mix that was not reached.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (180, 'mix', 'anna', 1, 'name: mix', 1, 'failed', 18000, 18100);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, done, state, error, started_ms, ended_ms) VALUES
  (180, 180, 0, 'pool', 'label', 0, 1, 1, 1, 1, 'failed', 'the mix is not reached', 18000, 18100),
  (181, 180, 1, 'taken', 'sample', 0, 1, 1, 0, 0, 'cancelled', NULL, NULL, 18100);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES (180, 0, 1, 180, 1, 90, 'd180', 18000, 18100, 1, 0, 1, 2, 3, 0, 0, 6);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) VALUES (180, 0, 0, 30, 31);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") VALUES (180, 0, 0, 1, 2);
INSERT INTO variant (stage_id, variant, distance, projected, description) VALUES (180, 0, 0, 0, 'as sampled');
INSERT INTO mix_cell (stage_id, cell, of, wanted, found, draws) VALUES (180, 0, 'Smiling', 1, 1, 1), (180, 1, '-Smiling', 1, 0, 1);
