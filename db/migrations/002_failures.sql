-- What failed keeps the last lines that its worker logged, and may be forgiven.

ALTER TABLE failure ADD COLUMN log TEXT NOT NULL DEFAULT ''; -- the worker's last lines before it
ALTER TABLE stage ADD COLUMN forgiven INTEGER NOT NULL DEFAULT 0; -- failures up to this id do not count any more

CREATE VIEW failures AS
SELECT f.id, s.job_id AS job, s.name AS stage, f.stage_id, f.start, f.count, f.code, f.text, f.log, f.at_ms,
       f.worker_id, w.name AS worker, w.host, w.device,
       EXISTS (SELECT 1 FROM poison p WHERE p.stage_id = f.stage_id AND p.start = f.start AND p.count = f.count) AS set_aside
FROM failure f JOIN stage s ON s.id = f.stage_id LEFT JOIN worker w ON w.id = f.worker_id;

PRAGMA user_version = 2;
