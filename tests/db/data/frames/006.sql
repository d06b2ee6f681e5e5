-- What was fitted beside the boundary of schema 4.
INSERT INTO fitted (stage_id, position, role, step, method, cost, normal, "offset", cosine, cosine_folds,
                    train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, rest_tp, rest_fp, rest_tn, rest_fn,
                    resamples, auc, auc_low, auc_high, f1_low, f1_high, mcc_low, mcc_high, balanced_low, balanced_high, kappa) VALUES
  (41, 0, 'chosen', 0, 'svm', 1, NULL, 0.5, 1, 0, 30, 10, 30, 10, 20, 5, 20, 5, 1, 2, 3, 4, 100, 0.75, 0.625, 0.875, 0.5, 0.75, 0.25, 0.5, 0.5, 0.75, 0.5),
  (41, 0, 'method', 0, 'least_squares', 1, x'0000803f00000000', 0.5, 0.875, 0, 30, 10, 30, 10, 20, 5, 20, 5, 1, 2, 3, 4, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.5),
  (41, 0, 'fold', 1, 'svm', 1, NULL, 0.5, 0.75, 0.875, 30, 10, 30, 10, 20, 5, 20, 5, 1, 2, 3, 4, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
