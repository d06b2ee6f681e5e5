#!/usr/bin/env bash
# deploy/lib.sh with a pretended dpkg-query and apt-get: says what is missing and why, installs only that, and
# with --no-install nothing.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf '%s: FAILED: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# sqlite3 and gcc are missing; everything else is there.
cat >"$work/dpkg-query" <<'END'
#!/bin/sh
case "${3-}" in
sqlite3) exit 1 ;;
gcc) echo 'un ' ;;
*) echo 'ii ' ;;
esac
END
printf '#!/bin/sh\necho "$*" >>"%s/apt"\n' "$work" >"$work/apt-get"
# Whoever runs this test becomes root by pretending, too.
printf '#!/bin/sh\nexec "$@"\n' >"$work/sudo"
chmod +x "$work"/*

# need INSTALL GROUP...: need_packages with these programs; prints what it says.
need()
{
    PATH="$work:$PATH" bash -c 'set -euo pipefail; . "$1/deploy/lib.sh"; shift; need_packages "$@"' need "$root" "$@" 2>&1
}

: >"$work/apt"
if said=$(need 0 build run); then fail "--no-install goes on without sqlite3"; fi
grep -q '^  sqlite3  *queries of the results$' <<<"$said" || fail "does not say what sqlite3 is for: $said"
grep -q '^  gcc ' <<<"$said" || fail "takes a package that was removed as installed: $said"
if grep -q '^  cmake' <<<"$said"; then fail "calls cmake missing: $said"; fi
[ ! -s "$work/apt" ] || fail "--no-install ran apt-get $(cat "$work/apt")"

said=$(need 1 build run) || fail "cannot install: $said"
tail -n 1 "$work/apt" | grep -q ' install gcc sqlite3$' || fail "ran apt-get $(cat "$work/apt")"

: >"$work/apt"
said=$(need 1 test) || fail "cannot go on where nothing is missing: $said"
[ ! -s "$work/apt" ] || fail "installs where nothing is missing: $(cat "$work/apt")"

# Every line of the list is a known group, a package and a reason.
if grep -vE '^(#.*|(build|run|test) +[a-z0-9.+-]+ +[^ ].*)$' "$root/deploy/packages"; then
    fail "deploy/packages has lines of another form"
fi

# Options are refused before anything is installed or built.
for call in "demo --faces none" "demo --faces 0" "demo --quick" "check --quick"; do
    status=0
    # shellcheck disable=SC2086 # words on purpose
    "$root"/deploy/$call >/dev/null 2>&1 || status=$?
    [ "$status" = 2 ] || fail "deploy/$call ends with $status, expected 2"
done
