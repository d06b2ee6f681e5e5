#!/usr/bin/env bash
# Help, manual page and completion come from one table: what it names is everywhere.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

"$facefarm" --version | told -E '^facefarm [^ ]+$' || fail "--version: $("$facefarm" --version)"
"$facefarm" help >overview
"$facefarm" help --man >manual
"$facefarm" completion >complete.bash
bash -n complete.bash || fail "the completion is no bash"
expect 2 'usage: facefarm COMMAND' "$facefarm"
expect 2 'is no command' "$facefarm" help bake
expect 2 'is no command' "$facefarm" bake

"$facefarm" help --json >commands.json
sqlite3 :memory: "SELECT value ->> 'name' FROM json_each(readfile('commands.json'), '\$.commands')" >names
[ "$(wc -l <names)" -ge 14 ] || fail "few commands: $(cat names)"
while read -r name; do
    grep -q "^  $name " overview || fail "$name is not in the overview"
    grep -qF ".SS \"facefarm $name" manual || fail "$name is not in the manual page"
    # shellcheck disable=SC2086 # two words
    "$facefarm" help $name >page || fail "help $name"
    # shellcheck disable=SC2086
    "$facefarm" $name --help | diff -q - page >/dev/null || fail "$name --help differs from help $name"
    sed -n 's/^  \(--[a-z-]*\).*/\1/p' page >options
    while read -r option; do
        grep -qF "'$name') options='" complete.bash || fail "$name is not completed"
        grep -F "'$name') options='" complete.bash | told -F -- "$option " || fail "$name $option is not completed"
    done <options
done <names

# The completion as bash would ask it.
complete_words() { bash -c 'source ./complete.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _facefarm; echo "${COMPREPLY[*]}"' bash "$@"; }
same "facefarm stu" "$(complete_words facefarm stu)" study
same "facefarm job w" "$(complete_words facefarm job w)" wait
same "facefarm study --dr" "$(complete_words facefarm study --dr)" --dry-run
same "facefarm bundl" "$(complete_words facefarm bundl)" bundle # once
# Of every command, by all of its words: each option, and each second word.
while read -r name; do
    # shellcheck disable=SC2086 # two words
    given=" $(complete_words facefarm $name --) "
    # shellcheck disable=SC2086
    "$facefarm" help $name | sed -n 's/^  \(--[a-z-]*\).*/\1/p' >options
    # shellcheck disable=SC2086
    same "options of $name" "$given" " $(xargs <options) "
    case $name in *' '*) same "facefarm $name" " $(complete_words facefarm "${name% *}" "${name#* }") " " ${name#* } " ;; esac
done <names
touch photo.npy
same "a file where a second word could be" "$(complete_words facefarm latents photo)" photo.npy
same "a second word where a file could be" "$(complete_words facefarm latents imp)" import
same "facefarm job wait --br" "$(complete_words facefarm job wait --br)" "--broker --broker-key"

if command -v man >/dev/null; then man --warnings -l manual >/dev/null 2>warnings; [ ! -s warnings ] || fail "$(cat warnings)"; fi
say "done"
