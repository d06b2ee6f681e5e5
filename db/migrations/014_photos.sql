-- Photos: what was read of them, and the latents that the bundle's encoder made.

-- A stage may be of the kind encode: the column's check is changed in place, since a table that others refer to
-- cannot be made anew inside a transaction with foreign keys on.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''evaluate'')', '''evaluate'', ''encode'')')
WHERE type = 'table' AND name = 'stage';
PRAGMA writable_schema = RESET;

ALTER TABLE stage ADD COLUMN images TEXT; -- the photos that its indices are, by the hash of their list; NULL: samples

-- Of a stage that reads photos: encode, label.
CREATE TABLE photo (
  stage_id INTEGER NOT NULL REFERENCES stage,
  idx      INTEGER NOT NULL,
  name     TEXT NOT NULL,
  sha256   TEXT NOT NULL, -- its file in the store
  height   INTEGER NOT NULL, -- 0 where it cannot be read
  width    INTEGER NOT NULL,
  error    REAL, -- encode: root mean square of reconstruction less photo, of 255
  code     TEXT, -- why it cannot be read
  text     TEXT,
  PRIMARY KEY (stage_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE photo_latent (
  stage_id INTEGER NOT NULL REFERENCES stage,
  idx      INTEGER NOT NULL,
  latent   BLOB NOT NULL, -- float32 little-endian, in the generator's space
  PRIMARY KEY (stage_id, idx)
) STRICT; -- with rowids: long rows

-- Indices that are done and have no rows, since their photo cannot be read.
CREATE TABLE skipped (
  stage_id INTEGER NOT NULL REFERENCES stage,
  idx      INTEGER NOT NULL,
  PRIMARY KEY (stage_id, idx)
) STRICT, WITHOUT ROWID;

-- Photos, what the generator makes of their latents, and how near that is.
CREATE VIEW photos AS
SELECT s.job_id AS job, s.name AS stage, p.stage_id, p.idx, s.start + p.idx AS number, p.name, p.sha256, p.height, p.width,
       p.error, 20 * log10(255 / nullif(p.error, 0)) AS psnr, r.identity, a.age_judge AS age, r.age_judge AS age_reconstructed, p.code, p.text
FROM photo p JOIN stage s ON s.id = p.stage_id
LEFT JOIN face a ON a.stage_id = p.stage_id AND a.idx = p.idx AND a.variant = 0
LEFT JOIN face r ON r.stage_id = p.stage_id AND r.idx = p.idx AND r.variant = 1;

PRAGMA user_version = 14;
