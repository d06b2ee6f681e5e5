/* Loading samples and choosing among them. A column's labels and set depend on nothing but its own
 * scores. */
#include "worker/tasks/fit_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/latent.h"
#include "worker/latent_threads.h"
#include "common/quality.h"

#define CHUNK_ROWS 4096 /* samples of one request for scores */
#define STUDY_TIMES 10  /* samples for each positive, in the study */

#define ROLE_POSITIVE 1
#define ROLE_NEGATIVE 2
#define ROLE_SELECTED 4

static const struct bundle *bundle_of(const struct fit_samples *s)
{
    return pipeline_bundle(s->task->pipeline);
}

/* ---- loading ---- */

/* Column of a row of scores that boundary `position` is fitted on. */
static size_t score_column(const struct fit_samples *s, size_t position)
{
    return position < bundle_of(s)->attributes_count
               ? position
               : (size_t)bundle_age_column(bundle_of(s), BUNDLE_FIT);
}

/* Of each row only the columns from the first that is wanted to the last. */
static int load_values(struct fit_samples *s, struct error *err)
{
    struct task *task = s->task;
    size_t from = score_column(s, s->first),
           columns = score_column(s, s->first + s->columns - 1) - from + 1;
    float *scores = malloc(CHUNK_ROWS * columns * sizeof *scores);
    int failed = scores ? 0 : error_set(err, E_MEMORY, "no memory for a fit");
    for (size_t start = 0; !failed && start < s->rows; start += CHUNK_ROWS) {
        size_t count = s->rows - start < CHUNK_ROWS ? s->rows - start : CHUNK_ROWS;
        failed = task_check(task, err);
        if (!failed)
            failed = task->inputs->scores(task->inputs->state, task->outcome->assignment->input,
                                          start, count, from, columns, scores, err);
        for (size_t i = 0; !failed && i < count; i++)
            for (size_t k = 0; k < s->columns; k++)
                s->values[(start + i) * s->columns + k] =
                    scores[i * columns + score_column(s, s->first + k) - from];
    }
    free(scores);
    return failed;
}

static int hold_out(struct fit_samples *s, struct error *err)
{
    double share = 1 - s->task->stage->train_share;
    for (size_t i = 0; i < s->rows; i++) {
        s->held_out[i] = latent_held_out(s->task->spec->seed, fit_samples_number(s, i), share);
        s->held_outs += s->held_out[i];
    }
    if (s->held_outs == s->rows)
        return error_set(err, E_INVALID, "no training samples in %zu faces at train_share %g",
                         s->rows, s->task->stage->train_share);
    return 0;
}

uint64_t fit_samples_number(const struct fit_samples *samples, size_t row)
{
    return spec_stage_samples(samples->from, row, 1).sample;
}

/* ---- labels ---- */

static int find_threshold(struct fit_samples *s, size_t k, struct error *err)
{
    s->thresholds[k] = 0;
    if (s->first + k < bundle_of(s)->attributes_count)
        return 0;
    float *ages = malloc(s->rows * sizeof *ages);
    size_t count = 0;
    if (!ages)
        return error_set(err, E_MEMORY, "no memory for %zu ages", s->rows);
    for (size_t i = 0; i < s->rows; i++)
        if (!s->held_out[i])
            ages[count++] = s->values[i * s->columns + k];
    s->thresholds[k] = quality_median(ages, count);
    free(ages);
    return 0;
}

static void label_column(struct fit_samples *s, size_t k)
{
    size_t column = score_column(s, s->first + k);
    for (size_t i = 0; i < s->rows; i++) {
        float value = s->values[i * s->columns + k];
        bool none = isnan(value) || bundle_abstains(bundle_of(s), column, value);
        s->roles[i * s->columns + k] = none                                ? 0
                                       : (double)value > s->thresholds[k] ? ROLE_POSITIVE
                                                                           : ROLE_NEGATIVE;
    }
}

/* ---- sets ---- */

