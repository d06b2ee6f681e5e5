/*
 * The stages' handlers through the runner, on the default bundle in a store of the test's own: what
 * they answer and write, twice the same bytes, and any cut of a range the same rows.
 */
#include "default_store.h"
#include "run_lease.h"

#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "common/boundary_files.h"
#include "common/buffer.h"
#include "common/latent.h"
#include "worker/runner.h"

static struct error err;
static char store[256], hash[DIGEST_HEX_BYTES];
static atomic_bool cancelled;
static float *label_scores; /* what the label stage gave */
static size_t fetches;

#define FACES 300
#define COLUMNS 42

static const char spec_text[] = //
    "format: facefarm-job/1\n"
    "name: test\n"
    "bundle: default\n"
    "seed: 7\n"
    "stages:\n"
    "  - {kind: sample, name: faces, start: 5, count: 12, output: png}\n"
    "  - {kind: sample, name: shards, start: 5, count: 12, output: tar}\n"
    "  - {kind: label, name: labels, start: 2, count: 300}\n"
    "  - {kind: fit, name: boundaries, from: labels, train_share: 0.8, cost: 1, weights: "
    "balanced}\n"
    "  - {kind: edit, name: sheets, from: boundaries, faces: 3, targets: [Smiling, -Young],\n"
    "     distances: {from: -2, to: 2, steps: 5}, conditions: [Male], discount: 1}\n"
    "  - {kind: evaluate, name: ageing, from: boundaries, start: 2, count: 20, targets: [age],\n"
    "     distance: 3, conditions: [Male], discount: 1}\n"
    "  - {kind: evaluate, name: sweep, from: boundaries, start: 2, count: 20,\n"
    "     targets: [Smiling, -Young], distances: {from: -2, to: 2, steps: 5}, conditions: [Male]}\n";
enum { FACES_STAGE, SHARDS_STAGE, LABELS_STAGE, FIT_STAGE, EDIT_STAGE, EVALUATE_STAGE, SWEEP_STAGE };

/* The sheets' faces and edits in an evaluation. */
static const char sweep_of_the_sheet[] =
    "format: facefarm-job/1\nbundle: default\nseed: 7\nstages:\n"
    "  - {kind: label, name: labels, start: 2, count: 300}\n"
    "  - {kind: fit, name: boundaries}\n"
    "  - {kind: evaluate, name: sweep, count: 3, targets: [Smiling, -Young], conditions: [Male],\n"
    "     distances: {from: -2, to: 2, steps: 5}}\n";

/* ---- what the broker would answer ---- */

static int give_scores(void *state, uint64_t stage, uint64_t start, uint64_t count, size_t first,
                       size_t columns, float *rows, struct error *error)
{
    (void)state, (void)error;
    assert_int_equal(stage, 100 + LABELS_STAGE);
    assert_true(first + columns <= COLUMNS);
    assert_true(start + count <= FACES);
    float z[128];
    for (size_t i = 0; i < count; i++, rows += columns) {
        latent_sample(7, 2 + start + i, 1, 128, LATENT_SPHERE, z);
        for (size_t k = 0; k < columns; k++) /* logit k lies along axis k, with a shift; two ages */
            rows[k] =
                first + k < 40 ? z[first + k] - 0.03f * (float)(first + k) : 40 + 10 * z[first + k];
    }
    fetches++;
    return 0;
}

static int give_directions(void *state, uint64_t stage, size_t dimension,
                           struct directions **directions, struct error *error)
{
    (void)state, (void)stage;
    struct wire_direction items[4];
    float vectors[4][128];
    assert_int_equal(dimension, 128);
    latent_sample(9, 0, 4, 128, LATENT_SPHERE, vectors[0]);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 128; j++)
            vectors[i][j] /= sqrtf(128);
        items[i] = (struct wire_direction){.position = i / 2,
                                           .projected = i % 2,
                                           .name = i < 2 ? "Smiling" : "-Young",
                                           .offset = 0.25,
                                           .vector = {(const uint8_t *)vectors[i], 512}};
    }
    fetches++;
    return directions_copy(&(struct wire_directions){.directions = WIRE_LIST(items, 4)}, dimension,
                           directions, error);
}

