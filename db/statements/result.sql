-- Results of tasks, and what went wrong with them.

-- name: task_insert
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms, evaluations)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18);

-- name: task_find
SELECT count, digest FROM task WHERE stage_id = ?1 AND start = ?2;

-- name: task_ranges
SELECT start, count FROM task WHERE stage_id = ?1 ORDER BY start;

-- name: task_newest_epoch
SELECT max(coalesce((SELECT max(epoch) FROM task), 0), coalesce((SELECT max(epoch) FROM failure), 0));

-- name: face_insert
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge, identity) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: photo_insert
INSERT INTO photo (stage_id, idx, name, sha256, height, width, error, code, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, ''), nullif(?9, ''));

-- name: photo_latent_insert
INSERT INTO photo_latent (stage_id, idx, latent) VALUES (?1, ?2, ?3);

-- name: skipped_insert
INSERT INTO skipped (stage_id, idx) VALUES (?1, ?2);

-- name: feature_insert
INSERT INTO face_feature (stage_id, idx, variant, feature) VALUES (?1, ?2, ?3, ?4);

-- How far a face was moved, where that differs from face to face.
-- name: face_moved
UPDATE face SET distance = ?4, reached = ?5, stopped = ?6, evaluations = ?7 WHERE stage_id = ?1 AND idx = ?2 AND variant = ?3;

-- name: boundary_insert
INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
  train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, test_auc, layers, across)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19);

-- name: fitted_insert
INSERT INTO fitted (stage_id, position, role, step, method, cost, normal, "offset", cosine, cosine_folds,
  train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, rest_tp, rest_fp, rest_tn, rest_fn,
  resamples, auc, auc_low, auc_high, f1_low, f1_high, mcc_low, mcc_high, balanced_low, balanced_high, kappa)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
  ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33);

-- The parameters of fitted_insert, of which ?3, ?7 and ?10 are none of its columns.
-- name: fitted_layer_insert
INSERT INTO fitted_layer (stage_id, position, layer, method, cost, "offset", cosine,
  train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, rest_tp, rest_fp, rest_tn, rest_fn,
  resamples, auc, auc_low, auc_high, f1_low, f1_high, mcc_low, mcc_high, balanced_low, balanced_high, kappa)
VALUES (?1, ?2, ?4, ?5, ?6, ?8, ?9, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
  ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33);

-- name: boundary_list
SELECT position, name, normal, "offset", layers, across FROM boundary WHERE stage_id = ?1 ORDER BY position;

-- name: fitted_layer_list
SELECT position, layer, "offset", cosine FROM fitted_layer WHERE stage_id = ?1 ORDER BY position, layer;

-- name: file_insert
INSERT INTO file (stage_id, path, kind, target, projected, start, count, bytes, sha256)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: file_count
SELECT count(*) FROM file WHERE stage_id = ?1 AND path = ?2;

-- name: failure_insert
INSERT INTO failure (stage_id, start, count, epoch, worker_id, code, text, log, at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- The attempts that count, oldest first.
-- name: failure_ranges
SELECT start, count, coalesce(worker_id, 0) FROM failure
WHERE stage_id = ?1 AND id > (SELECT forgiven FROM stage WHERE id = ?1) ORDER BY id;

-- name: failure_list
SELECT stage, start, count, code, text, log, coalesce(worker, ''), coalesce(host, ''), coalesce(device, ''), set_aside, at_ms
FROM failures WHERE job = ?1 ORDER BY id DESC LIMIT ?2;

-- name: poison_forgive
DELETE FROM poison WHERE stage_id = ?1;

-- name: direction_forget
DELETE FROM direction WHERE stage_id = ?1;

-- name: gain_leak_forget
DELETE FROM gain_leak WHERE stage_id = ?1;

-- name: failure_last
SELECT code, text FROM failure WHERE stage_id = ?1 AND start = ?2 ORDER BY id DESC LIMIT 1;

-- name: poison_insert
INSERT INTO poison (stage_id, start, count) VALUES (?1, ?2, ?3);

-- name: poison_delete
DELETE FROM poison WHERE stage_id = ?1 AND start >= ?2 AND start + count <= ?3;

-- name: poison_ranges
SELECT start, count FROM poison WHERE stage_id = ?1 ORDER BY start;

-- name: fault_insert
INSERT INTO determinism_fault (stage_id, start, count, worker_id, expected, found, at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: direction_insert
INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak, method, description, "offset")
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- name: gain_leak_insert
INSERT INTO gain_leak (stage_id, position, method, weight, gain, leak) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: direction_list
SELECT position, projected, name, vector, gain, leak, "offset" FROM direction WHERE stage_id = ?1 ORDER BY position, projected;
