#!/usr/bin/env bash
# A bundle of networks that others trained on photographs (../shared/models; its README has the figures that are
# known of it) through the whole study: several labellers with crops and classes, two age estimators apart. What
# is measured must agree with what is known within the error of sampling and of fitting on 2,000 faces.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

shared=$root/../shared/models
[ -d "$shared" ] || skip "there is no ../shared/models"
patience=1200

hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# write_bundle NAME FIT JUDGE THRESHOLD: the bundle in ./NAME; the roles of the two age estimators, and the
# probability from which a face counts as Male.
write_bundle()
{
    local file
    mkdir "$1"
    for file in gen_vae64_btcvae_decoder enc_vae64_btcvae_encoder expr7_faceapi age_gender_faceapi age_ssrnet_imdb; do
        cp "$shared/$file.onnx" "$1"
    done
    cat >"$1/bundle.yaml" <<END
format: facefarm-bundle/1
name: $1
description: a VAE of CelebA with its encoder, expressions, gender, and two age estimators
licence: MIT, Apache-2.0 (SSR-Net)
generator:
  file: gen_vae64_btcvae_decoder.onnx
  sha256: $(hash_of "$1/gen_vae64_btcvae_decoder.onnx")
  input: z
  latent: {space: z, dimension: 10, prior: normal}
  output: {tensor: img, channels: rgb, height: 64, width: 64, range: [0, 1]}
labellers:
- name: expressions
  file: expr7_faceapi.onnx
  sha256: $(hash_of "$1/expr7_faceapi.onnx")
  input: {tensor: img, channels: rgb, height: 112, width: 112, range: [0, 255], crop: {rows: [14, 58], columns: [9, 55]}}
  outputs:
  - tensor: prob
    values: softmax
    columns: [neutral, happy, sad, angry, fearful, disgusted, surprised]
    attributes: [{name: Smiling, of: [happy]}]
- name: age_gender
  file: age_gender_faceapi.onnx
  sha256: $(hash_of "$1/age_gender_faceapi.onnx")
  input: {tensor: img, channels: rgb, height: 112, width: 112, range: [0, 255], crop: {rows: [14, 58], columns: [9, 55]}}
  outputs:
  - {tensor: gender, values: softmax, columns: [male, female], attributes: [{name: Male, of: [male], threshold: $4}]}
  - {tensor: age, values: years, name: faceapi, role: $2}
age_estimators:
- name: ssrnet
  role: $3
  file: age_ssrnet_imdb.onnx
  sha256: $(hash_of "$1/age_ssrnet_imdb.onnx")
  input: {tensor: img, channels: bgr, height: 64, width: 64, range: [0, 255]}
  output: age
encoder:
  file: enc_vae64_btcvae_encoder.onnx
  sha256: $(hash_of "$1/enc_vae64_btcvae_encoder.onnx")
  input: {tensor: img, channels: rgb, height: 64, width: 64, range: [0, 1]}
  output: mu
END
    "$facefarm" bundle check "$1"
    "$facefarm" bundle add "$1"
}

# within WHAT LOW HIGH SQL: a figure lies between two.
within()
{
    local found
    found=$(query "$4")
    say "$1: $found, expected $2 to $3"
    [ "$(query "SELECT coalesce($found BETWEEN $2 AND $3, 0)")" = 1 ] || fail "$1 is $found, expected $2 to $3"
}

