-- A boundary in w+ of two layers of one number.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms) VALUES (190, 'layers', 'anna', 1, 'name: layers', 1, 'running', 19000);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, state, started_ms) VALUES
  (190, 190, 0, 'planes', 'fit', 0, 2, 1, 0, 'running', 19000);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES (190, 0, 1, 190, 1, 90, 'd190', 19000, 19100, 0, 0, 1, 0, 0, 4, 0, 5);
INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
                      train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, test_auc, layers) VALUES
  (190, 0, 'Young', x'0000803f00000000', 0.5, 0.25, 1, 3, 3, 1, 3, 1, 2, 0, 1, 1, 0.75, 2);
INSERT INTO fitted_layer (stage_id, position, layer, method, cost, "offset", cosine,
                          train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, rest_tp, rest_fp, rest_tn, rest_fn,
                          resamples, auc, auc_low, auc_high, f1_low, f1_high, mcc_low, mcc_high, balanced_low, balanced_high, kappa) VALUES
  (190, 0, 0, 'svm', 1, 0.5, 1, 30, 10, 30, 10, 20, 5, 20, 5, 1, 2, 3, 4, 100, 0.75, 0.625, 0.875, 0.5, 0.75, 0.25, 0.5, 0.5, 0.75, 0.5),
  (190, 0, 1, 'svm', 1, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
