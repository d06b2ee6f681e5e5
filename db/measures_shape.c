/* Figures of distributions and of whole sweeps: quantiles, shares, clipping, monotonicity, and the
 * area under IALS's disentanglement–transformation curve. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "db/measures_priv.h"

#define CLIP_YEARS 0.5 /* as near as this to the end of its range an estimator says no more */

/* ---- ages ---- */

static int put_quantiles(const struct measures *m, size_t v, const char *prefix, double *values,
                         struct error *err)
{
    static const int percents[] = {5, 25, 50, 75, 95};
    char name[32];
    int rc = 0;
    statistics_sort(values, m->faces);
    for (size_t i = 0; rc == 0 && i < sizeof percents / sizeof *percents; i++) {
        snprintf(name, sizeof name, "%s_q%02d", prefix, percents[i]);
        rc = measures_put(m, v, name, "all",
                          statistics_quantile(values, m->faces, percents[i] / 100.0), NULL,
                          m->faces, 0, err);
    }
    return rc;
}

static int put_share(const struct measures *m, size_t v, const char *name, uint32_t hits,
                     uint32_t count, struct error *err)
{
    struct statistics_interval interval = statistics_wilson(hits, count);
    return measures_put(m, v, name, "all", (double)hits / count, &interval, count, 0, err);
}

/* How many ages lie at an end of the estimator's range. */
static int put_clipping(const struct measures *m, size_t v, const double *ages, struct error *err)
{
    uint32_t least = 0, most = 0;
    if (isnan(m->order->age_least) || isnan(m->order->age_most))
        return 0;
    for (uint32_t i = 0; i < m->faces; i++) {
        least += ages[i] <= m->order->age_least + CLIP_YEARS;
        most += ages[i] >= m->order->age_most - CLIP_YEARS;
    }
    int rc = put_share(m, v, "clipped_low", least, m->faces, err);
    return rc < 0 ? rc : put_share(m, v, "clipped_high", most, m->faces, err);
}

static double sd_of(const double *values, uint32_t count)
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += values[i];
        squares += values[i] * values[i];
    }
    double mean = sum / count;
    return sqrt(fmax(squares / count - mean * mean, 0));
}

static int put_ages(const struct measures *m, size_t v, double *values, struct error *err)
{
    uint32_t older = 0;
    for (uint32_t i = 0; i < m->faces; i++) {
        double shift = v ? (double)measures_series(m, v, MEASURES_SHIFT)[i] : 0;
        values[i] = (double)m->ages[i] + shift;
        older += shift > 0;
    }
    int rc = put_clipping(m, v, values, err);
    if (rc == 0)
        rc = measures_put(m, v, "age_sd", "all", sd_of(values, m->faces), NULL, m->faces, 0, err);
    if (rc == 0)
        rc = put_quantiles(m, v, "age", values, err);
    if (v == 0 || rc < 0)
        return rc;
    rc = put_share(m, v, "older", older, m->faces, err);
    for (uint32_t i = 0; i < m->faces; i++)
        values[i] = (double)measures_series(m, v, MEASURES_SHIFT)[i];
    if (rc == 0)
        rc = measures_put(m, v, "age_shift_sd", "all", sd_of(values, m->faces), NULL, m->faces, 0,
                          err);
    return rc < 0 ? rc : put_quantiles(m, v, "age_shift", values, err);
}

/* ---- a target's sweep ---- */

struct point {
    double distance;
    size_t variant;
};

static int by_distance(const void *a, const void *b)
{
    double x = ((const struct point *)a)->distance, y = ((const struct point *)b)->distance;
    return (x > y) - (x < y);
}

/* The edits of variant v's target and kind with the face as sampled among them, by distance. */
static size_t sweep_of(const struct measures *m, size_t v, struct point *points)
{
    size_t n = 0;
    for (size_t i = 0; i < m->variants; i++)
        if (i == 0 || (m->edits[i].target == m->edits[v].target &&
                       m->edits[i].projected == m->edits[v].projected))
            points[n++] = (struct point){m->edits[i].distance, i};
    qsort(points, n, sizeof *points, by_distance);
    return n;
}

