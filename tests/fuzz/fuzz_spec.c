/* Job specs: what parses must print, parse again, and print to the same text. */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/spec.h"
#include "tests/fuzz/fuzz.h"

static void print_again(const struct buffer *text, struct buffer *again)
{
    struct spec *spec = NULL;
    if (spec_parse((const char *)text->data, text->size, &spec, NULL) != 0)
        abort();
    if (spec_print(spec, again, NULL) != 0)
        abort();
    spec_free(&spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec *spec = NULL;
    struct error err = {0};
    if (spec_parse((const char *)data, size, &spec, &err) != 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort(); /* refused without a reason */
        return 0;
    }
    struct buffer first, second;
    /* The completed spec is longer than what was submitted. */
    buffer_init(&first, 4 * LIMIT_SPEC_BYTES);
    buffer_init(&second, 4 * LIMIT_SPEC_BYTES);
    if (spec_print(spec, &first, NULL) != 0)
        abort();
    if (first.size <= LIMIT_SPEC_BYTES) {
        print_again(&first, &second);
        if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0)
            abort();
    }
    buffer_free(&first);
    buffer_free(&second);
    spec_free(&spec);
    return 0;
}
