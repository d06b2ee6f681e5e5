/*
 * Loaded into the farm's processes: fails their writes and allocations, kills them, moves their
 * clock, as the block of shim.h says. Any thread may be in any of these; the block's fields are
 * atomic.
 *
 * Files are regular ones but stdin, stdout and stderr, so that logs are written whatever happens.
 */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct shim *shim;

__attribute__((constructor)) static void map_block(void)
{
    const char *path = getenv(SHIM_FILE);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *block = mmap(NULL, sizeof *shim, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (block != MAP_FAILED)
        shim = block;
}

/* The function that ours stands before. */
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ---- files ---- */

/* Counts a change of a file: true, with errno set, where it is to fail. */
static bool fails(const char *path)
{
    if (!shim)
        return false;
    int64_t number = ++shim->writes;
    if (number == shim->kill_write)
        kill(getpid(), SIGKILL);
    int64_t error = number == shim->fail_write ? shim->write_error_once : shim->write_error;
    if (error && shim->store_only && (!path || !strstr(path, "store/")))
        error = 0;
    if (error)
        errno = (int)error;
    return error != 0;
}

/* The same of an open one. Its path costs a system call, so it is looked for only where it counts.
 */
static bool fails_at(int fd)
{
    char link[32], path[512];
    if (!shim || !shim->store_only)
        return fails(NULL);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 2);
    strcpy(path + (length > 0 ? length : 0), "/"); /* of the store itself */
    return fails(path);
}

static bool is_file(int fd)
{
    struct stat status;
    return fd > STDERR_FILENO && shim && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return is_file(fd) && fails_at(fd) ? -1 : NEXT(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return is_file(fd) && fails_at(fd) ? -1 : NEXT(pwrite)(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return is_file(fd) && fails_at(fd) ? -1 : NEXT(pwrite64)(fd, data, size, at);
}

int fsync(int fd)
{
    return fails_at(fd) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails_at(fd) ? -1 : NEXT(fdatasync)(fd);
}

int syncfs(int fd)
{
    return fails_at(fd) ? -1 : NEXT(syncfs)(fd);
}

int ftruncate(int fd, off_t size)
{
    return fails_at(fd) ? -1 : NEXT(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return fails_at(fd) ? -1 : NEXT(ftruncate64)(fd, size);
}

int rename(const char *from, const char *to)
{
    return fails(to) ? -1 : NEXT(rename)(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return fails_at(to_folder) ? -1 : NEXT(renameat)(from_folder, from, to_folder, to);
}

int mkdir(const char *path, mode_t mode)
{
    return access(path, F_OK) != 0 && fails(path) ? -1 : NEXT(mkdir)(path, mode);
}

/* The mode, which is there only where a file may be made. */
#define MODE(flags)                                                                                \
    mode_t mode = 0;                                                                               \
    va_list rest;                                                                                  \
    va_start(rest, flags);                                                                         \
    if ((flags)&O_CREAT)                                                                           \
        mode = va_arg(rest, mode_t);                                                               \
    va_end(rest)

static bool may_not_be_made(const char *path, int flags)
{
    return (flags & O_CREAT) && access(path, F_OK) != 0 && fails(path);
}

int open(const char *path, int flags, ...)
{
    MODE(flags);
    return may_not_be_made(path, flags) ? -1 : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags);
    return may_not_be_made(path, flags) ? -1 : NEXT(open64)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE(flags);
    return (flags & O_CREAT) && fails_at(folder) ? -1 : NEXT(openat)(folder, path, flags, mode);
}

/* ---- the clock ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int rc = NEXT(clock_gettime)(clock, now);
    if (rc == 0 && clock == CLOCK_REALTIME && shim) {
        int64_t ms = shim->clock_offset_ms + now->tv_sec * 1000 + now->tv_nsec / 1000000;
        now->tv_sec = ms / 1000;
        now->tv_nsec = now->tv_nsec % 1000000 + ms % 1000 * 1000000;
    }
    return rc;
}

/* ---- chance ---- */

ssize_t getrandom(void *data, size_t size, unsigned flags)
{
    if (shim && shim->session && size == sizeof(int64_t)) {
        int64_t session = shim->session;
        memcpy(data, &session, sizeof session);
        return (ssize_t)size;
    }
    return NEXT(getrandom)(data, size, flags);
}

/* ---- memory ---- */

/* glibc's own, so that nothing here needs memory to find them. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool refused(void)
{
    return shim && ++shim->allocations == shim->fail_allocation;
}

void *malloc(size_t size)
{
    if (!refused())
        return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    if (!refused())
        return __libc_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *old, size_t size)
{
    if (!refused())
        return __libc_realloc(old, size);
    errno = ENOMEM;
    return NULL;
}
