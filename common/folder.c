/* Folders. No state, no threads. */
#include "common/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void folder_remove(int at, const char *name)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            folder_remove(fd, entry->d_name);
    closedir(folder);
    unlinkat(at, name, AT_REMOVEDIR);
}

bool folder_plain_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= NAME_MAX && name[0] != '.' && !strpbrk(name, "/\\");
}

int folder_cache(const char *inside, char *folder, size_t size, struct error *err)
{
    const char *own = getenv("FACEFARM_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int length = own && *own     ? snprintf(folder, size, "%s%s", own, inside)
                 : xdg && *xdg   ? snprintf(folder, size, "%s/facefarm%s", xdg, inside)
                 : home && *home ? snprintf(folder, size, "%s/.cache/facefarm%s", home, inside)
                                 : -1;
    if (length < 0)
        return error_set(err, E_NOT_FOUND,
                         "no folder for a cache (--cache, FACEFARM_CACHE, XDG_CACHE_HOME or HOME)");
    return (size_t)length < size ? 0 : error_set(err, E_LIMIT, "the cache's path is too long");
}
