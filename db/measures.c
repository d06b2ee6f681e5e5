/*
 * Measures of an evaluation: reads the stage's rows once into series of a number a face and edit,
 * and bootstraps their means. Edits are resampled alike, so that differences between them are
 * paired.
 */
#include "db/measures_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_MOST ((size_t)16 << 20) /* floats kept */
#define WORK_MOST 1e9                  /* multiplications of a bootstrap */
#define RESAMPLES_LEAST 100
#define RESAMPLES_MOST 1000
#define PART_LEAST 10 /* faces of a part that is worth an interval */

static const char *const quantity_names[MEASURES_QUANTITIES] = {
    "age_shift", "target_change", "dependency", "identity", "likeness"};
static const char *const difference_names[MEASURES_QUANTITIES] = {
    "age_shift_difference", "target_change_difference", "dependency_difference",
    "identity_difference", "likeness_difference"};

float *measures_series(const struct measures *m, size_t variant, enum measures_quantity quantity)
{
    return m->series + (variant * MEASURES_QUANTITIES + (size_t)quantity) * m->faces;
}

bool measures_known(const struct measures *m, size_t variant, enum measures_quantity quantity)
{
    if (variant == 0)
        return false;
    int column = m->target[m->edits[variant].target].column;
    switch (quantity) {
    case MEASURES_SHIFT:
        return m->has_age;
    case MEASURES_TARGET:
        return column >= 0 || (column == MEASURES_AGE && m->has_age && m->age_sd > 0);
    case MEASURES_IDENTITY:
        return m->has_identity;
    case MEASURES_DEPENDENCY:
    case MEASURES_LIKENESS:
        return true;
    }
    return false;
}

int measures_put(const struct measures *m, size_t variant, const char *name, const char *part,
                 double value, const struct statistics_interval *interval, uint32_t faces,
                 uint32_t resamples, struct error *err)
{
    struct statement *q;
    int rc = database_query(m->db, "measure_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, m->order->stage);
    statement_bind_int(q, 2, (int64_t)variant);
    statement_bind_text(q, 3, name);
    statement_bind_text(q, 4, part);
    statement_bind_real(q, 5, value);
    if (interval) {
        statement_bind_real(q, 6, interval->low);
        statement_bind_real(q, 7, interval->high);
    } else {
        statement_bind_null(q, 6);
        statement_bind_null(q, 7);
    }
    statement_bind_int(q, 8, faces);
    statement_bind_int(q, 9, resamples);
    return statement_run(q, err);
}

/* ---- what the stage is ---- */

static int query_stage(const struct measures *m, const char *name, struct statement **q,
                       struct error *err)
{
    int rc = database_query(m->db, name, q, err);
    if (rc == 0)
        statement_bind_int(*q, 1, m->order->stage);
    return rc;
}

/* Room for one more item of `size` bytes behind `count` of them; the lists are short. */
static void *grow(void *list, size_t count, size_t size, struct error *err)
{
    char *grown = realloc(list, (count + 1) * size);
    if (grown)
        memset(grown + count * size, 0, size);
    else
        (void)error_set(err, E_MEMORY, "out of memory");
    return grown;
}

static int read_edits(struct measures *m, struct error *err)
{
    struct statement *q;
    int rc = query_stage(m, "measure_variants", &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        struct measures_edit *edits = grow(m->edits, m->variants, sizeof *edits, err);
        if (!edits)
            return E_MEMORY;
        m->edits = edits;
        struct measures_edit *edit = &edits[m->variants];
        edit->target = statement_is_null(q, 3) ? -1 : statement_int(q, 3);
        edit->distance = statement_real(q, 1);
        edit->projected = statement_int(q, 2) != 0;
        if (statement_int(q, 0) != (int64_t)m->variants || (edit->target < 0) != (m->variants == 0))
            return error_set(err, E_DATABASE, "stage %lld: variant %lld has no target",
                             (long long)m->order->stage, (long long)statement_int(q, 0));
        m->variants++;
        rc = 0;
    }
    return rc;
}

static int read_attributes(struct measures *m, char ***names, struct error *err)
{
    struct statement *q;
    int rc = query_stage(m, "measure_attributes", &q, err);
    m->male = -1;
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        char **all = grow(*names, m->attributes, sizeof *all, err);
        struct measures_attribute *attributes =
            grow(m->attribute, m->attributes, sizeof *attributes, err);
        *names = all ? all : *names;
        m->attribute = attributes ? attributes : m->attribute;
        if (!all || !attributes || !(all[m->attributes] = strdup(statement_text(q, 1))))
            return error_set(err, E_MEMORY, "out of memory");
        if (strcmp(all[m->attributes], "Male") == 0)
            m->male = (int)m->attributes;
        attributes[m->attributes++] =
            (struct measures_attribute){statement_real(q, 2), statement_real(q, 3)};
        rc = 0;
    }
    return rc;
}

