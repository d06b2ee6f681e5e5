/*
 * The decoder, driven by the same table. Two passes over a frame: the first walks its headers and holds
 * every announced count against the bytes that are left, so that the second may trust them; the second
 * reads the values straight into the C structs. Whoever writes keys in the table's order (our encoder
 * does) is read without searching; any other order is searched.
 *
 * Records and texts live in the message's arena, a list of blocks; bytes stay in the frame.
 */
#include <math.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire_priv.h"

#define WIRE_VALUES_MAX ((uint64_t)4 << 20) /* msgpack values in one frame */
#define ARENA_BLOCK 4096

/* ---- the arena ---- */

struct block {
    struct block *next;
    size_t used, size; /* of `bytes` */
    alignas(max_align_t) uint8_t bytes[];
};

struct arena {
    struct block *first; /* the one that is being filled */
};

static void arena_free(struct arena *arena)
{
    while (arena->first) {
        struct block *next = arena->first->next;
        free(arena->first);
        arena->first = next;
    }
}

static void *arena_take(struct arena *arena, size_t size, size_t align)
{
    struct block *block = arena->first;
    size_t at = block ? (block->used + align - 1) / align * align : 0;
    if (!block || at > block->size || size > block->size - at) {
        size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
        block = malloc(sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct block){.next = arena->first, .size = room};
        arena->first = block;
        at = 0;
    }
    block->used = at + size;
    return block->bytes + at;
}

/* ---- walking a frame's headers ---- */

struct header {
    uint64_t values; /* values a container holds */
    uint64_t bytes;  /* bytes of a scalar's body */
};

static uint64_t big_endian(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | p[i];
    return value;
}

/* The size of the header at `p` (0: cut off or never used), and what it announces. The format is
 * the msgpack specification's. */
static size_t read_header(const uint8_t *p, size_t left, struct header *header)
{
    /* From 0xc4 on: bytes of the length field, and of the body beside it. */
    static const struct {
        uint8_t length, fixed;
    } forms[] = {{1, 0}, {2, 0}, {4, 0},  {1, 1}, {2, 1}, {4, 1}, {0, 4}, {0, 8}, {0, 1}, {0, 2},
                 {0, 4}, {0, 8}, {0, 1},  {0, 2}, {0, 4}, {0, 8}, {0, 2}, {0, 3}, {0, 5}, {0, 9},
                 {0, 17}, {1, 0}, {2, 0}, {4, 0}, {2, 0}, {4, 0}, {2, 0}, {4, 0}};
    *header = (struct header){0};
    uint8_t tag = *p;
    if (tag < 0x80 || tag >= 0xe0 || (tag >= 0xc0 && tag <= 0xc3))
        return tag == 0xc1 ? 0 : 1;
    if (tag < 0xc0) {
        header->values = tag < 0x90 ? 2u * (tag & 0x0f) : tag < 0xa0 ? tag & 0x0fu : 0;
        header->bytes = tag < 0xa0 ? 0 : tag & 0x1fu;
        return 1;
    }
    unsigned length = forms[tag - 0xc4].length;
    if (left < 1 + length)
        return 0;
    uint64_t announced = big_endian(p + 1, length);
    if (tag >= 0xdc)
        header->values = tag >= 0xde ? 2 * announced : announced;
    else
        header->bytes = announced + forms[tag - 0xc4].fixed;
    return 1 + length;
}

static int check_headers(const uint8_t *p, size_t size, struct error *err)
{
    uint64_t pending = 1, values = 0;
    size_t at = 0;
    while (pending) {
        struct header header;
        size_t length = at < size ? read_header(p + at, size - at, &header) : 0;
        if (length == 0)
            return error_set(err, E_PARSE, "byte %zu: not msgpack, or cut off", at);
        at += length;
        if (header.bytes > size - at)
            return error_set(err, E_PARSE, "byte %zu: %llu bytes announced, %zu are left", at,
                             (unsigned long long)header.bytes, size - at);
        at += header.bytes;
        pending += header.values - 1;
        values += header.values;
        if (pending > size - at)
            return error_set(err, E_PARSE, "byte %zu: %llu values announced, %zu bytes are left",
                             at, (unsigned long long)pending, size - at);
        if (values > WIRE_VALUES_MAX)
            return error_set(err, E_LIMIT, "more than %llu values in one message",
                             (unsigned long long)WIRE_VALUES_MAX);
    }
    if (at != size)
        return error_set(err, E_PARSE, "%zu bytes behind the message", size - at);
    return 0;
}

