/* The table that messages.def becomes, and the encoder; the decoder is in wire_decode.c. */
#include "common/wire.h"

#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "common/text.h"
#include "common/wire_priv.h"

/* ---- the table ---- */

#define RECORD(NAME, name_)                                                                        \
    static const struct wire_shape *shape_##name_(void)                                            \
    {                                                                                              \
        typedef struct wire_##name_ here;                                                          \
        static const struct wire_field fields[] = {
#define MESSAGE(NAME, name_, doc) RECORD(NAME, name_)
#define FIELD(field, kind, most, shape)                                                            \
    {#field, sizeof #field - 1, kind, offsetof(here, field), (most), shape},
#define UINT(field, most) FIELD(field, KIND_UINT, most, NULL)
#define INT(field) FIELD(field, KIND_INT, 0, NULL)
#define REAL(field) FIELD(field, KIND_REAL, 0, NULL)
#define TEXT(field, most) FIELD(field, KIND_TEXT, most, NULL)
#define BYTES(field, most) FIELD(field, KIND_BYTES, most, NULL)
#define LIST(field, record, most) FIELD(field, KIND_LIST, most, shape_##record)
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
        size_t length = text_character(p, (size_t)(end - p));
        if (length == 0 || text_is_control(p))
            return false;
        p += length;
    }
    return true;
}

/* ---- encoding ---- */

/* Where a message goes. After the first piece that finds no room nothing more is written: the sizes
 * before a hole would lie. What a packer returns need not be looked at but for stopping early. */
struct sink {
    struct buffer *out;
    struct error *err;
    int rc;
};

static int append(void *context, const char *data, size_t size)
{
    struct sink *sink = context;
    if (!sink->rc)
        sink->rc = buffer_append(sink->out, data, size, sink->err);
    return sink->rc;
}

static void pack_key(msgpack_packer *packer, const char *key, size_t length)
{
    msgpack_pack_str(packer, length);
    msgpack_pack_str_body(packer, key, length);
}

int wire_too_much(const struct wire_field *field, uint64_t found, struct error *err)
{
    return error_set(err, E_LIMIT, "%s: is %llu, at most %llu %s", field->name,
                     (unsigned long long)found, (unsigned long long)field->most,
                     field->kind == KIND_UINT ? "is allowed" : "are allowed");
}

static int pack_record(msgpack_packer *packer, const struct wire_shape *shape, const void *body,
                       struct error *err);

static int pack_uint(msgpack_packer *packer, const struct wire_field *field, uint64_t value,
                     struct error *err)
{
    if (value > field->most)
        return wire_too_much(field, value, err);
    return msgpack_pack_uint64(packer, value);
}

static int pack_real(msgpack_packer *packer, const struct wire_field *field, double value,
                     struct error *err)
{
    if (!isfinite(value))
        return error_set(err, E_INVALID, "%s: is %g, expected a finite number", field->name, value);
    return msgpack_pack_double(packer, value);
}

static int pack_text(msgpack_packer *packer, const struct wire_field *field, const char *text,
                     struct error *err)
{
    size_t size = text ? strlen(text) : 0;
    if (size > field->most)
        return wire_too_much(field, size, err);
    if (size && !wire_is_text(text, size))
        return error_set(err, E_INVALID, "%s: is not UTF-8, or has a control character", field->name);
    msgpack_pack_str(packer, size);
    return msgpack_pack_str_body(packer, text ? text : "", size);
}

static int pack_bytes(msgpack_packer *packer, const struct wire_field *field,
                      const struct wire_bytes *bytes, struct error *err)
{
    if (bytes->size > field->most)
        return wire_too_much(field, bytes->size, err);
    msgpack_pack_bin(packer, bytes->size);
    return bytes->size ? msgpack_pack_bin_body(packer, bytes->data, bytes->size) : 0;
}

static int pack_list(msgpack_packer *packer, const struct wire_field *field,
                     const struct wire_list *list, struct error *err)
{
    const struct wire_shape *shape = field->shape();
    if (list->count > field->most)
        return wire_too_much(field, list->count, err);
    msgpack_pack_array(packer, list->count);
    int rc = 0;
    for (size_t i = 0; !rc && i < list->count; i++) {
        rc = pack_record(packer, shape, (const char *)list->items + i * shape->size, err);
        if (rc)
            error_prefix(err, rc, "%s[%zu]", field->name, i);
    }
    return rc;
}

static int pack_field(msgpack_packer *packer, const struct wire_field *field, const void *value,
                      struct error *err)
{
    switch (field->kind) {
    case KIND_UINT:
        return pack_uint(packer, field, *(const uint64_t *)value, err);
    case KIND_INT:
        return msgpack_pack_int64(packer, *(const int64_t *)value);
    case KIND_REAL:
        return pack_real(packer, field, *(const double *)value, err);
    case KIND_TEXT:
        return pack_text(packer, field, *(const char *const *)value, err);
    case KIND_BYTES:
        return pack_bytes(packer, field, value, err);
    case KIND_LIST:
        return pack_list(packer, field, value, err);
    }
    return error_set(err, E_INVALID, "%s: kind %d", field->name, (int)field->kind);
}

/* Without names: there may be hundreds of them in a message. */
static int pack_record(msgpack_packer *packer, const struct wire_shape *shape, const void *body,
                       struct error *err)
{
    int rc = 0;
    msgpack_pack_array(packer, shape->count);
    for (size_t i = 0; !rc && i < shape->count; i++) {
        const struct wire_field *field = &shape->fields[i];
        rc = pack_field(packer, field, (const char *)body + field->offset, err);
    }
    return rc;
}

static int pack_fields(msgpack_packer *packer, const struct wire_shape *shape, const void *body,
                       struct error *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < shape->count; i++) {
        const struct wire_field *field = &shape->fields[i];
        pack_key(packer, field->name, field->length);
        rc = pack_field(packer, field, (const char *)body + field->offset, err);
    }
    return rc;
}

int wire_encode(enum wire_type type, const void *body, struct buffer *out, struct error *err)
{
    const struct wire_shape *shape = wire_shape_of(type);
    struct sink sink = {out, err, 0};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &sink, append);
    msgpack_pack_map(&packer, shape->count + 2);
    pack_key(&packer, "version", strlen("version"));
    msgpack_pack_uint64(&packer, WIRE_VERSION);
    pack_key(&packer, "type", strlen("type"));
    pack_key(&packer, shape->name, strlen(shape->name));
    int rc = pack_fields(&packer, shape, body, err);
    if (!rc)
        rc = sink.rc;
    return rc ? error_prefix(err, rc, "%s", shape->name) : 0;
}
