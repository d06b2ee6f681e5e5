/* What ways_open.c prepares and ways.c goes along. */
#ifndef WORKER_TASKS_WAYS_PRIV_H
#define WORKER_TASKS_WAYS_PRIV_H

#include "common/conditions.h"
#include "common/meet.h"
#include "worker/tasks/ways.h"

#define TARGETS_MOST 2 /* of a variant: a grid's */

/* Several scores: of the targets, then of the conditions that keep a share of their natural drift.
 */
struct scores {
    size_t m, required;
    struct meet *meet;    /* of all rows */
    struct meet *natural; /* of the targets alone, where there are conditions */
    double *rows;         /* [m][d]: normals */
    double *offsets;      /* [m] */
    double *goals;        /* [m]: of the targets, with offsets */
    double *keep;         /* [m]: 1 − λ of a condition */
};

/* A target and kind (plain, projected); the variants of a sweep share it. */
struct edit {
    int64_t target;
    bool projected;
    const float *direction[TARGETS_MOST];
    const float *normal; /* [d]: of the target: its plain direction */
    double offset;
    struct scores scores; /* m > 0: the way leads to them */
    struct meet *hold;    /* rows: normal, conditions; NULL: nothing is re-projected */
    double *slopes;       /* [rows of hold]: B u */
    int column;           /* of a row of scores that is judged */
    double sign;          /* of the target's logit */
    int row_column;       /* of a grid that is judged: the same of its second target's logit */
    double row_sign;
    int side;
    bool *means; /* [attributes] */
};

struct ways {
    const struct task *task;
    const struct bundle *bundle;
    size_t d, count, boundary_count;
    double radius; /* 0: no sphere */
    struct spec_variant *variants;
    struct edit *edits;
    size_t edit_count;
    size_t *edit_of;    /* [count]: SIZE_MAX as sampled */
    const char **names; /* [boundary_count] */
    struct conditions conditions;
    size_t *which; /* [boundary_count]: the conditions of the present target */
    struct directions_boundaries boundaries;
    double *z, *end, *other, *value; /* scratch: [d], [d], [d], [3][boundaries + targets] */
};

static inline double ways_dot(const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

static inline void ways_widen(const float *from, size_t d, double *to)
{
    for (size_t i = 0; i < d; i++)
        to[i] = (double)from[i];
}

#endif
