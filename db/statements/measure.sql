-- What db/measures.c reads and writes; ?1 is the stage.

-- name: measure_variants
SELECT variant, distance, projected, target FROM variant WHERE stage_id = ?1 ORDER BY variant;

-- name: measure_targets
SELECT position, name FROM direction WHERE stage_id = ?1 AND projected = 0 ORDER BY position;

-- name: measure_attributes
SELECT position, attribute, mean_logit, sd_logit FROM attribute_summary
WHERE stage_id = ?1 AND variant = 0 ORDER BY position;

-- name: measure_ages
SELECT age_judge FROM face WHERE stage_id = ?1 AND variant = 0 AND idx < ?2 ORDER BY idx;

-- The index behind the first ?2 faces, of which some indices have none.
-- name: measure_end
SELECT coalesce((SELECT idx FROM face WHERE stage_id = ?1 AND variant = 0 ORDER BY idx LIMIT 1 OFFSET ?2),
  (SELECT max(idx) + 1 FROM face WHERE stage_id = ?1 AND variant = 0), 0);

-- name: measure_faces
SELECT count(*) FROM face WHERE stage_id = ?1 AND variant = 0;

-- Rows in the order of the key: the variants of a face follow each other, variant 0 first.
-- name: measure_make_rows
SELECT printf('SELECT f.idx, f.variant, f.age_judge, f.identity%s
  FROM face f JOIN face_attributes_%d a ON a.stage_id = f.stage_id AND a.idx = f.idx AND a.variant = f.variant
  WHERE f.stage_id = ?1 AND f.idx < ?2 ORDER BY f.idx, f.variant',
  (SELECT group_concat(printf(', a."%w"', name), '')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = ?1 ORDER BY position)), ?1);

-- name: measure_insert
INSERT INTO measure (stage_id, variant, name, part, value, low, high, faces, resamples)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
