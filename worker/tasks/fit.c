/*
 * fit: boundaries of attributes (and of age, as the position behind them) on a label stage's
 * samples, and what the spec wants beside them: other methods, folds, costs to choose from, a
 * learning curve; in w+ layer by layer where it says so. Boundaries that were imported are taken as they are, and judged as the others.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/boundary_files.h"
#include "common/clock.h"
#include "common/log.h"
#include "worker/tasks/covariance.h"
#include "worker/tasks/fit_layers.h"

struct fit {
    struct fit_samples samples;
    struct boundaries imported; /* of the spec's files */
    struct fit_set *set;
    struct fit_trials tried; /* costs, fold by fold: [column][cost][fold] */
    struct fit_trials trials;
    struct fit_trials layers; /* of the boundaries, of a stage with per_layer */
    double *costs; /* [columns]: given or chosen */
    float *across; /* [columns][dimension]: covariance of the latents times the boundaries; NULL in
                      z */
};

static const struct spec_stage *stage_of(const struct fit *fit)
{
    return fit->samples.task->stage;
}

/* Of a latent; 1 but in w+. */
static size_t layers_of(const struct fit *fit)
{
    const struct bundle_latent *latent =
        &pipeline_bundle(fit->samples.task->pipeline)->generator.latent;
    return latent->space == BUNDLE_W_PLUS ? latent->layers : 1;
}

/* ---- imported boundaries ---- */

static bool is_boundary(const struct bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->attributes_count; i++)
        if (strcmp(bundle->attributes[i], name) == 0)
            return true;
    return strcmp(name, SPEC_AGE) == 0 && bundle_age_column(bundle, BUNDLE_FIT) >= 0;
}

static int check_imported(const struct fit *fit, const char *folder, struct error *err)
{
    const struct boundaries *b = &fit->imported;
    size_t layers = layers_of(fit);
    if (b->layers && (b->layers != layers || b->dimension != fit->samples.dimension))
        return error_set(err, E_INVALID,
                         "%s: boundaries of the shape (%zu, %zu), the bundle's latents have (%zu, %zu)",
                         folder, b->layers, b->dimension / b->layers, layers,
                         fit->samples.dimension / layers);
    if (b->dimension != fit->samples.dimension)
        return error_set(err, E_INVALID,
                         "%s: boundaries of dimension %zu, the bundle's latents have %zu", folder,
                         b->dimension, fit->samples.dimension);
    for (size_t i = 0; i < b->count; i++)
        if (!is_boundary(pipeline_bundle(fit->samples.task->pipeline), b->names[i]))
            return error_set(err, E_NOT_FOUND, "%s: the bundle has no attribute \"%s\"", folder,
                             b->names[i]);
    return 0;
}

/* The folder is named by the hash of its content, which is checked: a task is a function of its
 * spec. */
static int read_imported(struct fit *fit, struct error *err)
{
    const struct task *task = fit->samples.task;
    char folder[2 * LIMIT_PATH_BYTES], digest[DIGEST_HEX_BYTES];
    uint64_t bytes = 0;
    if (!task->stage->files)
        return 0;
    int length =
        snprintf(folder, sizeof folder, "%s/boundaries/%s", task->library, task->stage->files);
    if (length < 0 || (size_t)length >= sizeof folder)
        return error_set(err, E_LIMIT, "the store's path is too long");
    int failed = digest_folder(folder, digest, &bytes, err);
    if (failed)
        return error_prefix(err, failed, "imported boundaries");
    if (strcmp(digest, task->stage->files) != 0)
        return error_set(err, E_INVALID, "%s: its files have the digest %s", folder, digest);
    failed = boundaries_of_folder(folder, &fit->imported, err);
    if (!failed)
        failed = boundaries_normalise(&fit->imported, err);
    return failed ? failed : check_imported(fit, folder, err);
}

/* ---- flattened, or layer by layer ---- */

/* Lanes that are solved together at most. */
static size_t lanes_wanted(const struct fit *fit)
{
    const struct spec_stage *stage = stage_of(fit);
    size_t each = 1 + stage->folds + stage->learning_curve,
           tried = (size_t)stage->costs_count * stage->folds;
    return fit->samples.columns * (stage->costs_count > 1 && tried > each ? tried : each);
}

static int run_trials(struct fit *fit, struct fit_trials *trials, struct fit_trials *layers,
                      struct error *err)
{
    if (!stage_of(fit)->per_layer)
        return fit_trials_run(&fit->samples, fit->set, trials, err);
    return fit_layers_run(&fit->samples, layers_of(fit), lanes_wanted(fit), trials, layers, err);
}

/* ---- costs ---- */

