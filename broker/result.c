/* Judging results. What comes from a worker is outside data: sizes, ranges, names, paths and values
 * are checked before anything is written, and an error is the worker's, never ours. */
#include "broker/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define UNIT_TOLERANCE 1e-3

static bool is_digest(const char *text)
{
    return strlen(text) == DIGEST_HEX_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == DIGEST_HEX_BYTES - 1;
}

/* ---- scores ---- */

static float float_at(const uint8_t *data, size_t index)
{
    float value;
    memcpy(&value, data + index * sizeof value, sizeof value);
    return value;
}

static int check_finite(const char *field, struct wire_bytes bytes, struct error *err)
{
    for (size_t i = 0; i < bytes.size / sizeof(float); i++) {
        float value = float_at(bytes.data, i);
        if (!isfinite(value))
            return error_set(err, E_INVALID, "%s: value %zu is %g, expected a finite number", field,
                             i, (double)value);
    }
    return 0;
}

static int check_size(const char *field, struct wire_bytes bytes, uint64_t size, struct error *err)
{
    if (bytes.size != size)
        return error_set(err, E_INVALID, "%s: %zu bytes, expected %llu", field, bytes.size,
                         (unsigned long long)size);
    return check_finite(field, bytes, err);
}

/* Which indices have no rows: none, unless the stage reads photos. */
static int check_skipped(const struct wire_result *result, const struct farm_stage *stage,
                         uint64_t count, struct error *err)
{
    struct wire_bytes skipped = result->skipped;
    uint64_t most = spec_stage_reads_photos(stage->spec) ? count : 0;
    if (skipped.size != 0 && skipped.size != most)
        return error_set(err, E_INVALID, "skipped: %zu bytes, expected 0 or %llu", skipped.size,
                         (unsigned long long)most);
    for (size_t i = 0; i < skipped.size; i++)
        if (skipped.data[i] > 1)
            return error_set(err, E_INVALID, "skipped: value %zu is %u, expected 0 or 1", i,
                             skipped.data[i]);
    return 0;
}

/* Names a photo that cannot be read, and only such. */
static int check_photo(const struct wire_photo *photo, bool skipped, struct error *err)
{
    if (skipped != (photo->code[0] != '\0'))
        return error_set(err, E_INVALID, "code: \"%s\", and %s", photo->code,
                         skipped ? "it has no rows" : "it has rows");
    if (!is_digest(photo->sha256))
        return error_set(err, E_INVALID, "sha256 \"%s\", expected 64 hexadecimal digits",
                         photo->sha256);
    if (!(photo->error >= 0 && photo->error <= 255))
        return error_set(err, E_INVALID, "error: %g, expected 0 to 255", photo->error);
    return 0;
}

/* What a stage tells of the photos that it read. */
static int check_photos(const struct wire_result *result, const struct farm_stage *stage,
                        uint64_t count, struct error *err)
{
    const struct wire_photo *photos = WIRE_ITEMS(result->photos, photo);
    enum spec_kind kind = stage->spec->kind;
    bool tells = (kind == SPEC_LABEL || kind == SPEC_ENCODE) && spec_stage_reads_photos(stage->spec);
    size_t latent = bundle_latent_size(stage->job->bundle->bundle) * sizeof(float);
    int rc = check_size("latents", result->latents, kind == SPEC_ENCODE ? count * latent : 0, err);
    if (rc == 0 && result->photos.count != (tells ? count : 0))
        rc = error_set(err, E_INVALID, "photos: %zu, expected %llu", result->photos.count,
                       (unsigned long long)(tells ? count : 0));
    for (size_t i = 0; rc == 0 && i < result->photos.count; i++) {
        rc = check_photo(&photos[i], result->skipped.size > 0 && result->skipped.data[i], err);
        if (rc < 0)
            error_prefix(err, rc, "photo %zu", i);
    }
    return rc;
}

