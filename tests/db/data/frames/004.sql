-- An evaluation of one face by targets, with measures.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (40, 'measured', 'anna', 1, 'name: measured', 1, 'done', 4000, 4400);
INSERT INTO stage (id, job_id, position, name, kind, input_id, start, total, unit, variants, done, state, started_ms, ended_ms) VALUES
  (40, 40, 0, 'labels', 'label', NULL, 0, 1, 1, 1, 1, 'done', 4000, 4100),
  (41, 40, 1, 'planes', 'fit', 40, 0, 1, 1, 0, 1, 'done', 4100, 4200),
  (42, 40, 2, 'shift', 'evaluate', 41, 0, 1, 1, 3, 1, 'done', 4200, 4300);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES
  (40, 0, 1, 40, 1, 1, 'd40', 4000, 4100, 1, 0, 1, 2, 3, 0, 0, 6), (41, 0, 1, 41, 1, 1, 'd41', 4100, 4200, 0, 0, 1, 0, 0, 4, 0, 5),
  (42, 0, 1, 42, 1, 1, 'd42', 4200, 4300, 3, 0, 1, 2, 3, 0, 0, 6);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge, identity) VALUES
  (40, 0, 0, 30, 31, NULL), (42, 0, 0, 30, 31, NULL), (42, 0, 1, 35, 36, 0.5), (42, 0, 2, 34, 35, 0.75);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young")
SELECT stage_id, idx, variant, age_fit - 35, 35 - age_fit FROM face WHERE stage_id IN (40, 42);
INSERT INTO variant (stage_id, variant, distance, projected, target) VALUES (40, 0, 0, 0, NULL), (42, 0, 0, 0, NULL), (42, 1, 2, 0, 1), (42, 2, 2, 1, 1);
INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
                      train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, test_auc) VALUES
  (41, 0, 'Smiling', x'0000803f00000000', 0.5, 0.25, 1, 3, 3, 1, 3, 1, 2, 0, 1, 1, 0.75);
INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak, method, description) VALUES
  (42, 1, 0, 'Smiling', x'0000803f00000000', 1, 0.5, 'plain', 'z + a n'), (42, 1, 1, 'Smiling', x'0000803f00000000', 0.75, 0, 'exact', 'z + a u');
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit, mean_change, flipped, sd_change, difference, sd_difference) VALUES
  (40, 0, 0, 'Smiling', 1, 0, -5, 1, NULL, NULL, NULL, NULL, NULL), (42, 0, 0, 'Smiling', 1, 0, -5, 1, NULL, NULL, NULL, NULL, NULL),
  (42, 1, 0, 'Smiling', 1, 0, 0, 1, 5, 1, 0.5, NULL, NULL), (42, 2, 0, 'Smiling', 1, 0, -1, 1, 4, 0, 0.5, -1, 0.25);
INSERT INTO measure (stage_id, variant, name, part, value, low, high, faces, resamples) VALUES
  (42, 1, 'age_shift', 'all', 5, 4, 6, 1, 100), (42, 2, 'age_shift', 'all', 4, 3, 5, 1, 100), (42, 1, 'monotone', 'all', 1, NULL, NULL, 1, 0);