static const struct inputs inputs = {.scores = give_scores, .directions = give_directions};

/* ---- running ---- */

/* Two runners for all tests, since loading a bundle takes its time: they differ in the batch. */
static struct runner *wide, *narrow;

static struct runner *open_runner(size_t batch)
{
    const struct runner_options options = {.batch = batch, .store = store};
    struct runner *runner = NULL;
    assert_ok(runner_open(&options, &inputs, &cancelled, &runner, &err));
    return runner;
}

static struct outcome *run_text(struct runner *runner, const char *text, uint64_t position,
                                uint64_t start, uint64_t count)
{
    const struct wire_task task = {start, count, 1, 0};
    const struct wire_lease lease = {.job = 3,
                                     .stage = 100 + position,
                                     .position = position,
                                     .input = 100 + LABELS_STAGE,
                                     .bundle = hash,
                                     .spec = text,
                                     .tasks = WIRE_LIST(&task, 1)};
    return run_lease(runner, &lease);
}

static struct outcome *run(struct runner *runner, uint64_t position, uint64_t start, uint64_t count)
{
    struct outcome *outcome = run_text(runner, spec_text, position, start, count);
    if (outcome->code)
        fail_msg("stage %llu: %s", (unsigned long long)position, outcome->text);
    assert_true(outcome->metrics.total_ms > 0);
    return outcome;
}

/* ---- tests ---- */

static void labels_do_not_depend_on_the_cut(void **state)
{
    (void)state;
    struct outcome *whole = run(wide, LABELS_STAGE, 0, FACES);
    struct outcome *part = run(narrow, LABELS_STAGE, 50, 33);
    assert_int_equal(whole->variants, 1);
    assert_int_equal(whole->columns, COLUMNS);
    assert_int_equal(whole->metrics.faces, FACES);
    assert_memory_equal(part->scores, whole->scores + 50 * COLUMNS, 33 * COLUMNS * sizeof(float));
    label_scores = whole->scores;
    whole->scores = NULL;
    outcome_free(&whole);
    outcome_free(&part);
}

static size_t count_files(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(folder);
    return count;
}

static void sample_writes_the_same_twice(void **state)
{
    (void)state;
    for (size_t stage = FACES_STAGE; stage <= SHARDS_STAGE; stage++) {
        struct outcome *first = run(wide, stage, 0, 12), *second = run(narrow, stage, 0, 12);
        const struct wire_file *a = &first->files[0], *b = &second->files[0];
        assert_int_equal(first->file_count, 1);
        assert_string_equal(a->sha256, b->sha256);
        assert_string_equal(a->path, stage == FACES_STAGE ? "jobs/3/faces/00000"
                                                          : "jobs/3/shards/00000.tar");
        assert_string_equal(a->kind, stage == FACES_STAGE ? "png-folder" : "tar");
        assert_int_equal(a->bytes, b->bytes);
        assert_int_equal(a->count, 12);
        assert_int_equal(first->metrics.bytes, a->bytes);
        outcome_free(&first);
        outcome_free(&second);
    }
    char path[512];
    snprintf(path, sizeof path, "%s/jobs/3/faces/00000", store);
    assert_int_equal(count_files(path), 12);
    snprintf(path, sizeof path, "%s/jobs/3/faces/00000/000000016.png", store);
    assert_int_equal(access(path, R_OK), 0);
    snprintf(path, sizeof path, "%s/jobs/3/faces", store);
    assert_int_equal(count_files(path), 1); /* nothing temporary is left */
}

enum part { TRAIN, TEST, REST };