static void name_target(const struct measures *m, char *const *names, const char *expression,
                        struct measures_target *target)
{
    const char *name = expression + (expression[0] == '-' || expression[0] == '+');
    target->sign = expression[0] == '-' ? -1 : 1;
    target->column = strcmp(name, "age") == 0 ? MEASURES_AGE : MEASURES_UNKNOWN;
    for (size_t k = 0; k < m->attributes; k++)
        if (strcmp(names[k], name) == 0)
            target->column = (int)k;
}

static int read_targets(struct measures *m, char *const *names, struct error *err)
{
    struct statement *q;
    int rc = query_stage(m, "measure_targets", &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        struct measures_target *targets = grow(m->target, m->targets, sizeof *targets, err);
        if (!targets)
            return E_MEMORY;
        m->target = targets;
        name_target(m, names, statement_text(q, 1), &targets[m->targets++]);
        rc = 0;
    }
    for (size_t v = 1; rc == 0 && v < m->variants; v++)
        if (m->edits[v].target >= (int64_t)m->targets)
            rc = error_set(err, E_DATABASE, "stage %lld: variant %zu has no direction",
                           (long long)m->order->stage, v);
    return rc;
}

static int read_stage(struct measures *m, struct error *err)
{
    char **names = NULL;
    int rc = read_edits(m, err);
    if (rc == 0)
        rc = read_attributes(m, &names, err);
    if (rc == 0)
        rc = read_targets(m, names, err);
    for (size_t k = 0; names && k < m->attributes; k++)
        free(names[k]);
    free(names);
    return rc;
}

/* ---- what its rows are ---- */

static int allocate(struct measures *m, struct error *err)
{
    struct statement *q;
    int64_t faces = 0;
    int rc = query_stage(m, "measure_faces", &q, err);
    if (rc == 0)
        rc = statement_run_int(q, &faces, err);
    if (rc < 0)
        return rc;
    size_t most = VALUES_MOST / (m->variants * MEASURES_QUANTITIES);
    m->faces = (uint32_t)((size_t)faces < most ? (size_t)faces : most);
    rc = query_stage(m, "measure_end", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 2, m->faces);
    rc = statement_run_int(q, &m->end, err);
    if (rc < 0)
        return rc;
    m->series = calloc(m->variants * MEASURES_QUANTITIES * m->faces + 1, sizeof *m->series);
    m->ages = calloc(m->faces + 1, sizeof *m->ages);
    m->is_male = calloc(m->faces + 1, 1);
    m->moved = calloc(m->variants, sizeof *m->moved);
    m->kept = calloc(m->variants, sizeof *m->kept);
    return m->series && m->ages && m->is_male && m->moved && m->kept
               ? 0
               : error_set(err, E_MEMORY, "no memory for the measures of %u faces", m->faces);
}

/* The ages before: their spread and median are needed before the rows are read. */
static int read_ages(struct measures *m, struct error *err)
{
    struct statement *q;
    double sum = 0, squares = 0;
    double *sorted = calloc(m->faces + 1, sizeof *sorted);
    if (!sorted)
        return error_set(err, E_MEMORY, "out of memory");
    int rc = query_stage(m, "measure_ages", &q, err);
    if (rc == 0)
        statement_bind_int(q, 2, m->end);
    m->has_age = m->faces > 0;
    for (uint32_t i = 0; rc == 0 && (rc = statement_step(q, err)) > 0 && i < m->faces; i++) {
        m->has_age = m->has_age && !statement_is_null(q, 0);
        sorted[i] = statement_real(q, 0);
        m->ages[i] = (float)sorted[i];
        sum += sorted[i];
        squares += sorted[i] * sorted[i];
        rc = 0;
    }
    if (rc == 0 && m->has_age) {
        double mean = sum / m->faces;
        m->age_sd = sqrt(fmax(squares / m->faces - mean * mean, 0));
        statistics_sort(sorted, m->faces);
        m->age_median = statistics_quantile(sorted, m->faces, 0.5);
    }
    free(sorted);
    return rc;
}

