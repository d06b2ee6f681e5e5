-- How far edits go where that differs from face to face, and what a variant is in words.

ALTER TABLE direction ADD COLUMN "offset" REAL NOT NULL DEFAULT 0; -- of the target's boundary: score = normal·z + offset
ALTER TABLE variant ADD COLUMN description TEXT NOT NULL DEFAULT ''; -- what it is, for captions
ALTER TABLE face ADD COLUMN distance REAL;   -- α of z + α u, where the stage's reach makes it differ; else NULL: variant.distance
ALTER TABLE face ADD COLUMN reached INTEGER; -- 0: what was asked lies beyond the stage's limit, or nowhere

-- What every measured face of an edit or evaluate stage was moved by.
CREATE VIEW face_move AS
SELECT s.job_id AS job, s.name AS stage, f.stage_id, f.idx, f.variant, v.distance AS asked, v.projected,
       v.description, coalesce(f.distance, v.distance) AS distance, coalesce(f.reached, 1) AS reached
FROM face f
JOIN stage s ON s.id = f.stage_id
JOIN variant v ON v.stage_id = f.stage_id AND v.variant = f.variant
WHERE s.kind IN ('edit', 'evaluate');

PRAGMA user_version = 7;
