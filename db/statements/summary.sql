-- attribute_summary of a stage that has ended; db/summary.c adds up what this selects.

-- Rows in the order of the key: the variants of a face follow each other, variant 0 first. The last column is how far
-- the face was moved, NULL where that is no one number.
-- name: summary_make_rows
SELECT printf('SELECT variant%s, CASE WHEN variant > 0 THEN coalesce(
    (SELECT distance FROM face f WHERE f.stage_id = a.stage_id AND f.idx = a.idx AND f.variant = a.variant),
    (SELECT distance FROM variant v WHERE v.stage_id = a.stage_id AND v.variant = a.variant AND v.second = 0)) END
  FROM face_attributes_%d a WHERE stage_id = ?1 ORDER BY idx, variant',
  (SELECT group_concat(printf(', a."%w"', name), '')
   FROM (SELECT name FROM bundle_attribute WHERE bundle_id = ?1 ORDER BY position)), ?1);

-- name: summary_size
SELECT (SELECT max(variant) + 1 FROM variant WHERE stage_id = ?1),
       (SELECT count(*) FROM bundle_attribute WHERE bundle_id = ?2);

-- An evaluation's projected variants; the plain partner of each stands before it.
-- name: summary_projected
SELECT variant FROM variant WHERE stage_id = ?1 AND projected = 1 AND target IS NOT NULL;

-- name: summary_logits
SELECT mean_logit, sd_logit FROM attribute_summary WHERE stage_id = ?1 AND variant = 0 ORDER BY position;

-- name: summary_insert
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit,
  mean_change, flipped, sd_change, difference, sd_difference, per_step)
SELECT ?1, ?2, ?3, name, ?4, ?5, ?6, ?7, ?8, ?9, ?11, ?12, ?13, ?14 FROM bundle_attribute WHERE bundle_id = ?10 AND position = ?3;
