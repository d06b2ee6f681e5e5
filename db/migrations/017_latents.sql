-- Stages whose faces are rows of imported latents.

PRAGMA user_version = 17;

ALTER TABLE stage ADD COLUMN latents TEXT; -- whose rows its samples are, by the hash of their list; NULL: samples

DROP VIEW stage_samples;
DROP VIEW sample_ranges;

-- Every stage's samples, those of one range as well; of stages with latents, their rows.
CREATE VIEW sample_ranges AS
SELECT s.job_id AS job, s.name AS stage, r.stage_id, r.idx, r.sample, r.count, s.latents
FROM sample_range r JOIN stage s ON s.id = r.stage_id
UNION ALL
SELECT s.job_id, s.name, s.id, 0, s.start, CASE s.kind WHEN 'edit' THEN s.unit ELSE s.total END, s.latents
FROM stage s WHERE s.kind IN ('sample', 'label', 'edit', 'evaluate') AND s.images IS NULL
  AND NOT EXISTS (SELECT 1 FROM sample_range r WHERE r.stage_id = s.id);

-- The same as people write them, "0-9999, 12000": the first eight ranges.
CREATE VIEW stage_samples AS
SELECT s.job_id AS job, s.name AS stage, s.id AS stage_id,
       CASE WHEN s.latents IS NULL THEN '' ELSE 'rows ' END ||
       (SELECT group_concat(CASE count WHEN 1 THEN sample ELSE sample || '-' || (sample + count - 1) END, ', ')
        FROM (SELECT sample, count FROM sample_ranges r WHERE r.stage_id = s.id ORDER BY idx LIMIT 8))
       || CASE WHEN (SELECT count(*) FROM sample_range r WHERE r.stage_id = s.id) > 8 THEN ', …' ELSE '' END
       || CASE WHEN s.latents IS NULL THEN '' ELSE ' of latents ' || substr(s.latents, 1, 12) || '…' END AS samples
FROM stage s WHERE EXISTS (SELECT 1 FROM sample_ranges r WHERE r.stage_id = s.id);
