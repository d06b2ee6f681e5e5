-- Which samples a stage's faces are, where they are no single range.

PRAGMA user_version = 15;

-- Faces idx … idx + count − 1 of the stage are samples sample … sample + count − 1. A stage without a row here has the
-- samples from stage.start on.
CREATE TABLE sample_range (
  stage_id INTEGER NOT NULL REFERENCES stage,
  idx      INTEGER NOT NULL, -- of an edit within its target
  sample   INTEGER NOT NULL,
  count    INTEGER NOT NULL,
  PRIMARY KEY (stage_id, idx)
) STRICT, WITHOUT ROWID;

-- Every stage's samples, those of one range as well.
CREATE VIEW sample_ranges AS
SELECT s.job_id AS job, s.name AS stage, r.stage_id, r.idx, r.sample, r.count
FROM sample_range r JOIN stage s ON s.id = r.stage_id
UNION ALL
SELECT s.job_id, s.name, s.id, 0, s.start, CASE s.kind WHEN 'edit' THEN s.unit ELSE s.total END
FROM stage s WHERE s.kind IN ('sample', 'label', 'edit', 'evaluate') AND s.images IS NULL
  AND NOT EXISTS (SELECT 1 FROM sample_range r WHERE r.stage_id = s.id);

-- The same as people write them, "0-9999, 12000": the first eight ranges.
CREATE VIEW stage_samples AS
SELECT s.job_id AS job, s.name AS stage, s.id AS stage_id,
       (SELECT group_concat(CASE count WHEN 1 THEN sample ELSE sample || '-' || (sample + count - 1) END, ', ')
        FROM (SELECT sample, count FROM sample_ranges r WHERE r.stage_id = s.id ORDER BY idx LIMIT 8))
       || CASE WHEN (SELECT count(*) FROM sample_range r WHERE r.stage_id = s.id) > 8 THEN ', …' ELSE '' END AS samples
FROM stage s WHERE EXISTS (SELECT 1 FROM sample_ranges r WHERE r.stage_id = s.id);

DROP VIEW age_shift;
DROP VIEW evaluated_faces;
DROP VIEW evaluation;

-- Ages before and after the edit of an evaluate stage towards its first target, by the judging estimator; a row a face.
CREATE VIEW evaluation AS
SELECT s.job_id AS job, s.name AS stage, a.stage_id,
       coalesce((SELECT r.sample + a.idx - r.idx FROM sample_range r WHERE r.stage_id = s.id AND r.idx <= a.idx
                 ORDER BY r.idx DESC LIMIT 1), s.start + a.idx) AS sample, a.idx,
       a.age_judge AS age_before, b.age_judge AS age_after, p.age_judge AS age_after_projected,
       a.age_fit AS age_fit_before, b.age_fit AS age_fit_after, p.age_fit AS age_fit_after_projected,
       b.identity, p.identity AS identity_projected
FROM stage s
JOIN face a ON a.stage_id = s.id AND a.variant = 0
JOIN face b ON b.stage_id = s.id AND b.idx = a.idx AND b.variant = 1
LEFT JOIN variant v ON v.stage_id = s.id AND v.variant = 2 AND v.projected = 1
LEFT JOIN face p ON p.stage_id = s.id AND p.idx = a.idx AND p.variant = v.variant
WHERE s.kind = 'evaluate';

-- Every edited row of every evaluated face.
CREATE VIEW evaluated_faces AS
SELECT s.job_id AS job, s.name AS stage, b.stage_id, d.name AS target, v.projected, v.distance, b.variant, b.idx,
       coalesce((SELECT r.sample + b.idx - r.idx FROM sample_range r WHERE r.stage_id = s.id AND r.idx <= b.idx
                 ORDER BY r.idx DESC LIMIT 1), s.start + b.idx) AS sample,
       a.age_judge AS age_before, b.age_judge AS age_after, b.identity
FROM stage s
JOIN variant v ON v.stage_id = s.id AND v.target IS NOT NULL
JOIN direction d ON d.stage_id = s.id AND d.position = v.target AND d.projected = v.projected
JOIN face b ON b.stage_id = s.id AND b.variant = v.variant
JOIN face a ON a.stage_id = s.id AND a.idx = b.idx AND a.variant = 0
WHERE s.kind = 'evaluate';

-- The mean age shift along the first target with its 95 % interval: by bootstrap where it was measured (resamples
-- > 0), else mean ± 1.96 · sd / √n over faces.
CREATE VIEW age_shift AS
WITH change AS (
  SELECT stage_id, 0 AS projected, age_before, age_after, age_after - age_before AS shift FROM evaluation
  UNION ALL
  SELECT stage_id, 1, age_before, age_after_projected, age_after_projected - age_before FROM evaluation
  WHERE age_after_projected IS NOT NULL
), moments AS (
  SELECT stage_id, projected, count(*) AS faces, avg(age_before) AS mean_before, avg(age_after) AS mean_after,
         avg(shift) AS mean_shift, avg(shift * shift) AS mean_square
  FROM change GROUP BY stage_id, projected
)
SELECT s.job_id AS job, s.name AS stage, m.stage_id, m.projected, v.distance, m.faces,
       m.mean_before, m.mean_after, m.mean_shift,
       coalesce(b.low, m.mean_shift - 1.96 * sqrt(max(m.mean_square - m.mean_shift * m.mean_shift, 0) / m.faces)) AS low,
       coalesce(b.high, m.mean_shift + 1.96 * sqrt(max(m.mean_square - m.mean_shift * m.mean_shift, 0) / m.faces)) AS high,
       coalesce(b.resamples, 0) AS resamples
FROM moments m
JOIN stage s ON s.id = m.stage_id
JOIN variant v ON v.stage_id = m.stage_id AND v.variant = 1 + m.projected
LEFT JOIN measure b ON b.stage_id = m.stage_id AND b.variant = v.variant AND b.name = 'age_shift' AND b.part = 'all';
