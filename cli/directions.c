/* Boundaries out of a database or a folder, and a stage out of options. */
#include "cli/directions.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/npy.h"
#include "db/results.h"

void boundaries_free(struct boundaries *b)
{
    for (size_t i = 0; i < b->count; i++)
        free(b->names[i]);
    free(b->names);
    free(b->normals);
    *b = (struct boundaries){0};
}

/* Room for one more, of the dimension that the others have; *normal is to be filled. */
static int add(struct boundaries *b, const char *name, size_t length, size_t dimension,
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
    char *copy = strndup(name, length);
    if (!names || !normals || !copy) {
        free(copy);
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", b->count + 1);
    }
    b->dimension = dimension;
    *normal = normals + b->count * dimension;
    b->names[b->count++] = copy;
    return 0;
}

static int take_row(void *context, const struct results_boundary *row, struct error *err)
{
    double *normal = NULL;
    int rc = add(context, row->name, strlen(row->name), row->dimension, &normal, err);
    for (size_t i = 0; !rc && i < row->dimension; i++) {
        float value;
        memcpy(&value, (const char *)row->normal + i * sizeof value, sizeof value);
        normal[i] = (double)value;
    }
    return rc;
}

int boundaries_of_job(struct database *db, int64_t job, const char *stage,
                      struct boundaries *boundaries, struct error *err)
{
    struct statement *q;
    int64_t id = 0;
    int rc = database_query(db, "direction_fit", &q, err);
    if (rc)
        return rc;
    statement_bind_int(q, 1, job);
    if (stage)
        statement_bind_text(q, 2, stage);
    rc = statement_step(q, err);
    if (rc > 0)
        id = statement_int(q, 0);
    statement_reset(q);
    if (rc == 0)
        rc = error_set(err, E_NOT_FOUND, "job %lld has no boundaries yet%s%s", (long long)job,
                       stage ? " of a stage " : "", stage ? stage : "");
    return rc < 0 ? rc : results_each_boundary(db, id, take_row, boundaries, err);
}

/* ---- files ---- */

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

static int take_file(struct boundaries *b, const char *folder, const char *file, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    const char *name = file;
    size_t length = strlen(file);
    struct npy npy = {0};
    double *normal = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, file) >= sizeof path)
        return error_set(err, E_LIMIT, "%s/%s: the path is too long", folder, file);
    strip(&name, &length);
    int rc = npy_read_double(path, &npy, err);
    if (!rc && npy.dims[npy.rank ? npy.rank - 1 : 0] != npy.elements)
        rc = error_set(err, E_INVALID, "%s: %zu values in several rows, expected one", path,
                       npy.elements);
    if (!rc)
        rc = add(b, name, length, npy.elements, &normal, err);
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
    return rc;
}

/* ---- a stage ---- */

static int take_method(const char *name, struct spec_stage *stage, struct error *err)
{
    for (int m = 0; m < PROJECTION_METHODS; m++)
        if (strcmp(name, projection_method_name((enum projection_method)m)) == 0) {
            stage->projection = (enum projection_method)m;
            return 0;
        }
    return error_set(err, E_INVALID,
                     "--projection: found \"%s\", expected exact, soft, correlation or naive",
                     name);
}

static int take_condition(char *text, struct spec_stage *stage, struct error *err)
{
    struct spec_weight *weight = &stage->condition_weights[stage->conditions_count];
    double most = stage->projection == PROJECTION_SOFT ? PROJECTION_STRENGTH_MAX : 1;
    char *number = strchr(text, '='), *end = NULL;
    if (number)
        *number++ = '\0';
    for (uint32_t i = 0; i < stage->conditions_count; i++)
        if (strcmp(stage->conditions[i], text) == 0)
            return error_set(err, E_EXISTS, "--conditions: \"%s\" stands there twice", text);
    if (number && strcmp(number, "free") == 0) {
        weight->is_free = true;
    } else if (number) {
        weight->given = true;
        weight->value = strtod(number, &end);
        if (end == number || *end || !(weight->value >= 0 && weight->value <= most) ||
            stage->projection == PROJECTION_CORRELATION)
            return error_set(
                err, E_INVALID, "--conditions: %s=%s: expected %s", text, number,
                stage->projection == PROJECTION_CORRELATION
                    ? "no number, correlation finds it"
                    : "free or a number from 0 to the most of the projection's weight");
    }
    stage->conditions[stage->conditions_count] = strdup(text);
    if (!stage->conditions[stage->conditions_count])
        return error_set(err, E_MEMORY, "out of memory");
    stage->conditions_count++;
    return 0;
}

int directions_stage(const char *conditions, const char *projection, double discount,
                     double strength, struct spec_stage *stage, struct error *err)
{
    *stage = (struct spec_stage){.kind = SPEC_EDIT, .discount = discount, .strength = strength};
    if (!(discount >= 0 && strength >= 0)) /* --option checks the most */
        return error_set(err, E_INVALID, "--%s is %g, expected at least 0",
                         discount >= 0 ? "strength" : "discount",
                         discount >= 0 ? strength : discount);
    size_t most = 1;
    for (const char *c = conditions; *c; c++)
        most += *c == ',';
    char *copy = strdup(conditions), *rest = copy;
    stage->conditions = calloc(most, sizeof *stage->conditions);
    stage->condition_weights = calloc(most, sizeof *stage->condition_weights);
    int rc = copy && stage->conditions && stage->condition_weights
                 ? take_method(projection, stage, err)
                 : error_set(err, E_MEMORY, "out of memory");
    if (!rc && strcmp(conditions, "none") != 0)
        for (char *text; !rc && (text = strsep(&rest, ","));)
            if (*text)
                rc = take_condition(text, stage, err);
    free(copy);
    return rc;
}

void directions_free_stage(struct spec_stage *stage)
{
    for (uint32_t i = 0; i < stage->conditions_count; i++)
        free(stage->conditions[i]);
    free(stage->conditions);
    free(stage->condition_weights);
}