/* Mean over the attributes but the target's of |change| / sd. */
static double dependency(const struct measures *m, int target, const double *before,
                         const double *after)
{
    double sum = 0;
    size_t n = 0;
    for (size_t k = 0; k < m->attributes; k++) {
        if ((int)k == target || !(m->attribute[k].sd > 0))
            continue;
        sum += fabs(after[k] - before[k]) / m->attribute[k].sd;
        n++;
    }
    return n ? sum / (double)n : 0;
}

static double likeness(const struct measures *m, const double *before, const double *after)
{
    double product = 0, a2 = 0, b2 = 0;
    for (size_t k = 0; k < m->attributes; k++) {
        const struct measures_attribute *at = &m->attribute[k];
        if (!(at->sd > 0))
            continue;
        double a = (before[k] - at->mean) / at->sd, b = (after[k] - at->mean) / at->sd;
        product += a * b;
        a2 += a * a;
        b2 += b * b;
    }
    return a2 > 0 && b2 > 0 ? product / sqrt(a2 * b2) : 0;
}

struct row {
    uint32_t face;
    size_t variant;
    double age, identity;
    const double *logits;
};

static void add_row(struct measures *m, const struct row *row, const double *before)
{
    struct measures_target *target = &m->target[m->edits[row->variant].target];
    double shift = row->age - (double)m->ages[row->face];
    double meant = 0;
    if (target->column >= 0 && m->attribute[target->column].sd > 0)
        meant = (row->logits[target->column] - before[target->column]) /
                m->attribute[target->column].sd;
    else if (target->column == MEASURES_AGE && m->age_sd > 0)
        meant = shift / m->age_sd;
    const double values[MEASURES_QUANTITIES] = {
        [MEASURES_SHIFT] = shift,
        [MEASURES_TARGET] = target->sign * meant,
        [MEASURES_DEPENDENCY] = dependency(m, target->column, before, row->logits),
        [MEASURES_IDENTITY] = row->identity,
        [MEASURES_LIKENESS] = likeness(m, before, row->logits),
    };
    for (int q = 0; q < MEASURES_QUANTITIES; q++)
        measures_series(m, row->variant, q)[row->face] = (float)values[q];
    measures_add_curve(m, row->variant, before, row->logits, (double)m->ages[row->face], row->age);
}

static int read_rows(struct measures *m, struct error *err)
{
    struct statement *q;
    double *logits = calloc(2 * m->attributes + 1, sizeof *logits);
    double *before = logits, *now = logits + m->attributes;
    uint32_t faces = 0;
    int rc = logits ? database_made(m->db, "measure_make_rows", m->order->bundle, 0, &q, err)
                    : error_set(err, E_MEMORY, "out of memory");
    if (rc == 0) {
        statement_bind_int(q, 1, m->order->stage);
        statement_bind_int(q, 2, m->end);
    }
    m->has_identity = m->faces > 0 && m->variants > 1;
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        faces += statement_int(q, 1) == 0;
        struct row row = {faces - 1, (size_t)statement_int(q, 1), statement_real(q, 2),
                          statement_real(q, 3), now};
        rc = 0;
        if (row.face >= m->faces || row.variant >= m->variants)
            continue;
        for (size_t k = 0; k < m->attributes; k++)
            (row.variant ? now : before)[k] = statement_real(q, (int)k + 4);
        if (row.variant == 0) {
            m->is_male[row.face] = m->male >= 0 && before[m->male] > 0;
            continue;
        }
        m->has_identity = m->has_identity && !statement_is_null(q, 3);
        add_row(m, &row, before);
    }
    free(logits);
    return rc;
}

/* ---- intervals of means ---- */

/* Bootstrapped means of all series, [variant][quantity][resamples]. */
struct boot {
    uint32_t resamples;
    double *means;
    double *scratch; /* [resamples] */
    uint32_t *times; /* [faces] */
};

static double *boot_means(const struct boot *boot, size_t variant, int quantity)
{
    return boot->means + (variant * MEASURES_QUANTITIES + (size_t)quantity) * boot->resamples;
}

static double plain_mean(const float *values, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)values[i];
    return sum / count;
}

