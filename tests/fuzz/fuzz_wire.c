/* Messages: what decodes must encode, decode again, and encode to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "tests/fuzz/fuzz.h"

/* Decodes `from` and encodes what came out into `to`; aborts if either fails. */
static void round_trip(const struct buffer *from, struct buffer *to)
{
    struct wire_message message;
    if (wire_decode(from->data, from->size, &message, NULL) != 0)
        abort();
    if (wire_encode(message.type, message.body, to, NULL) != 0)
        abort();
    wire_message_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_message message;
    struct error err = {0};
    if (wire_decode(data, size, &message, &err) != 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort(); /* refused without a reason */
        return 0;
    }
    struct buffer first, second;
    buffer_init(&first, LIMIT_MESSAGE_BYTES);
    buffer_init(&second, LIMIT_MESSAGE_BYTES);
    if (wire_encode(message.type, message.body, &first, NULL) != 0)
        abort();
    round_trip(&first, &second);
    if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0)
        abort();
    buffer_free(&first);
    buffer_free(&second);
    wire_message_free(&message);
    return 0;
}
