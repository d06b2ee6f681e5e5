-- Jobs may be paused, ranked, follow others; users have shares and limits.

ALTER TABLE job ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;    -- within a user, -100 to 100
ALTER TABLE job ADD COLUMN interactive INTEGER NOT NULL DEFAULT 0; -- before everything that is not
ALTER TABLE job ADD COLUMN after_id INTEGER REFERENCES job;        -- begins when that one is done
ALTER TABLE job ADD COLUMN deadline_ms INTEGER;

-- A CHECK is changed where it stands, since nothing in the file depends on it: "Making Other Kinds Of Table Schema
-- Changes" of SQLite's documentation.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '(''running'', ''done'',', '(''running'', ''paused'', ''done'',')
WHERE type = 'table' AND name = 'job';
PRAGMA writable_schema = RESET;
DROP INDEX job_open;
CREATE INDEX job_open ON job (id) WHERE state IN ('running', 'paused');

-- Users that somebody has said something about; others have a share of 1 and the broker's limits.
CREATE TABLE user (
  name  TEXT PRIMARY KEY,
  share REAL NOT NULL CHECK (share > 0),
  jobs  INTEGER NOT NULL, -- open at most
  tasks INTEGER NOT NULL  -- queued at most
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 8;
