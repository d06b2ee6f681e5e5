#!/usr/bin/env bash
# What is known of photos, imported with them and named by a label stage: the classifier's table in the database is that of
# `facefarm label` over the same folder, however the stage was cut; and truth that cannot be is refused where it stands.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

"$build/tests/integration/small_bundle" small
# A threshold: a score is the logit less that of the threshold, a probability is not.
sed -i 's|columns: [[]Smiling, Male[]]|&, attributes: [{name: Smiling}, {name: Male, threshold: 0.7}]|' small/bundle.yaml
start_small
cat >draw.yaml <<END
format: facefarm-job/1
bundle: small
seed: 5
stages:
- {kind: sample, name: faces, count: 90, output: png}
- {kind: label, name: labels, count: 90}
END
finish_job "$(submit draw.yaml)"
mkdir album
n=0
find store/jobs/1/faces -name '*.png' | sort >drawn
while read -r picture; do cp "$picture" "album/$(printf 'p%03d.png' $n)"; n=$((n + 1)); done <drawn
expect_equal "pictures" 90 "$n"
head -c 90 album/p006.png >album/b_cut.png
cp album/p007.png album/zz_unknown.png

# As the classifier says, but wrong now and then; nobody knows of Odd, and the classifier not of Bald. CSV, and CelebA's form.
query "SELECT printf('p%03d.png', idx), (\"Male\" > 0) <> (idx % 4 = 0), idx % 2, (\"Smiling\" > 0) <> (idx % 7 = 0) FROM face_attributes_1 WHERE stage_id = 2 ORDER BY idx" |
    tr '|' , >rows
{ echo 'file,male,Bald,Smiling'; cat rows; echo 'b_cut.png,1,0,1'; echo 'elsewhere.png,1,1,1'; } >truth.csv
{ echo 92; echo 'male Bald Smiling'; sed 1d truth.csv | sed 's/,0/,-1/g; s/,/ /g'; } >truth.txt
for i in {0..89}; do printf 'p%03d.png %d\n' "$i" $((i % 3)); done >parts.txt
imported=$("$facefarm" photos import album --store store --truth truth.csv --partition parts.txt 2>import.log)
told 'truth of 91 of them' import.log || fail "$(cat import.log)"
{ read -r images; read -r truth; } <<<"$imported"
expect_equal "the list's name" "$truth" "$(sha256sum "store/truth/$truth/list" | cut -d ' ' -f 1)"
expect_equal "who may read them" "$(stat -c %a store store | xargs)" "$(stat -c %a "store/photos/$images" "store/truth/$truth" | xargs)"
expect_equal "photos and truth again" "$imported" "$("$facefarm" photos import album --store store --truth truth.csv --partition parts.txt 2>/dev/null)"
expect_equal "photos alone" "$images" "$("$facefarm" photos import album --store store 2>/dev/null)"
whole=$("$facefarm" photos import album --store store --truth truth.txt --json 2>/dev/null | sed -n 's/.*"truth": "\([0-9a-f]*\)".*/\1/p')

job()
{
    cat <<END
format: facefarm-job/1
name: judged
bundle: small
stages:
- {kind: label, name: scored, images: $images, count: 92, task_size: $1, truth: $truth}
- {kind: label, name: no_parts, images: $images, start: 10, count: 50, task_size: $1, truth: $whole}
END
}
for size in 92 7; do
    job $size >job.yaml
    finish_job "$(submit job.yaml)"
done
columns='part, position, attribute, photos, tp, fp, tn, fn, accuracy, accuracy_low, accuracy_high, base_rate, balanced_accuracy,
    precision, recall, f1, mcc, auc, squared_error, calibration_error, balanced_low, balanced_high, f1_low, f1_high, mcc_low, mcc_high,
    auc_low, auc_high, precision_low, precision_high, recall_low, recall_high'
rows() { sqlite3 -readonly -cmd '.mode quote' farm.db "SELECT $columns FROM photo_quality WHERE stage_id = $1 ORDER BY part, position"; }
rows 3 >whole
rows 5 >parts
expect_same whole parts
rows 4 >whole
rows 6 >parts
expect_same whole parts
expect_equal "parts and attributes" 'all Smiling 90
all Male 90
test Smiling 30
test Male 30
train Smiling 30
train Male 30
validation Smiling 30
validation Male 30' "$(query "SELECT part || ' ' || attribute || ' ' || photos FROM classifier_quality WHERE stage_id = 3 ORDER BY part, position")"
expect_equal "no parts, some photos" 'all Smiling 50
all Male 50' "$(query "SELECT part || ' ' || attribute || ' ' || photos FROM classifier_quality WHERE stage_id = 4 ORDER BY part, position")"

# The same figures as the command has: to the ten digits that it prints.
"$facefarm" label --json --images album --bundle small --device 0 --truth truth.csv --partition parts.txt >told.json 2>label.log
figures=(photos positives accuracy accuracy_low accuracy_high base_rate balanced_accuracy precision recall f1 mcc auc squared_error calibration_error
    balanced_low balanced_high precision_low precision_high recall_low recall_high f1_low f1_high mcc_low mcc_high auc_low auc_high)