/* What the stage's networks say beside the scores. */
static int check_networks(const struct wire_result *result, const struct farm_stage *stage,
                          const struct wire_task *task, struct error *err)
{
    uint64_t cosines = stage->networks.identity >= 0 ? task->count * stage->variants : 0;
    uint64_t features = stage_networks_features(&stage->networks, task->start, task->count);
    int rc = check_size("identity", result->identity, cosines * sizeof(float), err);
    return rc < 0 ? rc
                  : check_size("features", result->features, features * sizeof(float), err);
}

/* Of edits whose distance differs from face to face. */
static int check_moves(const struct wire_result *result, const struct farm_stage *stage,
                       uint64_t count, struct error *err)
{
    uint64_t rows = spec_stage_moves(stage->spec) ? count * stage->variants : 0;
    uint64_t size = rows * MOVE_NUMBERS * sizeof(float);
    int rc = check_size("moves", result->moves, size, err);
    for (uint64_t i = 0; rc == 0 && i < rows; i++) {
        float end = float_at(result->moves.data, i * MOVE_NUMBERS + 2),
              evaluations = float_at(result->moves.data, i * MOVE_NUMBERS + 3);
        if (!(end >= 0 && end < MOVE_ENDS) || !(evaluations >= 0 && evaluations <= 1e9f))
            rc = error_set(err, E_INVALID, "moves: row %llu ends by %g after %g evaluations",
                           (unsigned long long)i, (double)end, (double)evaluations);
    }
    return rc;
}

static int check_scores(const struct wire_result *result, const struct farm_stage *stage,
                        uint64_t count, struct error *err)
{
    uint64_t columns = stage->variants ? stage->job->bundle->layout.columns : 0;
    uint64_t size = count * stage->variants * columns * sizeof(float);
    if (result->variants != stage->variants)
        return error_set(err, E_INVALID, "variants: %llu, expected %u",
                         (unsigned long long)result->variants, stage->variants);
    if (stage->variants && result->columns != columns)
        return error_set(err, E_INVALID, "columns: %llu, expected %llu",
                         (unsigned long long)result->columns, (unsigned long long)columns);
    int skips = check_skipped(result, stage, count, err);
    if (skips < 0)
        return skips;
    if (result->scores.size != size)
        return error_set(err, E_INVALID, "scores: %zu bytes, expected %llu", result->scores.size,
                         (unsigned long long)size);
    int rc = check_finite("scores", result->scores, err);
    return rc < 0 ? rc : check_moves(result, stage, count, err);
}

/* ---- boundaries ---- */

static int check_normal(struct wire_bytes normal, const struct farm_bundle *bundle,
                        struct error *err)
{
    size_t size = bundle_latent_size(bundle->bundle) * sizeof(float);
    if (normal.size != size)
        return error_set(err, E_INVALID, "normal: %zu bytes, expected %zu", normal.size, size);
    int rc = check_finite("normal", normal, err);
    double square = 0;
    for (size_t i = 0; rc == 0 && i < size / sizeof(float); i++) {
        double value = (double)float_at(normal.data, i);
        square += value * value;
    }
    if (rc == 0 && fabs(sqrt(square) - 1) > UNIT_TOLERANCE)
        return error_set(err, E_INVALID, "normal: has norm %g, expected a unit vector",
                         sqrt(square));
    return rc;
}

static int check_boundary(const struct wire_boundary *boundary, uint64_t position,
                          const struct farm_bundle *bundle, struct error *err)
{
    if (boundary->position != position)
        return error_set(err, E_INVALID, "position: %llu, expected %llu",
                         (unsigned long long)boundary->position, (unsigned long long)position);
    if (strcmp(boundary->name, bundle->boundaries[position]) != 0)
        return error_set(err, E_INVALID, "name: \"%s\", expected \"%s\"", boundary->name,
                         bundle->boundaries[position]);
    if (boundary->test_auc > 1 || (boundary->test_auc < 0 && boundary->test_auc != -1))
        return error_set(err, E_INVALID, "test_auc: %g, expected 0 to 1, or -1",
                         boundary->test_auc);
    size_t size = bundle_latent_size(bundle->bundle) * sizeof(float);
    bool mapped = bundle->bundle->generator.latent.space != BUNDLE_Z;
    int rc = check_normal(boundary->normal, bundle, err);
    return rc < 0 ? rc : check_size("across", boundary->across, mapped ? size : 0, err);
}

