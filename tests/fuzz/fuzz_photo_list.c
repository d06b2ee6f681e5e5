/* Lists of photos: read or refused with a reason; what is read is written back the same. */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/photo_list.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct photo_list list = {0};
    struct error err = {0};
    struct buffer again;
    int rc = photo_list_parse("fuzz", data, size, &list, &err);
    if (rc != 0) {
        if (rc != err.code || err.text[0] == '\0')
            abort();
        return 0;
    }
    buffer_init(&again, size + 1);
    for (size_t i = 0; i < list.count; i++)
        if (buffer_printf(&again, &err, "%s %s\n", list.sha256[i], list.names[i]) != 0)
            abort();
    if (again.size != size || memcmp(again.data, data, size) != 0)
        abort();
    buffer_free(&again);
    photo_list_free(&list);
    return 0;
}