static int boot_open(const struct measures *m, struct boot *boot, struct error *err)
{
    double each = (double)m->variants * MEASURES_QUANTITIES * fmax(m->faces, 1);
    double fits = WORK_MOST / each;
    boot->resamples = fits > RESAMPLES_MOST    ? RESAMPLES_MOST
                      : fits < RESAMPLES_LEAST ? RESAMPLES_LEAST
                                               : (uint32_t)fits;
    boot->means = calloc(m->variants * MEASURES_QUANTITIES * boot->resamples, sizeof(double));
    boot->scratch = calloc(boot->resamples, sizeof(double));
    boot->times = calloc(m->faces + 1, sizeof(uint32_t));
    return boot->means && boot->scratch && boot->times
               ? 0
               : error_set(err, E_MEMORY, "no memory for a bootstrap");
}

static void boot_close(struct boot *boot)
{
    free(boot->means);
    free(boot->scratch);
    free(boot->times);
}

static void boot_run(const struct measures *m, const struct boot *boot)
{
    for (uint32_t r = 0; r < boot->resamples; r++) {
        statistics_resample(m->order->seed, 0, r, m->faces, boot->times);
        for (size_t v = 1; v < m->variants; v++)
            for (int q = 0; q < MEASURES_QUANTITIES; q++)
                if (measures_known(m, v, q))
                    boot_means(boot, v, q)[r] =
                        statistics_weighted_mean(measures_series(m, v, q), boot->times, m->faces);
    }
}

static int put_mean(const struct measures *m, const struct boot *boot, size_t v, int quantity,
                    struct error *err)
{
    memcpy(boot->scratch, boot_means(boot, v, quantity), boot->resamples * sizeof(double));
    struct statistics_interval interval = statistics_percentile(boot->scratch, boot->resamples);
    return measures_put(m, v, quantity_names[quantity], "all",
                        plain_mean(measures_series(m, v, quantity), m->faces), &interval, m->faces,
                        boot->resamples, err);
}

/* Of a projected edit against its plain partner, which stands before it. */
static int put_difference(const struct measures *m, const struct boot *boot, size_t v, int quantity,
                          struct error *err)
{
    const double *projected = boot_means(boot, v, quantity),
                 *plain = boot_means(boot, v - 1, quantity);
    for (uint32_t r = 0; r < boot->resamples; r++)
        boot->scratch[r] = projected[r] - plain[r];
    struct statistics_interval interval = statistics_percentile(boot->scratch, boot->resamples);
    double value = plain_mean(measures_series(m, v, quantity), m->faces) -
                   plain_mean(measures_series(m, v - 1, quantity), m->faces);
    return measures_put(m, v, difference_names[quantity], "all", value, &interval, m->faces,
                        boot->resamples, err);
}

static double ratio_of(double dependent, double meant)
{
    return dependent / fmax(fabs(meant), 1e-9);
}

static double mean_ratio(const struct measures *m, size_t v)
{
    return ratio_of(plain_mean(measures_series(m, v, MEASURES_DEPENDENCY), m->faces),
                    plain_mean(measures_series(m, v, MEASURES_TARGET), m->faces));
}

/* How much else moves for what was meant to move: mean dependency / |mean target change|, and where
 * `against` is not 0, how that differs from variant `against`. */
static int put_ratio(const struct measures *m, const struct boot *boot, size_t v, size_t against,
                     struct error *err)
{
    double value = mean_ratio(m, v) - (against ? mean_ratio(m, against) : 0);
    for (uint32_t r = 0; r < boot->resamples; r++) {
        boot->scratch[r] = ratio_of(boot_means(boot, v, MEASURES_DEPENDENCY)[r],
                                    boot_means(boot, v, MEASURES_TARGET)[r]);
        if (against)
            boot->scratch[r] -= ratio_of(boot_means(boot, against, MEASURES_DEPENDENCY)[r],
                                         boot_means(boot, against, MEASURES_TARGET)[r]);
    }
    struct statistics_interval interval = statistics_percentile(boot->scratch, boot->resamples);
    return measures_put(m, v, against ? "dependency_ratio_difference" : "dependency_ratio", "all",
                        value, &interval, m->faces, boot->resamples, err);
}