struct ranked {
    double key;
    size_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static size_t count_role(const struct fit_samples *s, size_t k, uint8_t role)
{
    size_t count = 0;
    for (size_t i = 0; i < s->rows; i++)
        count += (s->roles[i * s->columns + k] & role) != 0;
    return count;
}

/* Selects `most` samples of the role, by their lots. */
static void select_some(struct fit_samples *s, size_t k, uint8_t role, size_t most,
                        struct ranked *ranked)
{
    size_t count = 0;
    for (size_t i = 0; i < s->rows; i++) {
        uint32_t words[4];
        if (!(s->roles[i * s->columns + k] & role))
            continue;
        latent_choices(s->task->spec->seed, fit_samples_number(s, i), words);
        ranked[count++] = (struct ranked){words[2], i};
    }
    qsort(ranked, count, sizeof *ranked, by_key);
    for (size_t i = 0; i < count && i < most; i++)
        s->roles[ranked[i].row * s->columns + k] |= ROLE_SELECTED;
}

/* The ends of the scores' order, at most half of it each. */
static void select_ends(struct fit_samples *s, size_t k, struct ranked *ranked)
{
    double wanted = s->task->stage->extremes;
    size_t count = 0;
    for (size_t i = 0; i < s->rows; i++)
        if (s->roles[i * s->columns + k])
            ranked[count++] = (struct ranked){(double)s->values[i * s->columns + k], i};
    double side = wanted < 1 ? floor(wanted * (double)count) : wanted;
    size_t most = side > (double)(count / 2) ? count / 2 : (size_t)side;
    qsort(ranked, count, sizeof *ranked, by_key);
    for (size_t i = 0; i < most; i++) {
        s->roles[ranked[i].row * s->columns + k] = ROLE_NEGATIVE | ROLE_SELECTED;
        s->roles[ranked[count - 1 - i].row * s->columns + k] = ROLE_POSITIVE | ROLE_SELECTED;
    }
}

static void select_column(struct fit_samples *s, size_t k, struct ranked *ranked)
{
    size_t positives = count_role(s, k, ROLE_POSITIVE), negatives = count_role(s, k, ROLE_NEGATIVE);
    size_t rarer = positives < negatives ? positives : negatives;
    switch (s->task->stage->set) {
    case SPEC_SET_ALL:
        select_some(s, k, ROLE_POSITIVE | ROLE_NEGATIVE, SIZE_MAX, ranked);
        return;
    case SPEC_SET_BALANCED:
        select_some(s, k, ROLE_POSITIVE, rarer, ranked);
        select_some(s, k, ROLE_NEGATIVE, rarer, ranked);
        return;
    case SPEC_SET_EXTREMES:
        select_ends(s, k, ranked);
        return;
    case SPEC_SET_STUDY:
        select_some(s, k, ROLE_POSITIVE, positives, ranked);
        select_some(s, k, ROLE_NEGATIVE, (STUDY_TIMES - 1) * positives, ranked);
        return;
    }
}

static void select_all(struct fit_samples *s)
{
    for (size_t i = 0; i < s->rows * s->columns; i++)
        if (s->roles[i])
            s->roles[i] |= ROLE_SELECTED;
}

static int choose(struct fit_samples *s, struct error *err)
{
    int failed = 0;
    for (size_t k = 0; !failed && k < s->columns; k++) {
        failed = find_threshold(s, k, err);
        if (!failed)
            label_column(s, k);
    }
    if (failed)
        return failed;
    if (s->task->stage->set == SPEC_SET_ALL) {
        select_all(s);
        return 0;
    }
    struct ranked *ranked = malloc(s->rows * sizeof *ranked);
    if (!ranked)
        return error_set(err, E_MEMORY, "no memory to choose among %zu samples", s->rows);
    for (size_t k = 0; k < s->columns; k++)
        select_column(s, k, ranked);
    free(ranked);
    return 0;
}

/* ---- the whole ---- */

int fit_samples_load(struct task *task, const struct spec_stage *from, struct fit_samples *samples,
                     struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    struct fit_samples s = {.task = task,
                            .from = from,
                            .rows = from->count,
                            .dimension = bundle_latent_size(pipeline_bundle(task->pipeline)),
                            .columns = range->count,
                            .first = range->start};
    s.values = malloc(s.rows * s.columns * sizeof *s.values);
    s.roles = malloc(s.rows * s.columns);
    s.held_out = malloc(s.rows);
    s.thresholds = calloc(s.columns, sizeof *s.thresholds);
    int failed = s.values && s.roles && s.held_out && s.thresholds
                     ? hold_out(&s, err)
                     : error_set(err, E_MEMORY, "no memory for %zu samples of %zu columns", s.rows,
                                 s.columns);
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    bool in_sequence = from->seeds.count == 0 && !from->latents; /* as the device draws them */
    if (!failed && in_sequence && bundle->generator.latent.space == BUNDLE_Z)
        failed = latent_device_open(task->device, bundle_law(bundle), s.dimension, &s.drawer, err);
    if (!failed)
        failed = load_values(&s, err);
    if (!failed)
        failed = choose(&s, err);
    if (failed)
        fit_samples_free(&s);
    else
        *samples = s;
    return failed;
}

void fit_samples_free(struct fit_samples *samples)
{
    free(samples->values);
    free(samples->roles);
    free(samples->held_out);
    free(samples->thresholds);
    latent_device_close(&samples->drawer);
    *samples = (struct fit_samples){0};
}

signed char fit_samples_label(const struct fit_samples *samples, size_t row, size_t column)
{
    uint8_t role = samples->roles[row * samples->columns + column];
    return role & ROLE_POSITIVE ? 1 : role & ROLE_NEGATIVE ? -1 : 0;
}

bool fit_samples_selected(const struct fit_samples *samples, size_t row, size_t column)
{
    return samples->roles[row * samples->columns + column] & ROLE_SELECTED;
}

/* Of z, which the host has many threads for. */
static void draw_on_host(const struct fit_samples *samples, uint64_t first, size_t count, float *x)
{
    unsigned threads = latent_threads(samples->task->device);
    for (size_t done = 0; done < count;) {
        struct seeds_run run = spec_stage_samples(samples->from, first + done, count - done);
        latent_draw_on(threads, bundle_law(bundle_of(samples)), samples->task->spec->seed,
                       run.sample, run.count, samples->dimension, x + done * samples->dimension);
        done += run.count;
    }
}

int fit_samples_draw(void *state, uint64_t first, size_t count, float *x, struct error *err)
{
    const struct fit_samples *samples = state;
    int failed = task_check(samples->task, err);
    int64_t since = clock_now();
    if (!failed && bundle_of(samples)->generator.latent.space == BUNDLE_Z &&
        !samples->from->latents)
        draw_on_host(samples, first, count, x);
    else if (!failed)
        failed = task_latents(samples->task, samples->from, first, count, x, err);
    samples->task->outcome->metrics.latents_ms += task_elapsed_ms(&since);
    return failed;
}

int fit_samples_chunk(void *state, uint64_t first, size_t count, size_t rows, cl_mem x,
                      struct error *err)
{
    const struct fit_samples *samples = state;
    int failed = task_check(samples->task, err);
    int64_t since = clock_now();
    if (!failed)
        failed = latent_device_draw(samples->drawer, samples->task->spec->seed,
                                    fit_samples_number(samples, first), count, rows, x, err);
    if (!failed)
        failed = device_finish(samples->task->device, err); /* so that its time is told apart */
    samples->task->outcome->metrics.latents_ms += task_elapsed_ms(&since);
    return failed;
}

const char *fit_samples_name(const struct fit_samples *samples, size_t column)
{
    const struct bundle *bundle = bundle_of(samples);
    size_t position = samples->first + column;
    return position < bundle->attributes_count ? bundle->attributes[position] : SPEC_AGE;
}