static struct quality_counts add_counts(struct quality_counts a, struct quality_counts b)
{
    return (struct quality_counts){
        a.true_positives + b.true_positives, a.false_positives + b.false_positives,
        a.true_negatives + b.true_negatives, a.false_negatives + b.false_negatives};
}

/* The trials of a cost, its folds together; the boundary is the first fold's. */
static struct fit_trial pool(const struct fit *fit, size_t column, uint32_t cost)
{
    const struct spec_stage *stage = stage_of(fit);
    const struct fit_trial *folds =
        fit->tried.items + (column * stage->costs_count + cost) * stage->folds;
    struct fit_trial pooled = folds[0];
    for (uint32_t f = 1; f < stage->folds; f++)
        for (int part = 0; part < FIT_PARTS; part++)
            pooled.counts[part] = add_counts(pooled.counts[part], folds[f].counts[part]);
    return pooled;
}

static double balanced_accuracy(const struct quality_counts *c)
{
    double positives = (double)(c->true_positives + c->false_negatives);
    double negatives = (double)(c->true_negatives + c->false_positives);
    return positives > 0 && negatives > 0
               ? ((double)c->true_positives / positives + (double)c->true_negatives / negatives) / 2
               : 0;
}

/* The cost with the best balanced accuracy over all folds; the smaller of equals. */
static void choose_cost(struct fit *fit, size_t column)
{
    double best = -1;
    for (uint32_t i = 0; i < stage_of(fit)->costs_count; i++) {
        struct fit_trial pooled = pool(fit, column, i);
        double found = balanced_accuracy(&pooled.counts[FIT_TEST]);
        if (found > best || (found == best && pooled.cost < fit->costs[column])) {
            best = found;
            fit->costs[column] = pooled.cost;
        }
    }
}

static int choose_costs(struct fit *fit, struct error *err)
{
    const struct spec_stage *stage = stage_of(fit);
    size_t columns = fit->samples.columns;
    int failed = 0;
    for (size_t k = 0; k < columns; k++)
        fit->costs[k] = stage->costs_count == 1 ? stage->costs[0] : stage->cost;
    if (stage->costs_count < 2)
        return 0;
    for (size_t k = 0; !failed && k < columns; k++)
        for (uint32_t i = 0; !failed && i < stage->costs_count; i++)
            for (uint32_t f = 0; !failed && f < stage->folds; f++)
                failed = fit_trials_add(&fit->tried,
                                        &(struct fit_trial){.column = k,
                                                            .role = "cost",
                                                            .step = i,
                                                            .method = stage->method,
                                                            .cost = stage->costs[i],
                                                            .fold = (int)f},
                                        err);
    if (!failed)
        failed = run_trials(fit, &fit->tried, NULL, err);
    for (size_t k = 0; !failed && k < columns; k++)
        choose_cost(fit, k);
    return failed;
}

/* ---- trials ---- */

/* A column's boundary comes first, then what stands beside it. */
static int list_column(struct fit *fit, size_t k, struct error *err)
{
    const struct spec_stage *stage = stage_of(fit);
    int given = boundaries_find(&fit->imported, fit_samples_name(&fit->samples, k));
    const struct fit_trial chosen = {.column = k,
                                     .role = "chosen",
                                     .method = stage->method,
                                     .cost = fit->costs[k],
                                     .fold = -1,
                                     .judged = true};
    if (given >= 0) {
        struct fit_trial imported = chosen;
        imported.method = SPEC_IMPORTED;
        imported.given = fit->imported.normals + (size_t)given * fit->imported.dimension;
        imported.given_offset = fit->imported.offsets[given];
        return fit_trials_add(&fit->trials, &imported, err);
    }
    int failed = fit_trials_add(&fit->trials, &chosen, err);
    for (unsigned m = 0; !failed && m < SPEC_METHODS; m++) {
        struct fit_trial method = chosen;
        method.role = "method";
        method.method = (enum spec_method)m;
        if (stage->compare & (1u << m))
            failed = fit_trials_add(&fit->trials, &method, err);
    }
    for (unsigned f = 0; !failed && f < stage->folds; f++) {
        struct fit_trial fold = {.column = k,
                                 .role = "fold",
                                 .step = f,
                                 .method = stage->method,
                                 .cost = fit->costs[k],
                                 .fold = (int)f};
        failed = fit_trials_add(&fit->trials, &fold, err);
    }
    for (unsigned h = 1; !failed && h <= stage->learning_curve; h++) {
        struct fit_trial curve = {.column = k,
                                  .role = "curve",
                                  .step = h,
                                  .method = stage->method,
                                  .cost = fit->costs[k],
                                  .fold = -1,
                                  .halvings = h};
        failed = fit_trials_add(&fit->trials, &curve, err);
    }
    return failed;
}

