#!/usr/bin/env bash
# netem.sh SEEDS: chaos in a network of its own (a namespace) whose every packet may be late, lost, twice or out of order.
set -euo pipefail
seeds=${1:?SEEDS, as 1-3}
chaos=${FACEFARM_BUILD:?names the build folder; ctest sets it}/tests/chaos/chaos
how="delay 2ms 2ms loss 1% duplicate 1% reorder 5%"

skip() { echo "netem.sh: skipped: $*" >&2; exit 77; }
enter=()
for try in "unshare --net" "unshare --user --map-root-user --net"; do
    if $try ip link set lo up 2>/dev/null; then read -ra enter <<<"$try" && break; fi
done
[ ${#enter[@]} -gt 0 ] || skip "this machine does not let us make a network namespace"
"${enter[@]}" sh -c "ip link set lo up && tc qdisc add dev lo root netem $how" 2>/dev/null ||
    skip "this kernel has no netem (tc qdisc add … netem)"
exec "${enter[@]}" sh -c "ip link set lo up && tc qdisc add dev lo root netem $how && exec '$chaos' --seeds $seeds"
