-- What a worker says that it has, for stages that need it.

ALTER TABLE worker ADD COLUMN labels TEXT NOT NULL DEFAULT ''; -- KEY=VALUE, sorted, joined by commas

PRAGMA user_version = 9;
