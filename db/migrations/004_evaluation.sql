-- Evaluations of several targets and distances, and what is measured of them.

PRAGMA user_version = 4;

-- The position of the direction that a row of an evaluated face was moved along; NULL for the face as
-- sampled, and in an edit stage, where idx / unit is the target.
ALTER TABLE variant ADD COLUMN target INTEGER;
UPDATE variant SET target = 0
WHERE variant > 0 AND stage_id IN (SELECT id FROM stage WHERE kind = 'evaluate');

-- Cosine of the face's embedding and that of variant 0, where the bundle has a network for identity.
ALTER TABLE face ADD COLUMN identity REAL;

-- Standard deviation of the change over the faces; and of an evaluation's projected variants, the mean of their
-- change minus that of their plain partner, and its standard deviation.
ALTER TABLE attribute_summary ADD COLUMN sd_change REAL;
ALTER TABLE attribute_summary ADD COLUMN difference REAL;
ALTER TABLE attribute_summary ADD COLUMN sd_difference REAL;

-- Figures of a done evaluate stage, made by the broker (db/measures.c); docs/schema.md has the names.
CREATE TABLE measure (
  stage_id  INTEGER NOT NULL REFERENCES stage,
  variant   INTEGER NOT NULL,
  name      TEXT NOT NULL,
  part      TEXT NOT NULL,    -- of the faces: all, male, female, age_20 (20 to 29 before the edit), …
  value     REAL NOT NULL,
  low       REAL,             -- 95 % interval
  high      REAL,
  faces     INTEGER NOT NULL,
  resamples INTEGER NOT NULL, -- of the bootstrap; 0: by formula, or no interval
  PRIMARY KEY (stage_id, variant, name, part)
) STRICT, WITHOUT ROWID;

DROP VIEW age_shift;
DROP VIEW evaluation;

-- Ages before and after the edit of an evaluate stage towards its first target, by the judging estimator; a row a face.
CREATE VIEW evaluation AS
SELECT s.job_id AS job, s.name AS stage, a.stage_id, s.start + a.idx AS sample, a.idx,
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
       s.start + b.idx AS sample, a.age_judge AS age_before, b.age_judge AS age_after, b.identity
FROM stage s
JOIN variant v ON v.stage_id = s.id AND v.target IS NOT NULL
JOIN direction d ON d.stage_id = s.id AND d.position = v.target AND d.projected = v.projected
JOIN face b ON b.stage_id = s.id AND b.variant = v.variant
JOIN face a ON a.stage_id = s.id AND a.idx = b.idx AND a.variant = 0
WHERE s.kind = 'evaluate';

-- The measures by the names of their edits.
CREATE VIEW measures AS
SELECT s.job_id AS job, s.name AS stage, m.stage_id, d.name AS target, v.target AS target_position, m.variant,
       v.projected, v.distance, m.name AS measure, m.part, m.value, m.low, m.high, m.faces, m.resamples
FROM measure m
JOIN stage s ON s.id = m.stage_id
JOIN variant v ON v.stage_id = m.stage_id AND v.variant = m.variant
LEFT JOIN direction d ON d.stage_id = m.stage_id AND d.position = v.target AND d.projected = v.projected;

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

-- The re-scoring matrix: what an edit along a target does to each attribute. change: mean change of the logit in
-- standard deviations of that logit before the edit, with its 95 % interval; per_step: the same per unit of distance;
-- difference: of the projected edit against its plain partner, paired by face.
CREATE VIEW rescoring AS
SELECT s.job_id AS job, s.name AS stage, a.stage_id, d.name AS target, v.target AS target_position, a.variant,
       v.projected, v.distance, a.position, a.attribute, a.faces,
       a.mean_change / nullif(b.sd_logit, 0) AS change,
       (a.mean_change - 1.96 * a.sd_change / sqrt(a.faces)) / nullif(b.sd_logit, 0) AS change_low,
       (a.mean_change + 1.96 * a.sd_change / sqrt(a.faces)) / nullif(b.sd_logit, 0) AS change_high,
       a.mean_change / nullif(b.sd_logit, 0) / nullif(v.distance, 0) AS per_step,
       a.difference / nullif(b.sd_logit, 0) AS difference,
       (a.difference - 1.96 * a.sd_difference / sqrt(a.faces)) / nullif(b.sd_logit, 0) AS difference_low,
       (a.difference + 1.96 * a.sd_difference / sqrt(a.faces)) / nullif(b.sd_logit, 0) AS difference_high,
       1.0 * b.positives / b.faces AS share_before, 1.0 * a.positives / a.faces AS share_after,
       1.0 * a.flipped / a.faces AS flipped
FROM attribute_summary a
JOIN stage s ON s.id = a.stage_id AND s.kind = 'evaluate'
JOIN variant v ON v.stage_id = a.stage_id AND v.variant = a.variant AND v.target IS NOT NULL
JOIN direction d ON d.stage_id = a.stage_id AND d.position = v.target AND d.projected = v.projected
JOIN attribute_summary b ON b.stage_id = a.stage_id AND b.variant = 0 AND b.position = a.position;