static int check_boundaries(const struct wire_result *result, const struct farm_stage *stage,
                            const struct wire_task *task, struct error *err)
{
    const struct wire_boundary *boundaries = WIRE_ITEMS(result->boundaries, boundary);
    uint64_t expected = stage->spec->kind == SPEC_FIT ? task->count : 0;
    int rc = 0;
    if (result->boundaries.count != expected)
        return error_set(err, E_INVALID, "boundaries: %zu, expected %llu", result->boundaries.count,
                         (unsigned long long)expected);
    for (uint64_t i = 0; rc == 0 && i < expected; i++) {
        rc = check_boundary(&boundaries[i], task->start + i, stage->job->bundle, err);
        if (rc < 0)
            error_prefix(err, rc, "boundary %llu", (unsigned long long)i);
    }
    return rc;
}

/* ---- what stands beside them ---- */

static bool is_method(const char *name)
{
    for (int m = 0; m <= (int)SPEC_IMPORTED; m++)
        if (strcmp(name, spec_method_name((enum spec_method)m)) == 0)
            return true;
    return false;
}

static bool is_role(const char *name)
{
    static const char *const roles[] = {"chosen", "method", "fold", "curve", "cost", "layer"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(name, roles[i]) == 0)
            return true;
    return false;
}

/* Of a boundary's normal. */
static uint32_t layers_of(const struct farm_stage *stage)
{
    const struct bundle_latent *latent = &stage->job->bundle->bundle->generator.latent;
    return latent->space == BUNDLE_W_PLUS ? latent->layers : 1;
}

/* A layer of a stage that fits each by itself. */
static int check_fitted_layer(const struct wire_fitted *fitted, const struct farm_stage *stage,
                              struct error *err)
{
    uint32_t layers = layers_of(stage);
    if (!stage->spec->per_layer)
        return error_set(err, E_INVALID, "role: \"layer\" of a stage without per_layer");
    if (fitted->step >= layers)
        return error_set(err, E_INVALID, "step: layer %llu, expected 0 to %u",
                         (unsigned long long)fitted->step, layers - 1);
    return 0;
}

static int check_fitted(const struct wire_fitted *fitted, const struct farm_stage *stage,
                        const struct wire_task *task, struct error *err)
{
    if (fitted->position < task->start || fitted->position >= task->start + task->count)
        return error_set(err, E_INVALID, "position: %llu, expected %llu to %llu",
                         (unsigned long long)fitted->position, (unsigned long long)task->start,
                         (unsigned long long)(task->start + task->count - 1));
    if (!is_role(fitted->role))
        return error_set(err, E_INVALID, "role: \"%s\"", fitted->role);
    if (!is_method(fitted->method))
        return error_set(err, E_INVALID, "method: \"%s\"", fitted->method);
    if (strcmp(fitted->role, "layer") == 0)
        return check_fitted_layer(fitted, stage, err);
    return fitted->normal.size ? check_normal(fitted->normal, stage->job->bundle, err) : 0;
}

static int compare_fitted(const void *a, const void *b)
{
    const struct wire_fitted *x = a, *y = b;
    int role = strcmp(x->role, y->role), method = strcmp(x->method, y->method);
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    if (role != 0)
        return role;
    return x->step != y->step ? (x->step < y->step ? -1 : 1) : method;
}

