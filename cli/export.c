/* Writing rows out. */
#include "cli/export.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/limits.h"
#include "common/npy.h"

#define ARRAY_MAX ((size_t)4 << 30)

static void csv_text(FILE *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void csv_value(FILE *out, struct statement *q, int column)
{
    switch (statement_type(q, column)) {
    case STATEMENT_NULL:
    case STATEMENT_BLOB:
        return;
    case STATEMENT_INT:
        fprintf(out, "%lld", (long long)statement_int(q, column));
        return;
    case STATEMENT_REAL:
        fprintf(out, "%.17g", statement_real(q, column));
        return;
    case STATEMENT_TEXT:
        csv_text(out, statement_text(q, column));
        return;
    }
}

static void csv_header(FILE *out, struct statement *q)
{
    for (int i = 0; i < statement_columns(q); i++) {
        fputs(i ? "," : "", out);
        csv_text(out, statement_column_name(q, i));
    }
    fputs("\r\n", out);
}

json_t *export_json(struct statement *q, int column)
{
    switch (statement_type(q, column)) {
    case STATEMENT_NULL:
    case STATEMENT_BLOB:
        return json_null();
    case STATEMENT_INT:
        return json_integer(statement_int(q, column));
    case STATEMENT_REAL:
        return json_real(statement_real(q, column));
    case STATEMENT_TEXT:
        return json_string(statement_text(q, column));
    }
    return NULL;
}

static int json_row(FILE *out, struct statement *q, struct error *err)
{
    json_t *row = json_object();
    int rc = 0;
    for (int i = 0; i < statement_columns(q); i++)
        if (json_object_set_new(row, statement_column_name(q, i), export_json(q, i)) != 0)
            rc = error_set(err, E_PARSE, "column %s has a value that JSON cannot hold",
                           statement_column_name(q, i));
    if (rc == 0 && json_dumpf(row, out, JSON_COMPACT) != 0)
        rc = error_set(err, E_IO, "a row cannot be written: %s", strerror(errno));
    fputc('\n', out);
    json_decref(row);
    return rc;
}

static void csv_row(FILE *out, struct statement *q)
{
    for (int i = 0; i < statement_columns(q); i++) {
        fputs(i ? "," : "", out);
        csv_value(out, q, i);
    }
    fputs("\r\n", out);
}

int export_rows(struct statement *statement, enum export_format format, FILE *out,
                struct error *err)
{
    int rc;
    if (format == EXPORT_CSV)
        csv_header(out, statement);
    while ((rc = statement_step(statement, err)) > 0) {
        switch (format) {
        case EXPORT_CSV:
            csv_row(out, statement);
            rc = 0;
            break;
        case EXPORT_JSONL:
            rc = json_row(out, statement, err);
            break;
        }
        if (rc == 0 && ferror(out))
            rc = error_set(err, E_IO, "a row cannot be written: %s", strerror(errno));
        if (rc != 0)
            break;
    }
    statement_reset(statement);
    if (rc == 0 && fflush(out) != 0)
        rc = error_set(err, E_IO, "the rows cannot be written: %s", strerror(errno));
    return rc;
}

static int append_row(struct buffer *values, struct statement *q, uint64_t *columns,
                      struct error *err)
{
    *columns = 0;
    for (int i = 0; i < statement_columns(q); i++) {
        enum statement_type type = statement_type(q, i);
        if (type == STATEMENT_TEXT || type == STATEMENT_BLOB)
            continue;
        float value = type == STATEMENT_NULL ? NAN : (float)statement_real(q, i);
        int rc = buffer_append(values, &value, sizeof value, err);
        if (rc != 0)
            return rc;
        ++*columns;
    }
    return 0;
}

int export_npy(struct statement *statement, const char *path, struct error *err)
{
    struct buffer values;
    uint64_t dims[2] = {0, 0};
    int rc;
    buffer_init(&values, ARRAY_MAX);
    while ((rc = statement_step(statement, err)) > 0) {
        rc = append_row(&values, statement, &dims[1], err);
        if (rc != 0)
            break;
        dims[0]++;
    }
    statement_reset(statement);
    if (rc == 0 && dims[0] == 0)
        rc = error_set(err, E_NOT_FOUND, "the job has no such rows");
    if (rc == 0)
        rc = npy_write(path, (const float *)(const void *)values.data, 2, dims, err);
    buffer_free(&values);
    return rc;
}

static int export_boundary(struct statement *q, const char *folder, struct error *err)
{
    char path[4096], name[256];
    size_t size;
    const void *normal = statement_blob(q, 2, &size);
    uint64_t layers = (uint64_t)statement_int(q, 3);
    uint64_t dims[2] = {layers, layers ? size / sizeof(float) / layers : 0};
    snprintf(name, sizeof name, "%s", statement_text(q, 1));
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            *c = '_';
    if (snprintf(path, sizeof path, "%s/%s_boundary.npy", folder, name) >= (int)sizeof path)
        return error_set(err, E_LIMIT, "the folder's path has %zu bytes", strlen(folder));
    if (size == 0 || dims[0] * dims[1] * sizeof(float) != size)
        return error_set(err, E_DATABASE, "boundary %s has a normal of %zu bytes in %llu layers",
                         name, size, (unsigned long long)layers);
    float *copy = malloc(size); /* SQLite's blob need not be aligned */
    if (!copy)
        return error_set(err, E_MEMORY, "out of memory");
    memcpy(copy, normal, size);
    int rc = npy_write(path, copy, 2, dims, err);
    free(copy);
    return rc;
}

int export_boundaries(struct statement *statement, const char *folder, size_t *count,
                      struct error *err)
{
    size_t written = 0;
    int rc = buffer_make_folders(folder, err);
    while (rc == 0 && (rc = statement_step(statement, err)) > 0) {
        rc = export_boundary(statement, folder, err);
        written++;
    }
    statement_reset(statement);
    if (rc == 0 && written == 0)
        rc = error_set(err, E_NOT_FOUND, "the job has no boundaries");
    if (rc == 0)
        *count = written;
    return rc;
}

static int append_latent(struct statement *q, char stage[LIMIT_NAME_BYTES + 1], size_t *width,
                         struct buffer *values, struct error *err)
{
    size_t size;
    const void *latent = statement_blob(q, 1, &size);
    if (!stage[0])
        snprintf(stage, LIMIT_NAME_BYTES + 1, "%s", statement_text(q, 0));
    if (strcmp(stage, statement_text(q, 0)) != 0)
        return error_set(
            err, E_INVALID,
            "stages %s and %s of the job have latents: expected --stage with one of them", stage,
            statement_text(q, 0));
    if (*width && size != *width)
        return error_set(err, E_DATABASE, "latents of %zu and of %zu bytes in stage %s", *width,
                         size, stage);
    *width = size;
    return buffer_append(values, latent, size, err);
}

int export_latents(struct statement *statement, uint32_t vectors, const char *path, size_t *count,
                   struct error *err)
{
    char stage[LIMIT_NAME_BYTES + 1] = "";
    struct buffer values;
    size_t width = 0, rows = 0;
    int rc;
    buffer_init(&values, ARRAY_MAX);
    while ((rc = statement_step(statement, err)) > 0) {
        rc = append_latent(statement, stage, &width, &values, err);
        if (rc != 0)
            break;
        rows++;
    }
    statement_reset(statement);
    if (rc == 0 && rows == 0)
        rc = error_set(err, E_NOT_FOUND, "no photos of the job were encoded");
    uint64_t numbers = width / sizeof(float), parts = vectors ? vectors : 1;
    if (rc == 0 && numbers % parts != 0)
        rc = error_set(err, E_DATABASE, "stage %s: latents of %llu numbers, expected %u vectors",
                       stage, (unsigned long long)numbers, vectors);
    const uint64_t dims[] = {rows, vectors ? parts : numbers, numbers / parts};
    if (rc == 0)
        rc = npy_write(path, (const float *)values.data, vectors ? 3 : 2, dims, err);
    buffer_free(&values);
    *count = rc == 0 ? rows : 0;
    return rc;
}
