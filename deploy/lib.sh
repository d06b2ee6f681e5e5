# shellcheck shell=bash
# What deploy/demo and deploy/check share: packages, configuring, building. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)
# Kernels that PoCL has compiled, for all programs of this checkout.
export POCL_CACHE_DIR=$root/build/pocl
mkdir -p "$POCL_CACHE_DIR"

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# packages GROUP...: prints "PACKAGE WHAT FOR" of those groups of deploy/packages.
packages()
{
    local group package reason
    while read -r group package reason; do
        case " $* " in
        *" $group "*) printf '%-21s %s\n' "$package" "$reason" ;;
        esac
    done <"$root/deploy/packages"
}

# missing_packages GROUP...: those of them that dpkg does not call installed.
missing_packages()
{
    packages "$@" | while read -r package reason; do
        dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' ||
            printf '  %-21s %s\n' "$package" "$reason"
    done
}

# need_packages INSTALL GROUP...: with INSTALL=1 installs what is missing, saying what and why; with
# INSTALL=0 names it and stops.
need_packages()
{
    local install=$1 missing names as_root=()
    shift
    if ! command -v dpkg-query >/dev/null; then
        [ "$install" = 0 ] || fail "this is no Debian system: install what deploy/packages lists, then say --no-install"
        say "no dpkg here: taking it that what deploy/packages lists is installed"
        return
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$install" = 0 ]; then
        printf 'These packages are missing:\n%s\n' "$missing" >&2
        fail "install them, or leave out --no-install"
    fi
    say "Installing with apt-get what is missing here"
    printf '%s\n' "$missing" >&2
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "installing needs root or sudo"
        as_root=(sudo)
    fi
    names=$(awk '{print $1}' <<<"$missing")
    # Another apt at work is waited for, not fought; nothing asks questions.
    "${as_root[@]}" apt-get --quiet --option DPkg::Lock::Timeout=300 update </dev/null >&2
    # shellcheck disable=SC2086 # one word a package
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends \
        --option DPkg::Lock::Timeout=300 install $names </dev/null >&2
}

# build PRESET [TARGET...]: configures if need be and builds into build/PRESET.
build()
{
    local preset=$1 targets=()
    shift
    [ $# = 0 ] || targets=(--target "$@")
    say "Building build/$preset"
    (cd "$root" && cmake --preset "$preset" && cmake --build "build/$preset" --parallel "$jobs" "${targets[@]}") \
        </dev/null >&2
}
