/* The central directory at the end of the file says what there is; a local header only where its
 * data begins. Every offset is checked against the file before it is followed. */
#include "common/npz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/buffer.h"
#include "common/limits.h"

#define LOCAL_MAGIC 0x04034b50u
#define LOCAL_BYTES 30
#define ENTRY_MAGIC 0x02014b50u
#define ENTRY_BYTES 46
#define END_MAGIC 0x06054b50u
#define END_BYTES 22
#define COMMENT_MOST 65535
#define STORED 0
#define DEFLATED 8
#define ENCRYPTED 1u
#define ZIP64 0xffffffffu
#define MEMBER "latents.npy"

struct member {
    const char *name; /* name_size bytes, no NUL */
    size_t name_size;
    uint32_t method, flags, crc, packed, size, offset;
};

static uint32_t get16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | get16(at + 2) << 16;
}

/* The end record: the last one that is where its comment says. */
static const uint8_t *find_end(const struct buffer *file)
{
    for (size_t back = END_BYTES; back <= file->size && back <= END_BYTES + COMMENT_MOST; back++) {
        const uint8_t *at = file->data + file->size - back;
        if (get32(at) == END_MAGIC && get16(at + 20) == back - END_BYTES)
            return at;
    }
    return NULL;
}

/* The entry at *at, and *at moved behind it. */
static int take_entry(const struct buffer *file, size_t *at, struct member *member,
                      struct error *err)
{
    const uint8_t *entry = file->data + *at;
    if (*at > file->size || file->size - *at < ENTRY_BYTES || get32(entry) != ENTRY_MAGIC)
        return error_set(err, E_PARSE, "zip: no directory entry at byte %zu", *at);
    *member = (struct member){
        .name = (const char *)entry + ENTRY_BYTES,
        .name_size = get16(entry + 28),
        .flags = get16(entry + 8),
        .method = get16(entry + 10),
        .crc = get32(entry + 16),
        .packed = get32(entry + 20),
        .size = get32(entry + 24),
        .offset = get32(entry + 42),
    };
    size_t more = member->name_size + get16(entry + 30) + get16(entry + 32);
    if (file->size - *at - ENTRY_BYTES < more)
        return error_set(err, E_PARSE, "zip: the directory entry at byte %zu is cut off", *at);
    *at += ENTRY_BYTES + more;
    return 0;
}

static int is_called(const struct member *member, const char *name)
{
    size_t size = name ? strlen(name) : 0, base = member->name_size - 4;
    if (member->name_size < 4 || memcmp(member->name + base, ".npy", 4) != 0)
        return 0;
    return !name || (size == base && memcmp(member->name, name, size) == 0);
}

static int tell_missing(const char *name, const struct buffer *names, struct error *err)
{
    return error_set(err, E_NOT_FOUND, "has no array%s%s%s; it has %.300s", name ? " \"" : "",
                     name ? name : "", name ? "\"" : "",
                     names->size ? (const char *)names->data : "none");
}

