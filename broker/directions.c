/* Directions: boundaries out of the database, projected (common), and back into it. */
#include "broker/directions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broker/moving.h"
#include "common/buffer.h"
#include "common/conditions.h"
#include "common/joint.h"
#include "common/meet.h"
#include "common/projection.h"

struct frame { /* what all directions of a stage are made from */
    const struct spec_stage *spec;
    const char *const *names;
    size_t count, dimension;
    struct moving boundaries; /* once they are there */
    struct conditions held;
    size_t *which;             /* [count]: the conditions of the present target, */
    double *conditions;        /* [count][dimension]: their normals */
    double *weights;           /* [count]: and weights */
    double *plain, *projected; /* [dimension] */
};

#define DESCRIPTION_MAX ((size_t)1 << 20)

static void frame_free(struct frame *f)
{
    moving_free(&f->boundaries);
    conditions_close(&f->held);
    free(f->which);
    free(f->conditions);
    free(f->weights);
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
        .which = calloc(count, sizeof(size_t)),
        .conditions = calloc(count * dimension, sizeof(double)),
        .weights = calloc(count, sizeof(double)),
        .plain = calloc(dimension, sizeof(double)),
        .projected = calloc(dimension, sizeof(double)),
    };
    int rc = conditions_open(spec, names, count, &f->held, err);
    if (rc == 0 && !(f->which && f->conditions && f->weights && f->plain && f->projected))
        rc = error_set(err, E_MEMORY, "no memory for %zu boundaries", count);
    else if (rc < 0)
        error_prefix(err, rc, "stage %s", spec->name);
    if (rc < 0)
        frame_free(f);
    return rc;
}

static double dot(const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t c = 0; c < d; c++)
        sum += a[c] * b[c];
    return sum;
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

/* ---- before anything is fitted ---- */

static int check_logit(struct frame *f, const char *name, struct error *err)
{
    size_t which = 0;
    double sign;
    int rc = conditions_single(&f->held, name, &which, &sign, err);
    if (rc == 0 && strcmp(f->names[which], SPEC_AGE) == 0)
        rc = error_set(err, E_INVALID, "\"%s\": an age has no logit, expected an attribute", name);
    return rc;
}

/* The scores of a grid's axes are met together, so each is a boundary's own. */
static int check_name(const struct frame *f, const char *name, struct error *err)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->names[i], name) == 0)
            return 0;
    return error_set(err, E_INVALID, "\"%s\": expected a boundary's name in a grid of scores", name);
}

static int check_targets(struct frame *f, struct error *err)
{
    size_t k;
    for (size_t i = 0; i < target_count(f); i++) {
        int rc = conditions_of(&f->held, target(f, i), f->which, &k, err);
        bool row = i == 1 && f->spec->rows.steps > 0 && move_is_judged(f->spec->reach);
        if (rc == 0 && (f->spec->reach == MOVE_LOGIT || row))
            rc = check_logit(f, target(f, i), err);
        if (rc == 0 && f->spec->reach == MOVE_SCORE && f->spec->rows.steps > 0)
            rc = check_name(f, target(f, i), err);
        if (rc < 0)
            return error_prefix(err, rc, "stage %s: targets", f->spec->name);
    }
    return 0;
}

int directions_check(const struct spec_stage *stage, const char *const *names, size_t count,
                     struct error *err)
{
    struct frame f;
    int rc = frame_make(&f, stage, names, count, 1, err);
    if (rc < 0)
        return rc;
    rc = check_targets(&f, err);
    frame_free(&f);
    return rc;
}

/* ---- when the stage begins ---- */

/* Normals and weights of the present target's conditions. */
static void gather_conditions(struct frame *f, size_t k)
{
    for (size_t i = 0; i < k; i++) {
        memcpy(f->conditions + i * f->dimension, f->boundaries.normals + f->which[i] * f->dimension,
               f->dimension * sizeof *f->conditions);
        f->weights[i] = f->held.weights[f->which[i]];
    }
}

