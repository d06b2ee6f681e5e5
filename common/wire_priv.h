/* The table of messages.def as data, and what encoder and decoder share: wire.c, wire_decode.c,
 * wire_document.c. */
#ifndef COMMON_WIRE_PRIV_H
#define COMMON_WIRE_PRIV_H

#include "common/wire.h"

enum wire_kind {
    KIND_UINT,
    KIND_INT,
    KIND_REAL,
    KIND_TEXT,
    KIND_BYTES,
    KIND_LIST,
};

struct wire_shape;

struct wire_field {
    const char *name;
    size_t length; /* of the name */
    enum wire_kind kind;
    size_t offset;                         /* in the C struct */
    uint64_t most;                         /* value, bytes or entries */
    const struct wire_shape *(*shape)(void); /* of a list's records */
};

struct wire_shape { /* a record or a message */
    const char *name;
    const struct wire_field *fields;
    size_t count;
    size_t size; /* of the C struct */
};

const struct wire_shape *wire_shape_of(enum wire_type type);

/* What a message is for; NULL for a record, which is not sent by itself. */
const char *wire_doc_of(enum wire_type type);

/* Whether it is UTF-8 without NUL and control characters (text_is_control). */
bool wire_is_text(const char *text, size_t size);
/* E_LIMIT: the field's value, or its count of bytes or entries, is more than it may be. */
int wire_too_much(const struct wire_field *field, uint64_t found, struct error *err);

#endif
