/* Boundaries from and to .npy files. What a folder holds is outside data. */
#include "common/boundary_files.h"

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/document.h"
#include "common/limits.h"
#include "common/npy.h"

#define OFFSETS_MAX ((size_t)1 << 20)

void boundaries_free(struct boundaries *b)
{
    for (size_t i = 0; i < b->count; i++)
        free(b->names[i]);
    free(b->names);
    free(b->normals);
    free(b->offsets);
    *b = (struct boundaries){0};
}

int boundaries_find(const struct boundaries *b, const char *name)
{
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->names[i], name) == 0)
            return (int)i;
    return -1;
}

int boundaries_add(struct boundaries *b, const char *name, size_t length, size_t dimension,
                   double **normal, struct error *err)
{
    if (b->count == LIMIT_ATTRIBUTES)
        return error_set(err, E_LIMIT, "more boundaries than LIMIT_ATTRIBUTES, %d",
                         LIMIT_ATTRIBUTES);
    if (dimension == 0 || (b->count && dimension != b->dimension))
        return error_set(err, E_INVALID, "\"%.*s\" has %zu dimensions, expected %zu", (int)length,
                         name, dimension, b->count ? b->dimension : 1);
    char **names = realloc(b->names, (b->count + 1) * sizeof *names);
    if (names)
        b->names = names;
    double *normals = realloc(b->normals, (b->count + 1) * dimension * sizeof *normals);
    if (normals)
        b->normals = normals;
    double *offsets = realloc(b->offsets, (b->count + 1) * sizeof *offsets);
    if (offsets)
        b->offsets = offsets;
    char *copy = strndup(name, length);
    if (!names || !normals || !offsets || !copy) {
        free(copy);
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", b->count + 1);
    }
    b->dimension = dimension;
    *normal = normals + b->count * dimension;
    offsets[b->count] = 0;
    b->names[b->count++] = copy;
    return 0;
}

int boundaries_normalise(struct boundaries *b, struct error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        double *normal = b->normals + i * b->dimension, square = 0;
        for (size_t j = 0; j < b->dimension; j++)
            square += normal[j] * normal[j];
        double norm = sqrt(square);
        if (!(norm > 0) || !isfinite(norm) || !isfinite(b->offsets[i] / norm))
            return error_set(err, E_INVALID,
                             "boundary %s has length %g, expected a finite one above 0",
                             b->names[i], norm);
        if (boundaries_find(b, b->names[i]) != (int)i)
            return error_set(err, E_EXISTS, "boundary %s stands there twice", b->names[i]);
        if (fabs(norm - 1) <= (double)FLT_EPSILON) /* a unit vector that float32 has rounded */
            continue;
        for (size_t j = 0; j < b->dimension; j++)
            normal[j] /= norm;
        b->offsets[i] /= norm;
    }
    return 0;
}

/* ---- reading ---- */

static void strip(const char **name, size_t *length)
{
    static const char before[] = "boundary_", behind[] = "_boundary";
    size_t n = sizeof before - 1;
    *length -= strlen(".npy");
    if (*length > n && strncmp(*name, before, n) == 0) {
        *name += n;
        *length -= n;
    }
    if (*length > n && strncmp(*name + *length - n, behind, n) == 0)
        *length -= n;
}

static int path_of(const char *folder, const char *file, char *path, size_t size, struct error *err)
{
    if ((size_t)snprintf(path, size, "%s/%s", folder, file) >= size)
        return error_set(err, E_LIMIT, "%s/%s: the path is too long", folder, file);
    return 0;
}

/* (18, 512) as text. */
static void print_shape(const struct npy *npy, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "(");
    for (size_t i = 0; i < npy->rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%llu", i ? ", " : "",
                                   (unsigned long long)npy->dims[i]);
    if (length < size)
        snprintf(text + length, size - length, ")");
}

/* (d), (1, d), (L, d) or (1, L, d). */
static int take_shape(struct boundaries *b, const char *path, const struct npy *npy,
                      struct error *err)
{
    char shape[NPY_RANK_MAX * 24];
    size_t rank = npy->rank;
    uint64_t rows = rank < 2 ? 1 : npy->dims[rank - 2];
    print_shape(npy, shape, sizeof shape);
    if (rank < 1 || rank > 3 || (rank == 3 && npy->dims[0] != 1) || rows > LIMIT_LAYERS)
        return error_set(err, E_INVALID,
                         "%s: has the shape %s, expected (d) or (1, d), or of w+ (L, d) or (1, L, d), "
                         "L at most %d",
                         path, shape, LIMIT_LAYERS);
    if (rows > 1 && b->layers && rows != b->layers)
        return error_set(err, E_INVALID, "%s: has the shape %s, expected (%zu, %zu) as others", path,
                         shape, b->layers, b->dimension / b->layers);
    if (rows > 1)
        b->layers = rows;
    return 0;
}

