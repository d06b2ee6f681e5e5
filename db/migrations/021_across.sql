-- How latents vary across a boundary, so that a step to several scores at once is judged as it is taken.

PRAGMA user_version = 21;

-- float32 as the normal: Σ · normal, Σ the covariance of the mapped latents (worker/tasks/covariance.h); NULL in z, and of
-- fits from before this was recorded: there Σ = I.
ALTER TABLE boundary ADD COLUMN across BLOB;
