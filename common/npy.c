/* .npy version 1.0. The header is a Python dict literal of three keys, which we read key by key. */
#include "common/npy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define NPY_FILE_MAX NPY_BYTES_MOST
#define NPY_MAGIC "\x93NUMPY\x01\x00"
#define NPY_PREFIX 10 /* magic, version, header length */

static const char *find_value(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    at = at ? strchr(at + strlen(key), ':') : NULL;
    if (at)
        for (at++; *at == ' '; at++)
            ;
    return at;
}

static int parse_shape(const char *text, struct npy *npy, struct error *err)
{
    if (!text || *text != '(')
        return error_set(err, E_PARSE, "npy header has no 'shape' tuple");
    npy->elements = 1;
    for (text++; *text && *text != ')';) {
        char *end;
        unsigned long long dim = strtoull(text, &end, 10);
        if (end == text)
            return error_set(err, E_PARSE, "npy shape has \"%.8s\", expected a number", text);
        if (npy->rank == NPY_RANK_MAX)
            return error_set(err, E_LIMIT, "npy rank above %d", NPY_RANK_MAX);
        if (dim && npy->elements > NPY_FILE_MAX / dim)
            return error_set(err, E_LIMIT, "npy shape has more than %zu elements", NPY_FILE_MAX);
        npy->dims[npy->rank++] = dim;
        npy->elements *= dim;
        for (text = end; *text == ',' || *text == ' '; text++)
            ;
    }
    return *text ? 0 : error_set(err, E_PARSE, "npy shape does not end");
}

static int parse_header(const char *header, struct npy *npy, size_t *width, struct error *err)
{
    const char *type = find_value(header, "'descr'");
    const char *order = find_value(header, "'fortran_order'");
    if (type && strncmp(type, "'<f4'", 5) == 0)
        *width = 4;
    else if (type && strncmp(type, "'<f8'", 5) == 0)
        *width = 8;
    else
        return error_set(err, E_UNSUPPORTED, "npy type is %.8s, expected '<f4' or '<f8'",
                         type ? type : "missing");
    if (!order || strncmp(order, "False", 5) != 0)
        return error_set(err, E_UNSUPPORTED, "npy is in Fortran order, expected C order");
    return parse_shape(find_value(header, "'shape'"), npy, err);
}

static double value_at(const uint8_t *from, size_t width, size_t i)
{
    float narrow;
    double wide;
    if (width == 8) {
        memcpy(&wide, from + 8 * i, 8);
        return wide;
    }
    memcpy(&narrow, from + 4 * i, 4);
    return (double)narrow;
}

static int copy_values(const uint8_t *from, size_t width, bool wide, struct npy *npy,
                       struct error *err)
{
    size_t count = npy->elements ? npy->elements : 1;
    if (wide)
        npy->wide = malloc(count * sizeof *npy->wide);
    else
        npy->data = malloc(count * sizeof *npy->data);
    if (!npy->data && !npy->wide)
        return error_set(err, E_MEMORY, "no memory for %zu values", npy->elements);
    for (size_t i = 0; i < npy->elements; i++)
        if (wide)
            npy->wide[i] = value_at(from, width, i);
        else
            npy->data[i] = (float)value_at(from, width, i);
    return 0;
}

static int parse(const uint8_t *data, size_t bytes, bool wide, struct npy *npy, struct error *err)
{
    if (bytes < NPY_PREFIX || memcmp(data, NPY_MAGIC, 8) != 0)
        return error_set(err, E_PARSE, "not an .npy file of version 1.0");
    size_t length = data[8] | (size_t)data[9] << 8;
    if (length > bytes - NPY_PREFIX)
        return error_set(err, E_PARSE, "npy header of %zu bytes is cut off", length);
    char *header = strndup((const char *)data + NPY_PREFIX, length);
    if (!header)
        return error_set(err, E_MEMORY, "no memory for an npy header");
    size_t width = 0;
    int rc = parse_header(header, npy, &width, err);
    free(header);
    if (rc)
        return rc;
    size_t body = bytes - NPY_PREFIX - length;
    if (body != npy->elements * width)
        return error_set(err, E_PARSE, "npy body has %zu bytes, its shape needs %zu", body,
                         npy->elements * width);
    return copy_values(data + NPY_PREFIX + length, width, wide, npy, err);
}

int npy_parse(const void *data, size_t size, struct npy *npy, struct error *err)
{
    struct npy result = {0};
    int rc = parse(data, size, false, &result, err);
    if (!rc)
        *npy = result;
    return rc;
}

static int read_file(const char *path, bool wide, struct npy *npy, struct error *err)
{
    struct buffer file;
    struct npy result = {0};
    buffer_init(&file, NPY_FILE_MAX);
    int rc = buffer_read_file(&file, path, NPY_FILE_MAX, err);
    if (!rc) {
        rc = parse(file.data, file.size, wide, &result, err);
        if (rc)
            error_prefix(err, rc, "%s", path);
    }
    buffer_free(&file);
    if (!rc)
        *npy = result;
    return rc;
}

int npy_read(const char *path, struct npy *npy, struct error *err)
{
    return read_file(path, false, npy, err);
}

int npy_read_double(const char *path, struct npy *npy, struct error *err)
{
    return read_file(path, true, npy, err);
}

void npy_free(struct npy *npy)
{
    free(npy->wide);
    free(npy->data);
    *npy = (struct npy){0};
}

/* The header is padded so that the data begins at a multiple of 64 bytes. */
static int write_header(struct buffer *out, size_t rank, const uint64_t *dims, struct error *err)
{
    struct buffer text;
    buffer_init(&text, 4096);
    int rc = buffer_printf(&text, err, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; !rc && i < rank; i++)
        rc = buffer_printf(&text, err, "%s%llu%s", i ? ", " : "", (unsigned long long)dims[i],
                           rank == 1 ? "," : "");
    if (!rc)
        rc = buffer_printf(&text, err, "), }");
    while (!rc && (NPY_PREFIX + text.size + 1) % 64)
        rc = buffer_append(&text, " ", 1, err);
    if (!rc)
        rc = buffer_append(&text, "\n", 1, err);
    const uint8_t length[2] = {(uint8_t)text.size, (uint8_t)(text.size >> 8)};
    if (!rc)
        rc = buffer_append(out, NPY_MAGIC, 8, err);
    if (!rc)
        rc = buffer_append(out, length, 2, err);
    if (!rc)
        rc = buffer_append(out, text.data, text.size, err);
    buffer_free(&text);
    return rc;
}

int npy_print(struct buffer *out, const float *data, size_t rank, const uint64_t *dims,
              struct error *err)
{
    size_t elements = 1;
    for (size_t i = 0; i < rank; i++)
        elements *= dims[i];
    int rc = write_header(out, rank, dims, err);
    return rc ? rc : buffer_append(out, data, elements * sizeof *data, err);
}

int npy_write(const char *path, const float *data, size_t rank, const uint64_t *dims,
              struct error *err)
{
    struct buffer out;
    buffer_init(&out, NPY_FILE_MAX);
    int rc = npy_print(&out, data, rank, dims, err);
    if (!rc)
        rc = buffer_write_file(path, out.data, out.size, err);
    buffer_free(&out);
    return rc;
}
