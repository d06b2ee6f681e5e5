#!/usr/bin/env bash
# Specs that are refused: each of specs/ names the exit code and the sentence that must come. Nothing of them is
# left in the database, and the broker lives.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need_bundle
start_broker
"$facefarm" bundle add "$bundle"

# expect_refusal SPEC EXIT SENTENCE
expect_refusal()
{
    local status=0
    "$facefarm" submit "$1" >out 2>said || status=$?
    cat said >&2
    expect_equal "$1: exit code" "$2" "$status"
    [ -s said ] || fail "$1: refused without a word"
    grep -qF -- "$3" said || fail "$1: expected '$3', found: $(cat said)"
    [ ! -s out ] || fail "$1: stdout is data, but has: $(cat out)"
}

for spec in "$here"/specs/*.yaml; do
    expect_refusal "$spec" "$(sed -n 's/^# exit: //p' "$spec")" "$(sed -n 's/^# says: //p' "$spec")"
done

# A file above the limit is refused by its size, which the error names.
head -c $((300 << 10)) /dev/zero | tr '\0' '#' >huge.yaml
expect_refusal huge.yaml 1 262144
expect_refusal missing.yaml 1 missing.yaml
head -c 4096 /dev/urandom >noise.yaml
expect_refusal noise.yaml 1 "YAML text holds a NUL byte"

expect_equal "jobs in the database" 0 "$(query "SELECT count(*) FROM job")"

# The good ones are taken all the same, the README's among them.
# shellcheck disable=SC2016 # Markdown's backticks
sed -n '/^```yaml$/,/^```$/p' "$root/README.md" | grep -v '^```' >readme.yaml
for spec in "$here/study.yaml" readme.yaml; do
    submit "$spec" >/dev/null || fail "$spec is refused"
done
