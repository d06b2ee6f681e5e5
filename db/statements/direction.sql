-- What `facefarm direction` reads.

-- The last stage of the job that has boundaries, or the one of that name.
-- name: direction_fit
SELECT s.id, s.name FROM stage s
WHERE s.job_id = ?1 AND (?2 IS NULL OR s.name = ?2) AND EXISTS (SELECT 1 FROM boundary b WHERE b.stage_id = s.id)
ORDER BY s.position DESC LIMIT 1;