/* Gain and leak of a direction against whole boundaries, of which it may move some layers only;
 * `target` is the whole target's direction. */
static void judge(const struct frame *f, size_t k, const double *target, const double *direction,
                  struct projection_result *result)
{
    result->gain = dot(target, direction, f->dimension);
    result->leak = 0;
    for (size_t i = 0; i < k; i++) {
        const double *normal = f->boundaries.whole + f->which[i] * f->dimension;
        double leak = fabs(dot(normal, direction, f->dimension)) /
                      sqrt(dot(normal, normal, f->dimension));
        result->leak = fmax(result->leak, leak);
    }
}

/* The plain direction's gain is 1; its leak is that of a projection which discounts nothing. */
static int plain_leak(struct frame *f, const struct projection *projection,
                      struct projection_result *result, struct error *err)
{
    struct projection none = *projection;
    double *zeros = calloc(none.k ? none.k : 1, sizeof *zeros);
    if (!zeros)
        return error_set(err, E_MEMORY, "no memory for %zu conditions", none.k);
    none.method = PROJECTION_EXACT;
    none.weights = zeros;
    int rc = projection_solve(&none, f->projected, result, err);
    free(zeros);
    return rc;
}

/*
 * The target's boundary is the sum of those that occur in it, normalised: with factors f_i (their
 * ratios are in name space), score Σ f_i (n_i·z + b_i) / ‖Σ f_i n_i‖.
 */
static double target_offset(const struct frame *f)
{
    if (f->spec->reach == MOVE_JOINT)
        return 0; /* each score has its own */
    double offset = 0, square = 0;
    for (size_t c = 0; c < f->dimension; c++) {
        double sum = 0;
        for (size_t i = 0; i < f->count; i++)
            sum += f->held.occurs[i] * f->boundaries.normals[i * f->dimension + c];
        square += sum * sum;
    }
    for (size_t i = 0; i < f->count; i++)
        offset += f->held.occurs[i] * f->boundaries.offsets[i];
    return offset / sqrt(square); /* projection_direction refuses a sum of nothing */
}

static int describe(const struct frame *f, const char *name, bool projected, struct buffer *text,
                    struct error *err)
{
    int rc = buffer_printf(text, err, "%s", name);
    if (rc || !projected)
        return rc;
    rc = buffer_printf(text, err, ", ");
    return rc ? rc : spec_describe_conditions(f->spec, text, err);
}

static int write(struct database *db, int64_t stage, size_t position, bool projected,
                 const struct frame *f, const struct projection_result *result, struct error *err)
{
    const double *from = projected ? f->projected : f->plain;
    struct buffer text;
    float *vector = malloc(f->dimension * sizeof *vector);
    if (!vector)
        return error_set(err, E_MEMORY, "no memory for a direction");
    for (size_t c = 0; c < f->dimension; c++)
        vector[c] = (float)from[c];
    struct wire_direction direction = {
        .position = position,
        .projected = projected,
        .name = target(f, position),
        .vector = {(const uint8_t *)vector, f->dimension * sizeof *vector},
        .gain = result->gain,
        .leak = result->leak,
        .offset = target_offset(f),
    };
    buffer_init(&text, DESCRIPTION_MAX);
    int rc = describe(f, direction.name, projected, &text, err);
    if (rc == 0)
        rc = results_insert_direction(db, stage, &direction,
                                      projected ? projection_method_name(f->spec->projection)
                                                : "plain",
                                      (const char *)text.data, err);
    buffer_free(&text);
    free(vector);
    return rc;
}

