-- What label stages with a mix found.

PRAGMA user_version = 18;

CREATE TABLE mix_cell (
  stage_id INTEGER NOT NULL REFERENCES stage,
  cell     INTEGER NOT NULL,
  of       TEXT NOT NULL, -- "Smiling, -Male"
  wanted   INTEGER NOT NULL,
  found    INTEGER NOT NULL,
  draws    INTEGER NOT NULL, -- faces looked at until the mix was complete; all of the stage where it is not
  PRIMARY KEY (stage_id, cell)
) STRICT, WITHOUT ROWID;
