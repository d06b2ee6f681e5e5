-- 95 % intervals of what labellers get right.

PRAGMA user_version = 22;

-- By the bootstrap over the photos of the part (common/photo_quality.h); NULL where they are not defined.
ALTER TABLE photo_quality ADD COLUMN balanced_low REAL;
ALTER TABLE photo_quality ADD COLUMN balanced_high REAL;
ALTER TABLE photo_quality ADD COLUMN f1_low REAL;
ALTER TABLE photo_quality ADD COLUMN f1_high REAL;
ALTER TABLE photo_quality ADD COLUMN mcc_low REAL;
ALTER TABLE photo_quality ADD COLUMN mcc_high REAL;
ALTER TABLE photo_quality ADD COLUMN auc_low REAL;
ALTER TABLE photo_quality ADD COLUMN auc_high REAL;
-- Wilson's, of proportions.
ALTER TABLE photo_quality ADD COLUMN precision_low REAL;
ALTER TABLE photo_quality ADD COLUMN precision_high REAL;
ALTER TABLE photo_quality ADD COLUMN recall_low REAL;
ALTER TABLE photo_quality ADD COLUMN recall_high REAL;

DROP VIEW classifier_quality;
CREATE VIEW classifier_quality AS
SELECT s.job_id AS job, s.name AS stage, q.stage_id, q.part, q.position, q.attribute, q.photos, q.tp + q.fn AS positives,
       q.accuracy, q.accuracy_low, q.accuracy_high, q.base_rate, q.balanced_accuracy, q.balanced_low, q.balanced_high,
       q.precision, q.precision_low, q.precision_high, q.recall, q.recall_low, q.recall_high, q.f1, q.f1_low, q.f1_high,
       q.mcc, q.mcc_low, q.mcc_high, q.auc, q.auc_low, q.auc_high, q.squared_error, q.calibration_error
FROM photo_quality q JOIN stage s ON s.id = q.stage_id;
