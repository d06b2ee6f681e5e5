/* Writes one message of every type into the folder that is named: seeds of fuzz_wire. */
#include <stdio.h>
#include <stdlib.h>

#include "common/wire.h"

#define ITEMS 2 /* entries of a list, where it may have as many */

static const uint8_t some_bytes[8] = {0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xbf};

/* fill_task(struct wire_task *), fill_submit(struct wire_submit *), … */
#define RECORD(NAME, name)                                                                         \
    static void fill_##name(struct wire_##name *body)                                              \
    {
#define MESSAGE(NAME, name, doc) RECORD(NAME, name)
#define UINT(field, most) body->field = (uint64_t)(most) < 7 ? (uint64_t)(most) : 7;
#define INT(field) body->field = -7;
#define REAL(field) body->field = -0.5;
#define TEXT(field, most) body->field = #field;
#define BYTES(field, most) body->field = (struct wire_bytes){some_bytes, sizeof some_bytes};
#define LIST(field, record, most)                                                                  \
    {                                                                                              \
        static struct wire_##record items[ITEMS];                                                  \
        for (size_t i = 0; i < ITEMS; i++)                                                         \
            fill_##record(&items[i]);                                                              \
        body->field = WIRE_LIST(items, (most) < ITEMS ? (most) : ITEMS);                           \
    }
#define END(name) }
#include "common/messages.def"

static void write_seed(const char *folder, enum wire_type type, const void *body)
{
    struct buffer out;
    struct error err = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, wire_type_name(type));
    buffer_init(&out, LIMIT_MESSAGE_BYTES);
    if (wire_encode(type, body, &out, &err) != 0 ||
        buffer_write_file(path, out.data, out.size, &err) != 0) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(EXIT_FAILURE);
    }
    buffer_free(&out);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 2;
    }
#define MESSAGE(NAME, name, doc)                                                                   \
    {                                                                                              \
        struct wire_##name body;                                                                   \
        fill_##name(&body);                                                                        \
        write_seed(argv[1], WIRE_##NAME, &body);                                                   \
    }
#include "common/messages.def"
    return EXIT_SUCCESS;
}
