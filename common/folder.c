/* Folders. No state, no threads. */
#include "common/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
