-- Which networks of the bundle a stage measured with, and what they said of distributions.

CREATE TABLE stage_network (
  stage_id  INTEGER NOT NULL REFERENCES stage,
  use       TEXT NOT NULL CHECK (use IN ('identity', 'features')), -- face.identity; face_feature
  name      TEXT NOT NULL, -- the embedder's, in the bundle
  dimension INTEGER NOT NULL,
  PRIMARY KEY (stage_id, use)
) STRICT, WITHOUT ROWID;

-- Of the first faces of an evaluation (common/stage_networks.h) as sampled and edited.
CREATE TABLE face_feature (
  stage_id INTEGER NOT NULL REFERENCES stage,
  idx      INTEGER NOT NULL,
  variant  INTEGER NOT NULL,
  feature  BLOB NOT NULL, -- float32 little-endian
  PRIMARY KEY (stage_id, idx, variant)
) STRICT; -- with rowids: long rows

PRAGMA user_version = 10;