/* ---- values; the headers have been walked, so that all of it is within the frame ---- */

/* Behind the value at `p`. */
static const uint8_t *behind(const uint8_t *p)
{
    for (uint64_t pending = 1; pending; pending--) {
        struct header header;
        p += read_header(p, SIZE_MAX, &header) + header.bytes;
        pending += header.values;
    }
    return p;
}

/* The string, binary, array or map at `p`: its body and size (or count of values, or pairs). NULL where
 * it is none of the tags `small` (of a short one; 0: there is no short form) and first … last. */
static const uint8_t *open_value(const uint8_t *p, uint8_t small, unsigned small_bits, uint8_t first,
                                 unsigned first_bytes, uint8_t last, uint64_t *size)
{
    if (small && *p >> small_bits == small >> small_bits) {
        *size = *p & ((1u << small_bits) - 1);
        return p + 1;
    }
    if (*p < first || *p > last)
        return NULL;
    unsigned bytes = first_bytes << (*p - first);
    *size = big_endian(p + 1, bytes);
    return p + 1 + bytes;
}

static const uint8_t *open_string(const uint8_t *p, uint64_t *size)
{
    return open_value(p, 0xa0, 5, 0xd9, 1, 0xdb, size);
}

static const uint8_t *open_map(const uint8_t *p, uint64_t *pairs)
{
    return open_value(p, 0x80, 4, 0xde, 2, 0xdf, pairs);
}

/* Behind the key at `p` if it is this one, else NULL. */
static const uint8_t *behind_key(const uint8_t *p, const char *key, size_t length)
{
    uint64_t size;
    const uint8_t *text = open_string(p, &size);
    return text && size == length && memcmp(text, key, length) == 0 ? text + length : NULL;
}

static int wrong_kind(const struct wire_field *field, const char *expected, struct error *err)
{
    return error_set(err, E_INVALID, "%s: expected %s", field->name, expected);
}

static bool read_uint(const uint8_t *p, uint64_t *value)
{
    if (*p < 0x80)
        *value = *p;
    else if (*p >= 0xcc && *p <= 0xcf)
        *value = big_endian(p + 1, 1u << (*p - 0xcc));
    else if (*p >= 0xd0 && *p <= 0xd3) { /* a signed form, of a number that is not negative */
        unsigned bits = 8u << (*p - 0xd0);
        *value = big_endian(p + 1, bits / 8);
        return *value >> (bits - 1) == 0;
    } else
        return false;
    return true;
}

static bool read_int(const uint8_t *p, int64_t *value)
{
    uint64_t positive;
    if (read_uint(p, &positive)) {
        *value = (int64_t)positive;
        return positive <= INT64_MAX;
    }
    if (*p >= 0xe0)
        *value = (int8_t)*p;
    else if (*p >= 0xd0 && *p <= 0xd3) {
        unsigned bits = 8u << (*p - 0xd0);
        *value = (int64_t)(big_endian(p + 1, bits / 8) << (64 - bits)) >> (64 - bits);
    } else
        return false;
    return true;
}

static int take_uint(const struct wire_field *field, const uint8_t *p, uint64_t *value,
                     struct error *err)
{
    uint64_t found;
    if (!read_uint(p, &found))
        return wrong_kind(field, "an integer from 0", err);
    if (found > field->most)
        return wire_too_much(field, found, err);
    *value = found;
    return 0;
}

static int take_int(const struct wire_field *field, const uint8_t *p, int64_t *value,
                    struct error *err)
{
    return read_int(p, value) ? 0 : wrong_kind(field, "an integer of 64 bits", err);
}

static int take_real(const struct wire_field *field, const uint8_t *p, double *value,
                     struct error *err)
{
    double found = NAN;
    if (*p == 0xcb) {
        uint64_t bits = big_endian(p + 1, 8);
        memcpy(&found, &bits, sizeof found);
    } else if (*p == 0xca) {
        uint32_t bits = (uint32_t)big_endian(p + 1, 4);
        float single;
        memcpy(&single, &bits, sizeof single);
        found = (double)single;
    }
    if (!isfinite(found))
        return wrong_kind(field, "a finite floating-point number", err);
    *value = found;
    return 0;
}

