/*
 * The table that messages.def becomes, and the encoder: each value in msgpack's shortest form, in the
 * table's order, straight into the buffer. (A broker encodes and decodes some hundred thousand records a
 * second, so both are ours; the decoder is in wire_decode.c.)
 */
#include "common/wire.h"

#include <math.h>
#include <string.h>

#include "common/wire_priv.h"

/* ---- the table ---- */

#define RECORD(NAME, name_)                                                                        \
    static const struct wire_shape *shape_##name_(void)                                            \
    {                                                                                              \
        typedef struct wire_##name_ here;                                                          \
        static const struct wire_field fields[] = {
#define MESSAGE(NAME, name_, doc) RECORD(NAME, name_)
#define UINT(field, most) {#field, KIND_UINT, sizeof #field - 1, offsetof(here, field), (most), NULL},
#define INT(field) {#field, KIND_INT, sizeof #field - 1, offsetof(here, field), 0, NULL},
#define REAL(field) {#field, KIND_REAL, sizeof #field - 1, offsetof(here, field), 0, NULL},
#define TEXT(field, most) {#field, KIND_TEXT, sizeof #field - 1, offsetof(here, field), (most), NULL},
#define BYTES(field, most)                                                                         \
    {#field, KIND_BYTES, sizeof #field - 1, offsetof(here, field), (most), NULL},
#define LIST(field, record, most)                                                                  \
    {#field, KIND_LIST, sizeof #field - 1, offsetof(here, field), (most), shape_##record},
#define END(name_)                                                                                 \
    }                                                                                              \
    ;                                                                                              \
    static const struct wire_shape shape = {#name_, fields, sizeof fields / sizeof *fields,        \
                                            sizeof(here)};                                         \
    return &shape;                                                                                 \
    }
#include "common/messages.def"

static const struct {
    const struct wire_shape *(*shape)(void);
    const char *doc;
} types[WIRE_TYPES] = {
#define RECORD(NAME, name) [WIRE_##NAME] = {shape_##name, NULL},
#define MESSAGE(NAME, name, doc) [WIRE_##NAME] = {shape_##name, doc},
#include "common/messages.def"
};

const struct wire_shape *wire_shape_of(enum wire_type type)
{
    return types[type].shape();
}

const char *wire_doc_of(enum wire_type type)
{
    return types[type].doc;
}

const char *wire_type_name(enum wire_type type)
{
    return wire_shape_of(type)->name;
}

bool wire_find_uint(const struct wire_message *message, const char *field, uint64_t *value)
{
    const struct wire_shape *shape = wire_shape_of(message->type);
    for (size_t i = 0; i < shape->count; i++)
        if (shape->fields[i].kind == KIND_UINT && strcmp(shape->fields[i].name, field) == 0) {
            memcpy(value, (const char *)message->body + shape->fields[i].offset, sizeof *value);
            return true;
        }
    return false;
}

bool wire_is_text(const char *text, size_t size)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + size;
    while (p < end) {
        unsigned more = *p < 0x80 ? 0 : *p >= 0xC2 && *p < 0xE0 ? 1 : (*p & 0xF0) == 0xE0 ? 2
                        : *p >= 0xF0 && *p < 0xF5               ? 3
                                                                : 4;
        if (*p == 0 || more == 4 || (size_t)(end - p) <= more)
            return false;
        if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) ||
            (*p == 0xF0 && p[1] < 0x90) || (*p == 0xF4 && p[1] > 0x8F))
            return false;
        for (unsigned i = 1; i <= more; i++)
            if ((p[i] & 0xC0) != 0x80)
                return false;
        p += 1 + more;
    }
    return true;
}

/* ---- encoding ---- */