static int write_curve(struct database *db, int64_t stage, size_t position,
                       const struct projection *projection, struct error *err)
{
    struct projection_point points[PROJECTION_POINTS];
    size_t count = 0;
    int rc = projection_curve(projection, points, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = results_insert_gain_leak(db, stage, (int64_t)position,
                                      projection_method_name(points[i].method), points[i].weight,
                                      points[i].gain, points[i].leak, err);
    return rc;
}

/* ---- one target, in one direction ---- */

static int make_direction(struct frame *f, const char *name, const struct projection *projection,
                          struct projection_result *plain, struct projection_result *projected,
                          struct error *err)
{
    bool conditions = f->spec->conditions_count > 0;
    bool all = f->boundaries.normals == f->boundaries.whole;
    int rc = projection_direction(name, f->names, f->count, f->boundaries.normals, f->dimension,
                                  f->plain, err);
    if (rc == 0) {
        gather_conditions(f, projection->k);
        rc = plain_leak(f, projection, plain, err);
    }
    if (rc == 0 && conditions)
        rc = projection_solve(projection, f->projected, projected, err);
    if (rc < 0 || all)
        return rc;
    double *whole = calloc(f->dimension, sizeof *whole);
    if (!whole)
        return error_set(err, E_MEMORY, "no memory for a direction");
    rc = projection_direction(name, f->names, f->count, f->boundaries.whole, f->dimension, whole,
                              err);
    if (rc == 0)
        judge(f, projection->k, whole, f->plain, plain);
    if (rc == 0 && conditions)
        judge(f, projection->k, whole, f->projected, projected);
    free(whole);
    return rc;
}

/* ---- one target, several scores ---- */

/* Boundaries whose scores change at once: the targets, then k conditions. */
struct joint_rows {
    size_t required, m;
    double *rows, *across, *change; /* [m][d], [m][d] or NULL, [m] */
    const char **names;             /* [m] */
};

static void joint_rows_free(struct joint_rows *r)
{
    free(r->rows);
    free(r->across);
    free(r->change);
    free(r->names);
}

static int joint_rows_make(const struct frame *f, const struct joint *joint, size_t k,
                           struct joint_rows *r, struct error *err)
{
    size_t m = joint->count + k, d = f->dimension;
    const struct moving *from = &f->boundaries;
    *r = (struct joint_rows){
        .required = joint->count,
        .m = m,
        .rows = calloc(m * d, sizeof(double)),
        .across = from->across ? calloc(m * d, sizeof(double)) : NULL,
        .change = calloc(m, sizeof(double)),
        .names = calloc(m, sizeof(char *)),
    };
    if (!r->rows || !r->change || !r->names || (from->across && !r->across))
        return error_set(err, E_MEMORY, "no memory for %zu scores", m);
    for (size_t i = 0; i < m; i++) {
        size_t which = i < joint->count ? joint->which[i] : f->which[i - joint->count];
        memcpy(r->rows + i * d, from->normals + which * d, d * sizeof *r->rows);
        if (from->across)
            memcpy(r->across + i * d, from->across + which * d, d * sizeof *r->across);
        r->names[i] = f->names[which];
    }
    return 0;
}

/* step[d] that brings the first `m` scores their change. */
static int joint_step(const struct frame *f, const struct joint_rows *r, size_t m, double *step,
                      struct error *err)
{
    struct meet *meet = NULL;
    const struct meet_rows from = {m, f->dimension, r->rows, r->across, r->required, r->names};
    int rc = meet_make(&from, &meet, err);
    if (rc == 0)
        meet_step(meet, r->change, step);
    meet_free(&meet);
    return rc;
}

/* Conditions keep the share 1 − λ of the drift that the targets alone would bring. */
static int joint_drift(const struct frame *f, struct joint_rows *r, double *step, struct error *err)
{
    int rc = r->m > r->required ? joint_step(f, r, r->required, step, err) : 0;
    for (size_t i = r->required; rc == 0 && i < r->m; i++)
        r->change[i] = (1 - f->held.weights[f->which[i - r->required]]) *
                       dot(r->rows + i * f->dimension, step, f->dimension);
    return rc;
}

/*
 * direction[d]: where a face goes whose scores are all 0. It is each face's own (common/meet.h);
 * this one stands for them in tables, and its gain is the length of the targets' scores that a unit
 * step along it brings: for one score the projected edit's.
 */
static int joint_direction(struct frame *f, const struct joint *joint, size_t k, double *direction,
                           struct projection_result *result, struct error *err)
{
    struct joint_rows r;
    double square = 0;
    int rc = joint_rows_make(f, joint, k, &r, err);
    for (size_t i = 0; rc == 0 && i < joint->count; i++) {
        r.change[i] = joint->scores[i];
        square += r.change[i] * r.change[i];
    }
    for (size_t i = 0; rc == 0 && square == 0 && i < joint->count; i++)
        r.change[i] = 1;
    if (rc == 0)
        rc = joint_drift(f, &r, direction, err);
    if (rc == 0)
        rc = joint_step(f, &r, r.m, direction, err);
    if (rc == 0) {
        double norm = sqrt(dot(direction, direction, f->dimension));
        for (size_t c = 0; c < f->dimension; c++)
            direction[c] /= norm;
        judge(f, k, direction, direction, result);
        result->gain = sqrt(square > 0 ? square : (double)joint->count) / norm;
    }
    joint_rows_free(&r);
    return rc;
}

static int make_joint(struct frame *f, const char *name, size_t k, struct projection_result *plain,
                      struct projection_result *projected, struct error *err)
{
    struct joint joint;
    int rc = joint_parse(name, f->names, f->count, &joint, err);
    if (rc == 0)
        rc = joint_direction(f, &joint, 0, f->plain, plain, err);
    double gain = plain->gain;
    if (rc == 0)
        judge(f, k, f->plain, f->plain, plain); /* against the conditions that it does not hold */
    plain->gain = gain;
    if (rc == 0 && f->spec->conditions_count > 0)
        rc = joint_direction(f, &joint, k, f->projected, projected, err);
    return rc;
}

/* One target. Computed before it is written, so that what the mathematics refuses is told apart. */
static int make_target(struct database *db, struct frame *f, int64_t stage, size_t position,
                       bool *refused, struct error *err)
{
    struct projection_result plain = {0}, projected = {0};
    struct projection projection = {.method = f->spec->projection,
                                    .d = f->dimension,
                                    .target = f->plain,
                                    .conditions = f->conditions,
                                    .weights = f->weights};
    const char *name = target(f, position);
    bool conditions = f->spec->conditions_count > 0, joint = joint_is(name);
    int rc = conditions_of(&f->held, name, f->which, &projection.k, err);
    if (rc == 0)
        rc = joint ? make_joint(f, name, projection.k, &plain, &projected, err)
                   : make_direction(f, name, &projection, &plain, &projected, err);
    if (rc < 0) {
        *refused = rc != E_MEMORY;
        return error_prefix(err, rc, "target %s", name);
    }
    rc = write(db, stage, position, false, f, &plain, err);
    if (rc == 0 && conditions)
        rc = write(db, stage, position, true, f, &projected, err);
    return rc == 0 && conditions && !joint ? write_curve(db, stage, position, &projection, err) : rc;
}

int directions_boundaries(struct database *db, const struct directions_order *order,
                          struct moving *boundaries, bool *refused, struct error *err)
{
    const struct spec_stage *spec = order->spec;
    const struct moving_order wanted = {
        .fit = order->fit,
        .names = order->names,
        .count = order->count,
        .dimension = order->dimension,
        .layers = order->layers,
        .layer_count = order->layer_count,
        .text = spec->layers,
        .scored = spec->reach == MOVE_SCORE || spec->reach == MOVE_JOINT,
    };
    return moving_load(db, &wanted, boundaries, refused, err);
}

int directions_make(struct database *db, const struct directions_order *order, bool *refused,
                    struct error *err)
{
    struct frame f;
    *refused = false;
    int rc = frame_make(&f, order->spec, order->names, order->count, order->dimension, err);
    if (rc < 0) {
        *refused = rc != E_MEMORY;
        return rc;
    }
    rc = directions_boundaries(db, order, &f.boundaries, refused, err);
    for (size_t i = 0; rc == 0 && i < target_count(&f); i++)
        rc = make_target(db, &f, order->id, i, refused, err);
    frame_free(&f);
    return rc;
}
