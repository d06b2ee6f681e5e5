-- What a stage's rows come to, made on a connection of its own (db/reduction.h).

-- There, tables of these names hide the farm's: what is made lands in them, the farm's cannot be written.
-- name: reduction_open
PRAGMA query_only = OFF;
CREATE TEMP TABLE attribute_summary AS SELECT * FROM main.attribute_summary WHERE 0;
CREATE TEMP TABLE measure AS SELECT * FROM main.measure WHERE 0;
CREATE TEMP TABLE photo_quality AS SELECT * FROM main.photo_quality WHERE 0;

-- name: reduction_summary
SELECT * FROM attribute_summary WHERE stage_id = ?1;

-- name: reduction_summary_insert
INSERT INTO attribute_summary VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);

-- name: reduction_measures
SELECT * FROM measure WHERE stage_id = ?1;

-- name: reduction_measures_insert
INSERT INTO measure VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: reduction_quality
SELECT * FROM photo_quality WHERE stage_id = ?1;

-- name: reduction_quality_insert
INSERT INTO photo_quality VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
  ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33);
