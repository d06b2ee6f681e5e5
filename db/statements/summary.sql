-- attribute_summary of a stage that has ended.

-- One statement per 64 attributes, so that the rows are read few times and no limit on columns is met;
-- ?1: the bundle, ?2: which 64. Of what is made, ?1: the stage, ?2: the variant. Variant 0 has no change against itself.
-- name: summary_make
WITH
  part AS (SELECT position / 64 AS part, position, name FROM bundle_attribute WHERE bundle_id = ?1),
  written AS (
    SELECT part,
      group_concat(printf('count(a."%w" > 0 OR NULL) AS p%d, avg(a."%w") AS m%d, avg(a."%w" * a."%w") AS q%d,
        avg(a."%w" - b."%w") AS c%d, count((a."%w" > 0) <> (b."%w" > 0) OR NULL) AS f%d',
        name, position, name, position, name, name, position, name, name, position, name, name, position),
        ', ') AS sums,
      group_concat(printf('WHEN %d THEN p%d', position, position), ' ') AS positives,
      group_concat(printf('WHEN %d THEN m%d', position, position), ' ') AS means,
      group_concat(printf('WHEN %d THEN q%d', position, position), ' ') AS squares,
      group_concat(printf('WHEN %d THEN c%d', position, position), ' ') AS changes,
      group_concat(printf('WHEN %d THEN f%d', position, position), ' ') AS flips
    FROM (SELECT * FROM part WHERE part = ?2 ORDER BY position) GROUP BY part
  )
SELECT printf('INSERT INTO attribute_summary
  SELECT ?1, ?2, position, name, faces, positives, mean, sqrt(max(square - mean * mean, 0)),
    CASE WHEN ?2 > 0 THEN change END, CASE WHEN ?2 > 0 THEN flipped END
  FROM (SELECT n.position, n.name, w.faces,
      CASE n.position %s END AS positives, CASE n.position %s END AS mean, CASE n.position %s END AS square,
      CASE n.position %s END AS change, CASE n.position %s END AS flipped
    FROM bundle_attribute n,
      (SELECT count(*) AS faces, %s
       FROM face_attributes_%d a
       JOIN face_attributes_%d b ON b.stage_id = a.stage_id AND b.idx = a.idx AND b.variant = 0
       WHERE a.stage_id = ?1 AND a.variant = ?2) w
    WHERE n.bundle_id = %d AND n.position / 64 = %d AND w.faces > 0)',
  positives, means, squares, changes, flips, sums, ?1, ?1, ?1, part)
FROM written;

-- name: summary_parts
SELECT max(position) / 64 + 1 FROM bundle_attribute WHERE bundle_id = ?1;

-- name: summary_variants
SELECT variant FROM variant WHERE stage_id = ?1 ORDER BY variant;
