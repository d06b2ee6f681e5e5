-- How labellers agree with what is known of photos.

PRAGMA user_version = 20;

-- Of a done label stage with truth: an attribute that both know, over the photos of a part of the data set, or over
-- all that are known. Counts are of the sign of the logit; NULL: not defined.
CREATE TABLE photo_quality (
  stage_id          INTEGER NOT NULL REFERENCES stage,
  part              TEXT NOT NULL CHECK (part IN ('train', 'validation', 'test', 'all')),
  position          INTEGER NOT NULL,
  attribute         TEXT NOT NULL,
  photos            INTEGER NOT NULL,
  tp INTEGER NOT NULL, fp INTEGER NOT NULL, tn INTEGER NOT NULL, fn INTEGER NOT NULL,
  accuracy          REAL NOT NULL,
  accuracy_low      REAL NOT NULL, -- Wilson's 95 % interval
  accuracy_high     REAL NOT NULL,
  base_rate         REAL NOT NULL, -- accuracy of always saying what is more frequent
  balanced_accuracy REAL,
  precision         REAL,
  recall            REAL,
  f1                REAL,
  mcc               REAL,
  auc               REAL,
  squared_error     REAL NOT NULL, -- of the probabilities, mean: Brier's score
  calibration_error REAL NOT NULL, -- over ten bins of probability: Σ photos of a bin / photos · |probability − share|
  PRIMARY KEY (stage_id, part, position)
) STRICT, WITHOUT ROWID;

CREATE VIEW classifier_quality AS
SELECT s.job_id AS job, s.name AS stage, q.stage_id, q.part, q.position, q.attribute, q.photos, q.tp + q.fn AS positives,
       q.accuracy, q.accuracy_low, q.accuracy_high, q.base_rate, q.balanced_accuracy, q.precision, q.recall, q.f1, q.mcc,
       q.auc, q.squared_error, q.calibration_error
FROM photo_quality q JOIN stage s ON s.id = q.stage_id;
