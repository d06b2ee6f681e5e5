/* Removing what lies in a folder, and where the cache is. */
#ifndef COMMON_FOLDER_H
#define COMMON_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

/* Removes `name`, a path or a name in the folder `at` (AT_FDCWD: of the process): a file, or a
 * folder with all that is in it. Links are removed, not followed. What cannot be removed stays. */
void folder_remove(int at, const char *name);

/* Whether it is the name of something in a folder: not empty, no slash, no dot in front. */
bool folder_plain_name(const char *name);

/* Where this machine keeps what can be made again: FACEFARM_CACHE, XDG_CACHE_HOME/facefarm or
 * HOME/.cache/facefarm, followed by `inside` ("" or "/name"). E_NOT_FOUND where none of them is set,
 * E_LIMIT where `size` bytes do not hold it. */
MUST_CHECK int folder_cache(const char *inside, char *folder, size_t size, struct error *err);

#endif