static uint64_t total(const struct wire_fitted *f, enum part part)
{
    return part == TRAIN  ? f->train_tp + f->train_fp + f->train_tn + f->train_fn
           : part == TEST ? f->test_tp + f->test_fp + f->test_tn + f->test_fn
                          : f->rest_tp + f->rest_fp + f->rest_tn + f->rest_fn;
}

static const struct wire_fitted *find(const struct outcome *outcome, uint64_t position,
                                      const char *role, uint64_t step, const char *method)
{
    for (size_t i = 0; i < outcome->fitted_count; i++) {
        const struct wire_fitted *f = &outcome->fitted[i];
        if (f->position == position && f->step == step && strcmp(f->role, role) == 0 &&
            (!method || strcmp(f->method, method) == 0))
            return f;
    }
    fail_msg("boundary %llu has no %s %llu", (unsigned long long)position, role,
             (unsigned long long)step);
    return NULL;
}

#define FIT_HEAD                                                                                   \
    "format: facefarm-job/1\nbundle: default\nseed: 7\nstages:\n"                                  \
    "  - {kind: sample, count: 1, name: s}\n  - {kind: sample, count: 1, name: t}\n"               \
    "  - {kind: label, name: labels, start: 2, count: 300}\n"

/* What stands beside a boundary: its sizes, and the same whatever columns are fitted with it. */
static void fit_tells_what_stands_beside(void **state)
{
    (void)state;
    static const char text[] =
        FIT_HEAD "  - {kind: fit, method: least_squares, compare: [svm, ridge, mean_difference],\n"
                 "     costs: [0.1, 1], folds: 3, learning_curve: 2}\n";
    struct outcome *all = run_text(wide, text, FIT_STAGE, 0, 41),
                   *some = run_text(wide, text, FIT_STAGE, 39, 2);
    if (all->code || some->code)
        fail_msg("%s%s", all->text, some->text);
    assert_int_equal(all->fitted_count, 41 * (1 + 3 + 3 + 2 + 2));
    const struct wire_fitted *first = &all->fitted[39 * 11];
    for (size_t i = 0; i < some->fitted_count; i++) {
        const struct wire_fitted *a = first + i, *b = &some->fitted[i];
        assert_int_equal(a->position, b->position);
        assert_string_equal(a->role, b->role);
        assert_int_equal(a->normal.size, b->normal.size);
        assert_memory_equal(a->normal.data, b->normal.data, a->normal.size);
        assert_true(a->offset == b->offset && a->auc_low == b->auc_low &&
                    a->mcc_high == b->mcc_high && a->cosine == b->cosine && a->kappa == b->kappa &&
                    a->test_tp == b->test_tp);
    }
    for (uint64_t k = 0; k < 41; k += 8) {
        const struct wire_fitted *chosen = find(all, k, "chosen", 0, "least_squares");
        uint64_t trained = total(chosen, TRAIN), folds = 0;
        assert_int_equal(trained + total(chosen, TEST), FACES);
        assert_true(total(chosen, REST) == 0 && chosen->resamples == 1000 &&
                    chosen->cosine > 0.999999);
        assert_true(chosen->auc_low <= chosen->auc && chosen->auc <= chosen->auc_high &&
                    chosen->auc > 0.9);
        for (uint64_t f = 0; f < 3; f++) {
            const struct wire_fitted *fold = find(all, k, "fold", f, NULL);
            assert_int_equal(total(fold, TRAIN) + total(fold, TEST), trained);
            assert_true(fold->cosine > 0.5 && fold->cosine_folds > 0.5 && fold->resamples == 0);
            folds += total(fold, TEST);
        }
        assert_int_equal(folds, trained);
        assert_int_equal(total(find(all, k, "cost", 0, NULL), TEST), trained);
        assert_true(chosen->cost == 0.1 || chosen->cost == 1);
        uint64_t half = total(find(all, k, "curve", 1, NULL), TRAIN),
                 quarter = total(find(all, k, "curve", 2, NULL), TRAIN);
        assert_true(half > trained / 3 && half < trained * 2 / 3 && quarter < half &&
                    quarter > trained / 8);
        const struct wire_fitted *svm = find(all, k, "method", 0, "svm");
        assert_true(svm->normal.size == 512 && svm->cosine > 0.5 && svm->cosine < 0.9999);
    }
    outcome_free(&all);
    outcome_free(&some);
}

