-- What two jobs are compared by: rows of a label, a value and its 95 % interval. ?1 is the job.

-- name: compare_figures
SELECT 'faces labelled', 1.0 * (SELECT sum(total) FROM stage WHERE job_id = ?1 AND kind = 'label'), NULL, NULL
UNION ALL SELECT 'mean test accuracy of the boundaries', avg(test_accuracy), NULL, NULL FROM boundaries WHERE job = ?1 AND attribute <> 'age'
UNION ALL SELECT 'mean base rate', avg(base_rate), NULL, NULL FROM boundaries WHERE job = ?1 AND attribute <> 'age'
UNION ALL SELECT 'mean balanced accuracy', avg(balanced_accuracy), NULL, NULL FROM boundaries WHERE job = ?1 AND attribute <> 'age'
UNION ALL SELECT 'mean F1', avg(f1), NULL, NULL FROM boundaries WHERE job = ?1 AND attribute <> 'age'
UNION ALL SELECT 'mean AUC', avg(auc), NULL, NULL FROM boundaries WHERE job = ?1 AND attribute <> 'age'
UNION ALL SELECT 'faces a second of a worker', 1000.0 * sum(faces) / nullif(sum(busy_ms), 0), NULL, NULL FROM throughput WHERE job = ?1;

-- Of equal edits in several stages, the first stage's.
-- name: compare_measures
SELECT printf('%s%s by %g: %s', target, CASE projected WHEN 1 THEN ', projected,' ELSE '' END, distance,
  CASE measure WHEN 'age_shift' THEN 'age shift, years' WHEN 'target_change' THEN 'target' WHEN 'dependency' THEN 'all else'
    WHEN 'dependency_ratio' THEN 'all else for a unit of the target' ELSE measure END), value, low, high
FROM (SELECT *, min(stage_id) FROM measures WHERE job = ?1 AND part = 'all'
        AND measure IN ('age_shift', 'target_change', 'dependency', 'dependency_ratio', 'identity', 'likeness')
      GROUP BY target, projected, distance, measure)
ORDER BY target <> 'age', target_position, projected, abs(distance) DESC, distance, measure;

-- name: compare_boundaries
SELECT replace(attribute, '_', ' '), balanced_accuracy, balanced_low, balanced_high FROM boundary_quality
WHERE job = ?1 ORDER BY stage_id, attribute = 'age', position;

-- The edits by the first evaluation, attribute by attribute.
-- name: compare_rescoring
SELECT printf('%s%s: %s', target, CASE projected WHEN 1 THEN ', projected' ELSE '' END, replace(attribute, '_', ' ')), change, change_low, change_high
FROM rescoring WHERE job = ?1 AND stage_id = (SELECT min(stage_id) FROM rescoring WHERE job = ?1) AND variant <= 2
ORDER BY variant, abs(change) DESC;
