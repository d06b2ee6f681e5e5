-- What a worker was when it was heard of last, so that a restarted broker knows whom to wait for; and why one is set aside.

ALTER TABLE worker ADD COLUMN state TEXT NOT NULL DEFAULT 'lost' CHECK (state IN ('alive', 'lost', 'gone'));
ALTER TABLE worker ADD COLUMN aside TEXT; -- the reason, NULL where it is not

PRAGMA user_version = 5;
