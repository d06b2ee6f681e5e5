/* The archive is read whole, and opened in memory by libzip with its checks of consistency. */
#include "common/npz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "common/buffer.h"
#include "common/limits.h"

#define SUFFIX ".npy"
#define MEMBER "latents.npy"
#define DOS_DATE 0x21 /* 1 January 1980: the bytes do not depend on when */
#define BYTES_MOST UINT32_MAX

static int zip_failed(const char *what, zip_error_t *error, struct error *err)
{
    int rc = error_set(err, zip_error_code_zip(error) == ZIP_ER_MEMORY ? E_MEMORY : E_PARSE,
                       "zip: %s (%s)", what, zip_error_strerror(error));
    zip_error_fini(error);
    return rc;
}

/* The archive in these bytes, which have to outlive it; NULL bytes: a new one. What it is written
 * to is *source, which is the caller's as well if it asks for it. */
static int open_archive(const void *data, size_t size, zip_t **zip, zip_source_t **source,
                        struct error *err)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *made = zip_source_buffer_create(data, size, 0, &error);
    if (!made)
        return zip_failed("no source", &error, err);
    *zip = zip_open_from_source(made, data ? ZIP_RDONLY | ZIP_CHECKCONS : ZIP_TRUNCATE, &error);
    if (!*zip) {
        zip_source_free(made);
        return zip_failed("damaged or cut off", &error, err);
    }
    zip_error_fini(&error);
    if (source) {
        zip_source_keep(made);
        *source = made;
    }
    return 0;
}

/* ---- reading ---- */

static bool is_called(const char *member, const char *name)
{
    size_t size = strlen(member), base = size - strlen(SUFFIX);
    if (size < strlen(SUFFIX) || strcmp(member + base, SUFFIX) != 0)
        return false;
    return !name || (strlen(name) == base && memcmp(member, name, base) == 0);
}

static int tell_missing(const char *name, const struct buffer *names, struct error *err)
{
    return error_set(err, E_NOT_FOUND, "has no array%s%s%s; it has %.300s", name ? " \"" : "",
                     name ? name : "", name ? "\"" : "",
                     names->size ? (const char *)names->data : "none");
}

static int find_member(zip_t *zip, const char *name, zip_uint64_t *found, struct error *err)
{
    zip_int64_t count = zip_get_num_entries(zip, 0), fits = 0;
    struct buffer names;
    if (count > NPZ_MEMBERS_MOST)
        return error_set(err, E_LIMIT, "zip: %lld members, NPZ_MEMBERS_MOST is %d",
                         (long long)count, NPZ_MEMBERS_MOST);
    buffer_init(&names, (size_t)NPZ_MEMBERS_MOST * 65536 * 2);
    int rc = 0;
    for (zip_int64_t i = 0; !rc && i < count; i++) {
        const char *member = zip_get_name(zip, (zip_uint64_t)i, 0);
        if (!member || !is_called(member, NULL))
            continue;
        rc = buffer_printf(&names, err, "%s%.*s", names.size ? ", " : "",
                           (int)(strlen(member) - strlen(SUFFIX)), member);
        if (is_called(member, name)) {
            *found = (zip_uint64_t)i;
            fits++;
        }
    }
    if (!rc && fits == 0)
        rc = tell_missing(name, &names, err);
    else if (!rc && fits > 1)
        rc =
            error_set(err, E_INVALID, "has the arrays %.300s: say which", (const char *)names.data);
    buffer_free(&names);
    return rc;
}

/* The size that the directory tells is a limit: what has another is refused. */
static int read_bytes(zip_file_t *file, uint8_t *bytes, uint64_t size, struct error *err)
{
    uint64_t got = 0;
    zip_int64_t n = 1;
    uint8_t more;
    while (n > 0 && got < size) {
        n = zip_fread(file, bytes + got, size - got);
        got += n > 0 ? (uint64_t)n : 0;
    }
    if (n >= 0) /* the checksum is looked at behind the last byte */
        n = zip_fread(file, &more, 1);
    if (n == 0 && got == size)
        return 0;
    return error_set(err, E_PARSE, "zip: %llu of %llu bytes come out of it%s%s",
                     (unsigned long long)got, (unsigned long long)size, n < 0 ? ": " : "",
                     n < 0   ? zip_error_strerror(zip_file_get_error(file))
                     : n > 0 ? ", and more"
                             : "");
}