static void fit_takes_the_set_that_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *stage;
        bool equal; /* both classes are as many */
        double share;
    } sets[] = {{"  - {kind: fit, set: balanced}\n", true, 0},
                {"  - {kind: fit, set: extremes, extremes: 0.1}\n", true, 0.2},
                {"  - {kind: fit, set: extremes, extremes: 20}\n", true, 40.0 / FACES},
                {"  - {kind: fit, set: study}\n", false, 1}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char text[1000];
        snprintf(text, sizeof text, "%s%s", FIT_HEAD, sets[i].stage);
        struct outcome *outcome = run_text(wide, text, FIT_STAGE, 10, 1);
        if (outcome->code)
            fail_msg("%s", outcome->text);
        const struct wire_fitted *f = find(outcome, 10, "chosen", 0, "svm");
        uint64_t positives = f->train_tp + f->train_fn + f->test_tp + f->test_fn;
        uint64_t chosen = total(f, TRAIN) + total(f, TEST);
        assert_int_equal(chosen + total(f, REST), FACES);
        assert_true(!sets[i].equal || 2 * positives == chosen);
        assert_true(sets[i].share == 0 || (double)chosen == sets[i].share * FACES);
        assert_true(chosen > 0 && total(f, TEST) > 0);
        outcome_free(&outcome);
    }
}

/* Two boundaries from files, the others as without; a folder that is not what it says is refused. */
static void fit_takes_imported_boundaries(void **state)
{
    (void)state;
    char folder[1024], named[512], text[1000];
    char digest[DIGEST_HEX_BYTES];
    uint64_t bytes = 0;
    struct boundaries boundaries = {0};
    double *normal = NULL;
    snprintf(folder, sizeof folder, "%s/boundaries/new", store);
    assert_ok(buffer_make_folders(folder, &err));
    for (int i = 0; i < 2; i++) {
        assert_ok(boundaries_add(&boundaries, i ? "age" : "Young", i ? 3 : 5, 128, &normal, &err));
        for (size_t j = 0; j < 128; j++)
            normal[j] = j == 39 + (size_t)i ? 3 : 0; /* the axis that its score lies along */
        boundaries.offsets[i] = i ? 0 : -3 * 0.03 * 39;
    }
    assert_ok(boundaries_normalise(&boundaries, &err));
    assert_ok(boundaries_write(folder, &boundaries, &err));
    assert_ok(digest_folder(folder, digest, &bytes, &err));
    snprintf(named, sizeof named, "%s/boundaries/%s", store, digest);
    assert_int_equal(rename(folder, named), 0);
    snprintf(text, sizeof text, FIT_HEAD "  - {kind: fit, compare: [ridge], files: %s}\n", digest);
    struct outcome *with = run_text(wide, text, FIT_STAGE, 0, 41);
    struct outcome *without = run(wide, FIT_STAGE, 0, 41);
    if (with->code)
        fail_msg("%s", with->text);
    for (size_t k = 0; k < 41; k++) {
        const struct wire_boundary *a = &with->boundaries[k], *b = &without->boundaries[k];
        bool imported = strcmp(a->name, "Young") == 0 || k == 40;
        assert_int_equal(memcmp(a->normal.data, b->normal.data, 512) != 0, imported);
        if (!imported)
            continue;
        size_t axis = k == 40 ? 40 : 39;
        assert_true(((const float *)a->normal.data)[axis] == 1 && a->iterations == 0);
        const struct wire_fitted *f = find(with, k, "chosen", 0, "imported");
        if (k == 39) /* the very rule of the labels */
            assert_int_equal(f->train_tp + f->train_tn + f->test_tp + f->test_tn, FACES);
    }
    assert_int_equal(with->fitted_count, 39 * 2 + 2);
    outcome_free(&with);
    outcome_free(&without);
    snprintf(folder, sizeof folder, "%s/%s", named, BOUNDARY_OFFSETS);
    assert_ok(buffer_write_file(folder, "age,1\n", 6, &err));
    struct outcome *bad = run_text(wide, text, FIT_STAGE, 0, 41);
    assert_int_equal(bad->code, E_INVALID);
    assert_non_null(strstr(bad->text, "its files have the digest"));
    outcome_free(&bad);
    text[strlen(text) - 3] ^= 1; /* another hexadecimal digit */
    bad = run_text(wide, text, FIT_STAGE, 0, 41);
    assert_true(bad->code < 0 && strstr(bad->text, "imported boundaries"));
    outcome_free(&bad);
    boundaries_free(&boundaries);
}

