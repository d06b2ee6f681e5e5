#!/usr/bin/env bash
# `keygen`: a secret file that only its owner reads and that is never overwritten, and the line for the broker.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

"$facefarm" keygen worker.key --role worker --name gpu-7 >out 2>err || fail "keygen: $(cat err)"
grep -Eqx 'worker [0-9a-f]{64} gpu-7' out || fail "this is no line for authorized keys: $(cat out)"
same "mode of the secret file" "$(stat -c %a worker.key)" 600
key=$(cut -d ' ' -f 2 out)
grep -qx "public $key" worker.key || fail "worker.key has another public key"
if grep -q "$(sed -n 's/^secret //p' worker.key)" out err; then fail "the secret is printed"; fi
before=$(sha256sum worker.key)
expect 1 'worker.key: File exists' "$facefarm" keygen worker.key
same "the file that was there" "$(sha256sum worker.key)" "$before"
"$facefarm" keygen client.key --json >out 2>err || fail "keygen --json: $(cat err)"
grep -q '"role": "client"' out || fail "it says no role: $(cat out)"
expect 1 'expected client, worker, admin or broker' "$facefarm" keygen x.key --role root
expect 1 'expected 1 to 64 of' "$facefarm" keygen x.key --name ../x
[ ! -e x.key ] || fail "a refused keygen left a file"
expect 2 'FILE is missing' "$facefarm" keygen
# Half of what it needs is a mistake, not plain text.
expect 1 'go together' "$facefarm" job list --secret client.key
expect 1 'plain text stays on this machine' "$facefarm" job list --broker tcp://192.0.2.1:7117
expect 1 'client.key: has mode 0644' sh -c "chmod 644 client.key; '$facefarm' job list --secret client.key --broker-key $key"
