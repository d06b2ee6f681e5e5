#!/usr/bin/env bash
# What export writes reads back as what the database holds.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

"$here/make_farm.sh" .
sqlite3 farm.db "UPDATE boundary SET name = 'with, comma' WHERE stage_id = 3 AND position = 1"
sqlite3 farm.db "UPDATE boundary SET name = 'with \"quotes\"' WHERE stage_id = 3 AND position = 2"

# CSV, imported by sqlite3 itself: the same rows, to the last digit.
for what in labels evaluation edits; do
    "$facefarm" export --db farm.db --what $what --output $what.csv
    sqlite3 back.db ".import --csv $what.csv $what"
    same "$what columns" "$(sqlite3 back.db "SELECT count(*) FROM pragma_table_info('$what')")" "$(sqlite3 farm.db "SELECT count(*) FROM pragma_table_info('default_$what')")"
    same "$what rows" "$(sqlite3 back.db "SELECT count(*) FROM $what")" "$(sqlite3 farm.db "SELECT count(*) FROM default_$what")"
done
same "labels that differ" "$(sqlite3 farm.db "ATTACH 'back.db' AS back" "SELECT count(*) FROM default_labels a JOIN back.labels b ON b.idx = a.idx
    WHERE CAST(b.Smiling AS REAL) <> a.Smiling OR CAST(b.age_judge AS REAL) <> a.age_judge")" 0

"$facefarm" export --db farm.db --what boundaries --format csv --output boundaries.csv
sqlite3 back.db ".import --csv boundaries.csv boundaries"
same "boundaries' names" "$(sqlite3 back.db "SELECT attribute FROM boundaries")" "$(sqlite3 farm.db "SELECT attribute FROM boundaries")"

# JSON lines, read by sqlite3.
"$facefarm" export --db farm.db --what evaluation --format jsonl >evaluation.jsonl
lines="json_each('[' || replace(rtrim(CAST(readfile('evaluation.jsonl') AS TEXT), char(10)), char(10), ',') || ']')"
same "mean of the JSON lines" \
    "$(sqlite3 :memory: "SELECT printf('%.9f', avg(value ->> 'age_after' - value ->> 'age_before')) FROM $lines")" \
    "$(sqlite3 farm.db "SELECT printf('%.9f', mean_shift) FROM age_shift WHERE projected = 0")"

# .npy: the header says shape and type, the rest are the bytes of the database.
"$facefarm" export --db farm.db --what boundaries --format npy --output npy 2>/dev/null
same "boundary files" "$(find npy -name '*_boundary.npy' | wc -l)" 41
head -c 128 npy/age_boundary.npy | told -a "'descr': '<f4', 'fortran_order': False, 'shape': (1, 4)" || fail "the header of age_boundary.npy is another"
same "normal of age" "$(tail -c 16 npy/age_boundary.npy | od -An -tx1 | tr -d ' \n')" \
    "$(sqlite3 farm.db "SELECT lower(hex(normal)) FROM boundary WHERE name = 'age'")"
[ -f npy/with__comma_boundary.npy ] || fail "a name was not made into a file name"
"$facefarm" export --db farm.db --what labels --format npy --output labels.npy
grep -aq "'shape': (2000, 45)" <(head -c 128 labels.npy) || fail "labels.npy has another shape: $(head -c 128 labels.npy | tr -d '\0')"

same "told with --json" "$("$facefarm" export --db farm.db --output x.csv --json | tr -d ' \n')" '{"what":"labels","format":"csv","output":"x.csv"}'
expect 2 'expected labels, evaluation, edits, boundaries or latents' "$facefarm" export --db farm.db --what faces
expect 2 'expected csv, jsonl or npy' "$facefarm" export --db farm.db --format xls
expect 1 'needs --output' "$facefarm" export --db farm.db --format npy
expect 1 'no job 9' "$facefarm" export --db farm.db --job 9
expect 1 'No such file' "$facefarm" export --db farm.db --output no/such/folder.csv
if [ -e /dev/full ]; then expect 1 'written' "$facefarm" export --db farm.db --output /dev/full; fi
say "done"
