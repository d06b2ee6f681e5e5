/* Removing what lies in a folder. */
#ifndef COMMON_FOLDER_H
#define COMMON_FOLDER_H

#include <stdbool.h>

/* Removes `name`, a path or a name in the folder `at` (AT_FDCWD: of the process): a file, or a
 * folder with all that is in it. Links are removed, not followed. What cannot be removed stays. */
void folder_remove(int at, const char *name);

/* Whether it is the name of something in a folder: not empty, no slash, no dot in front. */
bool folder_plain_name(const char *name);

#endif