static int solve(struct fit *fit, struct error *err)
{
    const struct fit_source source = {&fit->samples, fit_samples_draw,
                                      fit->samples.drawer ? fit_samples_chunk : NULL};
    fit->costs = calloc(fit->samples.columns, sizeof *fit->costs);
    if (!fit->costs)
        return error_set(err, E_MEMORY, "no memory for %zu boundaries", fit->samples.columns);
    int failed = 0;
    if (!stage_of(fit)->per_layer)
        failed = fit_set_open(fit->samples.task->device, &source, fit->samples.rows,
                              fit->samples.dimension, lanes_wanted(fit), fit->samples.task->memory,
                              &fit->set, err);
    if (!failed)
        failed = choose_costs(fit, err);
    for (size_t k = 0; !failed && k < fit->samples.columns; k++)
        failed = list_column(fit, k, err);
    return failed ? failed : run_trials(fit, &fit->trials, &fit->layers, err);
}

/* ---- how latents vary across them ---- */

static int find_across(struct fit *fit, struct error *err)
{
    size_t d = fit->samples.dimension, count = fit->samples.columns * d;
    if (pipeline_bundle(fit->samples.task->pipeline)->generator.latent.space == BUNDLE_Z)
        return 0;
    double *normals = calloc(count, sizeof *normals), *product = calloc(count, sizeof *product);
    fit->across = calloc(count, sizeof *fit->across);
    int failed =
        normals && product && fit->across
            ? 0
            : error_set(err, E_MEMORY, "no memory for %zu boundaries", fit->samples.columns);
    for (size_t t = 0; !failed && t < fit->trials.count; t++) {
        const struct fit_trial *trial = &fit->trials.items[t];
        for (size_t j = 0; strcmp(trial->role, "chosen") == 0 && j < d; j++)
            normals[trial->column * d + j] = (double)trial->boundary.normal[j];
    }
    if (!failed)
        failed = covariance_times(fit->samples.task->pipeline, normals, fit->samples.columns,
                                  product, err);
    for (size_t i = 0; !failed && i < count; i++)
        fit->across[i] = (float)product[i];
    free(normals);
    free(product);
    return failed;
}

/* ---- results ---- */

static double cosine(const struct fit *fit, const struct fit_trial *a, const struct fit_trial *b)
{
    double sum = 0;
    for (size_t j = 0; j < fit->samples.dimension; j++)
        sum += (double)a->boundary.normal[j] * (double)b->boundary.normal[j];
    return sum;
}

static double cosine_of_folds(const struct fit *fit, const struct fit_trial *fold)
{
    double sum = 0;
    size_t count = 0;
    for (size_t t = 0; t < fit->trials.count; t++) {
        const struct fit_trial *other = &fit->trials.items[t];
        if (other != fold && other->column == fold->column && strcmp(other->role, "fold") == 0) {
            sum += cosine(fit, fold, other);
            count++;
        }
    }
    return count > 0 ? sum / (double)count : 0;
}

/* Cosine of a layer's normal, zeros beside it, to the boundary's: the length of that one's part. */
static double share_of_layer(const struct fit *fit, const struct fit_trial *layer,
                             const struct fit_trial *chosen)
{
    size_t d = fit->samples.dimension / layers_of(fit);
    const float *part = chosen->boundary.normal + layer->step * d;
    double square = 0;
    for (size_t i = 0; i < d; i++)
        square += (double)part[i] * (double)part[i];
    return sqrt(square);
}

static int report_trial(struct fit *fit, const struct fit_trial *trial,
                        const struct fit_trial *chosen, struct error *err)
{
    const struct quality_counts *train = &trial->counts[FIT_TRAIN],
                                *test = &trial->counts[FIT_TEST];
    const struct quality_counts *rest = &trial->counts[FIT_REST];
    const struct quality_intervals *i = &trial->intervals;
    bool method = strcmp(trial->role, "method") == 0, fold = strcmp(trial->role, "fold") == 0;
    bool layer = strcmp(trial->role, "layer") == 0;
    const struct wire_fitted message = {
        .position = fit->samples.first + trial->column,
        .role = trial->role,
        .step = trial->step,
        .method = spec_method_name(trial->method),
        .cost = trial->cost,
        .normal = {(const uint8_t *)trial->boundary.normal,
                   method ? fit->samples.dimension * sizeof(float) : 0},
        .offset = trial->boundary.offset,
        .cosine = layer ? share_of_layer(fit, trial, chosen) : cosine(fit, trial, chosen),
        .cosine_folds = fold ? cosine_of_folds(fit, trial) : 0,
        .train_tp = train->true_positives,
        .train_fp = train->false_positives,
        .train_tn = train->true_negatives,
        .train_fn = train->false_negatives,
        .test_tp = test->true_positives,
        .test_fp = test->false_positives,
        .test_tn = test->true_negatives,
        .test_fn = test->false_negatives,
        .rest_tp = rest->true_positives,
        .rest_fp = rest->false_positives,
        .rest_tn = rest->true_negatives,
        .rest_fn = rest->false_negatives,
        .resamples = trial->resamples,
        .auc = i->auc,
        .auc_low = i->auc_interval.low,
        .auc_high = i->auc_interval.high,
        .f1_low = i->f1.low,
        .f1_high = i->f1.high,
        .mcc_low = i->mcc.low,
        .mcc_high = i->mcc.high,
        .balanced_low = i->balanced.low,
        .balanced_high = i->balanced.high,
        .kappa = trial->kappa,
    };
    return outcome_add_fitted(fit->samples.task->outcome, &message, err);
}

