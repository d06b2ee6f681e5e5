#!/bin/sh
# Runs a test under oclgrind with race detection; any report fails.
#
#     oclgrind.sh OCLGRIND TEST [ARGUMENT...]
set -eu
oclgrind=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# It cannot run what LLVM makes of inlined functions with restrict, nor prefetching.
"$oclgrind" --build-options "-Drestrict= -DNO_FETCH" --data-races --max-errors 20 --log "$log" "$@"
if [ -s "$log" ]; then
    head -60 "$log"
    exit 1
fi
