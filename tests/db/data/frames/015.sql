-- Faces 5 and 9 of their seed.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (150, 'two', 'anna', 1, 'name: two', 1, 'done', 15000, 15100);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, done, state, started_ms, ended_ms) VALUES
  (150, 150, 0, 'labels', 'label', 5, 2, 1, 1, 2, 'done', 15000, 15100);
INSERT INTO sample_range (stage_id, idx, sample, count) VALUES (150, 0, 5, 1), (150, 1, 9, 1);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES (150, 0, 2, 150, 1, 90, 'd150', 15000, 15100, 2, 0, 1, 2, 3, 0, 0, 6);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) VALUES (150, 0, 0, 30, 31), (150, 1, 0, 32, 33);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") VALUES (150, 0, 0, 1, 2), (150, 1, 0, 1, 3);
INSERT INTO variant (stage_id, variant, distance, projected, description) VALUES (150, 0, 0, 0, 'as sampled');
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit) VALUES (150, 0, 0, 'Smiling', 2, 2, 1, 0);
