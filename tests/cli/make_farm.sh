#!/bin/sh
# make_farm.sh FOLDER: writes FOLDER/farm.db and FOLDER/store, a finished job without a farm (farm.sql). The wide tables
# are made by the statements that the broker makes them with.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
db=$1/farm.db
store=$1/store
scratch=$1/made.sql
rm -rf "$db" "$store"

# SQL that SQL writes goes through a file: a pipe would read and write the database at the same time.

# statement FILE NAME: the text of a named statement
statement() { awk -v name="-- name: $2" '$0 == name {on = 1; next} /^-- name: / {on = 0} on' "$root/db/statements/$1"; }

# made FILE NAME PARAMETERS...: runs a statement with ?1 ?2 …, and the SQL that it selects
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
' "$db" >"$scratch"
    [ -s "$scratch" ] || { echo "make_farm.sh: $file has no statement $name" >&2; exit 1; }
    sqlite3 "$db" <"$scratch"
}

cat "$root"/db/migrations/*.sql "$root/tests/cli/farm.sql" | sqlite3 "$db"
made bundle.sql bundle_make_table 1
made bundle.sql bundle_make_views 1

sqlite3 "$db" "UPDATE job SET spec = CAST(readfile('$root/tests/cli/study.yaml') AS TEXT) || '# <i>' || char(10)"

# Logits: rarer attributes lie lower; edits of age move the later ones.
sqlite3 "$db" "SELECT printf('INSERT INTO face_attributes_1 SELECT stage_id, idx, variant%s FROM face',
  (SELECT group_concat(printf(', ((idx * %d %% 2003 + idx * %d %% 1009) / 3012.0 - 0.5) * 8 - %d / 10.0 + (variant > 0) * (%d %% 9 - 4) / (max(variant, 1) * 3.0)',
     7919 + 1234 * position, 104729 + 77 * position, position, position), '')
   FROM (SELECT position FROM bundle_attribute ORDER BY position)))" >"$scratch" && sqlite3 "$db" <"$scratch"
# attribute_summary, in SQL of its own: what the broker adds up is tested against it elsewhere.
sqlite3 -newline ';
' "$db" "SELECT printf('INSERT INTO attribute_summary
  SELECT a.stage_id, a.variant, %d, %Q, count(*), sum(a.\"%w\" > 0), avg(a.\"%w\"),
    sqrt(max(avg(a.\"%w\" * a.\"%w\") - avg(a.\"%w\") * avg(a.\"%w\"), 0)),
    CASE WHEN a.variant > 0 THEN avg(a.\"%w\" - b.\"%w\") END,
    CASE WHEN a.variant > 0 THEN sum((a.\"%w\" > 0) <> (b.\"%w\" > 0)) END, 0.5, NULL, NULL,
    avg(a.\"%w\" - b.\"%w\") / nullif((SELECT distance FROM variant v WHERE v.stage_id = a.stage_id AND v.variant = a.variant), 0)
  FROM face_attributes_1 a
  JOIN face_attributes_1 b ON b.stage_id = a.stage_id AND b.idx = a.idx AND b.variant = 0
  GROUP BY a.stage_id, a.variant', position, name, name, name, name, name, name, name, name, name, name, name, name, name)
  FROM bundle_attribute" >"$scratch" && sqlite3 "$db" <"$scratch"
rm "$scratch"

# A picture of two by two pixels stands for every face and sheet.
png='iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEUlEQVR4nGO4s+Y6EDFAKAA5MAfLpYMNYQAAAABJRU5ErkJggg=='
sqlite3 "$db" "SELECT path, kind, start, count FROM file" | while IFS='|' read -r path kind start count; do
    if [ "$kind" = sheet ]; then
        mkdir -p "$store/$(dirname "$path")"
        echo "$png" | base64 -d >"$store/$path"
    else
        folder=${path%.tar}
        mkdir -p "$store/$folder"
        i=$start
        while [ "$i" -lt $((start + count)) ]; do
            echo "$png" | base64 -d >"$store/$folder/$(printf '%08d' "$i").png"
            i=$((i + 1))
        done
        if [ "$kind" = tar ]; then
            tar -C "$store/$folder" --format=ustar -cf "$store/$path" .
            rm -r "${store:?}/$folder"
        fi
    fi
done
