/*
 * Whether two processes see one store: a file in its folder holds a number that its broker drew.
 * Paths say nothing, because a folder of another machine may be called the same.
 */
#ifndef COMMON_STORE_ID_H
#define COMMON_STORE_ID_H

#include "common/error.h"

#define STORE_ID_FILE ".facefarm-store"
#define STORE_ID_BYTES 33 /* 32 hexadecimal digits and the NUL */

/* The id of the store in that folder. E_NOT_FOUND where it has none, E_PARSE where the file holds
 * something else. */
MUST_CHECK int store_id_read(const char *store, char id[STORE_ID_BYTES], struct error *err);

/* The same; a store without an id gets one. The folder is there. */
MUST_CHECK int store_id_make(const char *store, char id[STORE_ID_BYTES], struct error *err);

#endif
