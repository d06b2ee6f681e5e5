/* Key files. Nothing of a secret is ever in an error's text. */
#include "common/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/document.h"
#include "common/lines.h"

static const char *const role_names[KEY_ROLES] = {"client", "worker", "admin"};

const char *key_role_name(enum key_role role)
{
    return role_names[role];
}

enum key_role key_role_find(const char *name)
{
    for (enum key_role role = KEY_CLIENT; role < KEY_ROLES; role++)
        if (strcmp(name, role_names[role]) == 0)
            return role;
    return KEY_ROLES;
}

/* ---- keys ---- */

void key_hex(const unsigned char bytes[KEY_BYTES], char hex[KEY_HEX_BYTES])
{
    sodium_bin2hex(hex, KEY_HEX_BYTES, bytes, KEY_BYTES);
}

static bool is_key(const char *text)
{
    return strlen(text) == KEY_HEX_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == KEY_HEX_BYTES - 1;
}

int key_bytes(const char *hex, unsigned char bytes[KEY_BYTES], struct error *err)
{
    if (!is_key(hex) ||
        sodium_hex2bin(bytes, KEY_BYTES, hex, KEY_HEX_BYTES - 1, NULL, NULL, NULL) != 0)
        return error_set(err, E_INVALID,
                         "a key of %zu characters, expected %d lower-case hexadecimal digits",
                         strlen(hex), KEY_HEX_BYTES - 1);
    return 0;
}

/* The public half of a secret key. */
static int derive(const char *secret, char public[KEY_HEX_BYTES], struct error *err)
{
    unsigned char in[KEY_BYTES], out[KEY_BYTES];
    int rc = key_bytes(secret, in, err);
    if (rc == 0 && crypto_scalarmult_base(out, in) != 0)
        rc = error_set(err, E_INVALID, "the secret key has no public one");
    if (rc == 0)
        key_hex(out, public);
    sodium_memzero(in, sizeof in);
    return rc;
}

int key_pair_make(struct key_pair *pair, struct error *err)
{
    unsigned char secret[KEY_BYTES];
    if (sodium_init() < 0)
        return error_set(err, E_IO, "libsodium finds no randomness");
    randombytes_buf(secret, sizeof secret);
    key_hex(secret, pair->secret);
    sodium_memzero(secret, sizeof secret);
    return derive(pair->secret, pair->public, err);
}

void key_pair_forget(struct key_pair *pair)
{
    sodium_memzero(pair, sizeof *pair);
}

void key_forget(unsigned char bytes[KEY_BYTES])
{
    sodium_memzero(bytes, KEY_BYTES);
}

int key_seal_make(const struct key_pair *pair, const char *purpose, struct key_seal *seal,
                  struct error *err)
{
    unsigned char secret[KEY_BYTES];
    int rc = key_bytes(pair->secret, secret, err);
    if (rc == 0)
        crypto_generichash(seal->bytes, sizeof seal->bytes, (const unsigned char *)purpose,
                           strlen(purpose), secret, sizeof secret);
    key_forget(secret);
    return rc;
}

uint64_t key_seal(const struct key_seal *seal, const void *data, size_t size)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t value;
    _Static_assert(sizeof hash == sizeof value && sizeof seal->bytes == crypto_shorthash_KEYBYTES,
                   "SipHash-2-4");
    crypto_shorthash(hash, data, size, seal->bytes);
    memcpy(&value, hash, sizeof value);
    return value;
}

/* ---- secret files ---- */

static int take_half(struct key_pair *pair, char *const words[], size_t count, struct error *err)
{
    char *half = count != 2                        ? NULL
                 : strcmp(words[0], "public") == 0 ? pair->public
                 : strcmp(words[0], "secret") == 0 ? pair->secret
                                                   : NULL;
    if (!half)
        return error_set(err, E_PARSE, "expected \"public KEY\" or \"secret KEY\"");
    if (half[0])
        return error_set(err, E_PARSE, "a second %s key", words[0]);
    if (!is_key(words[1]))
        return error_set(err, E_PARSE,
                         "a %s key of %zu characters, expected %d lower-case hexadecimal digits",
                         words[0], strlen(words[1]), KEY_HEX_BYTES - 1);
    memcpy(half, words[1], KEY_HEX_BYTES);
    return 0;
}

