/* .npy files: read or refused with a reason; what is read as float is the same read as double. */
#include <stdlib.h>

#include "common/npy.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct npy npy = {0}, wide = {0};
    struct error err = {0};
    const char *path = fuzz_file(NULL, 0, data, size);
    int rc = npy_read(path, &npy, &err);
    if (rc != 0 && (rc != err.code || err.text[0] == '\0'))
        abort();
    int again = npy_read_double(path, &wide, &err);
    if (again != 0 && (again != err.code || err.text[0] == '\0'))
        abort();
    if (rc == 0 && again == 0 && npy.rank != wide.rank)
        abort();
    if (rc == 0)
        npy_free(&npy);
    if (again == 0)
        npy_free(&wide);
    return 0;
}
