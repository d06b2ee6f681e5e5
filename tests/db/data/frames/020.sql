-- A labelled photo that is known.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (200, 'known', 'anna', 1, 'name: known', 1, 'done', 20000, 20100);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, done, state, started_ms, ended_ms, images) VALUES
  (200, 200, 0, 'photos', 'label', 0, 1, 1, 1, 1, 'done', 20000, 20100, 'i1');
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES (200, 0, 1, 200, 1, 90, 'd200', 20000, 20100, 1, 0, 1, 2, 3, 0, 0, 6);
INSERT INTO photo (stage_id, idx, name, sha256, height, width) VALUES (200, 0, 'a.png', 'p1', 64, 48);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) VALUES (200, 0, 0, 30, 31);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") VALUES (200, 0, 0, 1, 2);
INSERT INTO variant (stage_id, variant, distance, projected, description) VALUES (200, 0, 0, 0, 'as photographed');
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit) VALUES (200, 0, 0, 'Smiling', 1, 1, 1, 0);
INSERT INTO photo_quality (stage_id, part, position, attribute, photos, tp, fp, tn, fn, accuracy, accuracy_low, accuracy_high, base_rate,
                           balanced_accuracy, precision, recall, f1, mcc, auc, squared_error, calibration_error) VALUES
  (200, 'all', 0, 'Smiling', 1, 1, 0, 0, 0, 1, 0.25, 1, 1, NULL, 1, 1, 1, NULL, NULL, 0.125, 0.25),
  (200, 'test', 1, 'Young', 4, 1, 1, 1, 1, 0.5, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0.5, 0.125, 0.25);
