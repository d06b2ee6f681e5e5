-- What an edit does per unit of the way that its faces went, where they go each their own way.

-- Of the logit: Σ sign(α) change / Σ |α|, α each face's own (face_move.distance); NULL where nothing moved, for
-- grids, and in stages that an earlier schema summarised whose faces went each their own way.
ALTER TABLE attribute_summary ADD COLUMN per_step REAL;
UPDATE attribute_summary AS a SET per_step = mean_change /
  nullif((SELECT distance FROM variant v WHERE v.stage_id = a.stage_id AND v.variant = a.variant), 0)
WHERE variant > 0 AND (SELECT f.distance FROM face f WHERE f.stage_id = a.stage_id AND f.variant = a.variant LIMIT 1) IS NULL;

-- As before, but per_step, which was the change by what was asked: years and logits are no steps.
DROP VIEW rescoring;
CREATE VIEW rescoring AS
SELECT s.job_id AS job, s.name AS stage, a.stage_id, d.name AS target, v.target AS target_position, a.variant,
       v.projected, v.distance, a.position, a.attribute, a.faces,
       a.mean_change / nullif(b.sd_logit, 0) AS change,
       (a.mean_change - 1.96 * a.sd_change / sqrt(a.faces)) / nullif(b.sd_logit, 0) AS change_low,
       (a.mean_change + 1.96 * a.sd_change / sqrt(a.faces)) / nullif(b.sd_logit, 0) AS change_high,
       a.per_step / nullif(b.sd_logit, 0) AS per_step,
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

PRAGMA user_version = 16;
