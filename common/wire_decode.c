/*
 * The decoder, driven by the same table.
 *
 * msgpack-c allocates what a container's header announces, so before a frame is unpacked its headers
 * are walked once and every announced count is held against the bytes that are left.
 */
#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "common/wire_priv.h"

#define WIRE_VALUES_MAX ((uint64_t)4 << 20) /* msgpack values in one frame */

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

/* ---- decoding ---- */

static int wrong_kind(const struct wire_field *field, const char *expected, struct error *err)
{
    return error_set(err, E_INVALID, "%s: expected %s", field->name, expected);
}

static int take_uint(const struct wire_field *field, const msgpack_object *o, uint64_t *value,
                     struct error *err)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return wrong_kind(field, "an integer from 0", err);
    if (o->via.u64 > field->most)
        return wire_too_much(field, o->via.u64, err);
    *value = o->via.u64;
    return 0;
}

static int take_int(const struct wire_field *field, const msgpack_object *o, int64_t *value,
                    struct error *err)
{
    bool negative = o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    if (!negative && (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > INT64_MAX))
        return wrong_kind(field, "an integer of 64 bits", err);
    *value = negative ? o->via.i64 : (int64_t)o->via.u64;
    return 0;
}

static int take_real(const struct wire_field *field, const msgpack_object *o, double *value,
                     struct error *err)
{
    if ((o->type != MSGPACK_OBJECT_FLOAT64 && o->type != MSGPACK_OBJECT_FLOAT32) ||
        !isfinite(o->via.f64))
        return wrong_kind(field, "a finite floating-point number", err);
    *value = o->via.f64;
    return 0;
}

static int take_text(const struct wire_field *field, const msgpack_object *o, msgpack_zone *zone,
                     const char **value, struct error *err)
{
    if (o->type != MSGPACK_OBJECT_STR)
        return wrong_kind(field, "a string", err);
    uint32_t size = o->via.str.size;
    if (size > field->most)
        return wire_too_much(field, size, err);
    if (!wire_is_text(o->via.str.ptr, size))
        return wrong_kind(field, "UTF-8 without NUL and control characters", err);
    char *copy = msgpack_zone_malloc_no_align(zone, (size_t)size + 1);
    if (!copy)
        return error_set(err, E_MEMORY, "%s: no memory", field->name);
    memcpy(copy, o->via.str.ptr, size);
    copy[size] = '\0';
    *value = copy;
    return 0;
}

static int take_bytes(const struct wire_field *field, const msgpack_object *o,
                      struct wire_bytes *value, struct error *err)
{
    if (o->type != MSGPACK_OBJECT_BIN)
        return wrong_kind(field, "bytes", err);
    if (o->via.bin.size > field->most)
        return wire_too_much(field, o->via.bin.size, err);
    *value = (struct wire_bytes){(const uint8_t *)o->via.bin.ptr, o->via.bin.size};
    return 0;
}

static int take_record(const msgpack_object *o, const struct wire_shape *shape,
                       msgpack_zone *zone, void *body, struct error *err);

static int take_list(const struct wire_field *field, const msgpack_object *o, msgpack_zone *zone,
                     struct wire_list *value, struct error *err)
{
    const struct wire_shape *shape = field->shape();
    if (o->type != MSGPACK_OBJECT_ARRAY)
        return wrong_kind(field, "an array", err);
    size_t count = o->via.array.size;
    if (count > field->most)
        return wire_too_much(field, count, err);
    char *items = msgpack_zone_malloc(zone, count ? count * shape->size : 1);
    if (!items)
        return error_set(err, E_MEMORY, "%s: no memory", field->name);
    for (size_t i = 0; i < count; i++) {
        int rc = take_record(&o->via.array.ptr[i], shape, zone, items + i * shape->size, err);
        if (rc)
            return error_prefix(err, rc, "%s[%zu]", field->name, i);
    }
    *value = (struct wire_list){items, count};
    return 0;
}

static int take_field(const struct wire_field *field, const msgpack_object *o, msgpack_zone *zone,
                      void *value, struct error *err)
{
    switch (field->kind) {
    case KIND_UINT:
        return take_uint(field, o, value, err);
    case KIND_INT:
        return take_int(field, o, value, err);
    case KIND_REAL:
        return take_real(field, o, value, err);
    case KIND_TEXT:
        return take_text(field, o, zone, value, err);
    case KIND_BYTES:
        return take_bytes(field, o, value, err);
    case KIND_LIST:
        return take_list(field, o, zone, value, err);
    }
    return error_set(err, E_INVALID, "%s: kind %d", field->name, (int)field->kind);
}

/* A record has its fields in the table's order, all of them. */
static int take_record(const msgpack_object *o, const struct wire_shape *shape,
                       msgpack_zone *zone, void *body, struct error *err)
{
    int rc = 0;
    if (o->type != MSGPACK_OBJECT_ARRAY)
        return error_set(err, E_INVALID, "expected an array");
    if (o->via.array.size != shape->count)
        return error_set(err, E_INVALID, "has %u fields, expected %zu", o->via.array.size,
                         shape->count);
    memset(body, 0, shape->size);
    for (size_t i = 0; rc == 0 && i < shape->count; i++)
        rc = take_field(&shape->fields[i], &o->via.array.ptr[i], zone,
                        (char *)body + shape->fields[i].offset, err);
    return rc;
}

