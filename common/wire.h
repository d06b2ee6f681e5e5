/*
 * Messages on the wire: msgpack in one ZeroMQ frame, declared in messages.def.
 *
 * Decoding checks everything the table says (version, type, every field present once, kinds, ranges,
 * lengths, no unknown keys) and refuses with a sentence; it never aborts.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/limits.h"

/* In 1 records were maps; in 2 boundaries had no layers, the samples of a mix were in the spec. */
#define WIRE_VERSION 3

struct wire_bytes {
    const uint8_t *data;
    size_t size;
};

struct wire_list {
    void *items; /* array of struct wire_<record> */
    size_t count;
};

enum wire_type {
#define RECORD(NAME, name) WIRE_##NAME,
#define MESSAGE(NAME, name, doc) WIRE_##NAME,
#include "common/messages.def"
    WIRE_TYPES
};

/* struct wire_submit, struct wire_lease, … */
#define RECORD(NAME, name) struct wire_##name {
#define MESSAGE(NAME, name, doc) struct wire_##name {
#define UINT(field, most) uint64_t field;
#define INT(field) int64_t field;
#define REAL(field) double field;
#define TEXT(field, most) const char *field;
#define BYTES(field, most) struct wire_bytes field;
#define LIST(field, record, most) struct wire_list field;
#define END(name)                                                                                  \
    }                                                                                              \
    ;
#include "common/messages.def"

/* A list field's entries, typed: const struct wire_task *t = WIRE_ITEMS(lease->tasks, task); */
#define WIRE_ITEMS(list, record) ((const struct wire_##record *)(list).items)
/* A list made of an array: .tasks = WIRE_LIST(array, n) */
#define WIRE_LIST(array, n) ((struct wire_list){(void *)(array), (n)})

const char *wire_type_name(enum wire_type type); /* "lease" */

/* Appends the message `body` (a struct wire_<type>) to `out`. A body that breaks the table's limits is
 * E_LIMIT or E_INVALID. NULL texts are sent as "". */
MUST_CHECK int wire_encode(enum wire_type type, const void *body, struct buffer *out,
                           struct error *err);

struct wire_message {
    enum wire_type type;
    const void *body; /* struct wire_<type>; lives until wire_message_free */
    void *arena;
};

#define WIRE_BODY(message, name) ((const struct wire_##name *)(message)->body)

/* Decodes one frame. Texts are copied and NUL-terminated; bytes point into `data`, which must outlive the
 * message. E_PARSE, E_VERSION, E_LIMIT or E_INVALID with a sentence naming message and field. */
MUST_CHECK int wire_decode(const void *data, size_t size, struct wire_message *message,
                           struct error *err);
/* The message's own UINT field of that name: false where its type has none. */
bool wire_find_uint(const struct wire_message *message, const char *field, uint64_t *value);
void wire_message_free(struct wire_message *message);

/* Writes the table as the Markdown section of docs/protocol.md. */
MUST_CHECK int wire_document(struct buffer *out, struct error *err);

#endif
