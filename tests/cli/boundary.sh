#!/usr/bin/env bash
# boundary export and import: through .npy files and back, bit for bit; and what cannot be is said.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

"$here/make_farm.sh" .
"$facefarm" boundary export 1 planes --db farm.db >out
same "folder" "$(cat out)" planes
same "files" "$(find planes -name '*_boundary.npy' | wc -l)" 41
same "bytes of a normal of 4" "$(tail -c 16 planes/age_boundary.npy | od -An -tx1)" \
    "$(sqlite3 farm.db "SELECT writefile('normal', normal) FROM boundary WHERE name = 'age'" >/dev/null; od -An -tx1 normal)"
grep -q "'shape': (1, 4)" planes/age_boundary.npy || fail "not InterFaceGAN's shape"
same "offset" "$(sqlite3 farm.db "SELECT \"offset\" = $(grep '^age,' planes/offsets.csv | cut -d, -f2) FROM boundary WHERE name = 'age'")" 1

hash=$("$facefarm" boundary import planes --store store)
same "digits" "${#hash}" 64
same "what is stored" "$(find "store/boundaries/$hash" -name '*.npy' | wc -l)" 41
same "the same again" "$("$facefarm" boundary import planes --store store)" "$hash"
same "of what is stored" "$("$facefarm" boundary import "store/boundaries/$hash" --store store)" "$hash"
same "who may read it" "$(stat -c %a "store/boundaries/$hash")" "$(stat -c %a store)"
(umask 027; "$facefarm" boundary import planes --store ours >/dev/null)
same "who may, by umask 027" "$(stat -c %a ours "ours/boundaries/$hash" | xargs)" "750 750"
same "nothing is left over" "$(find store/boundaries -mindepth 1 -maxdepth 1 | wc -l)" 1
"$facefarm" boundary import planes --store store --json >one.json
same "json" "$(sqlite3 :memory: "SELECT CAST(readfile('one.json') AS TEXT) ->> 'boundaries'")" 41

# Other names, and no offsets.
mkdir named && cp planes/age_boundary.npy named/boundary_age.npy && cp planes/Young_boundary.npy named/Young.npy
other=$("$facefarm" boundary import named --store store)
same "names" "$(cut -d, -f1 "store/boundaries/$other/offsets.csv" | sort | paste -sd' ')" "Young age"
same "no offsets" "$(cut -d, -f2 "store/boundaries/$other/offsets.csv" | sort -u)" 0

expect 1 "there is no .npy file of \"Old\"" env bash -c "cp -r named bad && echo 'Old,1' >bad/offsets.csv && '$facefarm' boundary import bad --store store"
expect 1 "offsets.csv:1: expected NAME,offset" env bash -c "echo 'age,x' >bad/offsets.csv && '$facefarm' boundary import bad --store store"
expect 1 "stands there twice" env bash -c "rm bad/offsets.csv; cp named/Young.npy bad/Young_boundary.npy; '$facefarm' boundary import bad --store store"
mkdir zero && { head -c 128 planes/age_boundary.npy; head -c 16 /dev/zero; } >zero/age.npy
expect 1 "has length 0" "$facefarm" boundary import zero --store store
expect 1 "no .npy file is there" env bash -c "mkdir empty; '$facefarm' boundary import empty --store store"
expect 1 "has no boundaries yet of a stage none" "$facefarm" boundary export 1 x --db farm.db --stage none

# Of w+: a row a layer out; in, that, with a 1 before it, and flattened, are the same numbers.
# A normal that is as long as 1 in float32 only (0.6, 0.8) keeps its offset to the last digit.
sqlite3 farm.db "UPDATE boundary SET normal = x'9a99193fcdcc4c3f0000000000000000', \"offset\" = 0.1 WHERE name = 'Male'"
"$facefarm" boundary export 1 planes --db farm.db >/dev/null
sqlite3 farm.db "UPDATE boundary SET layers = 2"
"$facefarm" boundary export 1 rows --db farm.db >/dev/null
grep -q "'shape': (2, 2)" rows/age_boundary.npy || fail "not a row a layer"
for file in planes/*.npy; do cmp <(tail -c 16 "$file") <(tail -c 16 "rows/${file#planes/}") || fail "$file has other numbers in rows"; done
rows=$("$facefarm" boundary import rows --store store)
[ "$rows" != "$hash" ] || fail "the layers are forgotten"
for file in rows/*; do cmp "$file" "store/boundaries/$rows/${file#rows/}" || fail "$file is not what was exported"; done
# array FOLDER SHAPE: FOLDER/age.npy has the numbers of age in that shape
array() { mkdir -p "$1" && { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': $2, }"; tail -c 16 planes/age_boundary.npy; } >"$1/age.npy"; }
array two "(2, 2)" && array three "(1, 2, 2)" && array flat "(1, 4)"
two=$("$facefarm" boundary import two --store store)
same "with a 1 before it" "$("$facefarm" boundary import three --store store)" "$two"
flat=$("$facefarm" boundary import flat --store store)
cmp <(tail -c 16 "store/boundaries/$flat/age_boundary.npy") <(tail -c 16 "store/boundaries/$two/age_boundary.npy") || fail "flattened ones are others"
array two "(2, 1, 2)"
expect 1 "age.npy: has the shape (2, 1, 2), expected (d) or (1, d), or of w+ (L, d) or (1, L, d), L at most 64" "$facefarm" boundary import two --store store
array two "(2, 2, 1, 1)"
expect 1 "has the shape (2, 2, 1, 1), expected" "$facefarm" boundary import two --store store
array two "(4, 1)" && cp rows/Young_boundary.npy two/Bald.npy
expect 1 "age.npy: has the shape (4, 1), expected (2, 2) as others" "$facefarm" boundary import two --store store
"$facefarm" export --db farm.db --what boundaries --format npy --output exported 2>/dev/null
cmp rows/age_boundary.npy exported/age_boundary.npy || fail "export writes another than boundary export"

# The published ones.
published=$here/../../../shared/boundaries/stylegan2_ffhq_z
if [ ! -d "$published" ]; then
    say "without the published boundaries, which are not at $published"
    exit 0
fi
hash=$("$facefarm" boundary import "$published" --store store)
same "published boundaries" "$(find "store/boundaries/$hash" -name '*.npy' | wc -l)" "$(find "$published" -name '*.npy' | wc -l)"
