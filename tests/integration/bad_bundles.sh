#!/usr/bin/env bash
# Bundles that are refused at bundle check, with the file or the node that is to blame.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need_bundle

# copy: a fresh copy of the default bundle in ./bundle.
copy() { rm -rf bundle && cp -r "$bundle" bundle && chmod -R u+w bundle; }

# expect_refusal WHAT SENTENCE
expect_refusal()
{
    local status=0
    "$facefarm" bundle check bundle >out 2>said || status=$?
    cat said >&2
    expect_equal "$1: exit code" 1 "$status"
    grep -qF -- "$2" said || fail "$1: expected '$2', found: $(cat said)"
}

# rehash FILE: writes the file's hash into bundle.yaml, as one would who means it.
rehash()
{
    local old new
    old=$(sha256sum <"$bundle/$1" | cut -d' ' -f1)
    new=$(sha256sum <"bundle/$1" | cut -d' ' -f1)
    sed -i "s/$old/$new/" bundle/bundle.yaml
}

copy
"$facefarm" bundle check bundle >out

copy && rm bundle/generator.onnx
expect_refusal "a missing file" generator.onnx

copy && printf 'x' >>bundle/attributes.onnx
expect_refusal "a file with another hash" attributes.onnx

copy && rm bundle/bundle.yaml
expect_refusal "no bundle.yaml" bundle.yaml

copy && printf 'colour: blue\n' >>bundle/bundle.yaml
expect_refusal "an unknown key" "Unexpected key: colour"

copy && sed -i 's/^  file: generator.onnx/  file: ..\/bundle\/generator.onnx/' bundle/bundle.yaml
expect_refusal "a file outside of the folder" "../bundle/generator.onnx"

# An operator that nobody knows: one letter of "Conv" in the protobuf, the lengths stay as they are.
copy && LC_ALL=C sed -i 's/\x04Conv/\x04Konv/' bundle/attributes.onnx && rehash attributes.onnx
expect_refusal "an unknown operator" Konv

copy && head -c 1000 "$bundle/age_fit.onnx" >bundle/age_fit.onnx && rehash age_fit.onnx
expect_refusal "half a file" age_fit.onnx

copy && head -c 100000 /dev/urandom >bundle/generator.onnx && rehash generator.onnx
expect_refusal "noise" generator.onnx