static bool is_key(const msgpack_object *o, const char *key, size_t length)
{
    return o->type == MSGPACK_OBJECT_STR && o->via.str.size == length &&
           memcmp(o->via.str.ptr, key, length) == 0;
}

static const msgpack_object *find_key(const msgpack_object *map, const char *key, size_t length,
                                      size_t *times)
{
    const msgpack_object *found = NULL;
    *times = 0;
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (is_key(&map->via.map.ptr[i].key, key, length)) {
            found = &map->via.map.ptr[i].val;
            ++*times;
        }
    return found;
}

/* Our encoder writes keys in the table's order, so the one at `place` is looked at first. */
static int find_field(const msgpack_object *map, const struct wire_field *field, size_t place,
                      const msgpack_object **value, struct error *err)
{
    const msgpack_object_kv *pair = &map->via.map.ptr[place];
    size_t times = 1;
    *value = &pair->val;
    if (!is_key(&pair->key, field->name, field->length))
        *value = find_key(map, field->name, field->length, &times);
    return times == 1 ? 0
                      : error_set(err, E_INVALID, "%s: %s", field->name,
                                  times ? "stands twice" : "missing");
}

#define ENVELOPE 2 /* keys of every message: version and type */

/* As every field is found and the count fits, there is no key left that is unknown or stands twice. */
static int take_map(const msgpack_object *o, const struct wire_shape *shape, msgpack_zone *zone,
                    void *body, struct error *err)
{
    if (o->via.map.size != shape->count + ENVELOPE)
        return error_set(err, E_INVALID, "has %u keys, expected %zu", o->via.map.size,
                         shape->count + ENVELOPE);
    memset(body, 0, shape->size);
    for (size_t i = 0; i < shape->count; i++) {
        const struct wire_field *field = &shape->fields[i];
        const msgpack_object *value;
        int rc = find_field(o, field, ENVELOPE + i, &value, err);
        if (rc == 0)
            rc = take_field(field, value, zone, (char *)body + field->offset, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int find_type(const msgpack_object *map, enum wire_type *type, struct error *err)
{
    size_t versions, names;
    if (map->type != MSGPACK_OBJECT_MAP)
        return error_set(err, E_PARSE, "expected a map");
    const msgpack_object *version = find_key(map, "version", strlen("version"), &versions);
    if (versions != 1 || version->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return error_set(err, E_PARSE, "version: expected one integer");
    if (version->via.u64 != WIRE_VERSION)
        return error_set(err, E_VERSION,
                         "version: is %llu, this program speaks %d: broker, workers and clients "
                         "are to be of one build",
                         (unsigned long long)version->via.u64, WIRE_VERSION);
    const msgpack_object *name = find_key(map, "type", strlen("type"), &names);
    if (names != 1 || name->type != MSGPACK_OBJECT_STR)
        return error_set(err, E_PARSE, "type: expected one string");
    for (int i = 0; i < WIRE_TYPES; i++) {
        const char *known = wire_type_name((enum wire_type)i);
        if (wire_doc_of((enum wire_type)i) && is_key(name, known, strlen(known))) {
            *type = (enum wire_type)i;
            return 0;
        }
    }
    return error_set(err, E_UNSUPPORTED, "type: \"%.*s\" is unknown",
                     name->via.str.size < 64 ? (int)name->via.str.size : 64, name->via.str.ptr);
}

static int decode_into(const void *data, size_t size, msgpack_zone *zone,
                       struct wire_message *message, struct error *err)
{
    msgpack_object object;
    size_t offset = 0;
    enum wire_type type = 0;
    msgpack_unpack_return unpacked = msgpack_unpack(data, size, &offset, zone, &object);
    if (unpacked != MSGPACK_UNPACK_SUCCESS) /* msgpack-c says "no memory" of its own stack, too */
        return error_set(err, E_PARSE, "not msgpack, or nested too deep");
    int rc = find_type(&object, &type, err);
    if (rc)
        return rc;
    const struct wire_shape *shape = wire_shape_of(type);
    void *body = msgpack_zone_malloc(zone, shape->size);
    if (!body)
        return error_set(err, E_MEMORY, "no memory for a message");
    rc = take_map(&object, shape, zone, body, err);
    if (rc)
        return error_prefix(err, rc, "%s", shape->name);
    *message = (struct wire_message){type, body, zone};
    return 0;
}

int wire_decode(const void *data, size_t size, struct wire_message *message, struct error *err)
{
    if (size > LIMIT_MESSAGE_BYTES)
        return error_set(err, E_LIMIT, "message of %zu bytes, at most %u are allowed", size,
                         LIMIT_MESSAGE_BYTES);
    int rc = check_headers(data, size, err);
    if (rc)
        return rc;
    msgpack_zone *zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    if (!zone)
        return error_set(err, E_MEMORY, "no memory for a message");
    rc = decode_into(data, size, zone, message, err);
    if (rc)
        msgpack_zone_free(zone);
    return rc;
}

void wire_message_free(struct wire_message *message)
{
    if (message->arena)
        msgpack_zone_free(message->arena);
    *message = (struct wire_message){0};
}
