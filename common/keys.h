/*
 * Keys of CurveZMQ (Curve25519) and the file that says whose they are.
 *
 * A key is written as 64 lower-case hexadecimal digits. A secret file, which only its owner may
 * read, holds a pair:
 *
 *     # facefarm: a key pair. Whoever reads this file is you.
 *     public 3b6a…
 *     secret 9d61…
 *
 * The file of authorized keys, read by the broker, has a line a key: role, public key, owner; #
 * begins a comment:
 *
 *     worker 3b6a… gpu-7
 *     client 77d0… ada
 */
#ifndef COMMON_KEYS_H
#define COMMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/limits.h"

#define KEY_BYTES 32
#define KEY_HEX_BYTES (2 * KEY_BYTES + 1) /* with the NUL */

struct key_pair {
    char public[KEY_HEX_BYTES], secret[KEY_HEX_BYTES];
};

enum key_role {
    KEY_CLIENT, /* submits, sees and cancels its own jobs */
    KEY_WORKER, /* takes leases and answers them */
    KEY_ADMIN,  /* a client that sees and cancels all jobs, and registers folders of the broker's
                   machine */
    KEY_ROLES
};

const char *key_role_name(enum key_role role);
/* KEY_ROLES where no role is called so. */
enum key_role key_role_find(const char *name);

/* A new pair, from the system's randomness. */
MUST_CHECK int key_pair_make(struct key_pair *pair, struct error *err);
/* Writes it to a new file that only the owner may read. E_EXISTS where there is something already.
 */
MUST_CHECK int key_pair_write(const struct key_pair *pair, const char *path, struct error *err);
/* Reads and checks a secret file: E_DENIED where others than its owner may read it, E_PARSE with
 * the line, E_INVALID where the two keys do not belong together. */
MUST_CHECK int key_pair_read(const char *path, struct key_pair *pair, struct error *err);
/* The same of a text that was read. */
MUST_CHECK int key_pair_parse(const char *text, size_t size, struct key_pair *pair,
                              struct error *err);
/* Overwrites it, so that it does not stay in memory. */
void key_pair_forget(struct key_pair *pair);
void key_forget(unsigned char bytes[KEY_BYTES]);

/* 64 hexadecimal digits to bytes; E_INVALID names what was found. */
MUST_CHECK int key_bytes(const char *hex, unsigned char bytes[KEY_BYTES], struct error *err);
void key_hex(const unsigned char bytes[KEY_BYTES], char hex[KEY_HEX_BYTES]);

struct key_seal { /* a key of keyed hashes that is a function of a pair's secret */
    unsigned char bytes[16];
};
/* `purpose` makes seals of one pair differ. */
MUST_CHECK int key_seal_make(const struct key_pair *pair, const char *purpose,
                             struct key_seal *seal, struct error *err);
/* SipHash-2-4 (libsodium's crypto_shorthash). */
uint64_t key_seal(const struct key_seal *seal, const void *data, size_t size);

/* A broker's public key as an option gives it: the key itself, or a file that holds it in a line
 * `public KEY` or `broker KEY NAME`, as keygen prints it. */
MUST_CHECK int key_public_read(const char *key_or_file, char hex[KEY_HEX_BYTES], struct error *err);

/* What a client or worker has: its own pair and the broker's public key. */
struct key_client {
    bool on; /* false: plain text */
    struct key_pair own;
    char broker[KEY_HEX_BYTES];
};
/* `secret` is a secret file, `broker` as for key_public_read; both NULL or "": plain text.
 * E_INVALID where one of them is missing. */
MUST_CHECK int key_client_read(const char *secret, const char *broker, struct key_client *client,
                               struct error *err);

struct key_entry {
    char key[KEY_HEX_BYTES];
    enum key_role role;
    char owner[LIMIT_NAME_BYTES + 1];
};

struct key_table { /* sorted by key */
    struct key_entry *entries;
    size_t count;
};

/* Reads a text of authorized keys. E_PARSE with the line; E_EXISTS for a key that stands there
 * twice. The caller frees. */
MUST_CHECK int key_table_parse(const char *text, size_t size, struct key_table *table,
                               struct error *err);
/* The same of a file of at most LIMIT_KEYS_BYTES. E_DENIED where others than its owner may write
 * it. */
MUST_CHECK int key_table_read(const char *path, struct key_table *table, struct error *err);
void key_table_free(struct key_table *table);
/* The entry of a key, or NULL. */
const struct key_entry *key_table_find(const struct key_table *table, const char *key);

#endif