# edited JOB TARGET DISTANCE VALUE [STAGE PROJECTED]: the mean of an expression over the faces of an evaluate stage, at
# distance 0 as sampled.
edited() { printf 'SELECT avg(%s) FROM stage s JOIN variant v ON v.stage_id = s.id JOIN face f USING (stage_id, variant)
    JOIN face_attributes_%d a USING (stage_id, idx, variant)
    LEFT JOIN direction d ON d.stage_id = s.id AND d.position = v.target AND d.projected = v.projected
    WHERE s.job_id = %d AND s.name = '\''%s'\'' AND v.distance = %d AND v.projected = %d AND (d.name = '\''%s'\'' OR v.distance = 0)' \
    "$4" "$1" "$1" "${5:-moved}" "$3" "${6:-0}" "$2"; }

study()
{
    cat <<END
format: facefarm-job/1
name: $1
bundle: $1
seed: 11
stages:
- {kind: sample, name: faces, count: 64, output: png}
- {kind: label, name: labels, count: 2400}
- {kind: fit, name: boundaries, from: labels, train_share: 0.8333, weights: none}
- {kind: edit, name: sheets, faces: 6, targets: [all], distances: {from: -3, to: 3, steps: 7}, conditions: [all]}
- {kind: evaluate, name: moved, count: 400, start: 10000, targets: [age, Smiling, Male], distances: {from: -3, to: 3, steps: 3}, distance: 3}
- {kind: evaluate, name: ageing, count: 400, start: 10000, targets: [age], distance: 3, conditions: [Male]}
END
}

start_broker
start_worker alone

# Bundle 1, to find at which probability half of the faces count as Male; bundle 2 and 3 with that threshold, fitted
# on the ages of the one estimator and of the other.
write_bundle unsplit fit judge 0.5
printf '%s\n' 'format: facefarm-job/1' 'bundle: unsplit' 'seed: 11' 'stages: [{kind: label, count: 2400}]' >labels.yaml
finish_job "$(submit labels.yaml)"
median=$(query "SELECT printf('%.6f', 1 / (1 + exp(-avg(Male)))) FROM (SELECT Male FROM face_attributes_1 ORDER BY Male LIMIT 2 OFFSET 1199)")
say "half of the faces are Male at a probability of $median"
for name in by_faceapi by_ssrnet; do
    if [ $name = by_faceapi ]; then write_bundle $name fit judge "$median"; else write_bundle $name judge fit "$median"; fi
    study $name >$name.yaml
    finish_job "$(submit $name.yaml)"
done

# 400 test faces: three standard errors of a share are 0.04 (at 0.92) to 0.075 (at 0.5); a direction fitted on 2,000
# faces moves the rates by as much again. Where the README and a recomputation with onnxruntime, PyTorch's interpolate
# and a primal SVM of numpy (other latents) differ by more, both lie within: along Male the README has 0.13 and 0.80,
# the recomputation 0.01 and 0.94; 16.3 and 15.7 years of face-api's at +3.
within "test accuracy of Smiling" 0.88 0.97 "SELECT test_accuracy FROM boundaries WHERE job = 2 AND attribute = 'Smiling'"
within "base rate of Smiling" 0.90 0.98 "SELECT base_rate FROM boundaries WHERE job = 2 AND attribute = 'Smiling'"
within "test accuracy of Male" 0.75 0.89 "SELECT test_accuracy FROM boundaries WHERE job = 2 AND attribute = 'Male'"
within "base rate of Male" 0.50 0.58 "SELECT base_rate FROM boundaries WHERE job = 2 AND attribute = 'Male'"
within "test accuracy of age by face-api" 0.60 0.76 "SELECT test_accuracy FROM boundaries WHERE job = 2 AND attribute = 'age'"
within "test accuracy of age by SSR-Net" 0.60 0.76 "SELECT test_accuracy FROM boundaries WHERE job = 3 AND attribute = 'age'"
for job in 2 3; do
    within "happy as sampled" 0.86 0.98 "$(edited $job Smiling 0 'Smiling > 0')"
    within "happy at -3" 0.14 0.54 "$(edited $job Smiling -3 'Smiling > 0')"
    within "happy at +3" 0.96 1 "$(edited $job Smiling 3 'Smiling > 0')"
    within "male as sampled" 0.42 0.58 "$(edited $job Male 0 'Male > 0')"
    within "male at -3" 0 0.15 "$(edited $job Male -3 'Male > 0')"
    within "male at +3" 0.75 1 "$(edited $job Male 3 'Male > 0')"
done
within "face-api's age as sampled" 13.9 16.4 "$(edited 2 age 0 age_fit)"
within "face-api's age at -3" 7.6 10.6 "$(edited 2 age -3 age_fit)"
within "face-api's age at +3" 14.8 18.6 "$(edited 2 age 3 age_fit)"
within "SSR-Net's age as sampled" 30 32 "$(edited 2 age 0 age_judge)"
within "SSR-Net's age at -3" 30.5 33 "$(edited 2 age -3 age_judge)"
within "SSR-Net's age at +3" 28.8 31.2 "$(edited 2 age 3 age_judge)"
within "SSR-Net's own age at -3" 26.4 28.8 "$(edited 3 age -3 age_fit)"
within "SSR-Net's own age at +3" 30.7 33.5 "$(edited 3 age 3 age_fit)"
within "male at -3 of SSR-Net's age" 0.04 0.28 "$(edited 3 age -3 'Male > 0')"
within "male at +3 of SSR-Net's age" 0.56 0.86 "$(edited 3 age 3 'Male > 0')"
within "male at +3 of SSR-Net's age, projected" 0.34 0.62 "$(edited 3 age 3 'Male > 0' ageing 1)"

# Pictures that the generator drew, through its encoder and back: the VAE's own loss is all that is lost, and the edit of
# a photo moves what the edit of a sample moves.
mkdir album
cp store/jobs/2/faces/*/*.png album
echo 'no picture' >album/broken.png
images=$("$facefarm" photos import album --store store)
cat >photos.yaml <<END
format: facefarm-job/1
name: photos
bundle: by_faceapi
seed: 11
stages:
- {kind: label, name: labels, count: 2400}
- {kind: fit, name: boundaries, from: labels, train_share: 0.8333, weights: none}
- {kind: encode, name: photos, images: $images, count: 65}
- {kind: edit, name: sheets, photos: photos, faces: 6, targets: [Smiling], distances: {from: -3, to: 3, steps: 7}}
- {kind: evaluate, name: edited, photos: photos, targets: [Male], distance: 3}
END
finish_job "$(submit photos.yaml)"
expect_equal "photos" "65 1" "$(query "SELECT count(*) || ' ' || sum(code IS NOT NULL) FROM photos WHERE job = 4")"
within "the reconstruction's error, of 255" 1 10 "SELECT avg(error) FROM photos WHERE job = 4"
within "the reconstruction's change of age" 0 2 "SELECT avg(abs(age - age_reconstructed)) FROM photos WHERE job = 4"
within "male at +3, of photos" 0.7 1 "SELECT avg(a.Male > 0) FROM face_attributes_2 a JOIN stage s ON s.id = a.stage_id WHERE s.job_id = 4 AND s.name = 'edited' AND a.variant = 1"

for job in 2 3 4; do
    "$facefarm" report --db farm.db --store store --job $job --output "report$job"
    [ -s "report$job/index.html" ] || fail "job $job has no report"
done
