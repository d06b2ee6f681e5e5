-- What a farm's tables say apart from times, workers, attempts and epochs: equal for equal jobs, to the last
-- bit (mode quote prints real numbers exactly and blobs as hexadecimal).
.bail on
.mode quote
.headers on
.print job
SELECT id, name, owner, bundle_id, spec, seed, state FROM job ORDER BY id;
.print stage
SELECT id, job_id, position, name, kind, input_id, start, total, variants, state, error FROM stage ORDER BY id;
.print indices done in each stage, each once
SELECT stage_id, sum(count) FROM task GROUP BY stage_id ORDER BY stage_id;
.print tasks that share an index
SELECT a.stage_id, a.start, b.start FROM task a JOIN task b
ON b.stage_id = a.stage_id AND b.start > a.start AND b.start < a.start + a.count;
.print sample_range
SELECT * FROM sample_range ORDER BY stage_id, idx;
.print mix_cell
SELECT * FROM mix_cell ORDER BY stage_id, cell;
.print photo_quality
SELECT * FROM photo_quality ORDER BY stage_id, part, position;
.print variant
SELECT * FROM variant ORDER BY stage_id, variant;
.print face
SELECT * FROM face ORDER BY stage_id, idx, variant;
.print face_feature
SELECT * FROM face_feature ORDER BY stage_id, idx, variant;
.print face_attributes_1
SELECT * FROM face_attributes_1 ORDER BY stage_id, idx, variant;
.print boundary
SELECT * FROM boundary ORDER BY stage_id, position;
.print direction
SELECT * FROM direction ORDER BY stage_id, position, projected;
.print gain_leak
SELECT * FROM gain_leak ORDER BY stage_id, position, method, weight;
.print file
SELECT * FROM file ORDER BY stage_id, path;
.print fitted
SELECT * FROM fitted ORDER BY stage_id, position, role, step, method;
.print attribute_summary
SELECT * FROM attribute_summary ORDER BY stage_id, variant, position;
.print measure
SELECT * FROM measure ORDER BY stage_id, variant, name, part;
.print poison
SELECT * FROM poison;
.print determinism_fault
SELECT count(*) FROM determinism_fault;
