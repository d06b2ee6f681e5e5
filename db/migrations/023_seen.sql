-- Whether an evaluation's faces were labelled, found in one pass in the order of the samples: a mix has a million ranges.

PRAGMA user_version = 23;

-- Evaluate stages that measure faces which a label stage of their job had as well.
CREATE VIEW seen_stages AS
SELECT DISTINCT job, stage, stage_id FROM (
  SELECT job, stage, stage_id, own, sample,
         max(CASE own WHEN 0 THEN sample + count END) OVER below AS labelled_end,
         max(CASE own WHEN 1 THEN sample + count END) OVER below AS own_end
  FROM (
    SELECT e.job_id AS job, e.name AS stage, e.id AS stage_id, 1 AS own, r.sample, r.count, r.latents
    FROM stage e JOIN sample_ranges r ON r.stage_id = e.id WHERE e.kind = 'evaluate'
    UNION ALL
    SELECT e.job_id, e.name, e.id, 0, r.sample, r.count, r.latents
    FROM stage e JOIN stage l ON l.job_id = e.job_id AND l.kind = 'label' JOIN sample_ranges r ON r.stage_id = l.id
    WHERE e.kind = 'evaluate'
  )
  WINDOW below AS (PARTITION BY job, stage, stage_id, latents ORDER BY sample)
)
WHERE CASE own WHEN 1 THEN labelled_end ELSE own_end END > sample;
