#!/usr/bin/env bash
# The report of a synthetic farm: its figures are those that sqlite3 finds, and the page stands by itself.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

"$here/make_farm.sh" .
"$facefarm" report --db farm.db --store store --output report --json >figures.json 2>err || fail "$(cat err)"
[ ! -s err ] || fail "it said: $(cat err)"
page=report/index.html

figure() { sqlite3 :memory: "SELECT json_extract(readfile('figures.json'), '\$.$1')"; }
ask() { sqlite3 farm.db "$1"; }

same faces "$(figure faces)" "$(ask "SELECT count(*) FROM default_labels")"
same boundaries "$(figure boundaries)" 40
for pair in balanced_accuracy test_accuracy base_rate f1 auc; do
    same "$pair" "$(figure $pair | cut -c1-14)" \
        "$(ask "SELECT avg($pair) FROM boundaries WHERE attribute <> 'age'" | cut -c1-14)"
done
same "age shift" "$(figure 'age_shifts[0].shift' | cut -c1-10)" \
    "$(ask "SELECT avg(age_after - age_before) FROM default_evaluation" | cut -c1-10)"
same "projected age shift" "$(figure 'age_shifts[1].shift' | cut -c1-10)" \
    "$(ask "SELECT avg(age_after_projected - age_before) FROM default_evaluation" | cut -c1-10)"
same "interval" "$(figure 'age_shifts[0].low' | cut -c1-10)" "$(ask "SELECT low FROM age_shift WHERE projected = 0" | cut -c1-10)"

# Every statement that the page shows runs as it stands there, and its first value stands in a tile.
sed -n 's/&lt;/</g; s/&gt;/>/g; s/&#39;/'"'"'/g; s/&quot;/"/g; s/&amp;/\&/g; /<pre class="sql">/,/<\/pre>/p' "$page" |
    sed 's/.*<pre class="sql">//; s/<\/pre>.*//' >queries.sql
same "queries shown" "$(grep -c ';' queries.sql)" 9
sqlite3 -nullvalue NULL farm.db <queries.sql >answers || fail "the page's SQL does not run"
same "answers" "$(head -n 7 answers | tr '\n' ' ')" \
    "$(for f in faces boundaries balanced_accuracy test_accuracy base_rate f1 auc; do figure $f; done | tr '\n' ' ')"
shift=$(ask "SELECT printf('%+.1f', mean_shift) FROM age_shift WHERE projected = 0")
grep -qF "$shift <small>years" "$page" || fail "the page has no $shift years"

