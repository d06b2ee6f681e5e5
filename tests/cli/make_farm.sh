#!/bin/sh
# make_farm.sh FOLDER: writes FOLDER/farm.db and FOLDER/store, a finished job without a farm (farm.sql). The wide tables
# are made by the statements that the broker makes them with.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
db=$1/farm.db
store=$1/store
rm -rf "$db" "$store"

# statement FILE NAME: the text of a named statement
statement() { awk -v name="-- name: $2" '$0 == name {on = 1; next} /^-- name: / {on = 0} on' "$root/db/statements/$1"; }

# made FILE NAME PARAMETERS...: runs a statement with ?1 ?2 … and prints the SQL that it selects
made()
{
    file=$1 name=$2
    shift 2
    n=0
    {
        echo '.parameter init'
        for value; do n=$((n + 1)); echo ".parameter set ?$n $value"; done
        statement "$file" "$name"
    } | sqlite3 -newline ';
' "$db"
}

# Made statements go through a file: a pipe would read and write the database at the same time.
cat "$root"/db/migrations/*.sql "$root/tests/cli/farm.sql" | sqlite3 "$db"
made bundle.sql bundle_make_table 1 >"$1/made.sql" && sqlite3 "$db" <"$1/made.sql"
made bundle.sql bundle_make_views 1 >"$1/made.sql" && sqlite3 "$db" <"$1/made.sql"

sqlite3 "$db" "UPDATE job SET spec = CAST(readfile('$root/tests/cli/study.yaml') AS TEXT) || '# <i>' || char(10)"

# Logits: rarer attributes lie lower; edits of age move the later ones.
sqlite3 "$db" "SELECT printf('INSERT INTO face_attributes_1 SELECT stage_id, idx, variant%s FROM face',
  (SELECT group_concat(printf(', ((idx * %d %% 2003 + idx * %d %% 1009) / 3012.0 - 0.5) * 8 - %d / 10.0 + (variant > 0) * (%d %% 9 - 4) / (max(variant, 1) * 3.0)',
     7919 + 1234 * position, 104729 + 77 * position, position, position), '')
   FROM (SELECT position FROM bundle_attribute ORDER BY position)))" >"$1/made.sql" && sqlite3 "$db" <"$1/made.sql"
made summary.sql summary_make 1 0 >"$1/made.sql"
for pair in '2 0' '5 0' '5 1' '5 2' '4 0'; do
    # shellcheck disable=SC2086 # two words
    set -- "$1" $pair
    { echo '.parameter init'; echo ".parameter set ?1 $2"; echo ".parameter set ?2 $3"; cat "$1/made.sql"; } | sqlite3 "$db"
done
rm "$1/made.sql"

# A picture of two by two pixels stands for every face and sheet, unless $FACEFARM_TEST_PICTURES draws better ones.
png='iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEUlEQVR4nGO4s+Y6EDFAKAA5MAfLpYMNYQAAAABJRU5ErkJggg=='
sqlite3 "$db" "SELECT path, kind, start, count FROM file" | while IFS='|' read -r path kind start count; do
    if [ "$kind" = sheet ]; then
        mkdir -p "$store/$(dirname "$path")"
        echo "$png" | base64 -d >"$store/$path"
    else
        mkdir -p "$store/$path"
        i=$start
        while [ "$i" -lt $((start + count)) ]; do
            echo "$png" | base64 -d >"$store/$path/$(printf '%08d' "$i").png"
            i=$((i + 1))
        done
    fi
done
