-- A farm's database without a farm: one finished job whose figures are made of a hash, so that they are the
-- same everywhere. make_farm.sh puts the schema before and the wide tables behind it.
-- Dimension 4; the names carry what HTML must escape.

CREATE TEMP TABLE n (i INTEGER PRIMARY KEY);
INSERT INTO n WITH RECURSIVE c (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 9999) SELECT i FROM c;

INSERT INTO bundle VALUES (1, printf('%064x', 3735928559), 'default', 'default', 'format: facefarm-bundle/1', 4, 1700000000000);
INSERT INTO bundle_attribute SELECT 1, key, value FROM json_each('["5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive",
  "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair",
  "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male",
  "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose",
  "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat",
  "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young"]');

INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) VALUES (1, 'study <b>&"quoted"</b>', 'somebody', 1,
  '', 1, 'done', 1700000000000, 1700000090000);
INSERT INTO stage (id, job_id, position, name, kind, input_id, start, total, unit, variants, done, state, error, started_ms, ended_ms) VALUES
  (1, 1, 0, 'faces', 'sample', NULL, 0, 48, 1, 0, 48, 'done', NULL, 1700000001000, 1700000003000),
  (2, 1, 1, 'labels', 'label', NULL, 0, 2000, 1, 1, 2000, 'done', NULL, 1700000003000, 1700000033000),
  (3, 1, 2, 'boundaries', 'fit', 2, 0, 41, 1, 0, 41, 'done', NULL, 1700000033000, 1700000043000),
  (4, 1, 3, 'sheets', 'edit', 3, 3000, 123, 3, 14, 123, 'done', NULL, 1700000043000, 1700000060000),
  (5, 1, 4, 'ageing', 'evaluate', 3, 2000, 1000, 1, 7, 999, 'done', NULL, 1700000060000, 1700000090000);
INSERT INTO worker (id, session, name, host, device, driver, device_kind, compute_units, memory, first_seen_ms, last_seen_ms) VALUES
  (1, 11, 'worker-1', 'host <1>', 'cpu-haswell-Generic', 'Portable Computing Language 3.1', 'cpu', 2, 8000000000, 1700000000000, 1700000090000),
  (2, 12, 'worker-2', 'host <1>', 'Some GPU', 'driver 1.0', 'gpu', 132, 140000000000, 1700000000000, 1700000090000);

INSERT INTO task (stage_id, start, count, epoch, attempts, worker_id, digest, leased_ms, committed_ms, faces, bytes,
  latents_ms, generate_ms, label_ms, solve_ms, encode_ms, total_ms) SELECT s.id, i * 100, min(100, s.total - i * 100), 1, 1 + (i % 7 = 3), 1 + (i % 3 = 0), printf('%064x', i),
    s.started_ms + i * 1000, s.started_ms + i * 1000 + 900, min(100, s.total - i * 100) * max(s.variants, s.kind <> 'fit'), 250000 * (s.kind IN ('sample', 'edit')),
    3.5, CASE s.kind WHEN 'fit' THEN 0 ELSE 300 END, CASE WHEN s.kind IN ('label', 'evaluate') THEN 120 ELSE 0 END,
    CASE s.kind WHEN 'fit' THEN 700 ELSE 0 END, CASE WHEN s.kind IN ('sample', 'edit') THEN 60 ELSE 0 END, 500 + 250 * (s.kind = 'fit')
  FROM stage s JOIN n ON i * 100 < s.total;
INSERT INTO failure (id, stage_id, start, count, epoch, worker_id, code, text, at_ms) VALUES (1, 5, 900, 100, 1, 2, 'E_DEVICE', 'clFinish <out of resources>', 1700000070000);
INSERT INTO poison VALUES (5, 999, 1);
INSERT INTO determinism_fault VALUES (1, 2, 100, 100, 2, printf('%064x', 1), printf('%064x', 2), 1700000020000);