static int check_all_fitted(const struct wire_result *result, const struct farm_stage *stage,
                            const struct wire_task *task, struct error *err)
{
    const struct wire_fitted *fitted = WIRE_ITEMS(result->fitted, fitted);
    size_t count = result->fitted.count;
    if (count > 0 && stage->spec->kind != SPEC_FIT)
        return error_set(err, E_INVALID, "fitted: %zu, only a fit has any", count);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = check_fitted(&fitted[i], stage, task, err);
        if (rc < 0)
            error_prefix(err, rc, "fitted %zu", i);
    }
    struct wire_fitted *sorted = rc == 0 && count > 1 ? malloc(count * sizeof *sorted) : NULL;
    if (rc < 0 || count < 2)
        return rc;
    if (!sorted)
        return error_set(err, E_MEMORY, "no memory for %zu fits", count);
    memcpy(sorted, fitted, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_fitted);
    for (size_t i = 1; rc == 0 && i < count; i++)
        if (compare_fitted(&sorted[i - 1], &sorted[i]) == 0)
            rc = error_set(err, E_INVALID, "fitted: %s %llu of boundary %llu stands there twice",
                           sorted[i].role, (unsigned long long)sorted[i].step,
                           (unsigned long long)sorted[i].position);
    free(sorted);
    return rc;
}

/* ---- files ---- */

/* Relative to the store, and inside it. */
static bool safe_path(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/' && part != path;
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    for (; *path; path++)
        if ((unsigned char)*path < ' ' || *path == '\\' || *path == 127)
            return false;
    return true;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp((*(const struct wire_file *const *)a)->path,
                  (*(const struct wire_file *const *)b)->path);
}

