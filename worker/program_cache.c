/* Files of built programs. No state, no threads; processes may write the same file at once. */
#include "worker/program_cache.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/folder.h"
#include "worker/device_priv.h"

#define FORMAT "facefarm-program/1 "
#define HEAD_BYTES (sizeof FORMAT - 1 + DIGEST_HEX_BYTES) /* with the newline in the NUL's place */

/* What binaries depend on beside their source: device, driver, and the version of the platform. */
static void name_device(const struct device *device, char hex[DIGEST_HEX_BYTES])
{
    cl_platform_id platform = NULL;
    char version[256] = "", text[2 * DEVICE_NAME_MAX + sizeof version + 8];
    clGetDeviceInfo(device->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof version - 1, version, NULL);
    snprintf(text, sizeof text, "%s\n%s\n%s", device->info.name, device->info.driver, version);
    digest_bytes(text, strlen(text), hex);
}

void program_cache_path(const struct device *device, const char *options, const char *text,
                        char path[PROGRAM_PATH_MAX])
{
    char folder[1024], machine[DIGEST_HEX_BYTES], key[DIGEST_HEX_BYTES];
    char *all = NULL;
    path[0] = '\0';
    if (folder_cache("/programs", folder, sizeof folder, NULL) != 0 ||
        asprintf(&all, "%s\n%s", options, text) < 0)
        return;
    name_device(device, machine);
    digest_bytes(all, strlen(all), key);
    free(all);
    snprintf(path, PROGRAM_PATH_MAX, "%s/%.16s/%s", folder, machine, key);
}

int program_cache_read(const char *path, struct buffer *binary, struct error *err)
{
    char found[DIGEST_HEX_BYTES];
    int failed = buffer_read_file(binary, path, PROGRAM_BINARY_MAX, err);
    if (failed)
        return failed;
    if (binary->size <= HEAD_BYTES || memcmp(binary->data, FORMAT, sizeof FORMAT - 1) != 0)
        return error_set(err, E_PARSE, "%s: no \"" FORMAT "\" at its beginning", path);
    digest_bytes(binary->data + HEAD_BYTES, binary->size - HEAD_BYTES, found);
    if (memcmp(binary->data + sizeof FORMAT - 1, found, DIGEST_HEX_BYTES - 1) != 0)
        return error_set(err, E_PARSE, "%s: its content is not what its first line says", path);
    binary->size -= HEAD_BYTES;
    memmove(binary->data, binary->data + HEAD_BYTES, binary->size);
    return 0;
}

/* Makes room for one more file; what cannot be removed stays. */
static void drop_oldest(const char *folder)
{
    DIR *listing = opendir(folder);
    char oldest[256] = "";
    time_t when = 0;
    size_t count = 0;
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        struct stat found;
        if (fstatat(dirfd(listing), entry->d_name, &found, 0) != 0 || !S_ISREG(found.st_mode))
            continue;
        count++;
        if (*oldest && found.st_mtime >= when)
            continue;
        when = found.st_mtime;
        snprintf(oldest, sizeof oldest, "%s", entry->d_name);
    }
    if (count >= PROGRAMS_KEPT)
        unlinkat(dirfd(listing), oldest, 0);
    if (listing)
        closedir(listing);
}

int program_cache_write(const char *path, const void *binary, size_t size, struct error *err)
{
    char folder[PROGRAM_PATH_MAX], sha256[DIGEST_HEX_BYTES];
    const char *slash = strrchr(path, '/');
    struct buffer file;
    if (!slash)
        return error_set(err, E_INVALID, "%s is in no folder", path);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    digest_bytes(binary, size, sha256);
    buffer_init(&file, PROGRAM_BINARY_MAX);
    int failed = buffer_printf(&file, err, FORMAT "%s\n", sha256);
    if (!failed)
        failed = buffer_append(&file, binary, size, err);
    if (!failed)
        failed = buffer_make_folders(folder, err);
    if (!failed) {
        drop_oldest(folder);
        failed = buffer_write_file(path, file.data, file.size, err);
    }
    buffer_free(&file);
    return failed;
}