static int take_file(struct boundaries *b, const char *folder, const char *file, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    const char *name = file;
    size_t length = strlen(file);
    struct npy npy = {0};
    double *normal = NULL;
    int rc = path_of(folder, file, path, sizeof path, err);
    if (rc)
        return rc;
    strip(&name, &length);
    rc = npy_read_double(path, &npy, err);
    if (!rc)
        rc = take_shape(b, path, &npy, err);
    if (!rc)
        rc = boundaries_add(b, name, length, npy.elements, &normal, err);
    if (!rc)
        memcpy(normal, npy.wide, npy.elements * sizeof *normal);
    npy_free(&npy);
    return rc;
}

static int is_npy(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".npy") == 0;
}

/* One line, "NAME,offset". */
static int take_offset(struct boundaries *b, const char *path, unsigned line, char *text,
                       struct error *err)
{
    char *comma = strchr(text, ','), *end = NULL;
    if (comma)
        *comma = '\0';
    int i = boundaries_find(b, text);
    double offset = comma ? strtod(comma + 1, &end) : 0;
    if (!comma || end == comma + 1 || *end != '\0' || !isfinite(offset))
        return error_set(err, E_PARSE, "%s:%u: expected NAME,offset", path, line);
    if (i < 0)
        return error_set(err, E_NOT_FOUND, "%s:%u: there is no .npy file of \"%s\"", path, line,
                         text);
    b->offsets[i] = offset;
    return 0;
}

static int take_offsets(struct boundaries *b, const char *folder, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    struct buffer text;
    unsigned line = 0;
    int rc = path_of(folder, BOUNDARY_OFFSETS, path, sizeof path, err);
    if (rc || access(path, F_OK) != 0)
        return rc;
    buffer_init(&text, OFFSETS_MAX);
    rc = buffer_read_file(&text, path, OFFSETS_MAX / 2, err);
    if (!rc)
        rc = buffer_append(&text, "", 1, err);
    char *rest = rc ? NULL : (char *)text.data;
    for (char *next; !rc && (next = strsep(&rest, "\n"));) {
        line++;
        next[strcspn(next, "\r")] = '\0';
        if (*next)
            rc = take_offset(b, path, line, next, err);
    }
    buffer_free(&text);
    return rc;
}

int boundaries_of_folder(const char *folder, struct boundaries *boundaries, struct error *err)
{
    struct dirent **files = NULL;
    int count = scandir(folder, &files, is_npy, alphasort), rc = 0;
    if (count < 0)
        return error_set(err, E_IO, "%s: %m", folder);
    if (count == 0)
        rc = error_set(err, E_NOT_FOUND, "%s: no .npy file is there", folder);
    for (int i = 0; i < count; i++) {
        if (!rc)
            rc = take_file(boundaries, folder, files[i]->d_name, err);
        free(files[i]);
    }
    free(files);
    return rc ? rc : take_offsets(boundaries, folder, err);
}

/* ---- writing ---- */

static int write_normal(const char *folder, const struct boundaries *b, size_t i, float *row,
                        struct error *err)
{
    char file[2 * LIMIT_NAME_BYTES], path[2 * LIMIT_PATH_BYTES];
    uint64_t rows = b->layers ? b->layers : 1;
    const uint64_t dims[] = {rows, b->dimension / rows};
    if (!document_is_name(b->names[i]) || strlen(b->names[i]) > LIMIT_NAME_BYTES)
        return error_set(err, E_INVALID, "\"%s\" is no name for a file", b->names[i]);
    snprintf(file, sizeof file, "%s_boundary.npy", b->names[i]);
    int rc = path_of(folder, file, path, sizeof path, err);
    for (size_t j = 0; j < b->dimension; j++)
        row[j] = (float)b->normals[i * b->dimension + j];
    return rc ? rc : npy_write(path, row, 2, dims, err);
}

int boundaries_write(const char *folder, const struct boundaries *b, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    struct buffer offsets;
    float *row = malloc((b->dimension + 1) * sizeof *row);
    buffer_init(&offsets, OFFSETS_MAX);
    int rc = row ? path_of(folder, BOUNDARY_OFFSETS, path, sizeof path, err)
                 : error_set(err, E_MEMORY, "no memory for a boundary");
    for (size_t i = 0; !rc && i < b->count; i++) {
        rc = write_normal(folder, b, i, row, err);
        if (!rc)
            rc = buffer_printf(&offsets, err, "%s,%.17g\n", b->names[i], b->offsets[i]);
    }
    if (!rc)
        rc = buffer_write_file(path, offsets.data, offsets.size, err);
    buffer_free(&offsets);
    free(row);
    return rc;
}