INSERT INTO boundary (stage_id, position, name, normal, "offset", threshold, cost, iterations,
    train_tp, train_fp, train_tn, train_fn, test_tp, test_fp, test_tn, test_fn, test_auc)
  SELECT 3, position, name, x'0000003f0000003f0000003f000000bf', -0.25, 0, 1, 6,
    100 + 30 * position % 500, 200 + position, 1100 - 30 * position % 500, 200 - position, 20 + 7 * position % 120, 60 + position, 240 - 7 * position % 120, 80 - position,
    CASE WHEN position = 4 THEN NULL ELSE 0.75 + position / 200.0 END
  FROM bundle_attribute
  UNION ALL SELECT 3, 40, 'age', x'0000803f000000000000000000000000', 0.1, 41.5, 1, 5, 780, 20, 790, 10, 190, 12, 188, 10, 0.98;
-- One class is missing in the test set: F1 and balanced accuracy are NULL.
UPDATE boundary SET test_tp = 0, test_fp = 0, test_fn = 0, test_tn = 400 WHERE position = 4;

INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak, method, description)
  SELECT 4, position, p, name, normal, CASE p WHEN 0 THEN 1 ELSE 0.9 - position / 100.0 END, CASE p WHEN 0 THEN 0.6 ELSE 0 END,
  CASE p WHEN 0 THEN 'plain' ELSE 'exact' END, name
  FROM boundary, (SELECT 0 AS p UNION ALL SELECT 1) WHERE stage_id = 3;
INSERT INTO direction (stage_id, position, projected, name, vector, gain, leak, method, description)
  SELECT 5, 0, p, name, normal, CASE p WHEN 0 THEN 1 ELSE 0.88 END, CASE p WHEN 0 THEN 0.45 ELSE 0 END,
  CASE p WHEN 0 THEN 'plain' ELSE 'exact' END, name
  FROM boundary, (SELECT 0 AS p UNION ALL SELECT 1) WHERE stage_id = 3 AND name = 'age';
INSERT INTO variant (stage_id, variant, distance, projected, target)
  VALUES (2, 0, 0, 0, NULL), (5, 0, 0, 0, NULL), (5, 1, 3, 0, 0), (5, 2, 3, 1, 0), (5, 3, 1, 0, 0), (5, 4, 1, 1, 0),
  (5, 5, 2, 0, 0), (5, 6, 2, 1, 0);
INSERT INTO variant (stage_id, variant, distance, projected) SELECT 4, i, i % 7 - 3, i / 7 FROM n WHERE i < 14;

INSERT INTO file SELECT 1, printf('jobs/1/faces/%06d%s', 16 * i, CASE i WHEN 1 THEN '.tar' ELSE '' END),
    CASE i WHEN 1 THEN 'tar' ELSE 'png-folder' END, '', 0, 16 * i, 16, 60000, printf('%064x', i) FROM n WHERE i < 3;
INSERT INTO file SELECT 4, printf('jobs/1/sheets/%02d_%s_%s.png', position, name, CASE p WHEN 0 THEN 'plain' ELSE 'projected' END), 'sheet', name, p,
    3 * position, 3, 90000, printf('%064x', position)
  FROM boundary, (SELECT 0 AS p UNION ALL SELECT 1) WHERE stage_id = 3;

-- Three uniforms of a hash make a bell.
CREATE TEMP VIEW bell AS SELECT i, ((i * 7919 % 1009) + (i * 104729 % 2003) / 1.985 + (i * 15485863 % 3001) / 2.974) / 1009.0 - 1.5 AS g FROM n;
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) SELECT 2, i, 0, 40 + 18 * g, 41 + 18 * g FROM bell WHERE i < 2000;
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge, identity) SELECT 5, b.i, v.variant,
    max(15, min(85, 40 + 18 * b.g + v.distance / 3 * (24 - 5 * v.projected - 6 * b.g + 4 * c.g))),
    max(15, min(85, 41 + 18 * b.g + v.distance / 3 * (23 - 5 * v.projected - 6 * b.g + 5 * c.g))),
    1 - v.distance * (0.1 - 0.03 * v.projected + 0.02 * c.g)
  FROM bell b JOIN bell c ON c.i = b.i + 5000 JOIN variant v ON v.stage_id = 5 WHERE b.i < 999;
INSERT INTO face (stage_id, idx, variant, age_fit, age_judge) SELECT 4, b.i, v.variant, 40, max(16, min(80, 40 + 12 * b.g + (b.i / 3 = 40) * v.distance * (8 - 3 * v.projected + b.g)))
  FROM bell b JOIN variant v ON v.stage_id = 4 WHERE b.i < 123;
