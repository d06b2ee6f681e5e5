-- Stages of kind probe, which do nothing. The CHECK is changed where it stands, as in 008; the kinds that follow keep
-- their places.

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '(kind IN (', '(kind IN (''probe'', ')
WHERE type = 'table' AND name = 'stage';
PRAGMA writable_schema = RESET;

PRAGMA user_version = 12;