static int unpack(zip_t *zip, zip_uint64_t index, struct npy *npy, struct error *err)
{
    zip_stat_t stat;
    if (zip_stat_index(zip, index, 0, &stat) != 0)
        return error_set(err, E_PARSE, "zip: %s", zip_strerror(zip));
    if (stat.encryption_method != ZIP_EM_NONE)
        return error_set(err, E_UNSUPPORTED, "is encrypted");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
        return error_set(err, E_UNSUPPORTED,
                         "zip: compression method %u, expected stored or deflated",
                         (unsigned)stat.comp_method);
    if (stat.size > NPY_BYTES_MOST)
        return error_set(err, E_LIMIT, "has %llu bytes, NPY_BYTES_MOST is %zu",
                         (unsigned long long)stat.size, NPY_BYTES_MOST);
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    if (!file)
        return error_set(err, E_PARSE, "zip: %s", zip_strerror(zip));
    uint8_t *bytes = malloc(stat.size ? stat.size : 1);
    int rc =
        bytes ? read_bytes(file, bytes, stat.size, err)
              : error_set(err, E_MEMORY, "no memory for %llu bytes", (unsigned long long)stat.size);
    if (!rc)
        rc = npy_parse(bytes, stat.size, npy, err);
    free(bytes);
    zip_fclose(file);
    return rc;
}

static int read_archive(const struct buffer *file, const char *name, struct npy *npy,
                        struct error *err)
{
    zip_t *zip = NULL;
    zip_uint64_t index = 0;
    int rc = open_archive(file->data, file->size, &zip, NULL, err);
    if (rc)
        return rc;
    rc = find_member(zip, name, &index, err);
    if (!rc) {
        rc = unpack(zip, index, npy, err);
        if (rc)
            error_prefix(err, rc, "%.100s", zip_get_name(zip, index, 0));
    }
    zip_discard(zip);
    return rc;
}

int npz_read(const char *path, const char *name, struct npy *npy, struct error *err)
{
    struct buffer file;
    buffer_init(&file, NPY_BYTES_MOST + 1);
    int rc = buffer_read_file(&file, path, NPY_BYTES_MOST, err);
    bool zip = file.size >= 4 &&
               (memcmp(file.data, "PK\3\4", 4) == 0 || memcmp(file.data, "PK\5\6", 4) == 0);
    if (rc) {
        buffer_free(&file);
        return rc;
    }
    if (zip)
        rc = read_archive(&file, name, npy, err);
    else if (name)
        rc = error_set(err, E_INVALID, "is no .npz file: its array has no name");
    else
        rc = npy_parse(file.data, file.size, npy, err);
    buffer_free(&file);
    return rc ? error_prefix(err, rc, "%s", path) : 0;
}

/* ---- writing ---- */

/* Adds the member; `npy` has to outlive the archive. */
static int add_member(zip_t *zip, const struct buffer *npy, struct error *err)
{
    zip_source_t *source = zip_source_buffer(zip, npy->data, npy->size, 0);
    zip_int64_t index = source ? zip_file_add(zip, MEMBER, source, 0) : -1;
    if (index < 0)
        zip_source_free(source);
    if (index < 0 || zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)index, 0, DOS_DATE, 0) != 0)
        return error_set(err, E_IO, "zip: cannot add " MEMBER ": %s", zip_strerror(zip));
    return 0;
}

static int take_bytes(zip_source_t *source, struct buffer *out, struct error *err)
{
    uint8_t chunk[65536];
    zip_int64_t n = zip_source_open(source) == 0 ? 1 : -1;
    int rc = 0;
    while (!rc && n > 0) {
        n = zip_source_read(source, chunk, sizeof chunk);
        if (n > 0)
            rc = buffer_append(out, chunk, (size_t)n, err);
    }
    if (!rc && n < 0)
        rc = error_set(err, E_IO, "zip: %s", zip_error_strerror(zip_source_error(source)));
    return rc;
}

static int pack(const struct buffer *npy, struct buffer *out, struct error *err)
{
    zip_t *zip = NULL;
    zip_source_t *source = NULL;
    int rc = open_archive(NULL, 0, &zip, &source, err);
    if (rc)
        return rc;
    rc = add_member(zip, npy, err);
    if (!rc && zip_close(zip) != 0)
        rc = error_set(err, E_IO, "zip: cannot be written: %s", zip_strerror(zip));
    if (rc)
        zip_discard(zip);
    else
        rc = take_bytes(source, out, err);
    zip_source_free(source);
    return rc;
}

int npz_write(const char *path, const float *data, size_t rank, const uint64_t *dims,
              struct error *err)
{
    struct buffer npy, out;
    buffer_init(&npy, BYTES_MOST - 4096);
    buffer_init(&out, BYTES_MOST);
    int rc = npy_print(&npy, data, rank, dims, err);
    if (!rc)
        rc = pack(&npy, &out, err);
    if (!rc)
        rc = buffer_write_file(path, out.data, out.size, err);
    buffer_free(&npy);
    buffer_free(&out);
    return rc;
}
