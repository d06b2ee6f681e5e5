/* docs/protocol.md's tables, from the same data as the encoder. */
#include "common/wire_priv.h"

static int print_field(struct buffer *out, const struct wire_field *field, struct error *err)
{
    unsigned long long most = field->most;
    switch (field->kind) {
    case KIND_UINT:
        return buffer_printf(out, err, "| `%s` | integer, 0 to %llu |\n", field->name, most);
    case KIND_INT:
        return buffer_printf(out, err, "| `%s` | integer, 64 bits |\n", field->name);
    case KIND_REAL:
        return buffer_printf(out, err, "| `%s` | float64, finite |\n", field->name);
    case KIND_TEXT:
        return buffer_printf(out, err, "| `%s` | string, at most %llu bytes |\n", field->name,
                             most);
    case KIND_BYTES:
        return buffer_printf(out, err, "| `%s` | binary, at most %llu bytes |\n", field->name,
                             most);
    case KIND_LIST:
        return buffer_printf(out, err, "| `%s` | array of %s, at most %llu |\n", field->name,
                             field->shape()->name, most);
    }
    return error_set(err, E_INVALID, "%s: kind %d", field->name, (int)field->kind);
}

static int print_type(struct buffer *out, enum wire_type type, struct error *err)
{
    const struct wire_shape *shape = wire_shape_of(type);
    const char *doc = wire_doc_of(type);
    int rc = buffer_printf(out, err, "### %s\n\n%s%s| field | kind |\n| --- | --- |\n", shape->name,
                           doc ? doc : "", doc ? ".\n\n" : "");
    for (size_t i = 0; !rc && i < shape->count; i++)
        rc = print_field(out, &shape->fields[i], err);
    return rc ? rc : buffer_printf(out, err, "\n");
}

int wire_document(struct buffer *out, struct error *err)
{
    int rc = buffer_printf(out, err, "## Messages (version %d)\n\n", WIRE_VERSION);
    for (int i = 0; !rc && i < WIRE_TYPES; i++)
        if (wire_doc_of((enum wire_type)i))
            rc = print_type(out, (enum wire_type)i, err);
    if (!rc)
        rc = buffer_printf(out, err, "## Records inside messages\n\n");
    for (int i = 0; !rc && i < WIRE_TYPES; i++)
        if (!wire_doc_of((enum wire_type)i))
            rc = print_type(out, (enum wire_type)i, err);
    return rc;
}
