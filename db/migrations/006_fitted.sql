-- What was fitted beside a boundary and on the way to it, how good each is, and views of it.

-- Role chosen: the boundary itself; method: another method on the same samples; fold: trained without one fold of
-- the training samples and tested on it (`step`); cost: the same for a cost that was tried, all folds together;
-- curve: on 2^-step of the training samples. Test counts are on the held-out samples (fold, cost: on the fold left
-- out), rest counts on samples that the set leaves out. Intervals are of 95 %, percentiles of a bootstrap over the
-- held-out samples, seeded by the job.
CREATE TABLE fitted (
  stage_id INTEGER NOT NULL REFERENCES stage,
  position INTEGER NOT NULL,
  role     TEXT NOT NULL CHECK (role IN ('chosen', 'method', 'fold', 'curve', 'cost')),
  step     INTEGER NOT NULL, -- of fold, curve, cost; else 0
  method   TEXT NOT NULL CHECK (method IN ('svm', 'least_squares', 'ridge', 'mean_difference', 'imported')),
  cost     REAL NOT NULL,
  normal   BLOB, -- of role method: float32 little-endian
  "offset" REAL NOT NULL,
  cosine   REAL NOT NULL,       -- of its normal to the boundary's
  cosine_folds REAL NOT NULL,   -- role fold: mean cosine to the other folds' normals
  train_tp INTEGER NOT NULL, train_fp INTEGER NOT NULL, train_tn INTEGER NOT NULL, train_fn INTEGER NOT NULL,
  test_tp  INTEGER NOT NULL, test_fp  INTEGER NOT NULL, test_tn  INTEGER NOT NULL, test_fn  INTEGER NOT NULL,
  rest_tp  INTEGER NOT NULL, rest_fp  INTEGER NOT NULL, rest_tn  INTEGER NOT NULL, rest_fn  INTEGER NOT NULL,
  resamples INTEGER NOT NULL,   -- of the bootstrap; 0: the rest is NULL
  auc REAL, auc_low REAL, auc_high REAL,
  f1_low REAL, f1_high REAL, mcc_low REAL, mcc_high REAL, balanced_low REAL, balanced_high REAL,
  kappa REAL, -- squared correlation of score and label (least_squares: fitted value) on the held-out samples
  PRIMARY KEY (stage_id, position, role, step, method)
) STRICT, WITHOUT ROWID;

