/* The store's id: a line of 32 hexadecimal digits. No state, no threads. */
#include "common/store_id.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/buffer.h"
#include "common/limits.h"

#define PATH_BYTES (2 * LIMIT_PATH_BYTES)

static int path_of(const char *store, char path[PATH_BYTES], struct error *err)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", store, STORE_ID_FILE);
    return length < 0 || length >= PATH_BYTES
               ? error_set(err, E_LIMIT, "the store's path is longer than %d bytes", PATH_BYTES)
               : 0;
}

int store_id_read(const char *store, char id[STORE_ID_BYTES], struct error *err)
{
    char path[PATH_BYTES];
    struct buffer text;
    buffer_init(&text, STORE_ID_BYTES + 1);
    int rc = path_of(store, path, err);
    if (rc == 0)
        rc = buffer_read_file(&text, path, STORE_ID_BYTES, err);
    if (rc == 0 && (text.size != STORE_ID_BYTES || text.data[STORE_ID_BYTES - 1] != '\n' ||
                    strspn((const char *)text.data, "0123456789abcdef") != STORE_ID_BYTES - 1))
        rc = error_set(err, E_PARSE, "%s: expected a line of %d hexadecimal digits", path,
                       STORE_ID_BYTES - 1);
    if (rc == 0) {
        memcpy(id, text.data, STORE_ID_BYTES - 1);
        id[STORE_ID_BYTES - 1] = '\0';
    }
    buffer_free(&text);
    return rc;
}

int store_id_make(const char *store, char id[STORE_ID_BYTES], struct error *err)
{
    unsigned char drawn[(STORE_ID_BYTES - 1) / 2];
    char path[PATH_BYTES], line[STORE_ID_BYTES + 1];
    int rc = store_id_read(store, id, err);
    if (rc != E_NOT_FOUND)
        return rc;
    if (getrandom(drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
        return error_set(err, E_IO, "getrandom gives no id for the store");
    for (size_t i = 0; i < sizeof drawn; i++)
        snprintf(line + 2 * i, 3, "%02x", drawn[i]);
    line[STORE_ID_BYTES - 1] = '\n';
    rc = path_of(store, path, err);
    if (rc == 0)
        rc = buffer_write_file(path, line, STORE_ID_BYTES, err);
    return rc < 0 ? rc : store_id_read(store, id, err);
}