static int take_text(const struct wire_field *field, const uint8_t *p, struct arena *arena,
                     const char **value, struct error *err)
{
    uint64_t size;
    const uint8_t *text = open_string(p, &size);
    if (!text)
        return wrong_kind(field, "a string", err);
    if (size > field->most)
        return wire_too_much(field, size, err);
    if (!wire_is_text((const char *)text, size))
        return wrong_kind(field, "UTF-8 without NUL", err);
    char *copy = arena_take(arena, size + 1, 1);
    if (!copy)
        return error_set(err, E_MEMORY, "%s: no memory", field->name);
    memcpy(copy, text, size);
    copy[size] = '\0';
    *value = copy;
    return 0;
}

static int take_bytes(const struct wire_field *field, const uint8_t *p, struct wire_bytes *value,
                      struct error *err)
{
    uint64_t size;
    const uint8_t *data = open_value(p, 0, 0, 0xc4, 1, 0xc6, &size);
    if (!data)
        return wrong_kind(field, "bytes", err);
    if (size > field->most)
        return wire_too_much(field, size, err);
    *value = (struct wire_bytes){data, size};
    return 0;
}

/* ---- maps and lists ---- */

/* A map's fields into `body`; *end (may be NULL) is behind the map. */
static int take_fields(const uint8_t *map, const uint8_t *at, const struct wire_shape *shape,
                       size_t skip, struct arena *arena, void *body, const uint8_t **end,
                       struct error *err);

static int take_list(const struct wire_field *field, const uint8_t *p, struct arena *arena,
                     struct wire_list *value, const uint8_t **end, struct error *err)
{
    const struct wire_shape *shape = field->shape();
    uint64_t count;
    p = open_value(p, 0x90, 4, 0xdc, 2, 0xdd, &count);
    if (!p)
        return wrong_kind(field, "an array", err);
    if (count > field->most)
        return wire_too_much(field, count, err);
    char *items = arena_take(arena, count ? count * shape->size : 1, alignof(max_align_t));
    if (!items)
        return error_set(err, E_MEMORY, "%s: no memory", field->name);
    for (uint64_t i = 0; i < count; i++) {
        int rc = take_fields(p, NULL, shape, 0, arena, items + i * shape->size, &p, err);
        if (rc)
            return error_prefix(err, rc, "%s[%llu]", field->name, (unsigned long long)i);
    }
    *value = (struct wire_list){items, count};
    *end = p;
    return 0;
}

static int take_field(const struct wire_field *field, const uint8_t *p, struct arena *arena,
                      void *value, const uint8_t **end, struct error *err)
{
    if (field->kind != KIND_LIST)
        *end = behind(p);
    switch (field->kind) {
    case KIND_UINT:
        return take_uint(field, p, value, err);
    case KIND_INT:
        return take_int(field, p, value, err);
    case KIND_REAL:
        return take_real(field, p, value, err);
    case KIND_TEXT:
        return take_text(field, p, arena, value, err);
    case KIND_BYTES:
        return take_bytes(field, p, value, err);
    case KIND_LIST:
        return take_list(field, p, arena, value, end, err);
    }
    return error_set(err, E_INVALID, "%s: kind %d", field->name, (int)field->kind);
}

/* The value of a key in a map, and how often the key is there. */
static const uint8_t *find_key(const uint8_t *map, const char *key, size_t length, size_t *times)
{
    uint64_t pairs = 0;
    const uint8_t *found = NULL, *p = open_map(map, &pairs);
    *times = 0;
    for (; pairs > 0; pairs--) {
        const uint8_t *value = behind_key(p, key, length);
        if (value) {
            found = value;
            ++*times;
        }
        p = behind(value ? value : behind(p));
    }
    return found;
}

static int search_field(const uint8_t *map, const struct wire_field *field, const uint8_t **value,
                        struct error *err)
{
    size_t times;
    *value = find_key(map, field->name, field->length, &times);
    return times == 1 ? 0
                      : error_set(err, E_INVALID, "%s: %s", field->name,
                                  times ? "stands twice" : "missing");
}

/*
 * `skip` keys (version and type) belong to the caller; `at` is behind them where they come first, NULL
 * where they do not. Fields are read one behind the other as long as they come in order, and then
 * searched, each to be found exactly once. As the count of pairs fits, there is no key left that is
 * unknown or stands twice.
 */
