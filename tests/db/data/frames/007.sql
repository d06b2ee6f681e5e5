-- An evaluation whose faces go each their own way, half done.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (70, 'ways', 'anna', 1, 'name: ways', 1, 'cancelled', 7000, 7400);
INSERT INTO stage (id, job_id, position, name, kind, input_id, start, total, unit, variants, done, state, started_ms, ended_ms) VALUES
  (70, 70, 0, 'planes', 'fit', NULL, 0, 1, 1, 0, 1, 'done', 7000, 7100),
  (71, 70, 1, 'shift', 'evaluate', 70, 0, 2, 1, 2, 1, 'cancelled', 7100, 7200);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES
  (70, 0, 1, 70, 1, 1, 'd70', 7000, 7100, 0, 0, 1, 0, 0, 4, 0, 5), (71, 0, 1, 71, 1, 1, 'd71', 7100, 7200, 2, 0, 1, 2, 3, 0, 0, 6);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge, distance, reached) VALUES (71, 0, 0, 30, 31, NULL, NULL), (71, 0, 1, 35, 36, 2.5, 1);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") VALUES (71, 0, 0, 1, 2), (71, 0, 1, 2, 1);
INSERT INTO variant (stage_id, variant, distance, projected, target, description) VALUES (71, 0, 0, 0, NULL, 'as sampled'), (71, 1, 3, 0, 0, 'to score 3');
INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
                      train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, test_auc) VALUES
  (70, 0, 'Young', x'0000803f00000000', 0.5, 0.25, 1, 3, 3, 1, 3, 1, 2, 0, 1, 1, 0.75);
INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak, method, description, "offset") VALUES
  (71, 0, 0, 'Young', x'0000803f00000000', 1, 0.5, 'plain', 'z + a n', 0.5);
