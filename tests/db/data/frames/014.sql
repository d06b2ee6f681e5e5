-- Two photos, of which one cannot be read.
INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (140, 'photos', 'anna', 1, 'name: photos', 1, 'done', 14000, 14100);
INSERT INTO stage (id, job_id, position, name, kind, start, total, unit, variants, done, state, started_ms, ended_ms, images) VALUES
  (140, 140, 0, 'photos', 'encode', 0, 2, 1, 2, 2, 'done', 14000, 14100, 'i1');
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES (140, 0, 2, 140, 1, 90, 'd140', 14000, 14100, 2, 0, 1, 2, 3, 0, 0, 6);
INSERT INTO photo (stage_id, idx, name, sha256, height, width, error, code, text) VALUES
  (140, 0, 'a.png', 'p1', 64, 48, 12.5, NULL, NULL), (140, 1, 'b.png', 'p2', 0, 0, NULL, 'E_PARSE', 'it is no photo');
INSERT INTO photo_latent (stage_id, idx, latent) VALUES (140, 0, x'0000803f00000000');
INSERT INTO skipped (stage_id, idx) VALUES (140, 1);
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) VALUES (140, 0, 0, 30, 31), (140, 0, 1, 32, 33);
INSERT INTO face_attributes_1 (stage_id, idx, variant, "Smiling", "Young") VALUES (140, 0, 0, 1, 2), (140, 0, 1, 1, 3);
INSERT INTO variant (stage_id, variant, distance, projected, description) VALUES (140, 0, 0, 0, 'as photographed'), (140, 1, 0, 0, 'reconstructed');
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit) VALUES (140, 0, 0, 'Smiling', 1, 1, 1, 0);
