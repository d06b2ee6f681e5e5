/* Known photos' logits are read in blocks, in the photos' order; then attributes are judged one by
 * one. */
#include "db/classifier.h"

#include <math.h>
#include <stdlib.h>

#include "common/photo_quality.h"

#define BLOCK 4096 /* photos read at once */

struct classifying {
    struct database *db;
    const struct classifier_order *asked;
    size_t count, room;
    uint64_t *indices;  /* [count]: of photos that could be read and are known */
    int64_t *rows;      /* [count]: of the truth */
    float *logits;      /* [count][attributes] */
    float *ages;        /* [BLOCK][2]: read, not used */
    float *scores;      /* [count]: an attribute's column, … */
    uint32_t *order;    /* … its photos by ascending score … */
    signed char *truth; /* … and what is known of them in a group */
};

/* ---- what there is ---- */

static int add_photo(struct classifying *c, uint64_t index, int64_t row, struct error *err)
{
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 1024;
        uint64_t *indices = realloc(c->indices, room * sizeof *indices);
        c->indices = indices ? indices : c->indices;
        int64_t *rows = realloc(c->rows, room * sizeof *rows);
        c->rows = rows ? rows : c->rows;
        if (!indices || !rows)
            return error_set(err, E_MEMORY, "no memory for %zu photos", room);
        c->room = room;
    }
    c->indices[c->count] = index;
    c->rows[c->count++] = row;
    return 0;
}

static int read_photos(struct classifying *c, struct error *err)
{
    struct statement *q;
    int rc = database_query(c->db, "classifier_photos", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, c->asked->stage);
    while ((rc = statement_step(q, err)) > 0) {
        int64_t row = truth_find(c->asked->truth, statement_text(q, 1));
        rc = row < 0 ? 0 : add_photo(c, (uint64_t)statement_int(q, 0), row, err);
        if (rc < 0) {
            statement_reset(q);
            return rc;
        }
    }
    return rc;
}

static int read_logits(struct classifying *c, struct error *err)
{
    const struct results_layout *layout = c->asked->layout;
    int rc = 0;
    for (size_t i = 0, n; rc == 0 && i < c->count; i += n) {
        for (n = 1; n < BLOCK && i + n < c->count && c->indices[i + n] == c->indices[i] + n;)
            n++;
        rc = results_read_scores(c->db, c->asked->stage, layout, c->indices[i], n, c->ages,
                                 c->logits + i * layout->attributes, err);
    }
    return rc;
}

/* ---- judging ---- */

static int put(const struct classifying *c, size_t attribute, enum truth_group group,
               const struct photo_quality *quality, const struct photo_quality_intervals *intervals,
               struct error *err)
{
    struct statement *q;
    int rc = database_query(c->db, "classifier_insert", &q, err);
    if (rc < 0)
        return rc;
    const struct quality_counts *counts = &quality->counts;
    statement_bind_int(q, 1, c->asked->stage);
    statement_bind_text(q, 2, truth_group_name(group));
    statement_bind_int(q, 3, (int64_t)attribute);
    statement_bind_text(q, 4, c->asked->bundle->attributes[attribute]);
    statement_bind_int(q, 5, (int64_t)quality->photos);
    statement_bind_int(q, 6, (int64_t)counts->true_positives);
    statement_bind_int(q, 7, (int64_t)counts->false_positives);
    statement_bind_int(q, 8, (int64_t)counts->true_negatives);
    statement_bind_int(q, 9, (int64_t)counts->false_negatives);
    const double values[] = {quality->accuracy,
                             quality->accuracy_low,
                             quality->accuracy_high,
                             quality->base_rate,
                             quality->balanced_accuracy,
                             quality->precision,
                             quality->recall,
                             quality->f1,
                             quality->mcc,
                             quality->auc,
                             quality->squared_error,
                             quality->calibration_error,
                             intervals->balanced.low,
                             intervals->balanced.high,
                             intervals->f1.low,
                             intervals->f1.high,
                             intervals->mcc.low,
                             intervals->mcc.high,
                             intervals->auc.low,
                             intervals->auc.high,
                             intervals->precision.low,
                             intervals->precision.high,
                             intervals->recall.low,
                             intervals->recall.high};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (isnan(values[i]))
            statement_bind_null(q, 10 + (int)i);
        else
            statement_bind_real(q, 10 + (int)i, values[i]);
    return statement_run(q, err);
}

static int judge(struct classifying *c, size_t attribute, int known, enum truth_group group,
                 struct error *err)
{
    struct photo_quality quality;
    for (size_t i = 0; i < c->count; i++)
        c->truth[i] = truth_value_in(c->asked->truth, c->rows[i], known, group);
    int rc = photo_quality(c->scores, c->truth, c->order, c->count,
                           c->asked->bundle->scores[attribute].threshold, &quality, err);
    if (rc < 0 || quality.photos == 0)
        return rc;
    struct photo_quality_intervals intervals;
    rc = photo_quality_intervals(c->scores, c->truth, c->count, &quality, &intervals, err);
    return rc < 0 ? rc : put(c, attribute, group, &quality, &intervals, err);
}

/* Sorted once for all groups. */
static int judge_attribute(struct classifying *c, size_t attribute, int known, struct error *err)
{
    int group = truth_has_parts(c->asked->truth) ? TRUTH_OF_TRAIN : TRUTH_OF_ALL;
    for (size_t i = 0; i < c->count; i++)
        c->scores[i] = c->logits[i * c->asked->layout->attributes + attribute];
    int rc = quality_order(c->scores, c->count, 1, c->order, err);
    for (; rc == 0 && group < TRUTH_GROUPS; group++)
        rc = judge(c, attribute, known, (enum truth_group)group, err);
    return rc;
}

static int judge_all(struct classifying *c, struct error *err)
{
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < c->asked->layout->attributes; k++) {
        int known = truth_attribute(c->asked->truth, c->asked->bundle->attributes[k]);
        if (known >= 0)
            rc = judge_attribute(c, k, known, err);
    }
    return rc;
}

static int forget(const struct classifying *c, struct error *err)
{
    struct statement *q;
    int rc = database_query(c->db, "classifier_delete", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, c->asked->stage);
    return statement_run(q, err);
}

static int allocate(struct classifying *c, struct error *err)
{
    c->logits = malloc((c->count * c->asked->layout->attributes + 1) * sizeof *c->logits);
    c->ages = malloc(BLOCK * 2 * sizeof *c->ages);
    c->scores = malloc((c->count + 1) * sizeof *c->scores);
    c->order = malloc((c->count + 1) * sizeof *c->order);
    c->truth = malloc(c->count + 1);
    return c->logits && c->ages && c->scores && c->order && c->truth
               ? 0
               : error_set(err, E_MEMORY, "no memory for the scores of %zu photos", c->count);
}

int classifier_make(struct database *db, const struct classifier_order *order, struct error *err)
{
    struct classifying c = {.db = db, .asked = order};
    int rc = forget(&c, err);
    if (rc == 0)
        rc = read_photos(&c, err);
    if (rc == 0)
        rc = allocate(&c, err);
    if (rc == 0)
        rc = read_logits(&c, err);
    if (rc == 0)
        rc = judge_all(&c, err);
    free(c.indices);
    free(c.rows);
    free(c.logits);
    free(c.ages);
    free(c.scores);
    free(c.order);
    free(c.truth);
    return rc;
}
