-- The connection itself.

-- name: open_writer
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -16384;

-- name: open_reader
PRAGMA query_only = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;

-- name: begin
BEGIN IMMEDIATE;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: application_id
SELECT application_id FROM pragma_application_id;

-- name: user_version
SELECT user_version FROM pragma_user_version;

-- name: schema_objects
SELECT count(*) FROM sqlite_schema;
