-- How directions were projected, and what other discounts would have given.

ALTER TABLE direction ADD COLUMN method TEXT NOT NULL DEFAULT '' -- '': made before this was recorded
  CHECK (method IN ('', 'plain', 'exact', 'soft', 'correlation', 'naive'));
ALTER TABLE direction ADD COLUMN description TEXT NOT NULL DEFAULT ''; -- the exact edit, for captions

-- Gain and leak of a target against its stage's conditions, all with one weight: the discount λ of the exact and
-- the naive projection (naive: for comparison only), the strength μ of the soft one; correlation is one point.
CREATE TABLE gain_leak (
  stage_id INTEGER NOT NULL REFERENCES stage,
  position INTEGER NOT NULL, -- of the target in the spec
  method   TEXT NOT NULL CHECK (method IN ('exact', 'soft', 'correlation', 'naive')),
  weight   REAL NOT NULL,
  gain     REAL NOT NULL,
  leak     REAL NOT NULL,
  PRIMARY KEY (stage_id, position, method, weight)
) STRICT, WITHOUT ROWID;

CREATE VIEW gain_leak_curve AS
SELECT s.job_id AS job, s.name AS stage, g.stage_id, g.position, d.name AS target, g.method, g.weight, g.gain, g.leak
FROM gain_leak g
JOIN stage s ON s.id = g.stage_id
JOIN direction d ON d.stage_id = g.stage_id AND d.position = g.position AND d.projected = 0;

PRAGMA user_version = 3;