static void fit_is_the_same_however_it_is_cut(void **state)
{
    (void)state;
    struct outcome *all = run(wide, FIT_STAGE, 0, 41), *some = run(wide, FIT_STAGE, 39, 2);
    assert_int_equal(all->boundary_count, 41);
    for (size_t k = 0; k < 41; k++) {
        const struct wire_boundary *b = &all->boundaries[k];
        assert_int_equal(b->position, k);
        double square = 0;
        for (size_t j = 0; j < 128; j++)
            square += pow((double)((const float *)b->normal.data)[j], 2);
        assert_true(fabs(square - 1) < 1e-5 && isfinite(b->offset));
        assert_int_equal(b->train_tp + b->train_fp + b->train_tn + b->train_fn + b->test_tp +
                             b->test_fp + b->test_tn + b->test_fn,
                         FACES);
    }
    const struct wire_boundary *age = &all->boundaries[40];
    assert_string_equal(age->name, "age");
    assert_true(age->threshold > 10 && age->threshold < 90);
    uint64_t older = age->train_tp + age->train_fn, younger = age->train_fp + age->train_tn;
    assert_true(older <= younger && younger - older <= 1); /* a median halves the training set */
    assert_true(((const float *)age->normal.data)[40] > 0.7f); /* 0.87 by the closed form */
    for (size_t k = 0; k < 2; k++) {
        const struct wire_boundary *a = &all->boundaries[39 + k], *b = &some->boundaries[k];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->normal.data, b->normal.data, 512);
        assert_true(a->offset == b->offset && a->test_auc == b->test_auc);
    }
    outcome_free(&all);
    outcome_free(&some);
}

static void edit_makes_sheets_and_scores_every_cell(void **state)
{
    (void)state;
    struct outcome *both = run(narrow, EDIT_STAGE, 0, 6), *second = run(wide, EDIT_STAGE, 3, 3);
    size_t rows = 3 * 10 * COLUMNS; /* of a target: faces × (5 plain + 5 projected) × columns */
    assert_int_equal(both->variants, 10);
    assert_int_equal(both->file_count, 4);
    assert_int_equal(second->file_count, 2);
    assert_memory_equal(both->scores + rows, second->scores, rows * sizeof(float));
    assert_string_equal(both->files[0].path, "jobs/3/sheets/Smiling.png");
    assert_string_equal(both->files[3].path, "jobs/3/sheets/-Young_projected.png");
    assert_int_equal(both->files[3].projected, 1);
    assert_int_equal(both->files[3].start, 3);
    assert_string_equal(both->files[3].sha256, second->files[1].sha256);
    /* The middle step of a sweep from −2 to 2 is the face itself, plain and projected. */
    assert_memory_equal(both->scores + 2 * COLUMNS, both->scores + 7 * COLUMNS,
                        COLUMNS * sizeof(float));
    outcome_free(&both);
    outcome_free(&second);
    struct outcome *cut = run_text(wide, spec_text, EDIT_STAGE, 1, 3);
    assert_int_equal(cut->code, E_INVALID);
    assert_non_null(strstr(cut->text, "cuts a sheet"));
    outcome_free(&cut);
}

