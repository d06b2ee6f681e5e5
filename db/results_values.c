/*
 * The values in results: scores, boundaries, directions. Scores come as
 * float32 little-endian from the wire and are kept as REAL, which holds them exactly.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "db/results.h"

/* ---- scores ---- */

static float score_at(const uint8_t *scores, size_t index)
{
    float value;
    memcpy(&value, scores + index * sizeof value, sizeof value);
    return value;
}

static void bind_float(struct statement *q, int index, const uint8_t *row, int column)
{
    if (column < 0)
        statement_bind_null(q, index);
    else
        statement_bind_real(q, index, (double)score_at(row, (size_t)column));
}

static int insert_row(struct statement *face, struct statement *wide, int64_t index,
                      uint32_t variant, const struct results_layout *layout, const uint8_t *row,
                      const uint8_t *identity, struct error *err)
{
    statement_bind_int(face, 2, index);
    statement_bind_int(face, 3, variant);
    bind_float(face, 4, row, layout->fit_column);
    bind_float(face, 5, row, layout->judge_column);
    bind_float(face, 6, identity, identity ? 0 : -1);
    int rc = statement_run(face, err);
    statement_bind_int(wide, 2, index);
    statement_bind_int(wide, 3, variant);
    for (size_t i = 0; i < layout->attributes; i++)
        statement_bind_real(wide, (int)i + 4, (double)score_at(row, i));
    return rc < 0 ? rc : statement_run(wide, err);
}

int results_insert_scores(struct database *db, int64_t stage, const struct results_layout *layout,
                          uint64_t start, uint64_t count, uint32_t variants, const uint8_t *scores,
                          const uint8_t *identity, const uint8_t *skipped, struct error *err)
{
    struct statement *face, *wide, *skip;
    int rc = database_query(db, "face_insert", &face, err);
    if (rc == 0)
        rc = database_made(db, "bundle_make_insert", layout->bundle, 0, &wide, err);
    if (rc == 0)
        rc = database_query(db, "skipped_insert", &skip, err);
    if (rc < 0)
        return rc;
    statement_bind_int(face, 1, stage);
    statement_bind_int(wide, 1, stage);
    statement_bind_int(skip, 1, stage);
    size_t stride = layout->columns * sizeof(float);
    for (uint64_t i = 0; i < count; i++) {
        bool skips = skipped && skipped[i];
        if (skips && rc == 0) {
            statement_bind_int(skip, 2, (int64_t)(start + i));
            rc = statement_run(skip, err);
        }
        for (uint32_t v = 0; rc == 0 && v < variants; v++, scores += stride) {
            if (!skips)
                rc = insert_row(face, wide, (int64_t)(start + i), v, layout, scores, identity, err);
            identity = identity ? identity + sizeof(float) : NULL;
        }
    }
    return rc;
}

int results_insert_features(struct database *db, int64_t stage, uint64_t start, uint64_t faces,
                            uint32_t variants, size_t dimension, const uint8_t *features,
                            const uint8_t *skipped, struct error *err)
{
    struct statement *q;
    size_t bytes = dimension * sizeof(float);
    int rc = database_query(db, "feature_insert", &q, err);
    for (uint64_t i = 0; rc == 0 && i < faces * variants; i++) {
        if (skipped && skipped[i / variants])
            continue;
        statement_bind_int(q, 1, stage);
        statement_bind_int(q, 2, (int64_t)(start + i / variants));
        statement_bind_int(q, 3, (int64_t)(i % variants));
        statement_bind_blob(q, 4, features + i * bytes, bytes);
        rc = statement_run(q, err);
    }
    return rc;
}

/* ---- photos ---- */

static int insert_latent(struct database *db, int64_t stage, uint64_t index, const uint8_t *latent,
                         size_t dimension, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "photo_latent_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)index);
    statement_bind_blob(q, 3, latent, dimension * sizeof(float));
    return statement_run(q, err);
}

int results_insert_photo(struct database *db, int64_t stage, uint64_t index,
                         const struct wire_photo *photo, const uint8_t *latent, size_t dimension,
                         struct error *err)
{
    struct statement *q;
    bool unread = photo->code[0] != '\0';
    int rc = database_query(db, "photo_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)index);
    statement_bind_text(q, 3, photo->name);
    statement_bind_text(q, 4, photo->sha256);
    statement_bind_int(q, 5, (int64_t)photo->height);
    statement_bind_int(q, 6, (int64_t)photo->width);
    if (unread || dimension == 0)
        statement_bind_null(q, 7);
    else
        statement_bind_real(q, 7, photo->error);
    statement_bind_text(q, 8, photo->code);
    statement_bind_text(q, 9, photo->text);
    rc = statement_run(q, err);
    return rc < 0 || unread || dimension == 0
               ? rc
               : insert_latent(db, stage, index, latent, dimension, err);
}

/* ---- moves ---- */

int results_insert_moves(struct database *db, int64_t stage, uint64_t start, uint64_t count,
                         uint32_t variants, const uint8_t *moves, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "face_moved", &q, err);
    for (uint64_t i = 0; rc == 0 && i < count * variants; i++) {
        statement_bind_int(q, 1, stage);
        statement_bind_int(q, 2, (int64_t)(start + i / variants));
        statement_bind_int(q, 3, (int64_t)(i % variants));
        statement_bind_real(q, 4, (double)score_at(moves, 4 * i));
        statement_bind_int(q, 5, score_at(moves, 4 * i + 1) != 0);
        statement_bind_int(q, 6, (int64_t)score_at(moves, 4 * i + 2));
        statement_bind_int(q, 7, (int64_t)score_at(moves, 4 * i + 3));
        rc = statement_run(q, err);
    }
    return rc;
}

