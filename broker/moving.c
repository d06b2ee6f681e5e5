/* Boundaries out of the database, and what of them lies in some layers. */
#include "broker/moving.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING_MOVES 1e-6 /* of a unit normal, in the layers that are moved */

struct loading {
    const struct moving_order *order;
    struct moving *moving;
    size_t found, with_across;
    double *sums;   /* [count]: Σ_S c_l b_l */
    size_t *scored; /* [count]: layers found */
};

static void widen(const void *from, size_t count, double *to)
{
    for (size_t c = 0; c < count; c++) {
        float value;
        memcpy(&value, (const char *)from + c * sizeof value, sizeof value);
        to[c] = (double)value;
    }
}

static int take_boundary(void *context, const struct results_boundary *boundary, struct error *err)
{
    struct loading *loading = context;
    const struct moving_order *order = loading->order;
    struct moving *moving = loading->moving;
    size_t at = (size_t)boundary->position, d = order->dimension;
    if (at >= order->count || strcmp(boundary->name, order->names[at]) != 0 ||
        boundary->dimension != d)
        return error_set(err, E_DATABASE,
                         "boundary %zu, \"%s\" of %zu dimensions, is none of the bundle's", at,
                         boundary->name, boundary->dimension);
    widen(boundary->normal, d, moving->whole + at * d);
    moving->offsets[at] = boundary->offset;
    if (boundary->across) {
        widen(boundary->across, d, moving->across + at * d);
        loading->with_across++;
    }
    loading->found++;
    return 0;
}

static int take_layer(void *context, const struct results_layer *layer, struct error *err)
{
    (void)err;
    struct loading *loading = context;
    size_t at = (size_t)layer->position, l = (size_t)layer->layer;
    if (at >= loading->order->count || l >= loading->order->layer_count)
        return 0;
    loading->scored[at]++;
    if (loading->order->layers[l])
        loading->sums[at] += layer->cosine * layer->offset;
    return 0;
}

/* Of boundary `i` what lies in the layers; *length of it. */
static void restrict_normal(const struct moving_order *order, struct moving *moving, size_t i,
                            double *length)
{
    size_t d = order->dimension, each = d / order->layer_count;
    double square = 0;
    for (size_t c = 0; c < d; c++) {
        double value = order->layers[c / each] ? moving->whole[i * d + c] : 0;
        moving->normals[i * d + c] = value;
        square += value * value;
    }
    *length = sqrt(square);
    for (size_t c = 0; c<d && * length> 0; c++)
        moving->normals[i * d + c] /= *length;
}

static int take_layers(struct loading *loading, bool *refused, struct error *err)
{
    const struct moving_order *order = loading->order;
    struct moving *moving = loading->moving;
    *refused = true;
    for (size_t i = 0; i < order->count; i++) {
        double length;
        restrict_normal(order, moving, i, &length);
        if (!(length > NOTHING_MOVES))
            return error_set(err, E_INVALID, "layers \"%s\" have nothing of the boundary of %s",
                             order->text, order->names[i]);
        if (loading->scored[i] == order->layer_count)
            moving->offsets[i] = loading->sums[i] / length;
        else if (order->scored)
            return error_set(err, E_INVALID,
                             "the boundary of %s has one score for all layers, none along layers "
                             "\"%s\": expected boundaries of a fit with per_layer: true, or "
                             "another reach",
                             order->names[i], order->text);
    }
    *refused = false;
    return 0;
}

static bool moves_all(const struct moving_order *order)
{
    for (size_t l = 0; l < order->layer_count; l++)
        if (!order->layers[l])
            return false;
    return true;
}

static int load(struct database *db, struct loading *loading, bool *refused, struct error *err)
{
    const struct moving_order *order = loading->order;
    struct moving *moving = loading->moving;
    int rc = results_each_boundary(db, order->fit, take_boundary, loading, err);
    if (rc == 0 && loading->found != order->count)
        rc = error_set(err, E_DATABASE, "stage %lld has %zu of %zu boundaries",
                       (long long)order->fit, loading->found, order->count);
    bool all = moves_all(order);
    if (rc == 0 && (!all || loading->with_across != order->count)) {
        free(moving->across);
        moving->across = NULL;
    }
    if (rc < 0 || all)
        return rc;
    moving->normals = calloc(order->count * order->dimension + 1, sizeof *moving->normals);
    if (!moving->normals)
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", order->count);
    rc = results_each_layer(db, order->fit, take_layer, loading, err);
    return rc < 0 ? rc : take_layers(loading, refused, err);
}

int moving_load(struct database *db, const struct moving_order *order, struct moving *moving,
                bool *refused, struct error *err)
{
    size_t n = order->count, d = order->dimension;
    struct moving made = {.count = n, .dimension = d};
    struct loading loading = {.order = order, .moving = &made};
    *refused = false;
    made.whole = calloc(n * d + 1, sizeof *made.whole);
    made.across = calloc(n * d + 1, sizeof *made.across);
    made.offsets = calloc(n + 1, sizeof *made.offsets);
    loading.sums = calloc(n + 1, sizeof *loading.sums);
    loading.scored = calloc(n + 1, sizeof *loading.scored);
    int rc = made.whole && made.across && made.offsets && loading.sums && loading.scored
                 ? load(db, &loading, refused, err)
                 : error_set(err, E_MEMORY, "no memory for %zu boundaries", n);
    if (rc == 0 && !made.normals)
        made.normals = made.whole;
    free(loading.sums);
    free(loading.scored);
    if (rc < 0)
        moving_free(&made);
    else
        *moving = made;
    return rc;
}

void moving_free(struct moving *moving)
{
    if (moving->normals != moving->whole)
        free(moving->normals);
    free(moving->whole);
    free(moving->offsets);
    free(moving->across);
    *moving = (struct moving){0};
}
