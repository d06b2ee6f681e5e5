-- An edit whose directions are known and whose tasks are not done.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms) VALUES (30, 'edits', 'anna', 1, 'name: edits', 1, 'running', 3000);
INSERT INTO stage (id, job_id, position, name, kind, input_id, start, total, unit, variants, done, state, started_ms, ended_ms) VALUES
  (30, 30, 0, 'labels', 'label', NULL, 0, 1, 1, 1, 1, 'done', 3000, 3100),
  (31, 30, 1, 'planes', 'fit', 30, 0, 1, 1, 0, 1, 'done', 3100, 3200),
  (32, 30, 2, 'sheets', 'edit', 31, 0, 4, 4, 2, 0, 'running', 3200, NULL);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES
  (30, 0, 1, 30, 1, 1, 'd30', 3000, 3100, 1, 0, 1, 2, 3, 0, 0, 6), (31, 0, 1, 31, 1, 1, 'd31', 3100, 3200, 0, 0, 1, 0, 0, 4, 0, 5);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) VALUES (30, 0, 0, 30, 31);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") VALUES (30, 0, 0, 1, 2);
INSERT INTO variant (stage_id, variant, distance, projected) VALUES (30, 0, 0, 0), (32, 0, -1, 0), (32, 1, 1, 1);
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit) VALUES (30, 0, 0, 'Smiling', 1, 1, 1, 0);
INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
                      train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, test_auc) VALUES
  (31, 0, 'Smiling', x'0000803f00000000', 0.5, 0.25, 1, 3, 3, 1, 3, 1, 2, 0, 1, 1, 0.75);
INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak, method, description) VALUES
  (32, 0, 0, 'Smiling', x'0000803f00000000', 1, 0.5, 'plain', 'z + a n'), (32, 0, 1, 'Smiling', x'0000803f00000000', 0.75, 0, 'exact', 'z + a u');
INSERT INTO gain_leak (stage_id, position, method, weight, gain, leak) VALUES (32, 0, 'exact', 0.5, 0.9, 0.25), (32, 0, 'soft', 2, 0.8, 0.125);
