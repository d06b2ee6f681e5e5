#!/usr/bin/env bash
# What a finished study says by name in sqlite3, in the report, in its JSON: the same figures.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -f "$reference/tables" ] || skip "there is no reference run"
cp "$reference/farm.db" .

# Every face has its row and its logits under the attributes' own names.
expect_equal "labelled faces" 1200 "$(query "SELECT count(Smiling) FROM default_labels WHERE job = 1")"
expect_equal "boundaries" 41 "$(query "SELECT count(*) FROM boundaries WHERE job = 1")"
expect_equal "evaluated faces" 256 "$(query "SELECT count(*) FROM evaluation WHERE job = 1 AND stage = 'ageing'")"
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
"$facefarm" report --db farm.db --store "$reference/store" --output report --json >report.json
cat headlines >&2

# same FIGURE SQL: a figure of the report's JSON is what the query gives (both may be NULL).
same()
{
    local found
    found=$(query "SELECT j IS q OR abs(j - q) <= 1e-9 * max(abs(q), 1), j, q
        FROM (SELECT json_extract(readfile('report.json'), '\$.$1') AS j, ($2) AS q)")
    case $found in
    1\|*) ;;
    *) fail "$1 in the report's JSON and by sqlite3: ${found#*|}" ;;
    esac
}
all40="FROM boundaries WHERE job = 1 AND attribute <> 'age'"
same faces "SELECT count(*) FROM default_labels WHERE job = 1"
same boundaries "SELECT count(*) $all40"
same test_accuracy "SELECT avg(test_accuracy) $all40"
same balanced_accuracy "SELECT avg(balanced_accuracy) $all40"
same base_rate "SELECT avg(base_rate) $all40"
same f1 "SELECT avg(f1) $all40"
same auc "SELECT avg(auc) $all40"
of_ageing="FROM evaluation WHERE job = 1 AND stage = 'ageing'"
same 'age_shifts[0].faces' "SELECT count(*) $of_ageing"
same 'age_shifts[0].mean_before' "SELECT avg(age_before) $of_ageing"
same 'age_shifts[0].mean_after' "SELECT avg(age_after) $of_ageing"
same 'age_shifts[0].shift' "SELECT avg(age_after - age_before) $of_ageing"
same 'age_shifts[1].shift' "SELECT avg(age_after_projected - age_before) $of_ageing"
same 'age_shifts[0].low' "SELECT low FROM age_shift WHERE job = 1 AND stage = 'ageing' AND NOT projected"
same 'age_shifts[1].high' "SELECT high FROM age_shift WHERE job = 1 AND projected"

# The views agree with the rows that they are made from.
for attribute in Smiling Young 5_o_Clock_Shadow Wearing_Hat; do
    positives=$(query "SELECT count(*) FROM default_labels WHERE job = 1 AND \"$attribute\" > 0")
    expect_equal "positives of $attribute in class_distribution" "$positives" \
        "$(query "SELECT positives FROM class_distribution WHERE job = 1 AND attribute = '$attribute'")"
    expect_equal "positives of $attribute in boundaries" "$positives" \
        "$(query "SELECT positives FROM boundaries WHERE job = 1 AND attribute = '$attribute'")"
done
# The measures agree with the rows that they are made from.
close() { has "SELECT abs(($2) - ($3)) <= 1e-5 * max(abs(($3)), 1)" || fail "$1: $(query "SELECT ($2), ($3)")"; }
for variant in 1 2 3 4 5 6; do
    rows="FROM evaluated_faces WHERE stage = 'ageing' AND variant = $variant"
    figure="FROM measures WHERE stage = 'ageing' AND part = 'all' AND variant = $variant AND measure"
    close "age shift of variant $variant" "SELECT value $figure = 'age_shift'" "SELECT avg(age_after - age_before) $rows"
    close "older by variant $variant" "SELECT value $figure = 'older'" "SELECT avg(age_after > age_before) $rows"
    close "clipped at variant $variant" "SELECT value $figure = 'clipped_high'" "SELECT avg(age_after >= 84.5) $rows"
    has "SELECT count(*) = 1 $figure = 'age_shift' AND low < value AND value < high AND resamples = 1000" ||
        fail "variant $variant has no interval"
    # The bootstrap of a mean is its formula but for chance.
    close "width of variant $variant" "SELECT round((high - low) / width, 0) FROM (SELECT low, high,
        (SELECT 2 * 1.96 * sqrt((avg(d * d) - avg(d) * avg(d)) / count(*)) FROM (SELECT age_after - age_before AS d $rows)) AS width
        $figure = 'age_shift')" "SELECT 1.0"