static int report_boundary(struct fit *fit, const struct fit_trial *chosen, struct error *err)
{
    const struct quality_counts *train = &chosen->counts[FIT_TRAIN],
                                *test = &chosen->counts[FIT_TEST];
    const char *name = fit_samples_name(&fit->samples, chosen->column);
    if (chosen->boundary.degenerate)
        log_warning(
            "boundary %s: one class only in %zu training samples; its direction says nothing", name,
            fit->samples.rows - fit->samples.held_outs);
    struct wire_boundary message = {
        .position = fit->samples.first + chosen->column,
        .name = name,
        .normal = {(const uint8_t *)chosen->boundary.normal,
                   fit->samples.dimension * sizeof(float)},
        .offset = chosen->boundary.offset,
        .threshold = fit->samples.thresholds[chosen->column],
        .cost = chosen->cost,
        .iterations = chosen->boundary.iterations,
        .train_tp = train->true_positives,
        .train_fp = train->false_positives,
        .train_tn = train->true_negatives,
        .train_fn = train->false_negatives,
        .test_tp = test->true_positives,
        .test_fp = test->false_positives,
        .test_tn = test->true_negatives,
        .test_fn = test->false_negatives,
        .test_auc = chosen->intervals.auc,
    };
    if (fit->across)
        message.across = (struct wire_bytes){
            (const uint8_t *)(fit->across + chosen->column * fit->samples.dimension),
            fit->samples.dimension * sizeof(float)};
    return outcome_add_boundary(fit->samples.task->outcome, &message, err);
}

static int report_layers(struct fit *fit, const struct fit_trial *chosen, struct error *err)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < fit->layers.count; i++)
        if (fit->layers.items[i].column == chosen->column)
            failed = report_trial(fit, &fit->layers.items[i], chosen, err);
    return failed;
}

static int report(struct fit *fit, struct error *err)
{
    const struct spec_stage *stage = stage_of(fit);
    const struct fit_trial *chosen = NULL;
    int failed = 0;
    for (size_t t = 0; !failed && t < fit->trials.count; t++) {
        const struct fit_trial *trial = &fit->trials.items[t];
        bool begins = strcmp(trial->role, "chosen") == 0;
        if (begins) {
            chosen = trial;
            failed = report_boundary(fit, chosen, err);
        }
        if (!failed)
            failed = report_trial(fit, trial, chosen, err);
        if (!failed && begins)
            failed = report_layers(fit, chosen, err);
        for (uint32_t i = 0; !failed && begins && stage->costs_count > 1 && i < stage->costs_count;
             i++) {
            struct fit_trial pooled = pool(fit, trial->column, i);
            failed = report_trial(fit, &pooled, chosen, err);
        }
    }
    return failed;
}

int task_fit(struct task *task, struct error *err)
{
    int from = task->stage->from ? spec_find(task->spec, task->stage->from) : -1;
    if (from < 0 || task->spec->stages[from].kind != SPEC_LABEL)
        return error_set(err, E_INVALID, "fit %s: from must name a label stage", task->stage->name);
    struct fit fit = {0};
    int failed = fit_samples_load(task, &task->spec->stages[from], &fit.samples, err);
    if (!failed)
        failed = read_imported(&fit, err);
    int64_t since = clock_now();
    if (!failed)
        failed = solve(&fit, err);
    if (!failed)
        failed = find_across(&fit, err);
    if (!failed)
        failed = report(&fit, err);
    task->outcome->metrics.solve_ms += task_elapsed_ms(&since) - task->outcome->metrics.latents_ms;
    boundaries_free(&fit.imported);
    fit_set_close(&fit.set);
    fit_trials_free(&fit.tried);
    fit_trials_free(&fit.trials);
    fit_trials_free(&fit.layers);
    free(fit.costs);
    free(fit.across);
    fit_samples_free(&fit.samples);
    return failed;
}