static int put_edit(const struct measures *m, const struct boot *boot, size_t v, struct error *err)
{
    int rc = 0;
    for (int q = 0; rc == 0 && q < MEASURES_QUANTITIES; q++) {
        if (!measures_known(m, v, q))
            continue;
        rc = put_mean(m, boot, v, q, err);
        if (rc == 0 && m->edits[v].projected)
            rc = put_difference(m, boot, v, q, err);
    }
    if (rc == 0 && measures_known(m, v, MEASURES_TARGET)) {
        rc = put_ratio(m, boot, v, 0, err);
        if (rc == 0 && m->edits[v].projected)
            rc = put_ratio(m, boot, v, v - 1, err);
    }
    return rc;
}

static int bootstrap(const struct measures *m, struct error *err)
{
    struct boot boot = {0};
    int rc = boot_open(m, &boot, err);
    if (rc == 0)
        boot_run(m, &boot);
    for (size_t v = 1; rc == 0 && v < m->variants; v++)
        rc = put_edit(m, &boot, v, err);
    boot_close(&boot);
    return rc;
}

/* ---- the age shift of a part of the faces ---- */

#define PARTS 64 /* 0 all, 1 male, 2 female, from 10 on decades of the age before */
#define PART_DECADES 10

static bool in_part(const struct measures *m, uint32_t face, uint32_t part)
{
    if (part >= PART_DECADES)
        return (double)m->ages[face] >= 10.0 * (part - PART_DECADES) &&
               (double)m->ages[face] < 10.0 * (part - PART_DECADES + 1);
    return m->male >= 0 && m->is_male[face] == (part == 1);
}

static void part_name(uint32_t part, char name[16])
{
    if (part >= PART_DECADES)
        snprintf(name, 16, "age_%02u", 10 * (part - PART_DECADES));
    else
        snprintf(name, 16, "%s", part == 1 ? "male" : "female");
}

/* The part's shifts are gathered, resampled among themselves, and measured. */
static int put_part(const struct measures *m, size_t v, uint32_t part, float *shifts,
                    uint32_t *times, struct error *err)
{
    char name[16];
    double means[RESAMPLES_MOST];
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->faces; i++)
        if (in_part(m, i, part))
            shifts[n++] = measures_series(m, v, MEASURES_SHIFT)[i];
    if (n < PART_LEAST)
        return 0;
    double fits = WORK_MOST / 4 / n;
    uint32_t resamples = fits > RESAMPLES_MOST ? RESAMPLES_MOST : (uint32_t)fits;
    for (uint32_t r = 0; r < resamples; r++) {
        statistics_resample(m->order->seed, part, r, n, times);
        means[r] = statistics_weighted_mean(shifts, times, n);
    }
    struct statistics_interval interval = statistics_percentile(means, resamples);
    part_name(part, name);
    return measures_put(m, v, "age_shift", name, plain_mean(shifts, n), &interval, n, resamples,
                        err);
}

/* Of the first target at the stage's own distance: variants 1 and, projected, 2. */
static int parts(const struct measures *m, struct error *err)
{
    int rc = 0;
    float *shifts = calloc(m->faces + 1, sizeof *shifts);
    uint32_t *times = calloc(m->faces + 1, sizeof *times);
    if (!shifts || !times)
        rc = error_set(err, E_MEMORY, "out of memory");
    for (size_t v = 1; rc == 0 && v < m->variants && v <= 2; v++)
        for (uint32_t part = 1; rc == 0 && part < PARTS && (v == 1 || m->edits[v].projected);
             part++)
            if (part <= 2 || part >= PART_DECADES)
                rc = put_part(m, v, part, shifts, times, err);
    free(shifts);
    free(times);
    return rc;
}

int measures_make(struct database *db, const struct measures_order *order, struct error *err)
{
    struct measures m = {.db = db, .order = order};
    int rc = read_stage(&m, err);
    if (rc == 0 && m.variants > 1)
        rc = allocate(&m, err);
    bool any = rc == 0 && m.faces > 0;
    if (any)
        rc = read_ages(&m, err);
    if (any && rc == 0)
        rc = read_rows(&m, err);
    if (any && rc == 0)
        rc = bootstrap(&m, err);
    if (any && rc == 0 && m.has_age)
        rc = parts(&m, err);
    if (any && rc == 0)
        rc = measures_shape(&m, err);
    free(m.edits);
    free(m.target);
    free(m.attribute);
    free(m.series);
    free(m.ages);
    free(m.is_male);
    free(m.moved);
    free(m.kept);
    return rc;
}