static float age_at(struct statement *q, int column)
{
    return statement_is_null(q, column) ? NAN : (float)statement_real(q, column);
}

int results_read_scores(struct database *db, int64_t stage, const struct results_layout *layout,
                        uint64_t start, uint64_t count, float *ages, float *logits,
                        struct error *err)
{
    struct statement *q;
    uint64_t n = 0;
    int rc = database_made(db, "bundle_make_select", layout->bundle, 0, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)start);
    statement_bind_int(q, 3, (int64_t)(start + count));
    while ((rc = statement_step(q, err)) > 0) {
        ages[2 * n] = age_at(q, 0);
        ages[2 * n + 1] = age_at(q, 1);
        for (size_t i = 0; i < layout->attributes; i++)
            logits[n * layout->attributes + i] = (float)statement_real(q, (int)i + 2);
        n++;
    }
    if (rc == 0 && n != count)
        rc = error_set(err, E_NOT_FOUND, "stage %lld has %llu of the %llu scores from %llu on",
                       (long long)stage, (unsigned long long)n, (unsigned long long)count,
                       (unsigned long long)start);
    return rc;
}

/* ---- boundaries ---- */

static void bind_confusion(struct statement *q, int index, const uint64_t counts[8])
{
    for (int i = 0; i < 8; i++)
        statement_bind_int(q, index + i, (int64_t)counts[i]);
}

int results_insert_boundary(struct database *db, int64_t stage, const struct wire_boundary *b,
                            uint32_t layers, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "boundary_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)b->position);
    statement_bind_text(q, 3, b->name);
    statement_bind_blob(q, 4, b->normal.data, b->normal.size);
    statement_bind_real(q, 5, b->offset);
    statement_bind_real(q, 6, b->threshold);
    statement_bind_real(q, 7, b->cost);
    statement_bind_int(q, 8, (int64_t)b->iterations);
    bind_confusion(q, 9,
                   (const uint64_t[]){b->train_tp, b->train_fp, b->train_tn, b->train_fn,
                                      b->test_tp, b->test_fp, b->test_tn, b->test_fn});
    if (b->test_auc < 0)
        statement_bind_null(q, 17);
    else
        statement_bind_real(q, 17, b->test_auc);
    statement_bind_int(q, 18, layers);
    if (b->across.size > 0)
        statement_bind_blob(q, 19, b->across.data, b->across.size);
    else
        statement_bind_null(q, 19);
    return statement_run(q, err);
}

/* NULL where no bootstrap was made. */
static void bind_interval(struct statement *q, int at, const struct wire_fitted *f,
                          const double *values, int count)
{
    for (int i = 0; i < count; i++)
        if (f->resamples > 0)
            statement_bind_real(q, at + i, values[i]);
        else
            statement_bind_null(q, at + i);
}

int results_insert_fitted(struct database *db, int64_t stage, const struct wire_fitted *f,
                          struct error *err)
{
    struct statement *q;
    bool layer = strcmp(f->role, "layer") == 0;
    int rc = database_query(db, layer ? "fitted_layer_insert" : "fitted_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)f->position);
    statement_bind_text(q, 3, f->role);
    statement_bind_int(q, 4, (int64_t)f->step);
    statement_bind_text(q, 5, f->method);
    statement_bind_real(q, 6, f->cost);
    if (f->normal.size > 0)
        statement_bind_blob(q, 7, f->normal.data, f->normal.size);
    else
        statement_bind_null(q, 7);
    statement_bind_real(q, 8, f->offset);
    statement_bind_real(q, 9, f->cosine);
    statement_bind_real(q, 10, f->cosine_folds);
    const uint64_t counts[] = {f->train_tp, f->train_fp, f->train_tn, f->train_fn,
                               f->test_tp,  f->test_fp,  f->test_tn,  f->test_fn,
                               f->rest_tp,  f->rest_fp,  f->rest_tn,  f->rest_fn};
    for (int i = 0; i < 12; i++)
        statement_bind_int(q, 11 + i, (int64_t)counts[i]);
    statement_bind_int(q, 23, (int64_t)f->resamples);
    bind_interval(q, 24, f,
                  (const double[]){f->auc, f->auc_low, f->auc_high, f->f1_low, f->f1_high,
                                   f->mcc_low, f->mcc_high, f->balanced_low, f->balanced_high,
                                   f->kappa},
                  10);
    return statement_run(q, err);
}

int results_each_boundary(struct database *db, int64_t stage,
                          int (*each)(void *context, const struct results_boundary *boundary,
                                      struct error *err),
                          void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "boundary_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    while ((rc = statement_step(q, err)) > 0) {
        size_t size;
        struct results_boundary boundary = {.position = statement_int(q, 0),
                                            .name = statement_text(q, 1)};
        boundary.normal = statement_blob(q, 2, &size);
        boundary.dimension = size / sizeof(float);
        boundary.offset = statement_real(q, 3);
        boundary.layers = (size_t)statement_int(q, 4);
        boundary.across = statement_blob(q, 5, &size);
        if (size != boundary.dimension * sizeof(float))
            boundary.across = NULL;
        rc = each(context, &boundary, err);
        if (rc != 0)
            break;
    }
    statement_reset(q);
    return rc;
}

