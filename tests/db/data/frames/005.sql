-- A worker that is set aside, and the event of it, whose reason stood in `new` until schema 11.
INSERT INTO worker (id, session, name, host, device, driver, device_kind, compute_units, memory, first_seen_ms, last_seen_ms, state, aside)
VALUES (50, 55, 'w50', 'there', 'gpu', 'nv', 'gpu', 80, 4096, 5000, 5100, 'alive', 'four tasks failed');
INSERT INTO audit (id, at_ms, event, old, new) VALUES (50, 5100, 'worker_aside', NULL, 'four tasks failed');