compared=0
for figure in "${figures[@]}"; do
    same=$(query "WITH told AS (
        SELECT json_extract(a.value, '\$.attribute') AS attribute, p.key AS part, json_extract(p.value, '\$.$figure') AS it
        FROM json_each(readfile('$work/told.json'), '\$.attributes') a, json_each(a.value, '\$.quality') p)
        SELECT count(*) FROM told JOIN classifier_quality q USING (part, attribute) WHERE q.stage_id = 3 AND abs(q.$figure - it) <= 1e-9 * abs(it)")
    expect_equal "$figure of four parts of two attributes" 8 "$same"
    compared=$((compared + same))
done
expect_equal "figures" $((26 * 8)) "$compared"
has "SELECT max(accuracy) < 0.95 AND min(accuracy) > 0.5 AND max(auc) < 1 FROM classifier_quality" || fail "nothing is wrong anywhere"

for figure in balanced_accuracy:balanced precision:precision recall:recall f1:f1 mcc:mcc auc:auc; do
    has "SELECT count(*) = 10 AND min(${figure%:*} BETWEEN ${figure#*:}_low AND ${figure#*:}_high) AND max(${figure#*:}_high - ${figure#*:}_low) < 0.9
        FROM classifier_quality WHERE job = 2" || fail "intervals of ${figure%:*}"
done

"$facefarm" db check farm.db --store store >/dev/null
"$facefarm" report --db farm.db --store store --job 2 --output report
for words in 'id="classifier"' 'href="#classifier"' 'scored, test, mean of 2 attributes' 'training accuracy' 'What the labellers say of photographs' ' photos labelled</h1>'; do
    grep -qF "$words" report/index.html || fail "the report does not say: $words"
done
for words in 'reconstruct' 'identity kept' 'encoder'; do
    if grep -qF "$words" report/index.html; then fail "the report says of photos that were only labelled: $words"; fi
done
expect_equal "rows of report.json" 10 "$(query "SELECT json_array_length(readfile('$work/report/report.json'), '\$.classifier_quality')")"

# What cannot be, is refused: by the command that imports …
not_imported()
{
    local what=$1 words=$2
    shift 2
    if "$facefarm" photos import album --store other "$@" >/dev/null 2>bad.log; then fail "imported: $what"; fi
    grep -qF -- "$words" bad.log || fail "$what: $(cat bad.log)"
    expect_equal "what is left behind, $what" '' "$(find other -type f 2>/dev/null)"
}
sed '3s/,[01],/,yes,/' truth.csv >bad.csv
not_imported "a value that is none" 'bad.csv: line 3: expected 1, 0 or -1, found "yes"' --truth bad.csv
sed '1s/92/93/' truth.txt >bad.txt
not_imported "a list that is cut" 'bad.txt: line 1 says 93 pictures, found 92' --truth bad.txt
sed '4s/ .*/ 3/' parts.txt >bad.txt
not_imported "a part that is none" 'bad.txt: line 4: expected 0 (train), 1 (validation) or 2 (test), found "3"' --truth truth.csv --partition bad.txt
not_imported "parts alone" 'a partition without truth' --partition parts.txt
not_imported "a picture" 'holds a NUL byte' --truth album/p000.png
{ echo 'file,Male'; echo 'elsewhere.png,1'; } >strange.csv
not_imported "truth of other photos" 'strange.csv: knows none of the 92 photos' --truth strange.csv
not_imported "a file that is not there" 'nowhere.csv' --truth nowhere.csv

# … and by the broker when a job comes.
refused() { if "$facefarm" submit bad.yaml >/dev/null 2>bad.log; then fail "taken: $1"; fi; grep -qF "$2" bad.log || fail "$1: $(cat bad.log)"; }
job 7 | sed "s/$truth/$(printf '%064d' 0)/" >bad.yaml
refused "truth that is not there" 'stage scored: truth: truth 000000000000… is not in the store: facefarm photos import --truth'
{ echo 'file,Bald'; echo 'p000.png,1'; } >bald.csv
bald=$("$facefarm" photos import album --store store --truth bald.csv 2>/dev/null | sed -n 2p)
job 7 | sed "s/$truth/$bald/" >bad.yaml
refused "no attribute in common" 'stage scored: truth: has none of the attributes of bundle small, the first is "Smiling"'
job 7 | sed "s/$whole/$bald/" >bad.yaml
refused "no photo in common" "stage no_parts: truth: knows none of the stage's photos, the first is \"p009.png\""
file=store/truth/$whole/$(cut -d ' ' -f 1 "store/truth/$whole/list")
echo >>"$file"
job 7 >bad.yaml
refused "another file than its name says" "$file: has the SHA-256"
# Truth that has gone by the time that it is wanted fails the stage, and says so.
stop "$worker_pid"
job 7 | grep -v no_parts >job.yaml
late=$(submit job.yaml)
mv "store/truth/$truth" gone
start_worker again
if "$facefarm" job wait "$late" >/dev/null 2>&1; then fail "judged by nothing"; fi
told -F "truth: truth ${truth:0:12}… is not in the store" <<<"$(query "SELECT error FROM stage WHERE job_id = $late")"
expect_equal "what is judged of it" 0 "$(query "SELECT count(*) FROM classifier_quality WHERE job = $late")"
mv gone "store/truth/$truth"
