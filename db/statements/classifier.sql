-- Labellers against what is known of photos.

-- name: classifier_photos
SELECT idx, name FROM photo WHERE stage_id = ?1 AND code IS NULL ORDER BY idx;

-- name: classifier_delete
DELETE FROM photo_quality WHERE stage_id = ?1;

-- name: classifier_insert
INSERT INTO photo_quality (stage_id, part, position, attribute, photos, tp, fp, tn, fn, accuracy, accuracy_low, accuracy_high,
  base_rate, balanced_accuracy, precision, recall, f1, mcc, auc, squared_error, calibration_error,
  balanced_low, balanced_high, f1_low, f1_high, mcc_low, mcc_high, auc_low, auc_high, precision_low, precision_high, recall_low, recall_high)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
  ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33);
