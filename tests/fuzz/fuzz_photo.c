/* PNG and JPEG files: decoded or refused with a reason; of what is decoded every pixel can be read. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "worker/photo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct photo photo = {0};
    struct error err = {0};
    int rc = photo_decode("photo", data, size, &photo, &err);
    if (rc != 0) {
        if (rc != err.code || err.text[0] == '\0' || photo.pixels)
            abort();
        return 0;
    }
    size_t sum = 0, bytes = photo.height * photo.width * 3;
    for (size_t i = 0; i < bytes; i++)
        sum += photo.pixels[i];
    if (sum > 255 * bytes)
        abort();
    photo_free(&photo);
    return 0;
}