static int find_member(const struct buffer *file, const char *name, struct member *found,
                       struct error *err)
{
    const uint8_t *end = find_end(file);
    struct buffer names;
    if (!end)
        return error_set(err, E_PARSE,
                         "zip: the end of the directory is missing, the file may be cut off");
    size_t count = get16(end + 10), at = get32(end + 16), fits = 0;
    if (count > NPZ_MEMBERS_MOST)
        return error_set(err, E_LIMIT, "zip: %zu members, NPZ_MEMBERS_MOST is %d", count,
                         NPZ_MEMBERS_MOST);
    buffer_init(&names, (size_t)NPZ_MEMBERS_MOST * 65536 * 2);
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        struct member member = {0};
        rc = take_entry(file, &at, &member, err);
        if (!rc && is_called(&member, NULL))
            rc = buffer_printf(&names, err, "%s%.*s", names.size ? ", " : "",
                               (int)(member.name_size - 4), member.name);
        if (!rc && is_called(&member, name)) {
            *found = member;
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

/* Where the member's packed bytes are. */
static int find_data(const struct buffer *file, const struct member *member, const uint8_t **data,
                     struct error *err)
{
    const uint8_t *local = file->data + member->offset;
    if (member->flags & ENCRYPTED)
        return error_set(err, E_UNSUPPORTED, "is encrypted");
    if (member->packed == ZIP64 || member->size == ZIP64 || member->offset == ZIP64)
        return error_set(err, E_UNSUPPORTED, "has ZIP64 sizes (4 GiB or more)");
    if (member->size > NPY_BYTES_MOST)
        return error_set(err, E_LIMIT, "has %u bytes, NPY_BYTES_MOST is %zu", member->size,
                         NPY_BYTES_MOST);
    if (member->offset > file->size || file->size - member->offset < LOCAL_BYTES ||
        get32(local) != LOCAL_MAGIC)
        return error_set(err, E_PARSE, "zip: no member at byte %u", member->offset);
    size_t skipped = LOCAL_BYTES + get16(local + 26) + get16(local + 28);
    if (file->size - member->offset < skipped ||
        file->size - member->offset - skipped < member->packed)
        return error_set(err, E_PARSE, "zip: %u packed bytes are cut off", member->packed);
    *data = local + skipped;
    return 0;
}

static int inflate_into(const struct member *member, const uint8_t *data, uint8_t *bytes,
                        struct error *err)
{
    z_stream stream = {.next_in = (Bytef *)data,
                       .avail_in = member->packed,
                       .next_out = bytes,
                       .avail_out = member->size};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return error_set(err, E_MEMORY, "no memory to inflate");
    int code = inflate(&stream, Z_FINISH);
    bool whole = code == Z_STREAM_END && stream.total_out == member->size;
    int rc = whole ? 0
                   : error_set(err, E_PARSE, "zip: %lu of %u bytes come out of it: %s",
                               stream.total_out, member->size,
                               stream.msg ? stream.msg : "it is cut off or has other bytes");
    inflateEnd(&stream);
    return rc;
}

static int unpack(const struct buffer *file, const struct member *member, uint8_t **bytes,
                  struct error *err)
{
    const uint8_t *data = NULL;
    int rc = find_data(file, member, &data, err);
    uint8_t *made = rc ? NULL : malloc(member->size ? member->size : 1);
    if (!rc && !made)
        rc = error_set(err, E_MEMORY, "no memory for %u bytes", member->size);
    if (!rc && member->method == DEFLATED)
        rc = inflate_into(member, data, made, err);
    else if (!rc && member->method == STORED && member->size == member->packed)
        memcpy(made, data, member->size);
    else if (!rc)
        rc = error_set(err, E_UNSUPPORTED,
                       "zip: compression method %u, expected stored or deflated", member->method);
    if (!rc && crc32(0, made, member->size) != member->crc)
        rc = error_set(err, E_PARSE, "zip: its checksum is another than the directory says");
    if (rc)
        free(made);
    else
        *bytes = made;
    return rc;
}

static int read_member(const struct buffer *file, const char *name, struct npy *npy,
                       struct error *err)
{
    struct member member = {0};
    uint8_t *bytes = NULL;
    int rc = find_member(file, name, &member, err);
    if (rc)
        return rc;
    rc = unpack(file, &member, &bytes, err);
    if (!rc)
        rc = npy_parse(bytes, member.size, npy, err);
    free(bytes);
    return rc ? error_prefix(err, rc, "%.*s", member.name_size < 100 ? (int)member.name_size : 100,
                             member.name)
              : 0;
}

int npz_read(const char *path, const char *name, struct npy *npy, struct error *err)
{
    struct buffer file;
    buffer_init(&file, NPY_BYTES_MOST + 1);
    int rc = buffer_read_file(&file, path, NPY_BYTES_MOST, err);
    if (rc)
        goto out;
    bool zip = file.size >= 4 && (get32(file.data) == LOCAL_MAGIC || get32(file.data) == END_MAGIC);
    if (zip)
        rc = read_member(&file, name, npy, err);
    else if (name)
        rc = error_set(err, E_INVALID, "is no .npz file: its array has no name");
    else
        rc = npy_parse(file.data, file.size, npy, err);
    if (rc)
        error_prefix(err, rc, "%s", path);
out:
    buffer_free(&file);
    return rc;
}

/* ---- writing ---- */

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, size_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

/* What local header and directory entry both say, from the version that is needed to the length of
 * the name. */
static void put_common(uint8_t *at, uint32_t crc, size_t size)
{
    put16(at, 20);
    put16(at + 8, 0x21); /* 1 January 1980: the bytes do not depend on when */
    put32(at + 10, crc);
    put32(at + 14, size);
    put32(at + 18, size);
    put16(at + 22, strlen(MEMBER));
}

static int add_directory(struct buffer *out, uint32_t crc, size_t size, struct error *err)
{
    uint8_t entry[ENTRY_BYTES] = {0}, end[END_BYTES] = {0};
    size_t at = out->size;
    put32(entry, ENTRY_MAGIC);
    put16(entry + 4, 20);
    put_common(entry + 6, crc, size);
    put32(end, END_MAGIC);
    put16(end + 8, 1);
    put16(end + 10, 1);
    put32(end + 12, ENTRY_BYTES + strlen(MEMBER));
    put32(end + 16, at);
    int rc = buffer_append(out, entry, sizeof entry, err);
    if (!rc)
        rc = buffer_append(out, MEMBER, strlen(MEMBER), err);
    return rc ? rc : buffer_append(out, end, sizeof end, err);
}

int npz_write(const char *path, const float *data, size_t rank, const uint64_t *dims,
              struct error *err)
{
    struct buffer npy, out;
    uint8_t local[LOCAL_BYTES] = {0};
    buffer_init(&npy, ZIP64 - 4096);
    buffer_init(&out, ZIP64);
    int rc = npy_print(&npy, data, rank, dims, err);
    uint32_t crc = rc ? 0 : (uint32_t)crc32_z(0, npy.data, npy.size);
    put32(local, LOCAL_MAGIC);
    put_common(local + 4, crc, npy.size);
    if (!rc)
        rc = buffer_append(&out, local, sizeof local, err);
    if (!rc)
        rc = buffer_append(&out, MEMBER, strlen(MEMBER), err);
    if (!rc)
        rc = buffer_append(&out, npy.data, npy.size, err);
    if (!rc)
        rc = add_directory(&out, crc, npy.size, err);
    if (!rc)
        rc = buffer_write_file(path, out.data, out.size, err);
    buffer_free(&npy);
    buffer_free(&out);
    return rc;
}