done
expect_equal "projected edits that are compared" "2 2.0,4 -1.0,6 1.0" "$(query "SELECT group_concat(variant || ' ' || distance)
    FROM (SELECT variant, distance FROM measures WHERE stage = 'ageing' AND measure = 'dependency_difference' ORDER BY variant)")"
expect_equal "edits of every target" "41 41" "$(query "SELECT count(DISTINCT target) || ' ' || count(*) FROM measures
    WHERE stage = 'effects' AND measure = 'dependency'")"
expect_equal "cells of the re-scoring matrix" 1640 "$(query "SELECT count(*) FROM rescoring WHERE stage = 'effects' AND change IS NOT NULL")"
close "dependency of Smiling" "SELECT value FROM measures WHERE stage = 'effects' AND target = 'Smiling' AND measure = 'target_change'" \
    "SELECT change FROM rescoring WHERE stage = 'effects' AND target = 'Smiling' AND attribute = 'Smiling'"

moved="SELECT avg(b.Smiling - a.Smiling) FROM face_attributes_1 a JOIN face_attributes_1 b
    ON b.stage_id = a.stage_id AND b.idx = a.idx AND a.variant = 0 AND b.variant = 1
    WHERE a.stage_id = (SELECT id FROM stage WHERE name = 'ageing')"
# What is said of a boundary in full agrees with its table.
has "SELECT count(*) = (SELECT count(*) FROM boundary) AND min(abs(q.test_accuracy - b.test_accuracy) < 1e-12) = 1
  AND min(q.auc = b.auc OR b.auc IS NULL) = 1 FROM boundary_quality q JOIN boundaries b USING (stage_id, position)" ||
    fail "the two views of boundaries differ"
has "SELECT abs(mean_change - ($moved)) <= 1e-9 FROM attribute_summary WHERE attribute = 'Smiling' AND variant = 1
    AND stage_id = (SELECT id FROM stage WHERE name = 'ageing')" || fail "the mean change of Smiling differs"

# The page has the same numbers: the boundary table, cell by cell, ...
sed -n '/<table class="boundaries">/,/<\/table>/p' report/index.html | sed -n 's/<[^>]*>/|/g; s/||*/|/g; /^|[A-Z0-9]/p' >cells
cell() { [ -z "$1" ] && printf '–' || LC_ALL=C printf '%.3f' "$1"; }
while IFS='|' read -r name train test f1 base balanced; do
    row="|$(cell "$train")|$(cell "$test")|$(cell "$f1")|$(cell "$base")|$(cell "$balanced")|"
    [ "$(grep -F "|$name|" cells | grep -cF -- "$row")" = 1 ] || fail "the report's table has no row for $name with $row"
