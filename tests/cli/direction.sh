#!/usr/bin/env bash
# direction says what an edit would do: of a job's boundaries, of .npy files, and of the published ones.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

"$here/make_farm.sh" .

# The farm's forty attributes share one normal, half way to the age's: √(1 − ¼) is left of it.
"$facefarm" direction 1 --db farm.db --target age --sweep --output age.npy >out
grep -q '^41 boundaries of 4 dimensions, 40 of them conditions$' out || fail "$(cat out)"
grep -q '^gain   0.866 ' out || fail "gain: $(cat out)"
grep -q '^leak   0.000 ' out || fail "leak: $(cat out)"
grep -q '^Young  *1  *0.500  *0.000$' out || fail "Young: $(cat out)"
same "points of exact discounts" "$(grep -c '^exact  ' out)" 21
same "naive is marked" "$(grep -c 'for comparison only' out)" "$(grep -c '^naive' out)"
same "bytes of the direction" "$(tail -c 16 age.npy | wc -c)" 16

json() { sqlite3 :memory: "SELECT CAST(readfile('$1') AS TEXT) ->> '$2'"; }
"$facefarm" direction --db farm.db --target -age --discount 0.5 --conditions all,Male=0.5,Bald=free --json >one.json
same "target" "$(json one.json target)" -age
same "description" "$(json one.json description)" \
    "-age, exact projection: every other boundary (discount 0.5), Male (discount 0.5), Bald free"
same "conditions" "$(json one.json '$.conditions[#-1].weight') $(sqlite3 :memory: \
    "SELECT json_array_length(readfile('one.json'), '\$.conditions')")" "0.5 39"

# The same out of files.
"$facefarm" export --db farm.db --what boundaries --format npy --output planes
for file in planes/*.npy; do mv "$file" "planes/boundary_$(basename "$file")"; done
"$facefarm" direction --boundaries planes --target "$(basename planes/*age*.npy .npy | sed 's/^boundary_//;s/_boundary$//')" \
    --conditions all --json >files.json
"$facefarm" direction --db farm.db --target age --json >rows.json
same "gain of files and rows" "$(json files.json gain)" "$(json rows.json gain)"

# What cannot be is said.
expect 1 "nothing is left of the target" "$facefarm" direction --db farm.db --target Young
expect 1 'no boundary is called "Old"' "$facefarm" direction --db farm.db --target Old
expect 1 'conditions: direction "Beard": no boundary is called' "$facefarm" direction --db farm.db --conditions Beard
expect 1 "has no boundaries yet of a stage nothing" "$facefarm" direction --db farm.db --stage nothing
expect 1 "planes/none" "$facefarm" direction --boundaries planes/none
mkdir empty && expect 1 "no .npy file is there" "$facefarm" direction --boundaries empty
printf 'no array' >empty/x.npy && expect 1 "not an .npy file" "$facefarm" direction --boundaries empty
expect 2 "expected exact, soft, correlation or naive" "$facefarm" direction --projection best
expect 2 "Male=2: expected free or a number" "$facefarm" direction --conditions Male=2
expect 2 "Male=x: expected free or a number" "$facefarm" direction --conditions Male=x
expect 2 "correlation finds it" "$facefarm" direction --conditions Male=0.5 --projection correlation
expect 2 '"Male" stands there twice' "$facefarm" direction --conditions Male,Male
expect 2 "expected at least 0" "$facefarm" direction --discount -0.5

# The published boundaries, to their printed digits (the plain leak, 0.7445, is printed there as 0.745).
published=$here/../../../shared/boundaries/stylegan2_ffhq_z
if [ ! -d "$published" ]; then
    say "without the published boundaries, which are not at $published"
    exit 0
fi
"$facefarm" direction --boundaries "$published" --target Young --sweep >out
for line in 'exact discount 0 1.000 0.744' 'exact discount 0.5 0.950 0.596' 'exact discount 0.75 0.800 0.382' \
    'exact discount 0.9 0.607 0.169' 'exact discount 1 0.432 0.000' 'soft strength 1 0.666 0.291' \
    'correlation the cosines 0.759 0.599' 'naive discount 1 -0.769 0.879 for comparison only'; do
    tr -s ' ' <out | sed 's/ $//' | told -xF -- "$line" || fail "no line \"$line\" in: $(cat out)"
done
