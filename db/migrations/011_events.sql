-- The audit of states becomes the journal of every state change: of workers, keys, users and the broker, too.

ALTER TABLE audit ADD COLUMN worker_id INTEGER REFERENCES worker;
ALTER TABLE audit ADD COLUMN actor TEXT; -- owner of the key that ordered it; NULL: nobody did, or there are no keys
ALTER TABLE audit ADD COLUMN text TEXT;  -- what is to be said of it

-- Before, a worker set aside stood there by its name.
UPDATE audit SET text = new, new = NULL, old = NULL WHERE event IN ('worker_aside', 'worker_restore');

CREATE INDEX audit_job ON audit (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX audit_stage ON audit (stage_id) WHERE stage_id IS NOT NULL;

-- The journal with names instead of numbers.
CREATE VIEW events AS
SELECT a.id, strftime('%Y-%m-%dT%H:%M:%fZ', a.at_ms / 1000.0, 'unixepoch') AS at, a.event,
       coalesce(a.job_id, s.job_id) AS job, s.name AS stage, w.name AS worker, a.old, a.new, a.actor, a.text
FROM audit a LEFT JOIN stage s ON s.id = a.stage_id LEFT JOIN worker w ON w.id = a.worker_id;

PRAGMA user_version = 11;
