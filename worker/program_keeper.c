/* Only the device's own thread comes here: PoCL 3.1 counts the users of a compiled kernel wrongly where one thread
 * takes a program's binary while another runs its kernels. */
#include "worker/program_keeper.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/device_priv.h"

static int write_program(const struct device_program *entry, struct error *err)
{
    size_t size = 0;
    DEVICE_CL(err, clGetProgramInfo(entry->program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL));
    if (size == 0 || size > PROGRAM_BINARY_MAX)
        return error_set(err, E_LIMIT, "a binary of %zu bytes", size);
    unsigned char *binary = malloc(size);
    if (!binary)
        return error_set(err, E_MEMORY, "no memory for a binary of %zu bytes", size);
    cl_int code = clGetProgramInfo(entry->program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL);
    int failed = code == CL_SUCCESS
                     ? program_cache_write(entry->path, binary, size, err)
                     : error_set(err, device_cl_code(code), "clGetProgramInfo of binaries: %s",
                                 device_cl_error_name(code));
    free(binary);
    return failed;
}

bool device_keep_program(struct device *device)
{
    struct error err = {0};
    struct device_program *entry = device->programs;
    while (entry && !entry->path)
        entry = entry->next;
    if (!entry)
        return false;
    if (write_program(entry, &err))
        log_warning("a compiled kernel is not kept: %s", err.text);
    free(entry->path); /* each once, whether that succeeds or not */
    entry->path = NULL;
    return true;
}