int results_each_layer(struct database *db, int64_t stage,
                       int (*each)(void *context, const struct results_layer *layer,
                                   struct error *err),
                       void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "fitted_layer_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    while ((rc = statement_step(q, err)) > 0) {
        const struct results_layer layer = {statement_int(q, 0), statement_int(q, 1),
                                            statement_real(q, 2), statement_real(q, 3)};
        rc = each(context, &layer, err);
        if (rc != 0)
            break;
    }
    statement_reset(q);
    return rc;
}

int results_logits(struct database *db, int64_t stage, size_t attributes, float *moments,
                   struct error *err)
{
    struct statement *q;
    size_t n = 0;
    int rc = database_query(db, "summary_logits", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    while ((rc = statement_step(q, err)) > 0) {
        if (n < attributes) {
            moments[2 * n] = (float)statement_real(q, 0);
            moments[2 * n + 1] = (float)statement_real(q, 1);
        }
        n++;
    }
    if (rc == 0 && n != attributes)
        rc = error_set(err, E_NOT_FOUND, "stage %lld has the logits of %zu attributes, expected %zu",
                       (long long)stage, n, attributes);
    return rc;
}

/* ---- directions ---- */

int results_insert_direction(struct database *db, int64_t stage,
                             const struct wire_direction *direction, const char *method,
                             const char *description, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "direction_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)direction->position);
    statement_bind_int(q, 3, (int64_t)direction->projected);
    statement_bind_text(q, 4, direction->name);
    statement_bind_blob(q, 5, direction->vector.data, direction->vector.size);
    statement_bind_real(q, 6, direction->gain);
    statement_bind_real(q, 7, direction->leak);
    statement_bind_text(q, 8, method);
    statement_bind_text(q, 9, description);
    statement_bind_real(q, 10, direction->offset);
    return statement_run(q, err);
}

int results_insert_gain_leak(struct database *db, int64_t stage, int64_t position,
                             const char *method, double weight, double gain, double leak,
                             struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "gain_leak_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, position);
    statement_bind_text(q, 3, method);
    statement_bind_real(q, 4, weight);
    statement_bind_real(q, 5, gain);
    statement_bind_real(q, 6, leak);
    return statement_run(q, err);
}

static int read_direction(struct statement *q, struct wire_direction *direction, struct error *err)
{
    size_t size;
    const void *data = statement_blob(q, 3, &size);
    uint8_t *copy = malloc(size ? size : 1);
    *direction = (struct wire_direction){
        .position = (uint64_t)statement_int(q, 0),
        .projected = (uint64_t)statement_int(q, 1),
        .name = strdup(statement_text(q, 2)),
        .vector = {copy, size},
        .gain = statement_real(q, 4),
        .leak = statement_real(q, 5),
        .offset = statement_real(q, 6),
    };
    if (!copy || !direction->name)
        return error_set(err, E_MEMORY, "out of memory");
    memcpy(copy, data, size);
    return 0;
}

int results_directions(struct database *db, int64_t stage, struct wire_direction **directions,
                       size_t *count, struct error *err)
{
    struct statement *q;
    struct wire_direction *list = NULL;
    size_t n = 0;
    int rc = database_query(db, "direction_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    while ((rc = statement_step(q, err)) > 0) {
        struct wire_direction *grown = realloc(list, (n + 1) * sizeof *list);
        if (!grown) {
            rc = error_set(err, E_MEMORY, "out of memory");
            break;
        }
        list = grown;
        rc = read_direction(q, &list[n++], err);
        if (rc < 0)
            break;
    }
    statement_reset(q);
    if (rc < 0) {
        results_directions_free(list, n);
        return rc;
    }
    *directions = list;
    *count = n;
    return 0;
}

void results_directions_free(struct wire_direction *directions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)directions[i].name);
        free((uint8_t *)directions[i].vector.data);
    }
    free(directions);
}