-- All that is said of a fit, from its counts. Wilson's interval (JASA 1927) of k of n with z = 1.959964:
-- (k + z²/2 ± z √(k (n − k)/n + z²/4)) / (n + z²).
-- With M training samples of dimension d, the cosine of the normal to the one that infinitely many samples would
-- give is √(κ_test/κ), where κ_test = κ² M / (κ M + d (1 − κ)), and tan² of the angle is d (1 − κ)/(M κ): least
-- squares on isotropic latents, which an SVM follows closely where classes are balanced. Only for `z`-like spaces.
CREATE VIEW fitted_measures AS
WITH counts AS (
  SELECT f.*, s.job_id AS job, s.name AS stage, b.name AS attribute, length(b.normal) / 4 AS dimension,
    f.train_tp + f.train_fp + f.train_tn + f.train_fn AS train_size,
    f.test_tp + f.test_fp + f.test_tn + f.test_fn AS test_size,
    f.rest_tp + f.rest_fp + f.rest_tn + f.rest_fn AS rest_size, f.test_tp + f.test_fn AS test_positives
  FROM fitted f JOIN stage s ON s.id = f.stage_id JOIN boundary b ON b.stage_id = f.stage_id AND b.position = f.position
), noise AS (
  SELECT *, CASE WHEN kappa > 3.84 / test_size AND kappa < 1 AND train_size > 0 THEN
    (kappa * (train_size - dimension) + sqrt(kappa * kappa * (train_size - dimension) * (train_size - dimension)
      + 4.0 * train_size * kappa * dimension)) / (2.0 * train_size) END AS kappa_all
  FROM counts
)
SELECT job, stage, stage_id, position, attribute, role, step, method, cost, cosine, cosine_folds,
  train_tp + train_fn + test_tp + test_fn + rest_tp + rest_fn AS positives,
  train_fp + train_tn + test_fp + test_tn + rest_fp + rest_tn AS negatives,
  train_size, test_size, rest_size, train_tp + train_fn AS train_positives, test_positives, dimension,
  1.0 * max(test_positives, test_size - test_positives) / nullif(test_size, 0) AS base_rate,
  1.0 * (train_tp + train_tn) / nullif(train_size, 0) AS train_accuracy,
  1.0 * (test_tp + test_tn) / nullif(test_size, 0) AS test_accuracy,
  (test_tp + test_tn + 1.920729410347062 - 1.959963984540054 * sqrt(1.0 * (test_tp + test_tn) * (test_fp + test_fn) / nullif(test_size, 0)
    + 0.960364705173531)) / (test_size + 3.841458820694124) AS test_accuracy_low,
  (test_tp + test_tn + 1.920729410347062 + 1.959963984540054 * sqrt(1.0 * (test_tp + test_tn) * (test_fp + test_fn) / nullif(test_size, 0)
    + 0.960364705173531)) / (test_size + 3.841458820694124) AS test_accuracy_high,
  1.0 * (rest_tp + rest_tn) / nullif(rest_size, 0) AS rest_accuracy,
  (1.0 * test_tp / nullif(test_tp + test_fn, 0) + 1.0 * test_tn / nullif(test_tn + test_fp, 0)) / 2 AS balanced_accuracy,
  balanced_low, balanced_high,
  1.0 * test_tp / nullif(test_tp + test_fp, 0) AS precision,
  (test_tp + 1.920729410347062 - 1.959963984540054 * sqrt(1.0 * test_tp * test_fp / nullif(test_tp + test_fp, 0) + 0.960364705173531))
    / (test_tp + test_fp + 3.841458820694124) AS precision_low,
  (test_tp + 1.920729410347062 + 1.959963984540054 * sqrt(1.0 * test_tp * test_fp / nullif(test_tp + test_fp, 0) + 0.960364705173531))
    / (test_tp + test_fp + 3.841458820694124) AS precision_high,
  1.0 * test_tp / nullif(test_tp + test_fn, 0) AS recall,
  (test_tp + 1.920729410347062 - 1.959963984540054 * sqrt(1.0 * test_tp * test_fn / nullif(test_tp + test_fn, 0) + 0.960364705173531))
    / (test_tp + test_fn + 3.841458820694124) AS recall_low,
  (test_tp + 1.920729410347062 + 1.959963984540054 * sqrt(1.0 * test_tp * test_fn / nullif(test_tp + test_fn, 0) + 0.960364705173531))
    / (test_tp + test_fn + 3.841458820694124) AS recall_high,
  2.0 * test_tp / nullif(2 * test_tp + test_fp + test_fn, 0) AS f1, f1_low, f1_high,
  auc, auc_low, auc_high,
  (1.0 * test_tp * test_tn - 1.0 * test_fp * test_fn) / nullif(sqrt(1.0 * (test_tp + test_fp) * (test_tp + test_fn))
    * sqrt(1.0 * (test_tn + test_fp) * (test_tn + test_fn)), 0) AS mcc, mcc_low, mcc_high,
  test_tp + test_tn <= max(test_positives, test_size - test_positives) AS majority_wins,
  -- H(Y|X) in bits: Y the class, X what the boundary says
  CASE WHEN test_size > 0 THEN (
    CASE WHEN test_tp > 0 THEN test_tp * log2(1.0 * (test_tp + test_fp) / test_tp) ELSE 0 END
    + CASE WHEN test_fp > 0 THEN test_fp * log2(1.0 * (test_tp + test_fp) / test_fp) ELSE 0 END
    + CASE WHEN test_tn > 0 THEN test_tn * log2(1.0 * (test_tn + test_fn) / test_tn) ELSE 0 END
    + CASE WHEN test_fn > 0 THEN test_fn * log2(1.0 * (test_tn + test_fn) / test_fn) ELSE 0 END) / test_size END AS entropy,
  resamples, kappa, sqrt(kappa / kappa_all) AS cosine_estimate,
  CAST(round(dimension * (1 - kappa_all) / kappa_all * 0.9801 / 0.0199) AS INTEGER) AS faces_for_99
