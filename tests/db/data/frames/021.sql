-- A boundary in w, with how latents vary across it.
INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
                  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) VALUES (190, 1, 1, 210, 1, 90, 'd210', 21000, 21100, 0, 0, 1, 0, 0, 4, 0, 5);
INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
                      train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, layers, across) VALUES
  (190, 1, 'Smiling', x'0000803f00000000', 0.5, 0.25, 1, 3, 3, 1, 3, 1, 2, 0, 1, 1, 2, x'0000004000000000');
