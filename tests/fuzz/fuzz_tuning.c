/* The tuning cache: whatever stands behind its first line, opening it gives a table, an empty one
 * if it is damaged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/fuzz.h"
#include "worker/engine/tuning.h"

static const struct device_info device = {.name = "fuzz", .driver = "none", .compute_units = 1};

static struct tuning *open_tuning(void)
{
    struct tuning *tuning = NULL;
    struct error err = {0};
    if (tuning_open(&device, &tuning, &err) != 0)
        abort();
    return tuning;
}

/* Makes the cache's file a link to the input's; returns its first line. */
static const char *prepare(void)
{
    static char line[512];
    const char *folder = fuzz_folder("/dev/shm");
    struct error err = {0};
    log_open("fuzz", LOG_ERROR);
    if (setenv("FACEFARM_CACHE", folder, 1) != 0)
        abort();
    struct tuning *tuning = open_tuning();
    if (tuning_save(tuning, &err) != 0)
        abort();
    FILE *in = fopen(tuning_path(tuning), "r");
    if (!in || !fgets(line, sizeof line, in))
        abort();
    fclose(in);
    if (unlink(tuning_path(tuning)) != 0 ||
        symlink(fuzz_file(NULL, 0, NULL, 0), tuning_path(tuning)) != 0)
        abort();
    tuning_close(&tuning);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *line;
    if (!line)
        line = prepare();
    fuzz_file((const uint8_t *)line, strlen(line), data, size);
    struct tuning *tuning = open_tuning();
    (void)tuning_find(tuning, "form 1");
    tuning_close(&tuning);
    return 0;
}
