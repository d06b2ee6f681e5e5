/* An outbox is a locked folder: the lock says that its process lives. */
#include "worker/outbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"

struct outbox {
    char path[LIMIT_PATH_BYTES];
    int fd; /* locked */
};

static int lock_folder(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void remove_dead(const char *all)
{
    DIR *folder = opendir(all);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        int fd = folder_plain_name(entry->d_name) ? lock_folder(dirfd(folder), entry->d_name) : -1;
        if (fd < 0)
            continue;
        folder_remove(dirfd(folder), entry->d_name);
        close(fd);
    }
    if (folder)
        closedir(folder);
}

/* Between the making of a folder and its lock another process may take it for a dead one's: then
 * another is made. */
static int make_own(struct outbox *outbox, const char *all, struct error *err)
{
    struct stat made, named;
    for (;;) {
        if (snprintf(outbox->path, sizeof outbox->path, "%s/XXXXXX", all) >=
            (int)sizeof outbox->path)
            return error_set(err, E_LIMIT, "%s: the path is too long", all);
        if (!mkdtemp(outbox->path))
            return error_set(err, E_IO, "%s: cannot make: %s", outbox->path, strerror(errno));
        outbox->fd = lock_folder(AT_FDCWD, outbox->path);
        if (outbox->fd >= 0 && fstat(outbox->fd, &made) == 0 &&
            lstat(outbox->path, &named) == 0 && made.st_ino == named.st_ino)
            return 0;
        if (outbox->fd >= 0)
            close(outbox->fd);
    }
}

int outbox_open(const char *folder, struct outbox **outbox, struct error *err)
{
    char all[LIMIT_PATH_BYTES];
    struct outbox *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for an outbox");
    int rc = 0;
    if (snprintf(all, sizeof all, "%s/outbox", folder) >= (int)sizeof all)
        rc = error_set(err, E_LIMIT, "%s: the path is too long", folder);
    if (rc == 0)
        rc = buffer_make_folders(all, err);
    if (rc == 0) {
        remove_dead(all);
        rc = make_own(opened, all, err);
    }
    if (rc < 0)
        free(opened);
    else
        *outbox = opened;
    return rc;
}

void outbox_close(struct outbox **outbox)
{
    struct outbox *closed = *outbox;
    if (!closed)
        return;
    *outbox = NULL;
    folder_remove(AT_FDCWD, closed->path);
    close(closed->fd);
    free(closed);
}

const char *outbox_path(const struct outbox *outbox)
{
    return outbox->path;
}
