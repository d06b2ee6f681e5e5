#!/usr/bin/env bash
# What the tables of a finished study say: by name in sqlite3, in the report, in its JSON.
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
cp "$reference/farm.db" .

# Every face has its row and its logits under the attributes' own names.
expect_equal "labelled faces" 1200 "$(query "SELECT count(Smiling) FROM default_labels WHERE job = 1")"
expect_equal "boundaries" 41 "$(query "SELECT count(*) FROM boundaries WHERE job = 1")"
expect_equal "evaluated faces" 256 "$(query "SELECT count(*) FROM evaluation WHERE job = 1")"
expect_equal "sheets" 6 "$(query "SELECT count(*) FROM file WHERE kind = 'sheet'")"
expect_equal "faults" 0 "$(query "SELECT count(*) FROM determinism_fault")"

# Every file is there with the digest and the size that its row has.
while IFS='|' read -r path kind bytes sha256; do
    [ -e "$reference/store/$path" ] || fail "$path is not in the store"
    [ "$kind" != png-folder ] || continue # its digest is over the files in order
    expect_equal "$path: bytes" "$bytes" "$(stat -c %s "$reference/store/$path")"
    expect_equal "$path: sha256" "$sha256  -" "$(sha256sum <"$reference/store/$path")"
done < <(query "SELECT path, kind, bytes, sha256 FROM file")

"$facefarm" report --db farm.db --store "$reference/store" --output report >headlines
[ -s report/index.html ] || fail "the report has no index.html"
"$facefarm" report --db farm.db --store "$reference/store" --output report --json >report.json
