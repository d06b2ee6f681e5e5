/* One pass over the label rows gives both correlations and the groups' means. */
#include "cli/report/matrices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/latent.h"

#define PARTS 10
#define GROUPS_MAX 64  /* workers that are told apart */
#define GROUP_LEAST 50 /* faces */

static void free_square(struct matrices_square *square)
{
    for (size_t i = 0; square->names && i < square->count; i++)
        free(square->names[i]);
    free(square->names);
    free(square->values);
}

void matrices_free(struct matrices *m)
{
    free_square(&m->cosine);
    free_square(&m->logits);
    free_square(&m->labels);
}

static int add_name(struct matrices_square *square, const char *name, struct error *err)
{
    char **grown = realloc(square->names, (square->count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "out of memory");
    square->names = grown;
    square->names[square->count] = strdup(name);
    if (!square->names[square->count])
        return error_set(err, E_MEMORY, "out of memory");
    square->count++;
    return 0;
}

static int query(struct database *db, const char *name, int64_t id, struct statement **q,
                 struct error *err)
{
    int rc = database_query(db, name, q, err);
    if (rc == 0)
        statement_bind_int(*q, 1, id);
    return rc;
}

/* ---- boundaries ---- */

static int add_normal(struct statement *q, struct matrices_square *square, float **normals,
                      size_t *bytes, struct error *err)
{
    size_t size, at = square->count;
    const void *normal = statement_blob(q, 1, &size);
    if (at && size != *bytes)
        return error_set(err, E_DATABASE, "boundary %s has %zu bytes, others have %zu",
                         statement_text(q, 0), size, *bytes);
    float *grown = realloc(*normals, (at + 1) * (size ? size : 1));
    if (!grown)
        return error_set(err, E_MEMORY, "out of memory");
    *normals = grown;
    *bytes = size;
    memcpy((char *)grown + at * size, normal, size);
    return add_name(square, statement_text(q, 0), err);
}

static int fill_cosines(struct matrices_square *square, const float *normals, size_t dimension,
                        struct error *err)
{
    square->values = calloc(square->count * square->count + 1, sizeof(double));
    if (!square->values)
        return error_set(err, E_MEMORY, "out of memory");
    for (size_t i = 0; i < square->count; i++)
        for (size_t k = 0; k < square->count; k++) {
            double sum = 0;
            for (size_t j = 0; j < dimension; j++)
                sum += (double)normals[i * dimension + j] * (double)normals[k * dimension + j];
            square->values[i * square->count + k] = sum;
        }
    return 0;
}

static int make_cosines(struct database *db, int64_t job, struct matrices_square *square,
                        struct error *err)
{
    struct statement *q;
    float *normals = NULL;
    size_t bytes = 0;
    int rc = query(db, "report_normals", job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0)
        rc = add_normal(q, square, &normals, &bytes, err);
    if (rc == 0 && square->count)
        rc = fill_cosines(square, normals, bytes / sizeof(float), err);
    free(normals);
    return rc;
}

/* ---- labels ---- */

struct group {
    char name[128];
    int64_t id;
    double faces;
    double *sums; /* [attributes] */
};

struct range { /* of a task */
    int64_t start, end;
    size_t group;
};

struct moments {
    size_t attributes;
    double *row, *sums; /* [attributes] */
    double *products;   /* [attributes][attributes], upper half */
    double *positives, *both;
    struct group parts[PARTS], workers[GROUPS_MAX];
    size_t worker_count;
    struct range *ranges;
    size_t range_count, range_at;
    int64_t total, faces;
};

static void moments_free(struct moments *m)
{
    free(m->row);
    free(m->sums);
    free(m->products);
    free(m->positives);
    free(m->both);
    free(m->ranges);
    for (size_t i = 0; i < PARTS; i++)
        free(m->parts[i].sums);
    for (size_t i = 0; i < m->worker_count; i++)
        free(m->workers[i].sums);
}

static int moments_make(struct moments *m, struct error *err)
{
    size_t n = m->attributes;
    bool made = (m->row = calloc(n + 1, sizeof(double))) &&
                (m->sums = calloc(n + 1, sizeof(double))) &&
                (m->positives = calloc(n + 1, sizeof(double))) &&
                (m->products = calloc(n * n + 1, sizeof(double))) &&
                (m->both = calloc(n * n + 1, sizeof(double)));
    for (size_t i = 0; made && i < PARTS; i++) {
        snprintf(m->parts[i].name, sizeof m->parts[i].name, "part %zu of %d", i + 1, PARTS);
        made = (m->parts[i].sums = calloc(n + 1, sizeof(double))) != NULL;
    }
    return made ? 0 : error_set(err, E_MEMORY, "out of memory");
}

static int find_worker(struct moments *m, struct statement *q, size_t *group, struct error *err)
{
    int64_t id = statement_int(q, 2);
    for (*group = 0; *group < m->worker_count; ++*group)
        if (m->workers[*group].id == id)
            return 0;
    if (*group == GROUPS_MAX) {
        *group = GROUPS_MAX - 1; /* the rest as one */
        return 0;
    }
    struct group *worker = &m->workers[*group];
    worker->id = id;
    snprintf(worker->name, sizeof worker->name, "%s", statement_text(q, 3));
    worker->sums = calloc(m->attributes + 1, sizeof(double));
    m->worker_count++;
    return worker->sums ? 0 : error_set(err, E_MEMORY, "out of memory");
}

static int read_ranges(struct database *db, int64_t stage, struct moments *m, struct error *err)
{
    struct statement *q;
    int rc = query(db, "report_label_tasks", stage, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        struct range *grown = realloc(m->ranges, (m->range_count + 1) * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "out of memory");
        m->ranges = grown;
        struct range *range = &grown[m->range_count++];
        range->start = statement_int(q, 0);
        range->end = range->start + statement_int(q, 1);
        rc = find_worker(m, q, &range->group, err);
    }
    return rc;
}

static void add_group(struct group *group, const double *row, size_t attributes)
{
    group->faces++;
    for (size_t k = 0; k < attributes; k++)
        group->sums[k] += row[k];
}

static void add_row(struct moments *m)
{
    size_t n = m->attributes;
    for (size_t i = 0; i < n; i++) {
        double value = m->row[i];
        m->sums[i] += value;
        m->positives[i] += value > 0;
        for (size_t k = i; k < n; k++)
            m->products[i * n + k] += value * m->row[k];
        for (size_t k = i; value > 0 && k < n; k++)
            m->both[i * n + k] += m->row[k] > 0;
    }
    add_group(&m->parts[m->faces * PARTS / m->total], m->row, n);
    while (m->range_at + 1 < m->range_count && m->faces >= m->ranges[m->range_at].end)
        m->range_at++;
    if (m->range_count)
        add_group(&m->workers[m->ranges[m->range_at].group], m->row, n);
    m->faces++;
}

static int read_rows(struct database *db, int64_t bundle, int64_t stage, struct moments *m,
                     struct error *err)
{
    struct statement *q;
    int rc = database_made(db, "summary_make_rows", bundle, 0, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    while (m->faces < m->total && (rc = statement_step(q, err)) > 0) {
        for (size_t k = 0; k < m->attributes; k++)
            m->row[k] = statement_real(q, (int)k + 1);
        add_row(m);
    }
    statement_reset(q);
    return rc < 0 ? rc : 0;
}

static double correlation(double n, double xy, double x, double y, double xx, double yy)
{
    double vx = xx / n - x / n * (x / n), vy = yy / n - y / n * (y / n);
    return vx > 1e-12 && vy > 1e-12 ? (xy / n - x / n * (y / n)) / sqrt(vx * vy) : NAN;
}

static int fill_correlations(const struct moments *m, struct matrices *matrices, struct error *err)
{
    size_t n = m->attributes;
    double faces = (double)m->faces;
    matrices->logits.values = calloc(n * n + 1, sizeof(double));
    matrices->labels.values = calloc(n * n + 1, sizeof(double));
    if (!matrices->logits.values || !matrices->labels.values)
        return error_set(err, E_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            size_t at = i < k ? i * n + k : k * n + i;
            matrices->logits.values[i * n + k] =
                correlation(faces, m->products[at], m->sums[i], m->sums[k], m->products[i * n + i],
                            m->products[k * n + k]);
            matrices->labels.values[i * n + k] =
                correlation(faces, m->both[at], m->positives[i], m->positives[k], m->positives[i],
                            m->positives[k]);
        }
    return 0;
}

/* Quantile of the normal distribution from which one of `looks` differences lies with 5 %. */
static double look(size_t looks)
{
    double tail = 0.025 / (double)(looks > 0 ? looks : 1);
    return latent_normal((uint32_t)((1 - tail) * 0x1p32));
}

/* Of attribute k a group's mean against all faces', of which it is a part: its error is sd · √(1/g − 1/n). */
static void compare(const struct moments *m, const struct group *group, size_t k,
                    struct matrices_group *found)
{
    double n = (double)m->faces, mean = m->sums[k] / n;
    double sd = sqrt(fmax(m->products[k * m->attributes + k] / n - mean * mean, 0));
    double error = sqrt(fmax(1 / group->faces - 1 / n, 0)), half = error * look(m->attributes);
    found->difference = sd > 0 ? (group->sums[k] / group->faces - mean) / sd : 0;
    found->z = error > 0 ? found->difference / error : 0;
    found->low = found->difference - half;
    found->high = found->difference + half;
}

static void find_drift(const struct moments *m, const struct group *groups, size_t count,
                       bool workers, struct matrices *matrices)
{
    struct matrices_drift *drift = workers ? &matrices->workers : &matrices->parts;
    char *const *names = matrices->logits.names;
    drift->groups = count;
    for (size_t g = 0; count > 1 && g < count; g++) {
        struct matrices_group furthest = {.worker = workers, .faces = (int64_t)groups[g].faces}, at;
        snprintf(furthest.name, sizeof furthest.name, "%s", groups[g].name);
        at = furthest;
        for (size_t k = 0; k < m->attributes && groups[g].faces >= GROUP_LEAST; k++) {
            compare(m, &groups[g], k, &at);
            if (k > 0 && fabs(at.z) <= fabs(furthest.z))
                continue;
            furthest = at;
            snprintf(furthest.attribute, sizeof furthest.attribute, "%s", names[k]);
        }
        if (furthest.attribute[0] && matrices->group_count < MATRICES_GROUPS)
            matrices->groups[matrices->group_count++] = furthest;
        if (fabs(furthest.z) <= fabs(drift->z))
            continue;
        drift->z = furthest.z;
        snprintf(drift->group, sizeof drift->group, "%s", furthest.name);
        snprintf(drift->attribute, sizeof drift->attribute, "%s", furthest.attribute);
    }
}

static int read_names(struct database *db, int64_t bundle, struct matrices *m, struct error *err)
{
    struct statement *q;
    int rc = query(db, "report_attributes", bundle, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = add_name(&m->logits, statement_text(q, 0), err);
        if (rc == 0)
            rc = add_name(&m->labels, statement_text(q, 0), err);
    }
    return rc;
}

static int make_correlations(struct database *db, int64_t stage, int64_t bundle, int64_t total,
                             struct matrices *matrices, struct error *err)
{
    struct moments m = {.total = total < MATRICES_ROWS ? total : MATRICES_ROWS};
    int rc = read_names(db, bundle, matrices, err);
    m.attributes = matrices->logits.count;
    if (rc == 0)
        rc = moments_make(&m, err);
    if (rc == 0)
        rc = read_ranges(db, stage, &m, err);
    if (rc == 0)
        rc = read_rows(db, bundle, stage, &m, err);
    if (rc == 0)
        rc = fill_correlations(&m, matrices, err);
    if (rc == 0 && m.faces > 0) {
        matrices->faces = m.faces;
        find_drift(&m, m.parts, PARTS, false, matrices);
        find_drift(&m, m.workers, m.worker_count, true, matrices);
    }
    moments_free(&m);
    return rc;
}

int matrices_make(struct database *db, int64_t job, struct matrices *matrices, struct error *err)
{
    struct statement *q;
    *matrices = (struct matrices){0};
    int rc = make_cosines(db, job, &matrices->cosine, err);
    if (rc == 0)
        rc = query(db, "report_label_stage", job, &q, err);
    if (rc < 0)
        return rc;
    rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    int64_t stage = statement_int(q, 0), bundle = statement_int(q, 1), total = statement_int(q, 3);
    statement_reset(q);
    return make_correlations(db, stage, bundle, total, matrices, err);
}
