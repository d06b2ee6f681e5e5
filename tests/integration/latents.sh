#!/usr/bin/env bash
# Latents from files: what `facefarm latents` wrote comes back, imported, as the same faces: in rows, pictures, boundaries
# and edits, for a worker that shares the store and one that does not.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_small

"$facefarm" latents drawn.npz --bundle small --seed 5 --samples 0-799
"$facefarm" latents drawn.npy --bundle small --seed 5 --samples 0-799
latents=$("$facefarm" latents import drawn.npz --store store)
expect_equal "who may read them" "$(stat -c %a store)" "$(stat -c %a "store/latents/$latents")"
expect_equal "the same numbers in .npy" "$latents" "$("$facefarm" latents import drawn.npy --store store)"
expect_equal "the list's name" "$latents" "$(sha256sum "store/latents/$latents/list" | cut -d ' ' -f 1)"

job()
{
    cat <<END
format: facefarm-job/1
bundle: small
seed: 5
stages:
- {kind: sample, name: faces, start: 20, count: 12, $1}
- {kind: label, name: labels, count: 600, task_size: $2, $1}
- {kind: fit, name: boundaries}
- {kind: edit, name: sheets, seeds: [31, 7], targets: [Smiling], distances: {from: -2, to: 2, steps: 3}, $1}
- {kind: evaluate, name: fresh, count: 200, targets: [age], task_size: $2, $1}
END
}
job 'output: png' 600 | sed '/kind: [lef]/s/, output: png//' >drawn.yaml
job "latents: $latents" 600 >given.yaml
job "latents: $latents" 7 >parts.yaml
for file in drawn given parts; do
    finish_job "$(submit $file.yaml)"
done

rows()
{
    query "SELECT s.name, f.idx, f.variant, f.age_judge, a.Smiling, a.Male, f.identity FROM face f JOIN stage s ON s.id = f.stage_id
        JOIN face_attributes_1 a USING (stage_id, idx, variant) WHERE s.job_id = $1 ORDER BY 1, 2, 3"
    query "SELECT b.position, hex(b.normal), b.offset, b.test_tp FROM boundary b JOIN stage s ON s.id = b.stage_id WHERE s.job_id = $1 ORDER BY 1"
    (cd "store/jobs/$1" && find . -name '*.png' -exec sha256sum {} + | sort -k 2)
}
# Boundaries that the host's draws and the device's made are the same to the last bit.
for job in 1 2 3; do rows $job >rows$job; done
expect_same rows1 rows2
expect_same rows2 rows3
expect_equal "behind the labelled rows" 600 "$(query "SELECT min(sample) FROM evaluation WHERE job = 2")"
expect_equal "where they are from" "rows 600-799 of latents ${latents:0:12}…" "$(query "SELECT samples FROM stage_samples WHERE job = 2 AND stage = 'fresh'")"

# A worker that shares no store has the list, and the block, over the wire.
stop "$worker_pid"
with_us "$worker_program" --broker "$FACEFARM_BROKER" --cache cache --name remote --device 0 --threads 1 >remote.log 2>&1 &
worker_pid=$!
children+=("$worker_pid")
wait_until "worker remote" known remote
finish_job "$(submit given.yaml)"
rows 4 >rows4
expect_same rows1 rows4

"$facefarm" db check farm.db --store store >/dev/null
"$facefarm" report --db farm.db --store store --job 2 --output report
grep -qF "of latents ${latents:0:12}" report/index.html || fail "the report does not say which latents"
if grep -qF 'measures faces that the boundaries were fitted on' report/index.html; then fail "the report warns of fresh rows"; fi
sed 's/name: fresh, count: 200/name: fresh, start: 500, count: 200/' given.yaml >seen.yaml
finish_job "$(submit seen.yaml)"
"$facefarm" report --db farm.db --store store --job 5 --output report
grep -qF 'Stage fresh measures faces that the boundaries were fitted on' report/index.html || fail "the report does not warn of row 500"

# What cannot be, is refused at once.
refused() { if "$facefarm" submit bad.yaml >/dev/null 2>bad.log; then fail "taken: $1"; fi; grep -qF "$2" bad.log || fail "$1: $(cat bad.log)"; }
job "latents: $latents" 0 | sed 's/name: fresh, count: 200/name: fresh, count: 201/' >bad.yaml
refused "more rows than there are" 'stage fresh: latents: rows up to 800 are wanted of 800: 0 to 799'
job "latents: $(printf '%064d' 0)" 0 >bad.yaml
refused "latents that are not there" 'facefarm latents import'
wide=$("$facefarm" latents wide.npy --bundle "$bundle" --samples 0-9 && "$facefarm" latents import wide.npy --store store)
job "latents: $wide" 0 >bad.yaml
refused "latents of another bundle" 'have 1 vectors of 128 numbers, bundle small takes 1 of 8 in z'
inw=$("$facefarm" latents import drawn.npy --space w --store store)
job "latents: $inw" 0 >bad.yaml
refused "latents of another space" 'are in w, bundle small has its latents in z'

not_imported()
{
    if "$facefarm" latents import "${@:3}" --store store >/dev/null 2>bad.log; then fail "imported: $1"; fi
    grep -qF -- "$2" bad.log || fail "$1: $(cat bad.log)"
}
head -c 5000 drawn.npy >cut.npy
not_imported "a file that is cut off" 'cut.npy: npy body has' cut.npy
head -c 5000 drawn.npz >cut.npz
not_imported "an archive that is cut off" 'cut.npz: zip: damaged or cut off' cut.npz
not_imported "an array that is not there" 'has no array "w"; it has latents' drawn.npz --array w
not_imported "rows as w+" 'has 2 dimensions, in w+ expected 3' drawn.npy --space w+
not_imported "a space that is none" '--space v: expected z, w or w+' drawn.npy --space v
not_imported "no file" 'nowhere.npy' nowhere.npy
sed 's/False/True /' drawn.npy >fortran.npy
not_imported "Fortran order" 'is in Fortran order, expected C order' fortran.npy
sed 's/<f4/<i4/' drawn.npy >whole.npy
not_imported "whole numbers" "expected '<f4' or '<f8'" whole.npy
{ head -c 128 drawn.npy; printf '\0\0\300\177'; tail -c +133 drawn.npy; } >nan.npy
not_imported "a number that is none" 'row 0, number 0: is nan, expected a finite float32' nan.npy
expect_equal "what lies beside the latents" 3 "$(find store/latents -mindepth 1 -maxdepth 1 | wc -l)"