static int take_fields(const uint8_t *map, const uint8_t *at, const struct wire_shape *shape,
                       size_t skip, struct arena *arena, void *body, const uint8_t **end,
                       struct error *err)
{
    uint64_t pairs;
    const uint8_t *first = open_map(map, &pairs);
    if (!first)
        return error_set(err, E_INVALID, "expected a map");
    if (pairs != shape->count + skip)
        return error_set(err, E_INVALID, "has %llu keys, expected %zu", (unsigned long long)pairs,
                         shape->count + skip);
    const uint8_t *next = skip ? at : first; /* the pair that comes in order, or NULL */
    memset(body, 0, shape->size);
    for (size_t i = 0; i < shape->count; i++) {
        const struct wire_field *field = &shape->fields[i];
        const uint8_t *value = next ? behind_key(next, field->name, field->length) : NULL;
        const uint8_t *past = NULL;
        bool ordered = value != NULL;
        int rc = ordered ? 0 : search_field(map, field, &value, err);
        if (rc == 0)
            rc = take_field(field, value, arena, (char *)body + field->offset, &past, err);
        if (rc)
            return rc;
        next = ordered ? past : NULL;
    }
    if (end)
        *end = next ? next : behind(map);
    return 0;
}

/* ---- messages ---- */

static const uint8_t *sole_key(const uint8_t *map, const char *key)
{
    size_t times;
    const uint8_t *value = find_key(map, key, strlen(key), &times);
    return times == 1 ? value : NULL;
}

/* *fields is behind version and type where they come first, else NULL. */
static int find_type(const uint8_t *map, enum wire_type *type, const uint8_t **fields,
                     struct error *err)
{
    uint64_t pairs, number, size;
    const uint8_t *first = open_map(map, &pairs), *name;
    if (!first)
        return error_set(err, E_PARSE, "expected a map");
    const uint8_t *version = pairs > 1 ? behind_key(first, "version", strlen("version")) : NULL;
    const uint8_t *second = version ? behind(version) : NULL;
    const uint8_t *said = second ? behind_key(second, "type", strlen("type")) : NULL;
    *fields = said ? behind(said) : NULL;
    if (!said) {
        version = sole_key(map, "version");
        said = sole_key(map, "type");
    }
    if (!version || !read_uint(version, &number))
        return error_set(err, E_PARSE, "version: expected one integer");
    if (number != WIRE_VERSION)
        return error_set(err, E_VERSION, "version: is %llu, this program speaks %d",
                         (unsigned long long)number, WIRE_VERSION);
    name = said ? open_string(said, &size) : NULL;
    if (!name)
        return error_set(err, E_PARSE, "type: expected one string");
    for (int i = 0; i < WIRE_TYPES; i++) {
        const char *known = wire_doc_of((enum wire_type)i) ? wire_type_name((enum wire_type)i) : "";
        if (size > 0 && strncmp(known, (const char *)name, size) == 0 && known[size] == '\0') {
            *type = (enum wire_type)i;
            return 0;
        }
    }
    return error_set(err, E_UNSUPPORTED, "type: \"%.*s\" is unknown", size < 64 ? (int)size : 64,
                     (const char *)name);
}

static int decode_into(const uint8_t *data, struct arena *arena, struct wire_message *message,
                       struct error *err)
{
    enum wire_type type = 0;
    const uint8_t *fields = NULL;
    int rc = find_type(data, &type, &fields, err);
    if (rc)
        return rc;
    const struct wire_shape *shape = wire_shape_of(type);
    void *body = arena_take(arena, shape->size, alignof(max_align_t));
    if (!body)
        return error_set(err, E_MEMORY, "no memory for a message");
    rc = take_fields(data, fields, shape, 2, arena, body, NULL, err);
    if (rc)
        return error_prefix(err, rc, "%s", shape->name);
    *message = (struct wire_message){type, body, arena->first};
    return 0;
}

int wire_decode(const void *data, size_t size, struct wire_message *message, struct error *err)
{
    struct arena arena = {0};
    if (size > LIMIT_MESSAGE_BYTES)
        return error_set(err, E_LIMIT, "message of %zu bytes, at most %u are allowed", size,
                         LIMIT_MESSAGE_BYTES);
    int rc = check_headers(data, size, err);
    if (rc == 0)
        rc = decode_into(data, &arena, message, err);
    if (rc)
        arena_free(&arena);
    return rc;
}

void wire_message_free(struct wire_message *message)
{
    arena_free(&(struct arena){message->arena});
    *message = (struct wire_message){0};
}
