-- The evaluation of schema 4, summed up over its other attribute.
INSERT INTO attribute_summary (stage_id, variant, position, attribute, faces, positives, mean_logit, sd_logit, mean_change, flipped, sd_change, difference, sd_difference, per_step) VALUES
  (42, 0, 1, 'Young', 1, 1, 5, 1, NULL, NULL, NULL, NULL, NULL, NULL), (42, 1, 1, 'Young', 1, 0, 0, 1, -5, 1, 0.5, NULL, NULL, -1.25);