done < <(query "SELECT upper(substr(attribute, 1, 1)) || lower(replace(substr(attribute, 2), '_', ' ')),
    train_accuracy, test_accuracy, f1, base_rate, balanced_accuracy $all40")

# ... the measures' tables by their unrounded values, ...
# values CLASS: what the cells of a table of that class hold, row by row
values() { sed -n "/<table class=\"$1\">/,/<\/table>/p" report/index.html | grep '^<tr>' | sed 's/data-v="\([^"]*\)"/\n=\1\n/g' | sed -n 's/^=//p'; }
# same_cells CLASS SQL: the table's cells are what the query gives, in order
same_cells()
{
    values "$1" >found
    query "$2" | tr '|' '\n' | grep -v '^$' >expected
    [ -s expected ] || fail "no values to compare with the table $1"
    paste found expected | awk '{d = $1 - $2; m = $2 < 0 ? -$2 : $2; if (m < 1) m = 1; if (d > 1e-12 * m || -d > 1e-12 * m) {print NR ": " $0; exit 1}}' ||
        fail "the table $1 has other values than the database"
    expect_equal "cells of the table $1" "$(wc -l <expected)" "$(wc -l <found)"
}
same_cells parts "SELECT p.faces, printf('%.17g', p.value), printf('%.17g', p.low), printf('%.17g', q.value), printf('%.17g', q.low)
    FROM measures p JOIN measures q ON q.stage = 'ageing' AND q.variant = 2 AND q.measure = p.measure AND q.part = p.part
    WHERE p.stage = 'ageing' AND p.variant = 1 AND p.measure = 'age_shift'
    ORDER BY p.part <> 'all', p.part NOT IN ('male', 'female'), p.part"
same_cells help "SELECT printf('%.17g', p.value), printf('%.17g', p.low), printf('%.17g', q.value), printf('%.17g', q.low), printf('%.17g', d.value), printf('%.17g', d.low)
    FROM (VALUES (1, 'age_shift'), (2, 'target_change'), (3, 'dependency'), (4, 'dependency_ratio'), (5, 'likeness')) n
    JOIN measures p ON p.stage = 'ageing' AND p.distance = 2 AND p.target = 'age' AND p.part = 'all' AND p.measure = column2 AND NOT p.projected
    JOIN measures q ON q.stage = 'ageing' AND q.distance = 2 AND q.target = 'age' AND q.part = 'all' AND q.measure = column2 AND q.projected
    JOIN measures d ON d.stage = 'ageing' AND d.distance = 2 AND d.target = 'age' AND d.measure = column2 || '_difference' ORDER BY column1"

# ... report.json has the rows of the views, ...
json() { query "SELECT $1 FROM (SELECT CAST(readfile('report/report.json') AS TEXT) AS page)"; }
for list in measures rescoring boundaries class_distribution; do
    expect_equal "$list in report.json" "$(query "SELECT count(*) FROM $list WHERE job = 1")" "$(json "json_array_length(page, '\$.$list')")"
done
expect_equal "measures that differ in report.json" 0 "$(query "SELECT count(*) FROM (
    SELECT stage, target, projected, distance, measure, part, value, low, high, faces FROM measures WHERE job = 1
    EXCEPT SELECT value ->> 'stage', value ->> 'target', value ->> 'projected', value ->> 'distance', value ->> 'measure', value ->> 'part',
        value ->> 'value', value ->> 'low', value ->> 'high', value ->> 'faces'
    FROM json_each(CAST(readfile('report/report.json') AS TEXT), '\$.measures'))")"
expect_equal "the matrix of cosines" "41 1.0" "$(json "json_array_length(page, '\$.boundary_cosines.values') || ' ' || round(json_extract(page, '\$.boundary_cosines.values[7][7]'), 5)")"
by_hand="SELECT printf('%.9f', (avg(Smiling * Male) - avg(Smiling) * avg(Male)) / sqrt((avg(Smiling * Smiling) - avg(Smiling) * avg(Smiling)) * (avg(Male * Male) - avg(Male) * avg(Male)))) FROM default_labels"
expect_equal "correlation of Smiling and Male" "$(query "$by_hand")" "$(query "SELECT printf('%.9f', json_extract(page, '\$.logit_correlations.values[' || a.key || '][' || b.key || ']'))
    FROM (SELECT CAST(readfile('report/report.json') AS TEXT) AS page), json_each(page, '\$.logit_correlations.names') a, json_each(page, '\$.logit_correlations.names') b
    WHERE a.value = 'Smiling' AND b.value = 'Male'")"

# ... and the SQL that it shows is SQL that runs.
tr '\n' ' ' <report/index.html | grep -o '<pre class="sql">[^<]*' |
    sed 's/^[^>]*>//; s/&#39;/'"'"'/g; s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g' >shown.sql
[ "$(wc -l <shown.sql)" -ge 8 ] || fail "the report shows $(wc -l <shown.sql) statements, expected 8 or more"
sqlite3 -bail -readonly farm.db <shown.sql >/dev/null || fail "a statement that the report shows does not run"

# So is the SQL of the documents.
# shellcheck disable=SC2016 # Markdown's backticks
sed -n '/^```sql$/,/^```$/p' "$root/docs/schema.md" | grep -v '^```' >documented.sql
sed -n 's/^sqlite> //p' "$root/README.md" >>documented.sql
[ "$(grep -c 'SELECT' documented.sql)" -ge 8 ] || fail "the documents have fewer statements than expected"
sqlite3 -bail -readonly farm.db <documented.sql >/dev/null || fail "a statement of the documents does not run"

# The page needs no network and no other file.
if grep -oE '(src|href)="[^"#]{1,60}' report/index.html | grep -vE '"(data:|sheets/)'; then
    fail "the report refers to something outside of it"
fi
