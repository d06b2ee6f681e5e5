-- Boundaries in w+: how their numbers lie in layers, and how good each layer is where it is fitted by itself.

PRAGMA user_version = 19;

-- Of the normal: layers · d numbers, layer by layer. 1: of z or w, or of w+ from before this was recorded.
ALTER TABLE boundary ADD COLUMN layers INTEGER NOT NULL DEFAULT 1;

-- A layer's own boundary, of a fit with per_layer. Its unit normal is the layer's part of the boundary's, made as
-- long as 1; the other columns are those of `fitted`.
CREATE TABLE fitted_layer (
  stage_id INTEGER NOT NULL REFERENCES stage,
  position INTEGER NOT NULL,
  layer    INTEGER NOT NULL,
  method   TEXT NOT NULL,
  cost     REAL NOT NULL,
  "offset" REAL NOT NULL,
  cosine   REAL NOT NULL, -- to the boundary: 1/sqrt(layers that say anything), 0 of one that says nothing
  train_tp INTEGER NOT NULL, train_fp INTEGER NOT NULL, train_tn INTEGER NOT NULL, train_fn INTEGER NOT NULL,
  test_tp  INTEGER NOT NULL, test_fp  INTEGER NOT NULL, test_tn  INTEGER NOT NULL, test_fn  INTEGER NOT NULL,
  rest_tp  INTEGER NOT NULL, rest_fp  INTEGER NOT NULL, rest_tn  INTEGER NOT NULL, rest_fn  INTEGER NOT NULL,
  resamples INTEGER NOT NULL, -- of the bootstrap; 0: the rest is NULL
  auc REAL, auc_low REAL, auc_high REAL,
  f1_low REAL, f1_high REAL, mcc_low REAL, mcc_high REAL, balanced_low REAL, balanced_high REAL,
  kappa REAL,
  PRIMARY KEY (stage_id, position, layer)
) STRICT, WITHOUT ROWID;

-- Which layers carry an attribute. Wilson's interval as in fitted_measures.
CREATE VIEW boundary_layers AS
WITH counts AS (
  SELECT f.*, s.job_id AS job, s.name AS stage, b.name AS attribute, length(b.normal) / 4 / b.layers AS dimension,
    f.train_tp + f.train_fp + f.train_tn + f.train_fn AS train_size,
    f.test_tp + f.test_fp + f.test_tn + f.test_fn AS test_size, f.test_tp + f.test_fn AS test_positives
  FROM fitted_layer f JOIN stage s ON s.id = f.stage_id JOIN boundary b ON b.stage_id = f.stage_id AND b.position = f.position
)
SELECT job, stage, stage_id, position, attribute, layer, method, cost, "offset", cosine, dimension,
  train_size, train_tp + train_fn AS train_positives, test_size, test_positives,
  1.0 * max(test_positives, test_size - test_positives) / nullif(test_size, 0) AS base_rate,
  1.0 * (train_tp + train_tn) / nullif(train_size, 0) AS train_accuracy,
  1.0 * (test_tp + test_tn) / nullif(test_size, 0) AS test_accuracy,
  (test_tp + test_tn + 1.920729410347062 - 1.959963984540054 * sqrt(1.0 * (test_tp + test_tn) * (test_fp + test_fn) / nullif(test_size, 0)
    + 0.960364705173531)) / (test_size + 3.841458820694124) AS test_accuracy_low,
  (test_tp + test_tn + 1.920729410347062 + 1.959963984540054 * sqrt(1.0 * (test_tp + test_tn) * (test_fp + test_fn) / nullif(test_size, 0)
    + 0.960364705173531)) / (test_size + 3.841458820694124) AS test_accuracy_high,
  (1.0 * test_tp / nullif(test_tp + test_fn, 0) + 1.0 * test_tn / nullif(test_tn + test_fp, 0)) / 2 AS balanced_accuracy,
  balanced_low, balanced_high,
  2.0 * test_tp / nullif(2 * test_tp + test_fp + test_fn, 0) AS f1, f1_low, f1_high, auc, auc_low, auc_high
FROM counts;
