-- The first schema. A migration is its own transaction and is never edited once released.
-- Times are Unix milliseconds. States are words, checked here.

PRAGMA application_id = 0x66616365; -- "face"
PRAGMA user_version = 1;

CREATE TABLE bundle (
  id          INTEGER PRIMARY KEY,
  hash        TEXT NOT NULL UNIQUE,
  name        TEXT NOT NULL,
  view_prefix TEXT NOT NULL UNIQUE, -- what this bundle's views are called: its name, with _2, … behind it if taken
  yaml        TEXT NOT NULL,
  dimension   INTEGER NOT NULL,
  added_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE bundle_attribute (
  bundle_id INTEGER NOT NULL REFERENCES bundle,
  position  INTEGER NOT NULL,
  name      TEXT NOT NULL,
  PRIMARY KEY (bundle_id, position)
) STRICT, WITHOUT ROWID;

-- One wide table a bundle, face_attributes_<bundle id>, is made from bundle_attribute when a bundle is added:
--   (stage_id, idx, variant, "<attribute>" REAL logit …), and the views <prefix>_labels, <prefix>_edits and
--   <prefix>_evaluation over it: one row a face, a column an attribute.

CREATE TABLE job (
  id           INTEGER PRIMARY KEY,
  name         TEXT NOT NULL,
  owner        TEXT NOT NULL,
  bundle_id    INTEGER NOT NULL REFERENCES bundle,
  spec         TEXT NOT NULL, -- YAML, as submitted and completed with defaults
  seed         INTEGER NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
  submitted_ms INTEGER NOT NULL,
  ended_ms     INTEGER
) STRICT;
CREATE INDEX job_open ON job (id) WHERE state = 'running';

CREATE TABLE stage (
  id         INTEGER PRIMARY KEY,
  job_id     INTEGER NOT NULL REFERENCES job,
  position   INTEGER NOT NULL,
  name       TEXT NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('sample', 'label', 'fit', 'edit', 'evaluate')),
  input_id   INTEGER REFERENCES stage,
  start      INTEGER NOT NULL, -- first sample index; the stage's own indices run from 0 to total
  total      INTEGER NOT NULL,
  unit       INTEGER NOT NULL, -- edit: faces of a sheet, so that idx / unit is the target; else 1
  variants   INTEGER NOT NULL,
  done       INTEGER NOT NULL DEFAULT 0, -- indices done, written when the stage ends
  state      TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
  error      TEXT,
  started_ms INTEGER,
  ended_ms   INTEGER,
  UNIQUE (job_id, position),
  UNIQUE (job_id, name)
) STRICT;

CREATE TABLE worker (
  id            INTEGER PRIMARY KEY,
  session       INTEGER NOT NULL UNIQUE,
  name          TEXT NOT NULL,
  host          TEXT NOT NULL,
  device        TEXT NOT NULL,
  driver        TEXT NOT NULL,
  device_kind   TEXT NOT NULL,
  compute_units INTEGER NOT NULL,
  memory        INTEGER NOT NULL,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms  INTEGER NOT NULL
) STRICT;

-- A committed result of a range, with what it cost. Its row is the proof that the range is done.
CREATE TABLE task (
  stage_id     INTEGER NOT NULL REFERENCES stage,
  start        INTEGER NOT NULL, -- in the stage's own indices
  count        INTEGER NOT NULL,
  epoch        INTEGER NOT NULL,
  attempts     INTEGER NOT NULL, -- how often the range was leased until it was done
  worker_id    INTEGER NOT NULL REFERENCES worker,
  digest       TEXT NOT NULL,    -- SHA-256 of scores, boundaries and files
  leased_ms    INTEGER NOT NULL,
  committed_ms INTEGER NOT NULL,
  faces        INTEGER NOT NULL,
  bytes        INTEGER NOT NULL,
  latents_ms   REAL NOT NULL,
  generate_ms  REAL NOT NULL,
  label_ms     REAL NOT NULL,
  solve_ms     REAL NOT NULL,
  encode_ms    REAL NOT NULL,
  total_ms     REAL NOT NULL,
  PRIMARY KEY (stage_id, start)
) STRICT, WITHOUT ROWID;

