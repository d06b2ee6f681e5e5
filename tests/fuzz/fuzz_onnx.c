/* ONNX files: whatever the bytes, engine_check's work ends with success or an error that has a text. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "worker/engine/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    int failed = network_check(data, size, &err);
    if (failed && (err.code != failed || err.text[0] == '\0'))
        abort();
    return 0;
}
