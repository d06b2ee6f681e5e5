-- The lists of a job's report.json, each under what follows report_json_ in its name; ?1 is the job.

-- name: report_json_stages
SELECT s.name, s.kind, s.state, s.start, p.samples, s.total, s.variants, s.done, s.error, s.started_ms, s.ended_ms
FROM stage s LEFT JOIN stage_samples p ON p.stage_id = s.id WHERE s.job_id = ?1 ORDER BY s.position;

-- name: report_json_class_distribution
SELECT stage, attribute, positives, faces, share, low, high FROM class_distribution WHERE job = ?1 ORDER BY stage_id, position;

-- name: report_json_boundaries
SELECT stage, attribute, data_size, positives, test_size, test_positives, train_accuracy, test_accuracy, base_rate, balanced_accuracy,
       precision, recall, f1, auc FROM boundaries WHERE job = ?1 ORDER BY stage_id, position;

-- name: report_json_directions
SELECT s.name AS stage, d.name AS target, d.projected, d.method, d.description, d.gain, d.leak
FROM direction d JOIN stage s ON s.id = d.stage_id WHERE s.job_id = ?1 ORDER BY d.stage_id, d.position, d.projected;

-- name: report_json_gain_leak
SELECT stage, target, method, weight, gain, leak FROM gain_leak_curve WHERE job = ?1 ORDER BY stage_id, position, method, weight;

-- name: report_json_age_shift
SELECT stage, projected, distance, faces, mean_before, mean_after, mean_shift, low, high, resamples
FROM age_shift WHERE job = ?1 ORDER BY stage_id, projected;

-- name: report_json_measures
SELECT stage, target, projected, distance, measure, part, value, low, high, faces, resamples
FROM measures WHERE job = ?1 ORDER BY stage_id, variant, measure, part;

-- name: report_json_rescoring
SELECT stage, target, projected, distance, attribute, change, change_low, change_high, per_step, difference, difference_low,
       difference_high, share_before, share_after, flipped
FROM rescoring WHERE job = ?1 ORDER BY stage_id, variant, position;

-- name: report_json_throughput
SELECT * FROM throughput WHERE job = ?1 ORDER BY stage_id, worker_id;

-- name: report_json_failures
SELECT s.name AS stage, f.start, f.count, f.code, f.text, f.at_ms FROM failure f JOIN stage s ON s.id = f.stage_id
WHERE s.job_id = ?1 ORDER BY f.id LIMIT 1000;

-- name: report_json_poison
SELECT s.name AS stage, p.start, p.count FROM poison p JOIN stage s ON s.id = p.stage_id WHERE s.job_id = ?1 ORDER BY s.position, p.start;

-- name: report_json_determinism_faults
SELECT s.name AS stage, d.start, d.count, d.expected, d.found, d.at_ms FROM determinism_fault d JOIN stage s ON s.id = d.stage_id
WHERE s.job_id = ?1 ORDER BY d.id LIMIT 1000;

-- name: report_json_boundary_quality
SELECT * FROM boundary_quality WHERE job = ?1 ORDER BY stage_id, position;

-- name: report_json_boundary_methods
SELECT * FROM boundary_methods WHERE job = ?1 ORDER BY stage_id, position, role, method;

-- name: report_json_boundary_layers
SELECT * FROM boundary_layers WHERE job = ?1 ORDER BY stage_id, position, layer;

-- name: report_json_boundary_folds
SELECT * FROM boundary_folds WHERE job = ?1 ORDER BY stage_id, position, step;

-- name: report_json_boundary_costs
SELECT * FROM boundary_costs WHERE job = ?1 ORDER BY stage_id, position, cost;

-- name: report_json_learning_curve
SELECT * FROM learning_curve WHERE job = ?1 ORDER BY stage_id, position, step;

-- name: report_json_photos
SELECT stage, number, name, sha256, height, width, error, psnr, identity, age, age_reconstructed, code, text
FROM photos WHERE job = ?1 ORDER BY stage_id, idx LIMIT 100000;

-- name: report_json_classifier_quality
SELECT stage, part, attribute, photos, positives, accuracy, accuracy_low, accuracy_high, base_rate, balanced_accuracy, balanced_low,
       balanced_high, precision, precision_low, precision_high, recall, recall_low, recall_high, f1, f1_low, f1_high, mcc, mcc_low,
       mcc_high, auc, auc_low, auc_high, squared_error, calibration_error
FROM classifier_quality WHERE job = ?1 ORDER BY stage_id, part, position;

-- name: report_json_linear_separability
SELECT * FROM linear_separability WHERE job = ?1 ORDER BY stage_id;

-- name: report_json_edit_ends
SELECT stage, target, projected, asked, description, stopped, faces, mean_distance, mean_evaluations
FROM edit_ends WHERE job = ?1 ORDER BY stage_id, target, variant, stopped;