static int check_twice(const struct wire_file *files, size_t count, struct error *err)
{
    int rc = 0;
    if (count < 2)
        return 0;
    const struct wire_file **sorted = calloc(count, sizeof *sorted);
    if (!sorted)
        return error_set(err, E_MEMORY, "no memory for %zu files", count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &files[i];
    qsort(sorted, count, sizeof *sorted, compare_paths);
    for (size_t i = 1; rc == 0 && i < count; i++)
        if (strcmp(sorted[i - 1]->path, sorted[i]->path) == 0)
            rc = error_set(err, E_INVALID, "files: \"%s\" stands there twice", sorted[i]->path);
    free(sorted);
    return rc;
}

int result_check_file(const struct wire_file *file, struct error *err)
{
    if (!safe_path(file->path))
        return error_set(err, E_INVALID, "files: path \"%s\" is not inside the store", file->path);
    if (!is_digest(file->sha256))
        return error_set(err, E_INVALID, "files: sha256 \"%s\", expected 64 hexadecimal digits",
                         file->sha256);
    return 0;
}

static int check_files(const struct wire_result *result, const struct farm_stage *stage,
                       struct error *err)
{
    const struct wire_file *files = WIRE_ITEMS(result->files, file);
    bool writes = stage->spec->kind == SPEC_SAMPLE ||
                  stage->spec->kind == SPEC_EDIT || stage->spec->kind == SPEC_ENCODE;
    if (!writes && result->files.count > 0)
        return error_set(err, E_INVALID, "files: %zu, a %s stage writes none", result->files.count,
                         spec_kind_name(stage->spec->kind));
    if (stage->spec->kind == SPEC_SAMPLE && result->files.count == 0)
        return error_set(err, E_INVALID, "files: none, a sample stage writes at least one");
    for (size_t i = 0; i < result->files.count; i++) {
        int rc = result_check_file(&files[i], err);
        if (rc < 0)
            return rc;
    }
    return check_twice(files, result->files.count, err);
}

/* ---- the whole ---- */

int result_check(const struct wire_result *result, const struct farm_stage *stage,
                 struct error *err)
{
    const struct wire_task *task = WIRE_ITEMS(result->task, task);
    if (task->count == 0 || task->start >= stage->plan.total ||
        task->count > stage->plan.total - task->start)
        return error_set(err, E_INVALID, "task: %llu + %llu, the stage has %llu indices",
                         (unsigned long long)task->start, (unsigned long long)task->count,
                         (unsigned long long)stage->plan.total);
    int rc = check_scores(result, stage, task->count, err);
    if (rc == 0)
        rc = check_networks(result, stage, task, err);
    if (rc == 0)
        rc = check_photos(result, stage, task->count, err);
    if (rc == 0)
        rc = check_boundaries(result, stage, task, err);
    if (rc == 0)
        rc = check_all_fitted(result, stage, task, err);
    if (rc == 0)
        rc = check_files(result, stage, err);
    return rc;
}

static int print_boundary(struct buffer *out, const struct wire_boundary *b, struct error *err)
{
    int rc = buffer_printf(
        out, err, "boundary %llu %s %a %a %a %llu %llu %llu %llu %llu %llu %llu %llu %llu %a\n",
        (unsigned long long)b->position, b->name, b->offset, b->threshold, b->cost,
        (unsigned long long)b->iterations, (unsigned long long)b->train_tp,
        (unsigned long long)b->train_fp, (unsigned long long)b->train_tn,
        (unsigned long long)b->train_fn, (unsigned long long)b->test_tp,
        (unsigned long long)b->test_fp, (unsigned long long)b->test_tn,
        (unsigned long long)b->test_fn, b->test_auc);
    if (rc == 0)
        rc = buffer_append(out, b->normal.data, b->normal.size, err);
    return rc < 0 ? rc : buffer_append(out, b->across.data, b->across.size, err);
}

static int print_fitted(struct buffer *out, const struct wire_fitted *f, struct error *err)
{
    const uint64_t counts[] = {f->train_tp, f->train_fp, f->train_tn, f->train_fn,
                               f->test_tp,  f->test_fp,  f->test_tn,  f->test_fn,
                               f->rest_tp,  f->rest_fp,  f->rest_tn,  f->rest_fn};
    const double reals[] = {f->cost,          f->offset,  f->cosine,   f->cosine_folds,
                            f->auc,           f->auc_low, f->auc_high, f->f1_low,
                            f->f1_high,       f->mcc_low, f->mcc_high, f->balanced_low,
                            f->balanced_high, f->kappa};
    int rc = buffer_printf(out, err, "fitted %llu %s %llu %s %llu", (unsigned long long)f->position,
                           f->role, (unsigned long long)f->step, f->method,
                           (unsigned long long)f->resamples);
    for (size_t i = 0; rc == 0 && i < sizeof counts / sizeof *counts; i++)
        rc = buffer_printf(out, err, " %llu", (unsigned long long)counts[i]);
    for (size_t i = 0; rc == 0 && i < sizeof reals / sizeof *reals; i++)
        rc = buffer_printf(out, err, " %a", reals[i]);
    return rc < 0 ? rc : buffer_append(out, f->normal.data, f->normal.size, err);
}

static int print_photo(struct buffer *out, const struct wire_photo *p, struct error *err)
{
    return buffer_printf(out, err, "photo %s %s %llu %llu %a %s %s\n", p->name, p->sha256,
                         (unsigned long long)p->height, (unsigned long long)p->width, p->error,
                         p->code, p->text);
}

int result_digest(const struct wire_result *result, char hex[DIGEST_HEX_BYTES], struct error *err)
{
    struct buffer out;
    const struct wire_boundary *boundaries = WIRE_ITEMS(result->boundaries, boundary);
    const struct wire_file *files = WIRE_ITEMS(result->files, file);
    buffer_init(&out, 2u * LIMIT_MESSAGE_BYTES);
    int rc = buffer_append(&out, result->scores.data, result->scores.size, err);
    if (rc == 0)
        rc = buffer_append(&out, result->moves.data, result->moves.size, err);
    if (rc == 0)
        rc = buffer_append(&out, result->identity.data, result->identity.size, err);
    if (rc == 0)
        rc = buffer_append(&out, result->features.data, result->features.size, err);
    if (rc == 0)
        rc = buffer_append(&out, result->latents.data, result->latents.size, err);
    if (rc == 0)
        rc = buffer_append(&out, result->skipped.data, result->skipped.size, err);
    for (size_t i = 0; rc == 0 && i < result->photos.count; i++)
        rc = print_photo(&out, &WIRE_ITEMS(result->photos, photo)[i], err);
    for (size_t i = 0; rc == 0 && i < result->boundaries.count; i++)
        rc = print_boundary(&out, &boundaries[i], err);
    for (size_t i = 0; rc == 0 && i < result->fitted.count; i++)
        rc = print_fitted(&out, &WIRE_ITEMS(result->fitted, fitted)[i], err);
    for (size_t i = 0; rc == 0 && i < result->files.count; i++)
        rc = buffer_printf(&out, err, "file %s %s %s %llu %llu %llu %llu %s\n", files[i].path,
                           files[i].kind, files[i].target, (unsigned long long)files[i].projected,
                           (unsigned long long)files[i].start, (unsigned long long)files[i].count,
                           (unsigned long long)files[i].bytes, files[i].sha256);
    if (rc == 0 && out.size == 0)
        strcpy(hex, DIGEST_OF_NOTHING); /* of tasks without output: there may be 10⁵ a second */
    else if (rc == 0)
        digest_bytes(out.data, out.size, hex);
    buffer_free(&out);
    return rc;
}

/* A photo that cannot be read is told as a failure as well, though nothing is to be tried again. */
static int store_photo(struct database *db, const struct wire_result *result,
                       const struct farm_stage *stage, const struct results_task *task, size_t i,
                       struct error *err)
{
    const struct wire_photo *photo = &WIRE_ITEMS(result->photos, photo)[i];
    size_t dimension = result->latents.size / sizeof(float) / result->photos.count;
    const uint8_t *latent = dimension ? result->latents.data + i * dimension * sizeof(float) : NULL;
    int rc =
        results_insert_photo(db, stage->id, task->start + i, photo, latent, dimension, err);
    if (rc < 0 || photo->code[0] == '\0')
        return rc;
    const struct results_failure failure = {
        .stage = stage->id,
        .task = {.start = task->start + i, .count = 1, .epoch = task->epoch},
        .worker = task->worker,
        .code = photo->code,
        .text = photo->text,
        .log = "",
        .at_ms = task->committed_ms,
    };
    return results_insert_failure(db, &failure, err);
}

int result_store(struct database *db, const struct wire_result *result,
                 const struct farm_stage *stage, const struct results_task *task, struct error *err)
{
    const struct wire_boundary *boundaries = WIRE_ITEMS(result->boundaries, boundary);
    const struct wire_file *files = WIRE_ITEMS(result->files, file);
    const uint8_t *skipped = result->skipped.size ? result->skipped.data : NULL;
    int rc = results_insert_task(db, task, WIRE_ITEMS(result->metrics, stage_metrics), err);
    if (rc == 0 && stage->variants > 0)
        rc = results_insert_scores(db, stage->id, &stage->job->bundle->layout, task->start,
                                   task->count, stage->variants, result->scores.data,
                                   result->identity.size ? result->identity.data : NULL, skipped,
                                   err);
    if (rc == 0 && result->features.size > 0)
        rc = results_insert_features(
            db, stage->id, task->start,
            stage_networks_faces(&stage->networks, task->start, task->count),
            stage->networks.variants, stage->networks.dimension, result->features.data, skipped,
            err);
    for (size_t i = 0; rc == 0 && i < result->photos.count; i++)
        rc = store_photo(db, result, stage, task, i, err);
    if (rc == 0 && result->moves.size > 0)
        rc = results_insert_moves(db, stage->id, task->start, task->count, stage->variants,
                                  result->moves.data, err);
    for (size_t i = 0; rc == 0 && i < result->boundaries.count; i++)
        rc = results_insert_boundary(db, stage->id, &boundaries[i], layers_of(stage), err);
    for (size_t i = 0; rc == 0 && i < result->fitted.count; i++)
        rc = results_insert_fitted(db, stage->id, &WIRE_ITEMS(result->fitted, fitted)[i], err);
    for (size_t i = 0; rc == 0 && i < result->files.count; i++)
        rc = results_insert_file(db, stage->id, &files[i], err);
    return rc;
}
