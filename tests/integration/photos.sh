#!/usr/bin/env bash
# Photos through the farm: imported by content, encoded to latents, edited, measured and shown with their originals.
# The small bundle's encoder is its generator's inverse, so that the latents of pictures that the generator drew are
# those that it drew. A file that is no picture is said so and left out; everything else is done, whatever the cut.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_small

cat >draw.yaml <<END
format: facefarm-job/1
bundle: small
seed: 5
stages:
- {kind: sample, name: faces, start: 100, count: 20, output: png}
- {kind: label, name: labels, start: 100, count: 20}
END
finish_job "$(submit draw.yaml)"
mkdir album
cp store/jobs/1/faces/*/*.png album
cp "$(find album -name '*105.png')" album/zz_again.PNG
echo 'no picture' >album/a_note.jpg
head -c 90 "$(find album -name '*106.png')" >album/b_cut.png
echo 'something else' >album/notes.txt
images=$("$facefarm" photos import album --store store)
expect_equal "the same files again" "$images" "$("$facefarm" photos import album --store store)"
expect_equal "the list's name" "$images" "$(sha256sum "store/photos/$images/list" | cut -d ' ' -f 1)"
expect_equal "photos" 23 "$(wc -l <"store/photos/$images/list")"

album()
{
    cat <<END
format: facefarm-job/1
name: album
bundle: small
seed: 5
stages:
- {kind: label, name: labels, count: 600}
- {kind: fit, name: boundaries, from: labels}
- {kind: encode, name: photos, images: $images, count: 23, task_size: $1}
- {kind: label, name: scored, images: $images, start: 2, count: 20, task_size: $1}
- {kind: edit, name: sheets, from: boundaries, photos: photos, faces: 5, targets: [Smiling], conditions: [Male],
   distances: {from: -2, to: 2, steps: 5}}
- {kind: evaluate, name: ageing, from: boundaries, photos: photos, task_size: $1, targets: [age], distance: 2,
   distances: {from: -2, to: 2, steps: 5}, conditions: [Male]}
END
}
for size in 23 3; do
    album $size >album.yaml
    finish_job "$(submit album.yaml)"
done

rows()
{
    local table
    for table in 'face ORDER BY stage_id, idx, variant' 'photo ORDER BY stage_id, idx' 'photo_latent ORDER BY stage_id, idx' \
        'skipped ORDER BY stage_id, idx' 'face_feature ORDER BY stage_id, idx, variant' 'measure ORDER BY stage_id, variant, name, part' \
        'attribute_summary ORDER BY stage_id, variant, position'; do
        sqlite3 -readonly -cmd '.mode quote' farm.db "SELECT * FROM (SELECT * FROM ${table%% *} WHERE stage_id > $1 AND stage_id <= $1 + 6) ORDER BY ${table#*ORDER BY }"
    done
}
# Stages 3 to 8 are the first album's, 9 to 14 the second's.
rows 2 | sed -E 's/^[0-9]+,/S,/' >whole
rows 8 | sed -E 's/^[0-9]+,/S,/' >in_parts
expect_same whole in_parts
# A worker that shares no store has the list, and each photo, over the wire.
stop "$worker_pid"
with_us "$worker_program" --broker "$FACEFARM_BROKER" --cache cache --name remote --device 0 --threads 1 >remote.log 2>&1 &
worker_pid=$!
children+=("$worker_pid")
wait_until "worker remote" known remote
finish_job "$(submit album.yaml)"
rows 14 | sed -E 's/^[0-9]+,/S,/' >remote
expect_same whole remote
expect_equal "who did it" remote "$(query "SELECT group_concat(DISTINCT w.name) FROM task t JOIN worker w ON w.id = t.worker_id WHERE t.stage_id > 14")"

expect_equal "photos that cannot be read" 'a_note.jpg E_UNSUPPORTED
b_cut.png E_PARSE' "$(query "SELECT name || ' ' || code FROM photos WHERE stage_id = 5 AND code IS NOT NULL ORDER BY idx")"
expect_equal "their failures" "20 21" "$(query "SELECT group_concat(start, ' ') FROM failure WHERE stage_id = 5")"
"$facefarm" job failures 2 2>&1 | told 'a_note.jpg: neither PNG nor JPEG'
expect_equal "done" "done 23" "$(query "SELECT state || ' ' || done FROM stage WHERE id = 5")"
expect_equal "faces of the evaluation" $((21 * 9)) "$(query "SELECT count(*) FROM face WHERE stage_id = 8")"
expect_equal "the first behind those" 22 "$(query "SELECT min(idx) FROM face WHERE stage_id = 8 AND idx > 19")"
expect_equal "latents" "21 32 32" "$(query "SELECT count(*) || ' ' || min(length(latent)) || ' ' || max(length(latent)) FROM photo_latent WHERE stage_id = 5")"

# 8 bits a pixel: a latent is off by some hundredths, and so is what is read of the face. Photos 0 … 19 are samples 100 … 119.
has "SELECT max(abs(a.age_judge - p.age)) < 1.5 AND count(*) = 20 FROM photos p JOIN face a ON a.stage_id = 2 AND a.idx = p.idx WHERE p.stage_id = 5" ||
    fail "photos are read as other faces than they are"
has "SELECT max(error) < 6 AND min(error) > 0 AND min(identity) > 0.99 AND count(*) = 21 FROM photos WHERE stage_id = 5 AND code IS NULL" ||
    fail "the generator gives back other photos: $(query "SELECT max(error), min(identity) FROM photos WHERE stage_id = 5")"
has "SELECT max(abs(p.age - f.age_judge)) = 0 FROM photos p JOIN face f ON f.stage_id = 6 AND f.idx = p.idx - 2 WHERE p.stage_id = 5 AND p.code IS NULL AND p.idx BETWEEN 2 AND 21" ||
    fail "label and encode score photos differently"
# The command that needs no broker reads the same photos.
"$facefarm" label --images album --bundle small --device 0 --json >told.json 2>label.log || fail "facefarm label: $(cat label.log)"
grep -q '"photos": 21' told.json || fail "facefarm label: $(head -c 500 told.json)"
# The same photo twice has the same rows.
has "SELECT count(DISTINCT hex(latent)) = 20 FROM photo_latent WHERE stage_id = 5" || fail "equal photos have other latents"
has "SELECT avg(b.identity) < avg(a.identity) FROM face a JOIN face b USING (stage_id, idx) WHERE a.stage_id = 8 AND a.variant = 0 AND b.variant = 1" ||
    fail "an edited photo is as near to the photo as its reconstruction"
"$facefarm" db check farm.db --store store >/dev/null

"$facefarm" report --db farm.db --store store --job 2 --output report
for words in 'id="photos"' 'b_cut.png' 'photo</li>' '2 of 23 photos could not be read' \
    'A photo, and what the generator gives back, edited' ' photos of stage photos, as the generator gives them back, each moved'; do
    grep -qF "$words" report/index.html || fail "the report does not say: $words"
done
grep -q '"psnr"' report/report.json || fail "report.json has no photos"

# An encode stage's latents are exported, imported, and make the reconstructions' faces again, to the last bit.
"$facefarm" export --db farm.db --job 2 --what latents --format npy --output latents.npy
"$facefarm" export --db farm.db --job 2 --what latents --stage photos --format csv >latents.csv
expect_equal "photos that have latents" 21 "$(($(wc -l <latents.csv) - 1))"
expect_equal "the last of them" photos,20,22,zz_again.PNG "$(tail -1 latents.csv | cut -d , -f 1-4)"
encoded=$("$facefarm" latents import latents.npy --store store)
cat >again.yaml <<END
format: facefarm-job/1
bundle: small
stages:
- {kind: label, name: again, latents: $encoded, count: 21}
END
again=$(submit again.yaml)
finish_job "$again"
expect_equal "faces of exported latents" "21 0.0" "$(query "SELECT count(*) || ' ' || max(abs(a.age_judge - r.age_judge))
    FROM face a JOIN (SELECT row_number() OVER (ORDER BY idx) - 1 AS row, age_judge FROM face WHERE stage_id = 5 AND variant = 1) r ON r.row = a.idx
    WHERE a.stage_id = (SELECT id FROM stage WHERE job_id = $again)")"
if "$facefarm" export --db farm.db --job 2 --what latents --stage scored --format npy --output none.npy 2>bad.log; then fail "exported latents that are none"; fi
grep -qF 'no photos of the job were encoded' bad.log || fail "$(cat bad.log)"
if "$facefarm" export --db farm.db --job 2 --what labels --stage photos 2>bad.log; then fail "exported the labels of a stage"; fi
grep -qF 'says which latents' bad.log || fail "$(cat bad.log)"

# What cannot be, is refused at once.
refused() { if "$facefarm" submit bad.yaml >/dev/null 2>bad.log; then fail "taken: $1"; fi; grep -qF "$2" bad.log || fail "$1: $(cat bad.log)"; }
album 0 | sed 's/count: 23/count: 24/' >bad.yaml
refused "more photos than there are" 'photos 0 to 23 of 23'
album 0 | sed "s/images: $images, count: 23/images: ${images/[0-9a-f]/z}, count: 23/" >bad.yaml
refused "a hash that is none" '64 hexadecimal digits'
album 0 | sed "s/$images/$(printf '%064d' 0)/" >bad.yaml
refused "photos that are not there" 'facefarm photos import'
album 0 | sed 's/photos: photos, faces: 5/photos: pictures, faces: 5/' >bad.yaml
refused "another stage" 'no encode stage "pictures"'
album 0 | sed 's/photos: photos, faces: 5/photos: photos, start: 20, faces: 5/' >bad.yaml
refused "faces behind the last photo" 'photos 20 to 24, stage photos encodes 0 to 22'
album 0 | sed '/kind: fit/s/from: labels/from: scored/; /name: scored/{h;d}' | sed "/name: labels/a - {kind: label, name: scored, images: $images, count: 20}" >bad.yaml
refused "a fit on photos" 'have no latents to fit on'
if "$facefarm" photos import /nowhere --store store >/dev/null 2>bad.log; then fail "a folder that is not there was imported"; fi
mkdir empty
if "$facefarm" photos import empty --store store >/dev/null 2>bad.log; then fail "an empty folder was imported"; fi
expect_equal "what lies beside the photos" "$images" "$(ls -A store/photos)"
