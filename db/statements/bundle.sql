-- Bundles, and the wide tables and views that SQL makes of their attributes' names.

-- The view prefix is the bundle's name, or the first free of name_2, name_3, …; names that begin with
-- "sqlite" are SQLite's own.
-- name: bundle_insert
INSERT INTO bundle (hash, name, view_prefix, yaml, dimension, added_ms)
WITH RECURSIVE
  base (name) AS (SELECT CASE WHEN ?2 LIKE 'sqlite%' THEN 'bundle_' || ?2 ELSE ?2 END),
  candidate (n, prefix) AS (
    SELECT 1, name FROM base
    UNION ALL
    SELECT n + 1, base.name || '_' || (n + 1) FROM candidate, base
    WHERE EXISTS (SELECT 1 FROM bundle b WHERE b.view_prefix = candidate.prefix COLLATE NOCASE)
  )
SELECT ?1, ?2, (SELECT prefix FROM candidate ORDER BY n DESC LIMIT 1), ?3, ?4, ?5;

-- name: bundle_attribute_insert
INSERT INTO bundle_attribute (bundle_id, position, name) VALUES (?1, ?2, ?3);

-- By hash, or the newest of that name.
-- name: bundle_find
SELECT id, hash, name, yaml FROM bundle WHERE hash = ?1 OR name = ?1
ORDER BY hash = ?1 DESC, id DESC LIMIT 1;

-- name: bundle_get
SELECT id, hash, name, yaml FROM bundle WHERE id = ?1;

-- The wide table: a row a measured face, a REAL column (the logit) an attribute.
-- name: bundle_make_table
SELECT printf('CREATE TABLE face_attributes_%d (
  stage_id INTEGER NOT NULL REFERENCES stage,
  idx INTEGER NOT NULL,
  variant INTEGER NOT NULL,
  %s,
  PRIMARY KEY (stage_id, idx, variant)) STRICT, WITHOUT ROWID', ?1,
  (SELECT group_concat(printf('"%w" REAL NOT NULL', name), ', ')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = ?1 ORDER BY position)));

-- name: bundle_make_insert
SELECT printf('INSERT INTO face_attributes_%d VALUES (?1, ?2, ?3%s)', ?1,
  (SELECT group_concat(printf(', ?%d', position + 4), '')
   FROM (SELECT position FROM bundle_attribute WHERE bundle_id = ?1 ORDER BY position)));

-- Rows as they came: ages, then logits in the bundle's order.
-- name: bundle_make_select
SELECT printf('SELECT f.age_fit, f.age_judge%s FROM face f
  JOIN face_attributes_%d a ON a.stage_id = f.stage_id AND a.idx = f.idx AND a.variant = f.variant
  WHERE f.stage_id = ?1 AND f.variant = 0 AND f.idx >= ?2 AND f.idx < ?3 ORDER BY f.idx',
  (SELECT group_concat(printf(', a."%w"', name), '')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = ?1 ORDER BY position)), ?1);

-- name: bundle_make_views
SELECT printf('CREATE VIEW "%w_labels" AS
  SELECT s.job_id AS job, s.name AS stage, f.idx, coalesce((SELECT r.sample + f.idx - r.idx FROM sample_range r WHERE r.stage_id = s.id AND r.idx <= f.idx
           ORDER BY r.idx DESC LIMIT 1), s.start + f.idx) AS sample, f.age_fit, f.age_judge%s
  FROM stage s
  JOIN face_attributes_%d a ON a.stage_id = s.id
  JOIN face f ON f.stage_id = a.stage_id AND f.idx = a.idx AND f.variant = a.variant
  WHERE s.kind = ''label''', b.view_prefix,
  (SELECT group_concat(printf(', a."%w"', name), '')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = b.id ORDER BY position)), b.id)
FROM bundle b WHERE b.id = ?1
UNION ALL
SELECT printf('CREATE VIEW "%w_edits" AS
  SELECT s.job_id AS job, s.name AS stage, f.idx, d.name AS target, f.idx %% s.unit AS face,
         coalesce((SELECT r.sample + f.idx %% s.unit - r.idx FROM sample_range r WHERE r.stage_id = s.id AND r.idx <= f.idx %% s.unit
           ORDER BY r.idx DESC LIMIT 1), s.start + f.idx %% s.unit) AS sample, f.variant, v.distance, v.projected, f.identity, f.age_fit, f.age_judge%s
  FROM stage s
  JOIN face_attributes_%d a ON a.stage_id = s.id
  JOIN face f ON f.stage_id = a.stage_id AND f.idx = a.idx AND f.variant = a.variant
  JOIN variant v ON v.stage_id = f.stage_id AND v.variant = f.variant
  JOIN direction d ON d.stage_id = f.stage_id AND d.position = f.idx / s.unit AND d.projected = v.projected
  WHERE s.kind = ''edit''', b.view_prefix,
  (SELECT group_concat(printf(', a."%w"', name), '')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = b.id ORDER BY position)), b.id)
FROM bundle b WHERE b.id = ?1
UNION ALL
SELECT printf('CREATE VIEW "%w_evaluation" AS
  SELECT s.job_id AS job, s.name AS stage, f.idx, coalesce((SELECT r.sample + f.idx - r.idx FROM sample_range r WHERE r.stage_id = s.id AND r.idx <= f.idx
           ORDER BY r.idx DESC LIMIT 1), s.start + f.idx) AS sample, f.age_judge AS age_before,
         g.age_judge AS age_after, p.age_judge AS age_after_projected,
         g.identity, p.identity AS identity_projected%s%s
  FROM stage s
  JOIN face_attributes_%d a ON a.stage_id = s.id AND a.variant = 0
  JOIN face_attributes_%d b ON b.stage_id = s.id AND b.idx = a.idx AND b.variant = 1
  JOIN face f ON f.stage_id = s.id AND f.idx = a.idx AND f.variant = 0
  JOIN face g ON g.stage_id = s.id AND g.idx = a.idx AND g.variant = 1
  LEFT JOIN variant v ON v.stage_id = s.id AND v.variant = 2 AND v.projected = 1
  LEFT JOIN face p ON p.stage_id = s.id AND p.idx = a.idx AND p.variant = v.variant
  WHERE s.kind = ''evaluate''', b.view_prefix,
  (SELECT group_concat(printf(', a."%w"', name), '')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = b.id ORDER BY position)),
  (SELECT group_concat(printf(', b."%w" - a."%w" AS "%w_change"', name, name, name), '')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = b.id ORDER BY position)), b.id, b.id)
FROM bundle b WHERE b.id = ?1;

-- After a migration the views are made anew, as this version writes them.
-- name: bundle_drop_views
SELECT printf('DROP VIEW IF EXISTS "%w_%s"', b.view_prefix, k.value)
FROM bundle b, json_each('["labels", "edits", "evaluation"]') k WHERE b.id = ?1;

-- name: bundle_next
SELECT id FROM bundle WHERE id > ?1 ORDER BY id LIMIT 1;
