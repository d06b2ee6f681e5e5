/*
 * Directions. Which boundaries occur in a target is asked of the parser itself: with the unit
 * vectors of name space as normals, a target's direction has a component for every name in it.
 */
#include "broker/directions.h"

#include <stdlib.h>
#include <string.h>

#include "common/projection.h"
#include "db/results.h"

struct frame { /* what all directions of a stage are made from */
    const struct spec_stage *spec;
    const char *const *names;
    size_t count, dimension;
    float *normals;           /* [count][dimension] */
    float *unit;              /* [count][count]: name space */
    float *occurs;            /* [count]: of the present target */
    float *conditions;        /* [count][dimension] */
    double *discounts;        /* [count] */
    float *plain, *projected; /* [dimension] */
    size_t found;             /* boundaries read */
};

static void frame_free(struct frame *f)
{
    free(f->normals);
    free(f->unit);
    free(f->occurs);
    free(f->conditions);
    free(f->discounts);
    free(f->plain);
    free(f->projected);
}

static int frame_make(struct frame *f, const struct spec_stage *spec, const char *const *names,
                      size_t count, size_t dimension, struct error *err)
{
    *f = (struct frame){
        .spec = spec,
        .names = names,
        .count = count,
        .dimension = dimension,
        .normals = calloc(count * dimension, sizeof(float)),
        .unit = calloc(count * count, sizeof(float)),
        .occurs = calloc(count, sizeof(float)),
        .conditions = calloc(count * dimension, sizeof(float)),
        .discounts = calloc(count, sizeof(double)),
        .plain = calloc(dimension, sizeof(float)),
        .projected = calloc(dimension, sizeof(float)),
    };
    if (!f->normals || !f->unit || !f->occurs || !f->conditions || !f->discounts || !f->plain ||
        !f->projected) {
        frame_free(f);
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", count);
    }
    for (size_t i = 0; i < count; i++)
        f->unit[i * count + i] = 1;
    return 0;
}

static bool is_all(char *const *names, uint32_t count)
{
    return count == 1 && strcmp(names[0], SPEC_ALL) == 0;
}

static size_t target_count(const struct frame *f)
{
    return is_all(f->spec->targets, f->spec->targets_count) ? f->count : f->spec->targets_count;
}

static const char *target(const struct frame *f, size_t i)
{
    return is_all(f->spec->targets, f->spec->targets_count) ? f->names[i] : f->spec->targets[i];
}

static int mark_occurring(struct frame *f, const char *expression, struct error *err)
{
    return projection_direction(expression, f->names, f->count, f->unit, f->count, f->occurs, err);
}

static int find_name(const struct frame *f, const char *name, size_t *which, struct error *err)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->names[i], name) == 0) {
            *which = i;
            return 0;
        }
    /* Its error lists what there is. */
    int rc = projection_direction(name, f->names, f->count, f->unit, f->count, f->occurs, err);
    return rc < 0 ? rc
                  : error_set(err, E_INVALID, "\"%s\": expected the name of one boundary", name);
}

/* ---- before anything is fitted ---- */

static int check_names(struct frame *f, struct error *err)
{
    const struct spec_stage *spec = f->spec;
    size_t which;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < target_count(f); i++)
        if ((rc = mark_occurring(f, target(f, i), err)) < 0)
            return error_prefix(err, rc, "stage %s: targets", spec->name);
    for (uint32_t i = 0; i < spec->conditions_count; i++)
        if (!is_all(spec->conditions, spec->conditions_count) &&
            (rc = find_name(f, spec->conditions[i], &which, err)) < 0)
            return error_prefix(err, rc, "stage %s: conditions", spec->name);
    return 0;
}

int directions_check(const struct spec_stage *stage, const char *const *names, size_t count,
                     struct error *err)
{
    struct frame f;
    int rc = frame_make(&f, stage, names, count, 1, err);
    if (rc < 0)
        return rc;
    rc = check_names(&f, err);
    frame_free(&f);
    return rc;
}

/* ---- when the stage begins ---- */

