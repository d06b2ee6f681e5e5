-- A study of two faces that is done, a job that failed, one that runs. Of `audit` the last word of each is enough.
INSERT INTO bundle (id, hash, name, view_prefix, yaml, dimension, added_ms) VALUES (1, 'b1', 'frame', 'frame', 'name: frame', 2, 1000);
INSERT INTO bundle_attribute (bundle_id, position, name) VALUES (1, 0, 'Smiling'), (1, 1, 'Young');
CREATE TABLE face_attributes_1 (
  stage_id INTEGER NOT NULL REFERENCES stage,
  idx INTEGER NOT NULL,
  variant INTEGER NOT NULL,
  "Smiling" REAL NOT NULL, "Young" REAL NOT NULL,
  PRIMARY KEY (stage_id, idx, variant)) STRICT, WITHOUT ROWID;
INSERT INTO worker (id, session, name, host, device, driver, device_kind, compute_units, memory, first_seen_ms, last_seen_ms)
VALUES (1, 11, 'w1', 'here', 'cpu', 'pocl', 'cpu', 2, 1024, 1000, 2000);

INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES
  (1, 'study', 'anna', 1, 'name: study', 7, 'done', 1000, 2000),
  (2, 'broken', 'bert', 1, 'name: broken', 8, 'failed', 1000, 2000),
  (3, 'open', 'anna', 1, 'name: open', 9, 'running', 1000, NULL);
INSERT INTO stage (id, job_id, position, name, kind, input_id, start, total, unit, variants, done, state, error, started_ms, ended_ms) VALUES
  (1, 1, 0, 'labels', 'label', NULL, 0, 2, 1, 1, 2, 'done', NULL, 1000, 1100),
  (2, 1, 1, 'planes', 'fit', 1, 0, 2, 1, 0, 2, 'done', NULL, 1100, 1200),
  (3, 1, 2, 'sheets', 'edit', 2, 0, 2, 2, 2, 2, 'done', NULL, 1200, 1300),
  (4, 1, 3, 'shift', 'evaluate', 2, 0, 1, 1, 3, 1, 'done', NULL, 1300, 1400),
  (5, 1, 4, 'faces', 'sample', NULL, 3, 2, 1, 0, 2, 'done', NULL, 1000, 1100),
  (6, 2, 0, 'labels', 'label', NULL, 0, 2, 1, 1, 1, 'failed', '1 of 2 indices are set aside', 1000, 1100),
  (7, 3, 0, 'labels', 'label', NULL, 0, 9, 1, 1, 0, 'running', NULL, 1000, NULL),
  (8, 3, 1, 'planes', 'fit', 7, 0, 2, 1, 0, 0, 'waiting', NULL, NULL, NULL);
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES
  (1, 0, 1, 1, 1, 1, 'd1', 1000, 1050, 1, 0, 1, 2, 3, 0, 0, 6),
  (1, 1, 1, 2, 2, 1, 'd2', 1050, 1100, 1, 0, 1, 2, 3, 0, 0, 6),
  (2, 0, 2, 3, 1, 1, 'd3', 1100, 1200, 0, 0, 1, 0, 0, 4, 0, 5),
  (3, 0, 2, 4, 1, 1, 'd4', 1200, 1300, 4, 90, 1, 2, 3, 0, 5, 11),
  (4, 0, 1, 5, 1, 1, 'd5', 1300, 1400, 3, 0, 1, 2, 3, 0, 0, 6),
  (5, 0, 2, 6, 1, 1, 'd6', 1000, 1100, 2, 80, 1, 2, 0, 0, 5, 8),
  (6, 0, 1, 7, 1, 1, 'd7', 1000, 1050, 1, 0, 1, 2, 3, 0, 0, 6);
INSERT INTO failure (id, stage_id, start, count, epoch, worker_id, code, text, at_ms) VALUES (1, 6, 1, 1, 8, 1, 'E_DEVICE', 'it broke', 1060);
INSERT INTO poison (stage_id, start, count) VALUES (6, 1, 1);
INSERT INTO determinism_fault (id, stage_id, start, count, worker_id, expected, found, at_ms) VALUES (1, 1, 0, 1, 1, 'd1', 'dx', 1070);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) VALUES
  (1, 0, 0, 30, 31), (1, 1, 0, 40, 41),
  (3, 0, 0, 30, 31), (3, 0, 1, 33, 34), (3, 1, 0, 40, 41), (3, 1, 1, 43, 44),
  (4, 0, 0, 30, 31), (4, 0, 1, 35, 36), (4, 0, 2, 34, 35),
  (6, 0, 0, 50, 51);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") SELECT stage_id, idx, variant, age_fit - 35, 35 - age_fit FROM face;
INSERT INTO variant (stage_id, variant, distance, projected) VALUES
  (1, 0, 0, 0), (3, 0, 0, 0), (3, 1, 1, 0), (4, 0, 0, 0), (4, 1, 2, 0), (4, 2, 2, 1), (6, 0, 0, 0), (7, 0, 0, 0);
INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
                      train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, test_auc) VALUES
  (2, 0, 'Smiling', x'0000803f00000000', 0.5, 0.25, 1, 3, 3, 1, 3, 1, 2, 0, 1, 1, 0.75),
  (2, 1, 'Young', x'000000000000803f', -0.5, 0.125, 1, 4, 3, 1, 3, 1, 2, 0, 1, 1, NULL);
INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak) VALUES
  (3, 0, 0, 'Smiling', x'0000803f00000000', 1, 0.5),
  (4, 0, 0, 'Young', x'000000000000803f', 1, 0.5), (4, 0, 1, 'Young', x'000000000000803f', 0.75, 0.25);
INSERT INTO file (stage_id, path, kind, target, projected, start, count, bytes, sha256) VALUES
  (3, 'jobs/1/sheets/0.png', 'sheet', 'Smiling', 1, 0, 2, 90, 'f1'), (5, 'jobs/1/faces/0', 'png', '', 0, 0, 2, 80, 'f2');
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit, mean_change, flipped) VALUES
  (1, 0, 0, 'Smiling', 2, 1, 0, 5, NULL, NULL), (3, 0, 0, 'Smiling', 2, 1, 0, 5, NULL, NULL), (3, 1, 0, 'Smiling', 2, 1, 3, 5, 3, 1),
  (4, 0, 0, 'Smiling', 1, 0, -5, 5, NULL, NULL), (4, 1, 0, 'Smiling', 1, 0, 0, 5, 5, 1), (4, 2, 0, 'Smiling', 1, 0, -1, 5, 4, 0);
INSERT INTO audit (id, at_ms, job_id, stage_id, event, old, new) VALUES
  (1, 1000, 3, NULL, 'submit', NULL, 'running'), (2, 2000, 1, NULL, 'complete', 'running', 'done'),
  (3, 2000, 2, 6, 'fail', 'running', 'failed'), (4, 2000, 2, NULL, 'fail', 'running', 'failed');