static void evaluate_has_before_after_and_projected(void **state)
{
    (void)state;
    fetches = 0;
    struct outcome *outcome = run(wide, EVALUATE_STAGE, 0, 10);
    struct outcome *rest = run(wide, EVALUATE_STAGE, 10, 10);
    assert_int_equal(fetches, 1); /* directions are fetched once a stage */
    assert_int_equal(outcome->variants, 3);
    for (size_t i = 0; i < 10; i++) /* before: the face as the label stage saw it */
        assert_memory_equal(outcome->scores + i * 3 * COLUMNS, label_scores + i * COLUMNS,
                            COLUMNS * sizeof(float));
    assert_memory_not_equal(outcome->scores, outcome->scores + COLUMNS, COLUMNS * sizeof(float));
    outcome_free(&outcome);
    outcome_free(&rest);
}

/* Every edit of a sweep of two targets is a row, and the same edit gives the same row in any stage. */
static void an_evaluated_sweep_has_a_row_an_edit(void **state)
{
    (void)state;
    struct outcome *sweep = run(wide, SWEEP_STAGE, 0, 3);
    assert_int_equal(sweep->variants, 1 + 2 * 2 * 4);
    struct outcome *sheet = run(wide, EDIT_STAGE, 3, 3); /* -Young, whose first face is sample 302 */
    struct outcome *moved = run_text(wide, sweep_of_the_sheet, 2, 0, 3);
    const float *edited = sheet->scores, *evaluated = moved->scores;
    /* sheet: steps −2 … 2 plain, then projected; evaluation: as sampled, then 2, −2, −1, 1 in pairs */
    static const int step_of[] = {2, 4, 9, 0, 5, 1, 6, 3, 8};
    for (size_t face = 0; face < 3; face++, edited += 10 * COLUMNS, evaluated += 17 * COLUMNS)
        for (size_t v = 1; v < 9; v++)
            assert_memory_equal(evaluated + (8 + v) * COLUMNS, edited + step_of[v] * COLUMNS,
                                COLUMNS * sizeof(float));
    outcome_free(&sweep);
    outcome_free(&sheet);
    outcome_free(&moved);
}

/* To a score of the boundary, each face goes its own way, and says how far. */
static void faces_reach_a_score(void **state)
{
    (void)state;
    char text[2048];
    const char *tail = strstr(spec_text, "     distance: 3");
    snprintf(text, sizeof text, "%.*s     distance: 1, reach: score, limit: 3, conditions: [Male]}\n",
             (int)(tail - spec_text), spec_text);
    struct outcome *outcome = run_text(wide, text, EVALUATE_STAGE, 0, 20);
    assert_int_equal(outcome->code, 0);
    assert_non_null(outcome->moves);
    struct directions *directions = NULL;
    const float *n;
    float z[128];
    assert_ok(give_directions(NULL, 0, 128, &directions, &err));
    assert_ok(directions_find(directions, 0, false, &n, NULL, &err));
    size_t reached = 0;
    for (size_t i = 0; i < 20; i++) {
        const float *moves = outcome->moves + i * 3 * MOVE_NUMBERS;
        assert_true(moves[0] == 0 && moves[1] == 1 && moves[2] == MOVE_REACHED); /* as sampled */
        latent_sample(7, 2 + i, 1, 128, LATENT_SPHERE, z);
        double score = 0, square = 0;
        for (size_t j = 0; j < 128; j++) {
            double moved = (double)z[j] + (double)moves[4] * (double)n[j];
            score += moved * (double)n[j];
            square += moved * moved;
        }
        score = score * sqrt(128 / square) + 0.25;
        if (moves[5] == 1)
            assert_true(fabs(score - 1) < 1e-5 && fabsf(moves[4]) <= 3);
        else
            assert_true(fabsf(moves[4]) == 3 && moves[6] != MOVE_REACHED);
        reached += moves[5] == 1;
        assert_true(fabsf(moves[8]) <= 3 && moves[3] == 0);
    }
    assert_true(reached > 10);
    directions_free(&directions);
    outcome_free(&outcome);
}

