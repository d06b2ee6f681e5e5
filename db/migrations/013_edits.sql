-- Where edits end and why, what it took to find out, and grids.

PRAGMA user_version = 13;

ALTER TABLE face ADD COLUMN stopped INTEGER;     -- why it stands where it does: see edit_end; NULL: all move alike
ALTER TABLE face ADD COLUMN evaluations INTEGER; -- faces that were judged to find that out
ALTER TABLE task ADD COLUMN evaluations INTEGER NOT NULL DEFAULT 0;
ALTER TABLE variant ADD COLUMN second REAL NOT NULL DEFAULT 0; -- of a grid: the distance along the second target

CREATE TABLE edit_end (
  number INTEGER PRIMARY KEY,
  name   TEXT NOT NULL UNIQUE,
  means  TEXT NOT NULL
) STRICT;
INSERT INTO edit_end (number, name, means) VALUES
  (0, 'reached', 'it has what was asked'),
  (1, 'limit', 'what was asked lies beyond the stage''s limit'),
  (2, 'nowhere', 'no distance has what was asked'),
  (3, 'evaluations', 'it was not found within the stage''s evaluations'),
  (4, 'off_target', 'the other attributes had moved by the stage''s budget'),
  (5, 'identity', 'further on it is another person, by the identity network'),
  (6, 'likeness', 'further on it is another face, by the attributes'' logits: the bundle has no identity network');

-- What every measured face of an edit or evaluate stage was moved by, and why no further.
DROP VIEW face_move;
CREATE VIEW face_move AS
SELECT s.job_id AS job, s.name AS stage, f.stage_id, f.idx, f.variant, v.distance AS asked, v.projected,
       v.description, coalesce(f.distance, v.distance) AS distance, coalesce(f.reached, 1) AS reached,
       coalesce(e.name, CASE WHEN coalesce(f.reached, 1) THEN 'reached' ELSE 'limit' END) AS stopped, f.evaluations
FROM face f
JOIN stage s ON s.id = f.stage_id
JOIN variant v ON v.stage_id = f.stage_id AND v.variant = f.variant
LEFT JOIN edit_end e ON e.number = f.stopped
WHERE s.kind IN ('edit', 'evaluate');

-- How many faces of an edit ended why, of stages in which that differs.
CREATE VIEW edit_ends AS
SELECT s.job_id AS job, s.name AS stage, f.stage_id, f.variant, d.name AS target, v.projected, v.distance AS asked,
       v.description, e.name AS stopped, e.means, count(*) AS faces, avg(f.distance) AS mean_distance,
       avg(f.evaluations) AS mean_evaluations
FROM face f
JOIN edit_end e ON e.number = f.stopped
JOIN stage s ON s.id = f.stage_id AND s.kind IN ('edit', 'evaluate')
JOIN variant v ON v.stage_id = f.stage_id AND v.variant = f.variant
JOIN direction d ON d.stage_id = f.stage_id AND d.position = coalesce(v.target, f.idx / s.unit) AND d.projected = v.projected
WHERE s.kind = 'edit' OR v.target IS NOT NULL
GROUP BY f.stage_id, f.variant, d.position, f.stopped;