static int check_pair(const struct key_pair *pair, struct error *err)
{
    char public[KEY_HEX_BYTES];
    if (!pair->public[0] || !pair->secret[0])
        return error_set(err, E_PARSE, "there is no %s key", pair->secret[0] ? "public" : "secret");
    int rc = derive(pair->secret, public, err);
    if (rc == 0 && strcmp(public, pair->public) != 0)
        rc = error_set(err, E_INVALID, "the public key is not the secret one's");
    return rc;
}

int key_pair_parse(const char *text, size_t size, struct key_pair *pair, struct error *err)
{
    struct lines lines = {0};
    struct key_pair found = {"", ""};
    char *words[LINES_WORDS];
    int rc = lines_open(&lines, text, size, err);
    for (size_t count; rc == 0 && (count = lines_next(&lines, words)) > 0;) {
        rc = take_half(&found, words, count, err);
        if (rc < 0)
            error_prefix(err, rc, "line %u", lines.number);
    }
    lines_close(&lines);
    if (rc == 0)
        rc = check_pair(&found, err);
    if (rc == 0)
        *pair = found;
    key_pair_forget(&found);
    return rc;
}

/* Reads a file that nobody but its owner (or root) may `forbidden` (mode bits). */
static int read_guarded(const char *path, size_t most, mode_t forbidden, struct buffer *text,
                        struct error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: %s", path,
                         strerror(errno));
    if (status.st_mode & forbidden)
        return error_set(err, E_DENIED, "%s: has mode %04o, expected at most %04o", path,
                         (unsigned)(status.st_mode & 07777), 0777u & ~(unsigned)forbidden);
    return buffer_read_file(text, path, most, err);
}

int key_pair_read(const char *path, struct key_pair *pair, struct error *err)
{
    struct buffer text;
    buffer_init(&text, LIMIT_KEYS_BYTES + 1);
    int rc = read_guarded(path, LIMIT_KEYS_BYTES, 077, &text, err);
    if (rc == 0) {
        rc = key_pair_parse((const char *)text.data, text.size, pair, err);
        if (rc < 0)
            error_prefix(err, rc, "%s", path);
    }
    if (text.data)
        sodium_memzero(text.data, text.size);
    buffer_free(&text);
    return rc;
}

static int write_text(int fd, const char *path, const char *text, struct error *err)
{
    size_t size = strlen(text);
    if (write(fd, text, size) == (ssize_t)size && fsync(fd) == 0)
        return 0;
    int rc = error_set(err, E_IO, "%s: %s", path, strerror(errno));
    unlink(path); /* ours: it was made a moment ago */
    return rc;
}

