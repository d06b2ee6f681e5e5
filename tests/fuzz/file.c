/* A memfd, reached through /proc/self/fd. */
#include "tests/fuzz/file.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(const uint8_t *head, size_t head_size, const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, head, head_size, 0) != (ssize_t)head_size ||
        pwrite(fd, data, size, (off_t)head_size) != (ssize_t)size)
        abort();
    return path;
}

static char folder[128];

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(const char *above)
{
    snprintf(folder, sizeof folder, "%s/facefarm-fuzz-XXXXXX", above);
    if (!mkdtemp(folder) || atexit(remove_folder) != 0)
        abort();
    return folder;
}
