#!/usr/bin/env bash
# The systemd units: systemd reads them without a complaint, and calls their sandbox good.
set -euo pipefail
build=${FACEFARM_BUILD:?names the build folder; ctest sets it}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fail() { printf 'units.sh: FAILED: %s\n' "$*" >&2; exit 1; }

command -v systemd-analyze >/dev/null || { echo "units.sh: skipped: there is no systemd-analyze" >&2; exit 77; }
mkdir -p "$build/tests/deploy"
work=$(mktemp -d "$build/tests/deploy/units.XXXXXX")
trap 'rm -rf "$work"' EXIT

# check UNIT PROGRAM MOST: of exposure, 0.0 (none) to 10.0 (all), times ten
check()
{
    local unit=$1 program=$2 most=$3
    # As installed, but with the program of this build.
    sed "s|/usr/bin/${program##*/}|$program|" "$root/deploy/$unit" >"$work/$unit"
    systemd-analyze verify --man=no --recursive-errors=no "$work/$unit" >"$work/said" 2>&1 || fail "$unit: $(cat "$work/said")"
    if grep -F "$unit" "$work/said"; then fail "$unit: systemd complains"; fi
    systemd-analyze security --offline=true --no-pager --threshold="$most" "$work/$unit" >"$work/said" 2>&1 ||
        fail "$unit is more exposed than $most of 100: $(tail -n 1 "$work/said")"
    tail -n 1 "$work/said"
}

check facefarm-broker.service "$build/broker/facefarm-broker" 20
check facefarm-worker.service "$build/worker/facefarm-worker" 25

# Every option that the units give is one.
for program in broker worker; do
    grep -oE -- "--[a-z-]+" "$root/deploy/facefarm-$program.service" | grep -vE -- "--(role|name|now)$" | sort -u | while read -r option; do
        "$build/$program/facefarm-$program" --help | grep -qF -- "$option " || fail "facefarm-$program has no $option"
    done
done
