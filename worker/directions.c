/* Fetched directions. Immutable once made. */
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
    size_t count;
    struct direction items[];
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

int directions_copy(const struct wire_directions *message, size_t dimension,
                    struct directions **directions, struct error *err)
{
    size_t count = message->directions.count;
    const struct wire_direction *items = WIRE_ITEMS(message->directions, direction);
    struct directions *copy = calloc(1, sizeof *copy + count * sizeof copy->items[0]);
    if (!copy)
        return error_set(err, E_MEMORY, "no memory for directions");
    copy->count = count;
    for (size_t i = 0; i < count; i++) {
        int failed = copy_direction(&items[i], dimension, &copy->items[i], err);
        if (failed) {
            directions_free(&copy);
            return failed;
        }
    }
    *directions = copy;
    return 0;
}

void directions_free(struct directions **directions)
{
    if (!*directions)
        return;
    for (size_t i = 0; i < (*directions)->count; i++) {
        free((*directions)->items[i].name);
        free((*directions)->items[i].vector);
    }
    free(*directions);
    *directions = NULL;
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
