/* Fetched directions. Belongs to the compute thread; immutable once made. */
#include "worker/directions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct direction {
    uint64_t target;
    bool projected;
    char *name;
    float *vector;
    double offset;
};

struct directions {
    size_t count, dimension;
    struct direction *items;
    size_t boundary_count;
    char **names;
    double *normals, *offsets;
    double *across; /* or NULL */
    float *logits;
    size_t logit_count; /* attributes */
};

static int copy_direction(const struct wire_direction *from, size_t dimension, struct direction *to,
                          struct error *err)
{
    if (from->vector.size != dimension * sizeof(float))
        return error_set(err, E_INVALID, "direction %s has %zu bytes, expected %zu floats",
                         from->name, from->vector.size, dimension);
    to->target = from->position;
    to->projected = from->projected != 0;
    to->offset = from->offset;
    to->name = strdup(from->name);
    to->vector = malloc(from->vector.size);
    if (!to->name || !to->vector)
        return error_set(err, E_MEMORY, "no memory for directions");
    memcpy(to->vector, from->vector.data, from->vector.size);
    double square = 0;
    for (size_t i = 0; i < dimension; i++)
        square += (double)to->vector[i] * (double)to->vector[i];
    if (!(fabs(square - 1) < 1e-3))
        return error_set(err, E_INVALID, "direction %s has length %g, expected 1", from->name,
                         sqrt(square));
    return 0;
}

static int widen(const char *what, const struct wire_normal *from, struct wire_bytes bytes,
                 size_t dimension, double *to, struct error *err)
{
    if (bytes.size != dimension * sizeof(float))
        return error_set(err, E_INVALID, "boundary %s: %s of %zu bytes, expected %zu floats",
                         from->name, what, bytes.size, dimension);
    for (size_t c = 0; c < dimension; c++) {
        float value;
        memcpy(&value, bytes.data + c * sizeof value, sizeof value);
        if (!isfinite(value))
            return error_set(err, E_INVALID, "boundary %s: number %zu of its %s is %g", from->name,
                             c, what, (double)value);
        to[c] = (double)value;
    }
    return 0;
}

static int copy_normal(const struct wire_normal *from, struct directions *to, size_t i,
                       struct error *err)
{
    size_t d = to->dimension;
    if (from->position != i)
        return error_set(err, E_INVALID, "boundary %s: is %llu, expected %zu", from->name,
                         (unsigned long long)from->position, i);
    to->offsets[i] = from->offset;
    to->names[i] = strdup(from->name);
    if (!to->names[i])
        return error_set(err, E_MEMORY, "no memory for boundaries");
    int failed = widen("normal", from, from->normal, d, to->normals + i * d, err);
    return failed || !to->across ? failed
                                 : widen("across", from, from->across, d, to->across + i * d, err);
}

static int copy_normals(const struct wire_directions *message, struct directions *to,
                        struct error *err)
{
    size_t count = message->normals.count;
    const struct wire_normal *from = WIRE_ITEMS(message->normals, normal);
    if (count == 0)
        return 0;
    bool across = from[0].across.size > 0; /* all have it, or none */
    to->names = calloc(count, sizeof *to->names);
    to->normals = calloc(count * to->dimension, sizeof *to->normals);
    to->across = across ? calloc(count * to->dimension, sizeof *to->across) : NULL;
    to->offsets = calloc(count, sizeof *to->offsets);
    if (!to->names || !to->normals || (across && !to->across) || !to->offsets)
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", count);
    to->boundary_count = count;
    int failed = 0;
    for (size_t i = 0; !failed && i < count; i++)
        failed = copy_normal(&from[i], to, i, err);
    return failed;
}

static int copy_logits(struct wire_bytes from, struct directions *to, struct error *err)
{
    if (from.size == 0)
        return 0;
    if (from.size % (2 * sizeof(float)) != 0)
        return error_set(err, E_INVALID, "logits: %zu bytes are no pairs of floats", from.size);
    to->logits = malloc(from.size);
    if (!to->logits)
        return error_set(err, E_MEMORY, "no memory for %zu bytes", from.size);
    memcpy(to->logits, from.data, from.size);
    to->logit_count = from.size / (2 * sizeof(float));
    for (size_t i = 0; i < 2 * to->logit_count; i++)
        if (!isfinite(to->logits[i]) || (i % 2 == 1 && to->logits[i] < 0))
            return error_set(err, E_INVALID, "logits: number %zu is %g", i, (double)to->logits[i]);
    return 0;
}

int directions_copy(const struct wire_directions *message, size_t dimension,
                    struct directions **directions, struct error *err)
{
    size_t count = message->directions.count;
    const struct wire_direction *items = WIRE_ITEMS(message->directions, direction);
    struct directions *copy = calloc(1, sizeof *copy);
    if (!copy)
        return error_set(err, E_MEMORY, "no memory for directions");
    copy->dimension = dimension;
    copy->items = calloc(count + 1, sizeof copy->items[0]);
    copy->count = copy->items ? count : 0;
    int failed = copy->items ? 0 : error_set(err, E_MEMORY, "no memory for directions");
    for (size_t i = 0; !failed && i < count; i++)
        failed = copy_direction(&items[i], dimension, &copy->items[i], err);
    if (!failed)
        failed = copy_normals(message, copy, err);
    if (!failed)
        failed = copy_logits(message->logits, copy, err);
    if (failed)
        directions_free(&copy);
    else
        *directions = copy;
    return failed;
}

void directions_free(struct directions **directions)
{
    struct directions *d = *directions;
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++) {
        free(d->items[i].name);
        free(d->items[i].vector);
    }
    for (size_t i = 0; i < d->boundary_count; i++)
        free(d->names[i]);
    free(d->items);
    free(d->names);
    free(d->normals);
    free(d->offsets);
    free(d->across);
    free(d->logits);
    free(d);
    *directions = NULL;
}

int directions_boundaries(const struct directions *directions, size_t count,
                          struct directions_boundaries *boundaries, struct error *err)
{
    if (directions->boundary_count != count)
        return error_set(err, E_NOT_FOUND, "the broker sent %zu boundaries, expected %zu",
                         directions->boundary_count, count);
    *boundaries = (struct directions_boundaries){
        .count = count,
        .names = (const char *const *)directions->names,
        .normals = directions->normals,
        .offsets = directions->offsets,
        .across = directions->across,
    };
    return 0;
}

int directions_logits(const struct directions *directions, size_t attributes, const float **moments,
                      struct error *err)
{
    if (directions->logit_count != attributes)
        return error_set(err, E_NOT_FOUND, "the broker sent the logits of %zu attributes, expected %zu",
                         directions->logit_count, attributes);
    *moments = directions->logits;
    return 0;
}

int directions_offset(const struct directions *directions, uint64_t target, double *offset,
                      struct error *err)
{
    for (size_t i = 0; i < directions->count; i++)
        if (directions->items[i].target == target && !directions->items[i].projected) {
            *offset = directions->items[i].offset;
            return 0;
        }
    return error_set(err, E_NOT_FOUND, "the broker sent no plain direction of target %llu",
                     (unsigned long long)target);
}

int directions_find(const struct directions *directions, uint64_t target, bool projected,
                    const float **vector, const char **name, struct error *err)
{
    for (size_t i = 0; i < directions->count; i++) {
        const struct direction *item = &directions->items[i];
        if (item->target != target || item->projected != projected)
            continue;
        *vector = item->vector;
        if (name)
            *name = item->name;
        return 0;
    }
    return error_set(err, E_NOT_FOUND, "the broker sent no %s direction of target %llu",
                     projected ? "projected" : "plain", (unsigned long long)target);
}