CREATE TABLE failure (
  id        INTEGER PRIMARY KEY,
  stage_id  INTEGER NOT NULL REFERENCES stage,
  start     INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  epoch     INTEGER NOT NULL,
  worker_id INTEGER REFERENCES worker,
  code      TEXT NOT NULL,
  text      TEXT NOT NULL,
  at_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX failure_stage ON failure (stage_id, start);

-- Ranges set aside after max_attempts.
CREATE TABLE poison (
  stage_id INTEGER NOT NULL REFERENCES stage,
  start    INTEGER NOT NULL,
  count    INTEGER NOT NULL,
  PRIMARY KEY (stage_id, start)
) STRICT, WITHOUT ROWID;

-- A later result of a done range whose digest differs from the first.
CREATE TABLE determinism_fault (
  id        INTEGER PRIMARY KEY,
  stage_id  INTEGER NOT NULL REFERENCES stage,
  start     INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  worker_id INTEGER NOT NULL REFERENCES worker,
  expected  TEXT NOT NULL,
  found     TEXT NOT NULL,
  at_ms     INTEGER NOT NULL
) STRICT;

-- A measured face: idx in the stage's own indices; variant 0 is the face itself (label), see `variant`.
CREATE TABLE face (
  stage_id  INTEGER NOT NULL REFERENCES stage,
  idx       INTEGER NOT NULL,
  variant   INTEGER NOT NULL,
  age_fit   REAL, -- by the bundle's estimator of that role, in years
  age_judge REAL,
  PRIMARY KEY (stage_id, idx, variant)
) STRICT, WITHOUT ROWID;

-- What the variants of a stage's faces are.
CREATE TABLE variant (
  stage_id  INTEGER NOT NULL REFERENCES stage,
  variant   INTEGER NOT NULL,
  distance  REAL NOT NULL,    -- α of the edit, 0: as sampled
  projected INTEGER NOT NULL, -- along the projected direction
  PRIMARY KEY (stage_id, variant)
) STRICT, WITHOUT ROWID;

CREATE TABLE boundary (
  stage_id   INTEGER NOT NULL REFERENCES stage,
  position   INTEGER NOT NULL,
  name       TEXT NOT NULL,
  normal     BLOB NOT NULL, -- float32 little-endian
  "offset"   REAL NOT NULL,
  threshold  REAL NOT NULL,
  cost       REAL NOT NULL,
  iterations INTEGER NOT NULL,
  train_tp INTEGER NOT NULL, train_fp INTEGER NOT NULL, train_tn INTEGER NOT NULL, train_fn INTEGER NOT NULL,
  test_tp  INTEGER NOT NULL, test_fp  INTEGER NOT NULL, test_tn  INTEGER NOT NULL, test_fn  INTEGER NOT NULL,
  test_auc REAL, -- NULL where the test set has one class only
  PRIMARY KEY (stage_id, position)
) STRICT, WITHOUT ROWID;

-- Unit vectors of an edit or evaluate stage, computed from the boundaries when the stage begins.
CREATE TABLE direction (
  stage_id  INTEGER NOT NULL REFERENCES stage,
  position  INTEGER NOT NULL, -- of the target in the spec
  projected INTEGER NOT NULL,
  name      TEXT NOT NULL,
  vector    BLOB NOT NULL,
  gain      REAL NOT NULL,
  leak      REAL NOT NULL,
  PRIMARY KEY (stage_id, position, projected)
) STRICT, WITHOUT ROWID;

CREATE TABLE file (
  stage_id  INTEGER NOT NULL REFERENCES stage,
  path      TEXT NOT NULL, -- relative to the store
  kind      TEXT NOT NULL,
  target    TEXT NOT NULL,
  projected INTEGER NOT NULL,
  start     INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  sha256    TEXT NOT NULL,
  PRIMARY KEY (stage_id, path)
) STRICT, WITHOUT ROWID;

-- Reductions of a done stage, made by the broker: per attribute and variant.
CREATE TABLE attribute_summary (
  stage_id    INTEGER NOT NULL REFERENCES stage,
  variant     INTEGER NOT NULL,
  position    INTEGER NOT NULL,
  attribute   TEXT NOT NULL,
  faces       INTEGER NOT NULL,
  positives   INTEGER NOT NULL, -- logit > 0
  mean_logit  REAL NOT NULL,
  sd_logit    REAL NOT NULL,
  mean_change REAL, -- of the logit against variant 0 of the same face
  flipped     INTEGER, -- faces whose sign changed against variant 0
  PRIMARY KEY (stage_id, variant, position)
) STRICT, WITHOUT ROWID;

-- Who did what to a state: written in the transaction of the change.
CREATE TABLE audit (
  id       INTEGER PRIMARY KEY,
  at_ms    INTEGER NOT NULL,
  job_id   INTEGER REFERENCES job,
  stage_id INTEGER REFERENCES stage,
  event    TEXT NOT NULL,
  old      TEXT,
  new      TEXT
) STRICT;

-- ---- views that carry the reports ----

CREATE VIEW boundaries AS
SELECT s.job_id AS job, s.name AS stage, b.stage_id, b.position, b.name AS attribute,
       train_tp + train_fp + train_tn + train_fn + test_tp + test_fp + test_tn + test_fn AS data_size,
       1.0 * (train_tp + train_tn) / (train_tp + train_fp + train_tn + train_fn) AS train_accuracy,
       1.0 * (test_tp + test_tn) / (test_tp + test_fp + test_tn + test_fn) AS test_accuracy,
       1.0 * max(test_tp + test_fn, test_tn + test_fp) / (test_tp + test_fp + test_tn + test_fn) AS base_rate,
       (1.0 * test_tp / nullif(test_tp + test_fn, 0) + 1.0 * test_tn / nullif(test_tn + test_fp, 0)) / 2 AS balanced_accuracy,
       1.0 * test_tp / nullif(test_tp + test_fp, 0) AS precision,
       1.0 * test_tp / nullif(test_tp + test_fn, 0) AS recall,
       2.0 * test_tp / nullif(2 * test_tp + test_fp + test_fn, 0) AS f1,
       b.test_auc AS auc,
       train_tp + train_fn + test_tp + test_fn AS positives,
       test_tp + test_fn AS test_positives,
       test_tp + test_fp + test_tn + test_fn AS test_size
FROM boundary b JOIN stage s ON s.id = b.stage_id;

-- Ages before and after the edit of an evaluate stage, by the judging estimator; one row a face.
CREATE VIEW evaluation AS
SELECT s.job_id AS job, s.name AS stage, a.stage_id, s.start + a.idx AS sample, a.idx,
       a.age_judge AS age_before, b.age_judge AS age_after, p.age_judge AS age_after_projected,
       a.age_fit AS age_fit_before, b.age_fit AS age_fit_after, p.age_fit AS age_fit_after_projected
FROM stage s
JOIN face a ON a.stage_id = s.id AND a.variant = 0
JOIN face b ON b.stage_id = s.id AND b.idx = a.idx AND b.variant = 1
LEFT JOIN face p ON p.stage_id = s.id AND p.idx = a.idx AND p.variant = 2
WHERE s.kind = 'evaluate';

-- Mean shift with its 95 % interval: mean ± 1.96 · sd / √n over faces.
CREATE VIEW age_shift AS
WITH change AS (
  SELECT stage_id, 0 AS projected, age_before, age_after, age_after - age_before AS shift FROM evaluation
  UNION ALL
  SELECT stage_id, 1, age_before, age_after_projected, age_after_projected - age_before FROM evaluation
  WHERE age_after_projected IS NOT NULL
), moments AS (
  SELECT stage_id, projected, count(*) AS faces, avg(age_before) AS mean_before, avg(age_after) AS mean_after,
         avg(shift) AS mean_shift, avg(shift * shift) AS mean_square
  FROM change GROUP BY stage_id, projected
)
SELECT s.job_id AS job, s.name AS stage, m.stage_id, m.projected, v.distance, m.faces,
       m.mean_before, m.mean_after, m.mean_shift,
       m.mean_shift - 1.96 * sqrt(max(m.mean_square - m.mean_shift * m.mean_shift, 0) / m.faces) AS low,
       m.mean_shift + 1.96 * sqrt(max(m.mean_square - m.mean_shift * m.mean_shift, 0) / m.faces) AS high
FROM moments m
JOIN stage s ON s.id = m.stage_id
JOIN variant v ON v.stage_id = m.stage_id AND v.variant = 1 + m.projected;

-- Share of faces that have an attribute, with Wilson's 95 % interval (Wilson, JASA 1927).
CREATE VIEW class_distribution AS
SELECT s.job_id AS job, s.name AS stage, a.stage_id, a.position, a.attribute, a.positives, a.faces,
       1.0 * a.positives / a.faces AS share,
       (1.0 * a.positives / a.faces + 1.9208 / a.faces
        - 1.96 * sqrt((1.0 * a.positives * (a.faces - a.positives) / a.faces + 0.9604) / (1.0 * a.faces * a.faces)))
         / (1 + 3.8416 / a.faces) AS low,
       (1.0 * a.positives / a.faces + 1.9208 / a.faces
        + 1.96 * sqrt((1.0 * a.positives * (a.faces - a.positives) / a.faces + 0.9604) / (1.0 * a.faces * a.faces)))
         / (1 + 3.8416 / a.faces) AS high
FROM attribute_summary a JOIN stage s ON s.id = a.stage_id
WHERE s.kind = 'label' AND a.variant = 0;

-- What ran where and how fast.
CREATE VIEW throughput AS
SELECT s.job_id AS job, s.name AS stage, s.kind, t.stage_id, t.worker_id, w.name AS worker, w.host, w.device,
       count(*) AS tasks, sum(t.attempts) AS attempts, sum(t.faces) AS faces, sum(t.bytes) AS bytes,
       sum(t.latents_ms) AS latents_ms, sum(t.generate_ms) AS generate_ms, sum(t.label_ms) AS label_ms,
       sum(t.solve_ms) AS solve_ms, sum(t.encode_ms) AS encode_ms, sum(t.total_ms) AS busy_ms,
       1000.0 * sum(t.faces) / nullif(sum(t.total_ms), 0) AS faces_per_second
FROM task t JOIN stage s ON s.id = t.stage_id JOIN worker w ON w.id = t.worker_id
GROUP BY t.stage_id, t.worker_id;
