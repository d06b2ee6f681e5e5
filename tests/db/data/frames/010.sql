-- Networks and features of the evaluation of schema 4.
INSERT INTO stage_network (stage_id, use, name, dimension) VALUES (42, 'identity', 'arc', 4), (42, 'features', 'pool', 1);
INSERT INTO face_feature (stage_id, idx, variant, feature) VALUES (42, 0, 0, x'0000803f'), (42, 0, 1, x'00000040');
