-- Events with who and what; a reason in its own column.
INSERT INTO audit (id, at_ms, job_id, event, actor, text) VALUES (110, 11000, 80, 'priority', 'root', '0 -> 7');
INSERT INTO audit (id, at_ms, worker_id, event, text) VALUES (111, 11000, 90, 'worker_goodbye', NULL), (112, 11000, 50, 'worker_restore', 'by root');