static void a_bad_task_fails_and_says_why(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t position, start, count;
        int code;
        const char *part;
    } cases[] = {
        {"no: yaml", 0, 0, 1, 0, ""},
        {spec_text, 7, 0, 1, E_INVALID, "7 stages"},
        {spec_text, LABELS_STAGE, 290, 20, E_INVALID, "not within the stage's 300"},
        {spec_text, LABELS_STAGE, 0, 0, E_INVALID, "not within"},
        {spec_text, FIT_STAGE, 40, 2, E_INVALID, "not within the stage's 41"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome *outcome =
            run_text(wide, cases[i].text, cases[i].position, cases[i].start, cases[i].count);
        assert_int_not_equal(outcome->code, 0);
        if (cases[i].code)
            assert_int_equal(outcome->code, cases[i].code);
        assert_non_null(strstr(outcome->text, cases[i].part));
        assert_null(outcome->scores);
        outcome_free(&outcome);
    }
    char right = hash[0];
    hash[0] = '/';
    struct outcome *outcome = run_text(wide, spec_text, LABELS_STAGE, 0, 1);
    assert_non_null(strstr(outcome->text, "not a bundle's hash"));
    outcome_free(&outcome);
    hash[0] = right == '0' ? '1' : '0';
    outcome = run_text(wide, spec_text, LABELS_STAGE, 0, 1);
    assert_int_not_equal(outcome->code, 0);
    outcome_free(&outcome);
    hash[0] = right;
    outcome = run(wide, LABELS_STAGE, 0, 1); /* and lives on */
    outcome_free(&outcome);
}

/* A batch beyond every limit is halved until it fits; the faces are the same. */
static void a_batch_that_is_too_large_is_halved(void **state)
{
    (void)state;
    struct runner *greedy = open_runner(65536);
    struct outcome *outcome = run(greedy, LABELS_STAGE, 7, 5);
    assert_memory_equal(outcome->scores, label_scores + 7 * COLUMNS, 5 * COLUMNS * sizeof(float));
    outcome_free(&outcome);
    runner_close(&greedy);
}

static void leaving_interrupts(void **state)
{
    (void)state;
    atomic_store(&cancelled, true);
    struct outcome *outcome = run_text(narrow, spec_text, LABELS_STAGE, 0, FACES);
    assert_int_equal(outcome->code, E_INTERRUPTED);
    atomic_store(&cancelled, false);
    outcome_free(&outcome);
}

static int make_store(void **state)
{
    (void)state;
    make_default_store(store, hash);
    wide = open_runner(64);
    narrow = open_runner(7);
    return 0;
}

static int drop_store(void **state)
{
    (void)state;
    free(label_scores);
    runner_close(&wide);
    runner_close(&narrow);
    remove_folder(store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_do_not_depend_on_the_cut),
        cmocka_unit_test(sample_writes_the_same_twice),
        cmocka_unit_test(fit_is_the_same_however_it_is_cut),
        cmocka_unit_test(fit_takes_imported_boundaries),
        cmocka_unit_test(fit_tells_what_stands_beside),
        cmocka_unit_test(fit_takes_the_set_that_is_wanted),
        cmocka_unit_test(edit_makes_sheets_and_scores_every_cell),
        cmocka_unit_test(evaluate_has_before_after_and_projected),
        cmocka_unit_test(an_evaluated_sweep_has_a_row_an_edit),
        cmocka_unit_test(faces_reach_a_score),
        cmocka_unit_test(a_bad_task_fails_and_says_why),
        cmocka_unit_test(a_batch_that_is_too_large_is_halved),
        cmocka_unit_test(leaving_interrupts),
    };
    if (!have_device())
        return EXIT_SKIP;
    return cmocka_run_group_tests(tests, make_store, drop_store);
}
