INSERT INTO worker (id, session, name, host, device, driver, device_kind, compute_units, memory, first_seen_ms, last_seen_ms, state, labels)
VALUES (90, 99, 'w90', 'there', 'gpu', 'nv', 'gpu', 80, 4096, 9000, 9100, 'gone', 'rack=3,zone=a');