FROM noise;

-- One row an attribute.
CREATE VIEW boundary_quality AS
SELECT m.*, folds.fold_cosine_mean, folds.fold_cosine_min, folds.fold_accuracy_mean, folds.folds
FROM fitted_measures m LEFT JOIN (
  SELECT stage_id, position, count(*) AS folds, avg(cosine_folds) AS fold_cosine_mean, min(cosine_folds) AS fold_cosine_min,
    avg(test_accuracy) AS fold_accuracy_mean
  FROM fitted_measures WHERE role = 'fold' GROUP BY stage_id, position
) folds USING (stage_id, position)
WHERE m.role = 'chosen';

-- Methods side by side, the boundary's own among them.
CREATE VIEW boundary_methods AS SELECT * FROM fitted_measures WHERE role IN ('chosen', 'method');
CREATE VIEW boundary_folds AS SELECT * FROM fitted_measures WHERE role = 'fold';
CREATE VIEW boundary_costs AS SELECT * FROM fitted_measures WHERE role = 'cost';

-- From the whole training set (step 0) down.
CREATE VIEW learning_curve AS
SELECT * FROM fitted_measures WHERE role = 'curve' OR (role = 'chosen'
  AND EXISTS (SELECT 1 FROM fitted c WHERE c.stage_id = fitted_measures.stage_id AND c.role = 'curve'));

-- Linear separability of the latent space, after Karras et al., "A style-based generator architecture for generative
-- adversarial networks", 2019: 2 to the sum of H(Y|X) over the attributes, here of held-out samples, not of the
-- samples that the boundary was fitted on. 1: every boundary tells all; 2 per attribute: none tells anything.
CREATE VIEW linear_separability AS
SELECT job, stage, stage_id, count(*) AS attributes, sum(entropy) AS bits, exp2_bits AS separability
FROM (SELECT *, pow(2, sum(entropy) OVER (PARTITION BY stage_id)) AS exp2_bits FROM boundary_quality
      WHERE attribute <> 'age' AND entropy IS NOT NULL)
GROUP BY stage_id;

-- What a reader should know before believing a row.
CREATE VIEW boundary_warnings AS
WITH q AS (SELECT * FROM boundary_quality)
SELECT job, stage, stage_id, position, attribute, 'one class' AS code,
  printf('all %d training samples are of one class: the direction says nothing', train_size) AS text
FROM q WHERE train_positives = 0 OR train_positives = train_size
UNION ALL
SELECT job, stage, stage_id, position, attribute, 'few samples',
  printf('%d training samples of dimension %d: fewer than four times the dimension separate by chance', train_size, dimension)
FROM q WHERE train_size < 4 * dimension
UNION ALL
SELECT job, stage, stage_id, position, attribute, 'few of a class',
  printf('%d of %d training samples are of the rarer class', min(train_positives, train_size - train_positives), train_size)
FROM q WHERE min(train_positives, train_size - train_positives) BETWEEN 1 AND 49
UNION ALL
SELECT job, stage, stage_id, position, attribute, 'majority wins',
  printf('test accuracy %.3f: always saying the frequent class has %.3f', test_accuracy, base_rate)
FROM q WHERE majority_wins AND test_size > 0
UNION ALL
SELECT job, stage, stage_id, position, attribute, 'no better than chance', printf('area under the curve %.3f (%.3f to %.3f)', auc, auc_low, auc_high)
FROM q WHERE auc_low <= 0.5
UNION ALL
SELECT job, stage, stage_id, position, attribute, 'unstable', printf('folds'' normals have a cosine of %.3f on average', fold_cosine_mean)
FROM q WHERE fold_cosine_mean < 0.9;

PRAGMA user_version = 6;