# close FOUND EXPECTED: the same words, numbers within half of the third digit (or of 0.1 for per cents; $3)
close() { [ "$(wc -l <"$1")" = "$(wc -l <"$2")" ] && paste -d ' ' "$1" "$2" | awk -v most="$3" '
    {for (i = 1; i <= NF / 2; i++) {a = $i; b = $(i + NF / 2); d = a - b; if ((a == "–") != (b == "–") || d > most || -d > most) {print NR ": " $0; bad = 1}}}
    END {exit bad}'; }

# The boundary table's cells, attribute by attribute.
ask "SELECT printf('%.6f %.6f %s', train_accuracy, test_accuracy, CASE WHEN f1 IS NULL THEN '–' ELSE printf('%.6f', f1) END)
     FROM boundaries ORDER BY attribute = 'age', position" >expected
sed -n '/<table class="boundaries">/,/<\/tbody>/p' "$page" | grep '^<tr>' |
    sed 's/<tr><th>[^<]*<\/th><td>[^<]*<\/td><td[^>]*>\([^<]*\)<\/td><td[^>]*>\([^<]*\)<\/td><td[^>]*>\([^<]*\)<.*/\1 \2 \3/' >found
close found expected 0.000501 >difference || fail "the boundary table differs: $(head -n 4 difference)"

# The class distribution's shares.
ask "SELECT printf('%.6f', 100 * share) FROM class_distribution ORDER BY share DESC, position" >expected
grep -o '<b>[0-9.]* %</b><small>' "$page" | sed 's/[^0-9.]//g' >found
close found expected 0.0501 >difference || fail "the class distribution differs: $(head -n 4 difference)"

# It stands by itself: one script that sorts, nothing from elsewhere, names escaped.
grep -qiE '<script .|https?://|<link|@import|url\(|fetch\(|import\(' "$page" && fail "the page asks for something outside itself"
same "scripts" "$(grep -c '<script' "$page")" 1
grep -qF 'study <b>&' "$page" && fail "a name is not escaped"
grep -qF 'study &lt;b&gt;&amp;&quot;quoted&quot;&lt;/b&gt;' "$page" || fail "the job's name is missing"
grep -qF '# &lt;i&gt;' "$page" || fail "the specification is missing"
grep -qF 'holds <b>Male</b> and <b>Eyeglasses</b>.' "$page" || fail "the evaluation's conditions are missing"
grep -qF 'holds every other boundary, with a discount of 0.9: each keeps 0.1 of its drift.' "$page" ||
    fail "the sheets' conditions are missing"
for id in problems faces ages moved edits boundaries distribution run sources; do
    grep -qF "<section id=\"$id\"" "$page" || fail "section $id is missing"
done
grep -q "<table class=\"distances\">" "$page" || fail "the distances of the distributions are missing"
for what in 'Set aside' 'Failed attempt' 'Not deterministic'; do
    grep -qF "$what" "$page" || fail "the page does not tell: $what"
done
same "tags that open and close" "$(grep -o '<section' "$page" | wc -l)" "$(grep -o '</section>' "$page" | wc -l)"
same "faces shown" "$(sed -n '/<div class="faces">/,/<\/div>/p' "$page" | grep -o '<img' | wc -l)" 40
same sheets "$(find report/sheets -name '*.png' | wc -l)" "$(ask "SELECT count(*) FROM file WHERE kind = 'sheet'")"

grep -q '[−+]0\.0*[^0-9.]' "$page" && fail "a zero has a sign"

# An evaluation without a projected edit has histograms all the same, and names none.
same "histograms" "$(grep -o 'aria-label="faces by' "$page" | wc -l)" 2
cp farm.db plain.db
sqlite3 plain.db "DELETE FROM face WHERE variant > 1; DELETE FROM measure WHERE variant > 1; DELETE FROM variant WHERE variant > 1 AND stage_id IN (SELECT id FROM stage WHERE kind = 'evaluate');
  DELETE FROM direction WHERE projected = 1 AND stage_id IN (SELECT id FROM stage WHERE kind = 'evaluate')"
"$facefarm" report --db plain.db --store store --output plain >/dev/null 2>err || fail "no report of plain edits: $(cat err)"
same "histograms of plain edits" "$(grep -o 'aria-label="faces by' plain/index.html | wc -l)" 2
grep -qF 'after, projected' plain/index.html && fail "the page has a projected edit"

# People read the same figures; a second run writes the same page.
cp "$page" first.html
"$facefarm" report --db farm.db --store store --output report >text
grep -q "^age shift  *$(ask "SELECT printf('%+.2f', mean_shift) FROM age_shift WHERE projected = 0") years" text || fail "$(cat text)"
cmp -s first.html "$page" || fail "a second run writes another page"

# Without the store there is a page all the same, which says what is missing.
"$facefarm" report --db farm.db --store nowhere --output bare >/dev/null 2>err
grep -q 'are not in the store nowhere' err || fail "it does not say that the pictures are missing"
grep -q 'is not in the store' bare/index.html || fail "the page does not say that the pictures are missing"

# Where layers were fitted by themselves, which of them carry the attributes.
cp farm.db layers.db
sqlite3 layers.db "UPDATE boundary SET layers = 2;
  INSERT INTO fitted SELECT stage_id, position, 'chosen', 0, 'svm', 1, NULL, 0, 1, 0, train_tp, train_fp, train_tn, train_fn,
    test_tp, test_fp, test_tn, test_fn, 0, 0, 0, 0, 1000, test_auc, 0.7, 0.8, 0, 1, 0, 1, 0, 1, 0.5 FROM boundary;
  INSERT INTO fitted_layer SELECT stage_id, position, l.value, 'svm', 1, 0, 0.7, train_tp, train_fp, train_tn, train_fn,
    test_tp, test_fp, test_tn, test_fn, 0, 0, 0, 0, 1000, 0.5 + 0.25 * l.value + position / 1000.0, 0.4, 0.9, 0, 1, 0, 1, 0, 1, 0.5
    FROM boundary, generate_series(0, 1) l WHERE test_auc IS NOT NULL"
"$facefarm" report --db layers.db --store store --output layers >/dev/null || fail "no report of layers"
sed -n '/<table class="layers">/,/<\/tbody>/p' layers/index.html | grep '^<tr>' >found
same "layers, and each attribute's" "$(wc -l <found)" "$(sqlite3 layers.db "SELECT 2 + count(*) FROM boundary_layers")"
same "the layer that carries them" "$(sed -n '2p' found | sed 's/<[^>]*>/ /g' | tr -s ' ')" \
    "$(sqlite3 layers.db "SELECT printf(' 1 %d %.3f %.3f %.3f %.3f %d ', count(*), avg(test_accuracy), avg(balanced_accuracy), avg(auc), max(auc), count(*))
       FROM boundary_layers WHERE layer = 1 AND attribute <> 'age'")"
grep -qF 'weight in the boundary' layers/index.html || fail "the report does not say how much a layer counts"
same "layers in report.json" "$(sqlite3 :memory: "SELECT json_array_length(readfile('layers/report.json'), '\$.boundary_layers')")" \
    "$(sqlite3 layers.db "SELECT count(*) FROM boundary_layers")"

# One face of a class is a reason to doubt.
sqlite3 layers.db "UPDATE fitted SET train_tp = 1, train_fn = 0 WHERE role = 'chosen' AND position = 0"
"$facefarm" report --db layers.db --store store --output few >/dev/null || fail "no report of a rare class"
grep -q '>Few of a class: .*(1 of [0-9]* training samples are of the rarer class)' few/index.html ||
    fail "the page does not say that one face was all of a class"

# A sheet of mixed styles has rows; faces are counted without them.
same "faces drawn" "$(grep -c "The first of $(ask "SELECT sum(count) FROM file JOIN stage s ON s.id = stage_id WHERE s.kind = 'sample'") faces" "$page")" 1
sqlite3 layers.db "UPDATE file SET kind = 'mixing', count = 7 WHERE path = (SELECT path FROM file JOIN stage s ON s.id = stage_id WHERE s.kind = 'sample' LIMIT 1)"
"$facefarm" report --db layers.db --store store --output mixed >/dev/null
grep -qF "Sheets of mixed styles have 7 rows" mixed/index.html || fail "the rows of a sheet are not said"
grep -qF "The first of $(sqlite3 layers.db "SELECT sum(count) FROM file f JOIN stage s ON s.id = stage_id WHERE s.kind = 'sample' AND f.kind <> 'mixing'") faces" mixed/index.html ||
    fail "rows are counted as faces"

# A path that leaves the store is not followed.
echo secret >secret.png
sqlite3 farm.db "UPDATE file SET path = '../secret.png' WHERE kind = 'sheet' AND target = 'Bald' AND projected = 0"
"$facefarm" report --db farm.db --store store --output outside >/dev/null 2>&1
grep -q '../secret.png is not in the store' outside/index.html || fail "a path outside the store was followed"

# Two jobs side by side: with itself nothing differs; names are escaped; what is missing is said.
"$facefarm" report --db farm.db --compare 1 1 --output both >said || fail "two jobs cannot be compared"
same "what is said" "$(cat said)" "both/compare.html"
compared() { sqlite3 :memory: "SELECT $1 FROM json_each(CAST(readfile('both/compare.json') AS TEXT), '\$.$2')"; }
same "figures that differ from themselves" "$(compared "count(*) FILTER (WHERE value ->> 'a' IS NOT value ->> 'b')" figures)" 0
same "accuracy" "$(compared "printf('%.9f', max(value ->> 'a') FILTER (WHERE value ->> 'label' = 'mean balanced accuracy'))" figures)" \
    "$(ask "SELECT printf('%.9f', avg(balanced_accuracy)) FROM boundaries WHERE attribute <> 'age'")"
grep -qF 'study <b>&' both/compare.html && fail "a name is not escaped in the comparison"
cp farm.db other.db
sqlite3 other.db "UPDATE boundary SET test_tp = test_tp + 50 WHERE name = 'Smiling'"
"$facefarm" report --db farm.db --compare 1 1 --other-db other.db --output both --json >said
same "what is said as JSON" "$(sqlite3 :memory: "SELECT json_extract(readfile('said'), '\$.json')")" both/compare.json
same "figures that differ" "$(compared "count(*) > 1" "figures" | head -n 1)" 1
[ "$(compared "sum(value ->> 'a' IS NOT value ->> 'b')" figures)" -ge 2 ] || fail "another database has the same figures"
expect 1 'no job 9' "$facefarm" report --db farm.db --compare 1 9
expect 1 'expected a job' "$facefarm" report --db farm.db --compare 1 x
expect 1 'takes two jobs, found 1' "$facefarm" report --db farm.db --compare 1

# A job that has only begun.
sqlite3 farm.db "INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms, ended_ms) SELECT 2, 'empty', owner, bundle_id, spec, seed, 'running', submitted_ms, NULL FROM job"
"$facefarm" report --db farm.db --store store --output empty --json >figures.json || fail "a job without stages has no report"
same "figures of an empty job" "$(figure job) $(figure faces) $(figure f1)" "2 0 "
say "done"