int key_pair_write(const struct key_pair *pair, const char *path, struct error *err)
{
    char text[4 * KEY_HEX_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set(err, errno == EEXIST ? E_EXISTS : E_IO, "%s: %s", path, strerror(errno));
    snprintf(text, sizeof text,
             "# facefarm: a key pair. Whoever reads this file is you.\npublic %s\nsecret %s\n",
             pair->public, pair->secret);
    int rc = write_text(fd, path, text, err);
    sodium_memzero(text, sizeof text);
    close(fd);
    return rc;
}

/* ---- a broker's public key ---- */

int key_public_read(const char *key_or_file, char hex[KEY_HEX_BYTES], struct error *err)
{
    struct buffer text;
    struct lines lines = {0};
    char *words[LINES_WORDS];
    if (is_key(key_or_file)) {
        memcpy(hex, key_or_file, KEY_HEX_BYTES);
        return 0;
    }
    buffer_init(&text, LIMIT_KEYS_BYTES + 1);
    int rc = buffer_read_file(&text, key_or_file, LIMIT_KEYS_BYTES, err);
    if (rc == 0)
        rc = lines_open(&lines, (const char *)text.data, text.size, err);
    if (rc == 0) {
        rc = E_PARSE;
        for (size_t count; rc && (count = lines_next(&lines, words)) > 0;)
            if ((count == 2 || count == 3) && is_key(words[1]) &&
                (strcmp(words[0], "public") == 0 || strcmp(words[0], "broker") == 0)) {
                memcpy(hex, words[1], KEY_HEX_BYTES);
                rc = 0;
            }
        if (rc)
            error_set(err, rc, "%s: has no line \"public KEY\" or \"broker KEY NAME\"",
                      key_or_file);
    }
    lines_close(&lines);
    buffer_free(&text);
    return rc;
}

int key_client_read(const char *secret, const char *broker, struct key_client *client,
                    struct error *err)
{
    bool has_secret = secret && *secret, has_broker = broker && *broker;
    struct key_client read = {.on = has_secret};
    if (has_secret != has_broker)
        return error_set(
            err, E_INVALID, "a %s key without %s: --secret and --broker-key go together",
            has_secret ? "secret" : "broker's", has_secret ? "the broker's" : "one's own");
    if (has_secret) {
        int rc = key_pair_read(secret, &read.own, err);
        if (rc == 0)
            rc = key_public_read(broker, read.broker, err);
        if (rc < 0) {
            key_pair_forget(&read.own);
            return rc;
        }
    }
    *client = read;
    key_pair_forget(&read.own);
    return 0;
}

/* ---- authorized keys ---- */

static int take_entry(struct key_entry *entry, char *const words[], size_t count, struct error *err)
{
    if (count != 3)
        return error_set(err, E_PARSE, "expected ROLE KEY OWNER");
    entry->role = key_role_find(words[0]);
    if (entry->role == KEY_ROLES)
        return error_set(err, E_PARSE, "role \"%.64s\", expected client, worker or admin",
                         words[0]);
    if (!is_key(words[1]))
        return error_set(err, E_PARSE,
                         "a key of %zu characters, expected %d lower-case hexadecimal digits",
                         strlen(words[1]), KEY_HEX_BYTES - 1);
    if (!document_is_name(words[2]))
        return error_set(err, E_PARSE, "owner \"%.64s\", expected 1 to %d of A-Z a-z 0-9 _ . -",
                         words[2], LIMIT_NAME_BYTES);
    memcpy(entry->key, words[1], KEY_HEX_BYTES);
    snprintf(entry->owner, sizeof entry->owner, "%s", words[2]);
    return 0;
}

static int add_entry(struct key_table *table, size_t *room, const struct key_entry *entry,
                     struct error *err)
{
    if (table->count == LIMIT_KEYS)
        return error_set(err, E_LIMIT, "more than LIMIT_KEYS keys, which is %d", LIMIT_KEYS);
    if (table->count == *room) {
        size_t wanted = *room ? 2 * *room : 16;
        struct key_entry *grown = realloc(table->entries, wanted * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for %zu keys", wanted);
        table->entries = grown;
        *room = wanted;
    }
    table->entries[table->count++] = *entry;
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct key_entry *)a)->key, ((const struct key_entry *)b)->key);
}

static int sort_entries(struct key_table *table, struct error *err)
{
    if (table->count == 0)
        return 0;
    qsort(table->entries, table->count, sizeof *table->entries, compare_entries);
    for (size_t i = 1; i < table->count; i++)
        if (strcmp(table->entries[i - 1].key, table->entries[i].key) == 0)
            return error_set(err, E_EXISTS, "key %s stands there twice", table->entries[i].key);
    return 0;
}

int key_table_parse(const char *text, size_t size, struct key_table *table, struct error *err)
{
    struct lines lines = {0};
    struct key_table found = {0};
    size_t room = 0;
    char *words[LINES_WORDS];
    int rc = lines_open(&lines, text, size, err);
    for (size_t count; rc == 0 && (count = lines_next(&lines, words)) > 0;) {
        struct key_entry entry;
        rc = take_entry(&entry, words, count, err);
        if (rc == 0)
            rc = add_entry(&found, &room, &entry, err);
        if (rc < 0)
            error_prefix(err, rc, "line %u", lines.number);
    }
    lines_close(&lines);
    if (rc == 0)
        rc = sort_entries(&found, err);
    if (rc == 0)
        *table = found;
    else
        key_table_free(&found);
    return rc;
}

int key_table_read(const char *path, struct key_table *table, struct error *err)
{
    struct buffer text;
    buffer_init(&text, LIMIT_KEYS_BYTES + 1);
    int rc = read_guarded(path, LIMIT_KEYS_BYTES, 022, &text, err);
    if (rc == 0) {
        rc = key_table_parse((const char *)text.data, text.size, table, err);
        if (rc < 0)
            error_prefix(err, rc, "%s", path);
    }
    buffer_free(&text);
    return rc;
}

void key_table_free(struct key_table *table)
{
    free(table->entries);
    *table = (struct key_table){0};
}

const struct key_entry *key_table_find(const struct key_table *table, const char *key)
{
    struct key_entry wanted = {0};
    if (table->count == 0 || strlen(key) != KEY_HEX_BYTES - 1)
        return NULL;
    memcpy(wanted.key, key, KEY_HEX_BYTES);
    return bsearch(&wanted, table->entries, table->count, sizeof *table->entries, compare_entries);
}