static int take_boundary(void *context, const struct results_boundary *boundary, struct error *err)
{
    struct frame *f = context;
    size_t at = (size_t)boundary->position;
    if (at >= f->count || strcmp(boundary->name, f->names[at]) != 0 ||
        boundary->dimension != f->dimension)
        return error_set(err, E_DATABASE,
                         "boundary %zu, \"%s\" of %zu dimensions, is none of the "
                         "bundle's",
                         at, boundary->name, boundary->dimension);
    memcpy(f->normals + at * f->dimension, boundary->normal, f->dimension * sizeof(float));
    f->found++;
    return 0;
}

static void add_condition(struct frame *f, size_t which, size_t *k)
{
    if (f->occurs[which] != 0)
        return;
    memcpy(f->conditions + *k * f->dimension, f->normals + which * f->dimension,
           f->dimension * sizeof(float));
    f->discounts[(*k)++] = f->spec->discount;
}

/* The conditions of the present target, whose names are in f->occurs. */
static int gather_conditions(struct frame *f, size_t *k, struct error *err)
{
    const struct spec_stage *spec = f->spec;
    int rc = 0;
    *k = 0;
    if (is_all(spec->conditions, spec->conditions_count)) {
        for (size_t i = 0; i < f->count; i++)
            add_condition(f, i, k);
        return 0;
    }
    for (uint32_t i = 0; rc == 0 && i < spec->conditions_count && *k < f->count; i++) {
        size_t which = 0;
        rc = find_name(f, spec->conditions[i], &which, err);
        if (rc == 0)
            add_condition(f, which, k);
    }
    return rc;
}

/* The plain direction's gain is 1; its leak is that of a projection which discounts nothing. */
static int plain_leak(struct frame *f, size_t k, struct projection_result *result,
                      struct error *err)
{
    double *none = calloc(k ? k : 1, sizeof *none);
    if (!none)
        return error_set(err, E_MEMORY, "no memory for %zu conditions", k);
    int rc = projection_discounted(f->plain, f->dimension, f->conditions, k, none, f->projected,
                                   result, err);
    free(none);
    return rc;
}

static int write(struct database *db, int64_t stage, size_t position, bool projected,
                 const struct frame *f, const struct projection_result *result, struct error *err)
{
    const float *vector = projected ? f->projected : f->plain;
    struct wire_direction direction = {
        .position = position,
        .projected = projected,
        .name = target(f, position),
        .vector = {(const uint8_t *)vector, f->dimension * sizeof *vector},
        .gain = result->gain,
        .leak = result->leak,
    };
    return results_insert_direction(db, stage, &direction, err);
}

/* One target. Computed before it is written, so that what the mathematics refuses is told apart. */
static int make_target(struct database *db, struct frame *f, int64_t stage, size_t position,
                       bool *refused, struct error *err)
{
    struct projection_result plain, projected;
    size_t k = 0;
    int rc = mark_occurring(f, target(f, position), err);
    if (rc == 0)
        rc = projection_direction(target(f, position), f->names, f->count, f->normals, f->dimension,
                                  f->plain, err);
    if (rc == 0)
        rc = gather_conditions(f, &k, err);
    if (rc == 0)
        rc = plain_leak(f, k, &plain, err);
    if (rc == 0 && f->spec->conditions_count > 0)
        rc = projection_discounted(f->plain, f->dimension, f->conditions, k, f->discounts,
                                   f->projected, &projected, err);
    if (rc < 0) {
        *refused = rc != E_MEMORY;
        return error_prefix(err, rc, "target %s", target(f, position));
    }
    rc = write(db, stage, position, false, f, &plain, err);
    if (rc == 0 && f->spec->conditions_count > 0)
        rc = write(db, stage, position, true, f, &projected, err);
    return rc;
}

int directions_make(struct database *db, const struct directions_order *order, bool *refused,
                    struct error *err)
{
    struct frame f;
    *refused = false;
    int rc = frame_make(&f, order->spec, order->names, order->count, order->dimension, err);
    if (rc < 0)
        return rc;
    rc = results_each_boundary(db, order->fit, take_boundary, &f, err);
    if (rc == 0 && f.found != f.count)
        rc = error_set(err, E_DATABASE, "stage %lld has %zu of %zu boundaries",
                       (long long)order->fit, f.found, f.count);
    for (size_t i = 0; rc == 0 && i < target_count(&f); i++)
        rc = make_target(db, &f, order->id, i, refused, err);
    frame_free(&f);
    return rc;
}
