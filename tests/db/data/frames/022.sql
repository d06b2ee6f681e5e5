-- Another part of the known photo's table, with intervals.
INSERT INTO photo_quality (stage_id, part, position, attribute, photos, tp, fp, tn, fn, accuracy, accuracy_low, accuracy_high, base_rate,
                           balanced_accuracy, precision, recall, f1, mcc, auc, squared_error, calibration_error,
                           balanced_low, balanced_high, f1_low, f1_high, mcc_low, mcc_high, auc_low, auc_high,
                           precision_low, precision_high, recall_low, recall_high) VALUES
  (200, 'train', 1, 'Young', 4, 1, 1, 1, 1, 0.5, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.125, 0.5, 0.125, 0.25,
   0.25, 0.75, 0.25, 0.75, -0.5, 0.5, 0.25, 0.75, 0.125, 0.875, 0.25, 0.75);