/* A tag and a big-endian number of `bytes` bytes. */
static int put_tagged(struct buffer *out, uint8_t tag, uint64_t value, unsigned bytes)
{
    int rc = buffer_room(out, 1 + bytes, NULL);
    if (rc)
        return rc;
    uint8_t *p = out->data + out->size;
    p[0] = tag;
    for (unsigned i = 0; i < bytes; i++)
        p[1 + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    out->size += 1 + bytes;
    return 0;
}

static int put_uint(struct buffer *out, uint64_t value)
{
    if (value < 0x80)
        return put_tagged(out, (uint8_t)value, 0, 0);
    return value <= UINT8_MAX    ? put_tagged(out, 0xcc, value, 1)
           : value <= UINT16_MAX ? put_tagged(out, 0xcd, value, 2)
           : value <= UINT32_MAX ? put_tagged(out, 0xce, value, 4)
                                 : put_tagged(out, 0xcf, value, 8);
}

static int put_int(struct buffer *out, int64_t value)
{
    if (value >= 0)
        return put_uint(out, (uint64_t)value);
    return value >= -32         ? put_tagged(out, (uint8_t)value, 0, 0)
           : value >= INT8_MIN  ? put_tagged(out, 0xd0, (uint64_t)value, 1)
           : value >= INT16_MIN ? put_tagged(out, 0xd1, (uint64_t)value, 2)
           : value >= INT32_MIN ? put_tagged(out, 0xd2, (uint64_t)value, 4)
                                : put_tagged(out, 0xd3, (uint64_t)value, 8);
}

static int put_double(struct buffer *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_tagged(out, 0xcb, bits, 8);
}

static int put_body(struct buffer *out, const void *data, size_t size)
{
    int rc = buffer_room(out, size, NULL);
    if (rc)
        return rc;
    if (size)
        memcpy(out->data + out->size, data, size);
    out->size += size;
    return 0;
}

static int put_string(struct buffer *out, const char *text, size_t size)
{
    int rc = size < 32            ? put_tagged(out, (uint8_t)(0xa0 | size), 0, 0)
             : size <= UINT8_MAX  ? put_tagged(out, 0xd9, size, 1)
             : size <= UINT16_MAX ? put_tagged(out, 0xda, size, 2)
                                  : put_tagged(out, 0xdb, size, 4);
    return rc ? rc : put_body(out, text, size);
}

static int put_binary(struct buffer *out, const void *data, size_t size)
{
    int rc = size <= UINT8_MAX    ? put_tagged(out, 0xc4, size, 1)
             : size <= UINT16_MAX ? put_tagged(out, 0xc5, size, 2)
                                  : put_tagged(out, 0xc6, size, 4);
    return rc ? rc : put_body(out, data, size);
}

/* The head of an array (tags 0x90, 0xdc) or map (0x80, 0xde). */
static int put_head(struct buffer *out, uint8_t small, uint8_t tag, size_t count)
{
    return count < 16            ? put_tagged(out, (uint8_t)(small | count), 0, 0)
           : count <= UINT16_MAX ? put_tagged(out, tag, count, 2)
                                 : put_tagged(out, (uint8_t)(tag + 1), count, 4);
}

static int put_map(struct buffer *out, size_t pairs)
{
    return put_head(out, 0x80, 0xde, pairs);
}

int wire_too_much(const struct wire_field *field, uint64_t found, struct error *err)
{
    return error_set(err, E_LIMIT, "%s: is %llu, at most %llu %s", field->name,
                     (unsigned long long)found, (unsigned long long)field->most,
                     field->kind == KIND_UINT ? "is allowed" : "are allowed");
}

static int put_fields(struct buffer *out, const struct wire_shape *shape, const void *body,
                      struct error *err);

static int put_real(struct buffer *out, const struct wire_field *field, double value,
                    struct error *err)
{
    if (!isfinite(value))
        return error_set(err, E_INVALID, "%s: is %g, expected a finite number", field->name, value);
    return put_double(out, value);
}

static int put_text(struct buffer *out, const struct wire_field *field, const char *text,
                    struct error *err)
{
    size_t size = text ? strlen(text) : 0;
    if (size > field->most)
        return wire_too_much(field, size, err);
    if (!wire_is_text(text, size))
        return error_set(err, E_INVALID, "%s: is not UTF-8", field->name);
    return put_string(out, text, size);
}

static int put_bytes(struct buffer *out, const struct wire_field *field,
                     const struct wire_bytes *bytes, struct error *err)
{
    return bytes->size > field->most ? wire_too_much(field, bytes->size, err)
                                     : put_binary(out, bytes->data, bytes->size);
}

static int put_list(struct buffer *out, const struct wire_field *field,
                    const struct wire_list *list, struct error *err)
{
    const struct wire_shape *shape = field->shape();
    if (list->count > field->most)
        return wire_too_much(field, list->count, err);
    int rc = put_head(out, 0x90, 0xdc, list->count);
    for (size_t i = 0; !rc && i < list->count; i++) {
        rc = put_map(out, shape->count);
        if (!rc)
            rc = put_fields(out, shape, (const char *)list->items + i * shape->size, err);
        if (rc)
            error_prefix(err, rc, "%s[%zu]", field->name, i);
    }
    return rc;
}

static int put_field(struct buffer *out, const struct wire_field *field, const void *value,
                     struct error *err)
{
    switch (field->kind) {
    case KIND_UINT:
        return *(const uint64_t *)value > field->most
                   ? wire_too_much(field, *(const uint64_t *)value, err)
                   : put_uint(out, *(const uint64_t *)value);
    case KIND_INT:
        return put_int(out, *(const int64_t *)value);
    case KIND_REAL:
        return put_real(out, field, *(const double *)value, err);
    case KIND_TEXT:
        return put_text(out, field, *(const char *const *)value, err);
    case KIND_BYTES:
        return put_bytes(out, field, value, err);
    case KIND_LIST:
        return put_list(out, field, value, err);
    }
    return error_set(err, E_INVALID, "%s: kind %d", field->name, (int)field->kind);
}

static int put_fields(struct buffer *out, const struct wire_shape *shape, const void *body,
                      struct error *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < shape->count; i++) {
        const struct wire_field *field = &shape->fields[i];
        rc = put_string(out, field->name, field->length);
        if (!rc)
            rc = put_field(out, field, (const char *)body + field->offset, err);
    }
    return rc;
}

int wire_encode(enum wire_type type, const void *body, struct buffer *out, struct error *err)
{
    const struct wire_shape *shape = wire_shape_of(type);
    if (err)
        err->text[0] = '\0';
    int rc = put_map(out, shape->count + 2);
    if (!rc)
        rc = put_string(out, "version", strlen("version"));
    if (!rc)
        rc = put_uint(out, WIRE_VERSION);
    if (!rc)
        rc = put_string(out, "type", strlen("type"));
    if (!rc)
        rc = put_string(out, shape->name, strlen(shape->name));
    if (!rc)
        rc = put_fields(out, shape, body, err);
    if (rc && err && !err->text[0]) /* the buffer's own limit has no words yet */
        error_set(err, rc, "message does not fit into %zu bytes", out->maximum);
    return rc ? error_prefix(err, rc, "%s", shape->name) : 0;
}
