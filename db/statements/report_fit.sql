-- What the report shows of a fit beyond the study's table. ?1 is the job.

-- name: report_quality
SELECT attribute, positives, train_size, test_positives, test_accuracy, test_accuracy_low, test_accuracy_high, base_rate,
       balanced_accuracy, balanced_low, balanced_high, precision, recall, f1, f1_low, f1_high, auc, auc_low, auc_high,
       mcc, mcc_low, mcc_high, fold_cosine_mean, fold_cosine_min, cosine_estimate, faces_for_99
FROM boundary_quality WHERE job = ?1 ORDER BY stage_id, attribute = 'age', position;

-- name: report_separability
SELECT stage, attributes, bits, separability FROM linear_separability WHERE job = ?1 ORDER BY stage_id LIMIT 1;

-- Methods side by side, where there are several: means over the attributes. cosine: of the normal to the boundary's.
-- name: report_methods
SELECT replace(method, '_', ' ') || CASE WHEN min(role) = 'chosen' THEN ' (the boundary)' ELSE '' END, count(*), avg(train_accuracy), avg(test_accuracy),
       avg(balanced_accuracy), avg(f1), avg(auc), avg(mcc), avg(cosine), min(cosine)
FROM boundary_methods WHERE job = ?1 AND attribute <> 'age'
  AND stage_id IN (SELECT stage_id FROM boundary_methods WHERE job = ?1 AND role = 'method')
GROUP BY stage_id, method ORDER BY stage_id, avg(balanced_accuracy) DESC;

-- name: report_methods_rows
SELECT attribute, replace(method, '_', ' '), test_accuracy, test_accuracy_low, test_accuracy_high, balanced_accuracy, balanced_low, balanced_high,
       f1, f1_low, f1_high, auc, auc_low, auc_high, cosine
FROM boundary_methods WHERE job = ?1
  AND stage_id IN (SELECT stage_id FROM boundary_methods WHERE job = ?1 AND role = 'method')
ORDER BY stage_id, position, method;

-- Costs tried by cross-validation: means over the attributes.
-- name: report_costs
SELECT cost, count(DISTINCT position), avg(test_accuracy), avg(balanced_accuracy), avg(auc)
FROM boundary_costs WHERE job = ?1 AND attribute <> 'age' GROUP BY stage_id, cost ORDER BY stage_id, cost;

-- The learning curve: means over the attributes at each size.
-- name: report_learning
SELECT 0, train_size, avg(balanced_accuracy), NULL, NULL FROM learning_curve
WHERE job = ?1 AND attribute <> 'age' GROUP BY stage_id, step ORDER BY stage_id, train_size;

-- name: report_learning_cosine
SELECT 0, train_size, avg(cosine), NULL, NULL FROM learning_curve
WHERE job = ?1 AND attribute <> 'age' GROUP BY stage_id, step ORDER BY stage_id, train_size;

-- Layer by layer, of a fit with per_layer: means over the attributes, and for how many the layer is the best.
-- name: report_layers
WITH l AS (
  SELECT *, auc = max(auc) OVER (PARTITION BY stage_id, position) AS best FROM boundary_layers WHERE job = ?1 AND attribute <> 'age'
)
SELECT layer, count(*), avg(test_accuracy), avg(balanced_accuracy), avg(auc), max(auc), coalesce(sum(best), 0)
FROM l GROUP BY stage_id, layer ORDER BY stage_id, layer;

-- name: report_layers_rows
SELECT attribute, layer, test_accuracy, test_accuracy_low, test_accuracy_high, base_rate, balanced_accuracy, balanced_low, balanced_high,
       auc, auc_low, auc_high, cosine
FROM boundary_layers WHERE job = ?1 ORDER BY stage_id, attribute = 'age', position, layer;