/* Share of the faces whose target never falls from one distance to the next. */
static int put_monotone(const struct measures *m, size_t v, const struct point *points, size_t n,
                        struct error *err)
{
    uint32_t rising = 0;
    for (uint32_t i = 0; i < m->faces; i++) {
        bool rises = true;
        for (size_t k = 1; k < n; k++)
            rises = rises && measures_series(m, points[k].variant, MEASURES_TARGET)[i] >=
                                 measures_series(m, points[k - 1].variant, MEASURES_TARGET)[i];
        rising += rises;
    }
    return put_share(m, v, "monotone", rising, m->faces, err);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Which faces have the edit's way before them. */
static bool is_source(const struct measures *m, const struct measures_target *target,
                      const double *logits, double age)
{
    if (target->column >= 0)
        return (logits[target->column] > 0) == (target->sign < 0);
    return target->column == MEASURES_AGE && m->has_age &&
           target->sign * (age - m->age_median) <= 0;
}

static double as_share(const struct measures *m, double age)
{
    bool known = !isnan(m->order->age_least) && m->order->age_most > m->order->age_least;
    double least = known ? m->order->age_least : 0, most = known ? m->order->age_most : 100;
    return (age - least) / (most - least);
}

/* T of the face is |change of the target's probability| (of the age as a share of its range), and
 * 1 − D the mean |change| of the others' probabilities. */
void measures_add_curve(struct measures *m, size_t variant, const double *before,
                        const double *after, double age_before, double age_after)
{
    struct measures_target *target = &m->target[m->edits[variant].target];
    bool first = variant == 1 || m->edits[variant].target != m->edits[variant - 1].target;
    if (!is_source(m, target, before, age_before))
        return;
    target->sources += first;
    double others = 0;
    size_t n = 0;
    for (size_t k = 0; k < m->attributes; k++) {
        double change = fabs(sigmoid(after[k]) - sigmoid(before[k]));
        if ((int)k == target->column) {
            m->moved[variant] += change;
            continue;
        }
        others += change;
        n++;
    }
    if (target->column == MEASURES_AGE)
        m->moved[variant] += fabs(as_share(m, age_after) - as_share(m, age_before));
    m->kept[variant] += n ? others / (double)n : 0;
}

/* Area under D over T by trapezoids, from T = 0, D = 1 on along rising distance. */
static int put_curve(const struct measures *m, size_t v, const struct point *points, size_t n,
                     struct error *err)
{
    uint32_t sources = m->target[m->edits[v].target].sources;
    double t = 0, d = 1, area = 0;
    if (sources == 0)
        return 0;
    for (size_t k = 0; k < n; k++) {
        if (!(points[k].distance > 0))
            continue;
        double moved = m->moved[points[k].variant] / sources;
        double kept = 1 - m->kept[points[k].variant] / sources;
        area += (moved - t) * (kept + d) / 2;
        t = moved;
        d = kept;
    }
    int rc = measures_put(m, v, "disentanglement_area", "all", area, NULL, sources, 0, err);
    return rc < 0 ? rc
                  : measures_put(m, v, "disentanglement_reach", "all", t, NULL, sources, 0, err);
}

static int put_points(const struct measures *m, size_t v, struct error *err)
{
    uint32_t sources = m->target[m->edits[v].target].sources;
    if (sources == 0)
        return 0;
    int rc =
        measures_put(m, v, "transformation", "all", m->moved[v] / sources, NULL, sources, 0, err);
    return rc < 0 ? rc
                  : measures_put(m, v, "disentanglement", "all", 1 - m->kept[v] / sources, NULL,
                                 sources, 0, err);
}

/* The first edit of each target and kind stands for its sweep. */
static bool stands_for_sweep(const struct measures *m, size_t v)
{
    for (size_t i = 1; i < v; i++)
        if (m->edits[i].target == m->edits[v].target &&
            m->edits[i].projected == m->edits[v].projected)
            return false;
    return true;
}

static int put_sweep(const struct measures *m, size_t v, struct point *points, struct error *err)
{
    int rc = put_points(m, v, err);
    if (rc < 0 || !stands_for_sweep(m, v) || !measures_known(m, v, MEASURES_TARGET))
        return rc;
    size_t n = sweep_of(m, v, points);
    if (n < 3)
        return 0;
    rc = put_monotone(m, v, points, n, err);
    return rc < 0 ? rc : put_curve(m, v, points, n, err);
}

int measures_shape(const struct measures *m, struct error *err)
{
    int rc = 0;
    double *values = calloc(m->faces + 1, sizeof *values);
    struct point *points = calloc(m->variants, sizeof *points);
    if (!values || !points)
        rc = error_set(err, E_MEMORY, "out of memory");
    for (size_t v = 0; rc == 0 && m->has_age && v < m->variants; v++)
        rc = put_ages(m, v, values, err);
    for (size_t v = 1; rc == 0 && v < m->variants; v++)
        rc = put_sweep(m, v, points, err);
    free(values);
    free(points);
    return rc;
}
