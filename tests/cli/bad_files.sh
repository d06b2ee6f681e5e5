#!/usr/bin/env bash
# Files that are no database of ours: a sentence that names the file, exit code 1, nothing made.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

echo 'this is no database at all, however long it may be, and SQLite says so' >text.db
sqlite3 other.db "CREATE TABLE t (x)"
: >empty.db
mkdir folder.db
"$here/make_farm.sh" .
cp farm.db newer.db
sqlite3 newer.db "PRAGMA user_version = 99"
cp farm.db cut.db
truncate -s 20000 cut.db

for command in report export; do
    expect 1 missing.db "$facefarm" $command --db missing.db
    [ ! -e missing.db ] || fail "missing.db was made"
    expect 1 text.db "$facefarm" $command --db text.db
    expect 1 other.db "$facefarm" $command --db other.db
    expect 1 empty.db "$facefarm" $command --db empty.db
    expect 1 folder.db "$facefarm" $command --db folder.db
    expect 1 newer.db "$facefarm" $command --db newer.db
    grep -q 99 err || fail "it does not name the version found: $(cat err)"
    expect 1 '' "$facefarm" $command --db cut.db
    [ -s err ] || fail "nothing is said about a damaged file"
done
[ ! -e report ] || fail "a report was made of nothing"

expect 1 'missing.db' "$facefarm" report --db missing.db --json
same "the error's code in JSON" "$(sqlite3 :memory: "SELECT json_extract(readfile('out'), '\$.error.code') IS NOT NULL")" 1
expect 1 'no job 7' "$facefarm" report --db farm.db --job 7
sqlite3 farm.db "PRAGMA foreign_keys = OFF; DELETE FROM job"
expect 1 'no job yet' "$facefarm" report --db farm.db
expect 1 nowhere.yaml "$facefarm" submit nowhere.yaml
printf 'format: facefarm-job/1\nstages:\n  - {kind: bake}\n' >bad.yaml
expect 1 bad.yaml "$facefarm" submit bad.yaml
say "done"
