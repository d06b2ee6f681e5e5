#!/usr/bin/env bash
# The broker needs no root: as nobody, without a capability, it makes its files, listens, reloads its keys and ends.
set -euo pipefail
build=${FACEFARM_BUILD:?names the build folder; ctest sets it}
fail() { printf 'unprivileged.sh: FAILED: %s\n' "$*" >&2; exit 1; }
skip() { printf 'unprivileged.sh: skipped: %s\n' "$*" >&2; exit 77; }

as_nobody=()
if [ "$(id -u)" = 0 ]; then
    as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --no-new-privs)
    "${as_nobody[@]}" "$build/broker/facefarm-broker" --version >/dev/null 2>&1 || skip "nobody cannot run $build/broker/facefarm-broker"
fi
work=$(mktemp -d)
broker=''
finish()
{
    if [ -n "$broker" ]; then kill -KILL "$broker" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
"$build/cli/facefarm" keygen "$work/broker.key" --role broker --name broker >"$work/broker.pub"
: >"$work/keys"
if [ "$(id -u)" = 0 ]; then chown -R 65534:65534 "$work"; fi
mkfifo "$work/log"
"${as_nobody[@]}" "$build/broker/facefarm-broker" --listen 'tcp://127.0.0.1:*' --db "$work/farm.db" --store "$work/store" \
    --secret "$work/broker.key" --keys "$work/keys" >"$work/log" 2>&1 &
broker=$!
exec 3<"$work/log"
# line WORDS: reads the log until a line has them
line() { while read -r -t 60 said <&3; do case $said in *"$1"*) return ;; esac; done; fail "no line says \"$1\""; }
line 'listening on'
kill -HUP "$broker"
line '0 keys are authorized'
kill -TERM "$broker"
line 'ends;'
wait "$broker" || fail "it ended with $?"
broker=''
[ -s "$work/farm.db" ] || fail "there is no database"
