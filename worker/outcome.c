/* Assignments and outcomes: copies, ownership, and the messages they become. One thread owns each
 * at any time. */
#include "worker/outcome.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/folder.h"
#include "common/move.h"
#include "common/text.h"

void answer_free(struct answer **answer)
{
    if (!*answer)
        return;
    socket_frame_free(&(*answer)->frame, &(*answer)->message);
    free(*answer);
    *answer = NULL;
}

int assignment_copy(const struct wire_lease *lease, size_t i, struct assignment **assignment,
                    struct error *err)
{
    struct assignment *copy = calloc(1, sizeof *copy);
    if (!copy || !(copy->spec = strdup(lease->spec))) {
        free(copy);
        return error_set(err, E_MEMORY, "no memory for a leased task");
    }
    copy->job = lease->job;
    copy->stage = lease->stage;
    copy->position = lease->position;
    copy->input = lease->input;
    copy->urgent = lease->urgent;
    snprintf(copy->bundle, sizeof copy->bundle, "%s", lease->bundle);
    copy->task = WIRE_ITEMS(lease->tasks, task)[i];
    *assignment = copy;
    return 0;
}

void assignment_free(struct assignment **assignment)
{
    if (!*assignment)
        return;
    free((*assignment)->spec);
    free(*assignment);
    *assignment = NULL;
}

bool assignment_is(const struct assignment *assignment, uint64_t stage,
                   const struct wire_task *task)
{
    return assignment->stage == stage && assignment->task.start == task->start &&
           assignment->task.count == task->count;
}

struct outcome *outcome_new(struct assignment **assignment)
{
    struct outcome *outcome = calloc(1, sizeof *outcome);
    if (!outcome)
        return NULL;
    outcome->assignment = *assignment;
    *assignment = NULL;
    return outcome;
}

static void remove_files(const struct outcome *outcome)
{
    char path[2 * LIMIT_PATH_BYTES];
    for (size_t i = 0; outcome->outbox && i < outcome->file_count; i++)
        if (snprintf(path, sizeof path, "%s/%s", outcome->outbox, outcome->files[i].path) <
            (int)sizeof path)
            folder_remove(AT_FDCWD, path);
}

bool outcome_waits(const struct outcome *outcome)
{
    return outcome->code == 0 && outcome->outbox && outcome->file_count > 0 && !outcome->uploaded;
}

void outcome_clear(struct outcome *outcome)
{
    remove_files(outcome);
    for (size_t i = 0; i < outcome->boundary_count; i++) {
        free((void *)outcome->boundaries[i].name);
        free((void *)outcome->boundaries[i].normal.data);
        free((void *)outcome->boundaries[i].across.data);
    }
    for (size_t i = 0; i < outcome->file_count; i++) {
        free((void *)outcome->files[i].path);
        free((void *)outcome->files[i].kind);
        free((void *)outcome->files[i].target);
        free((void *)outcome->files[i].sha256);
    }
    for (size_t i = 0; i < outcome->fitted_count; i++) {
        free((void *)outcome->fitted[i].role);
        free((void *)outcome->fitted[i].method);
        free((void *)outcome->fitted[i].normal.data);
    }
    free(outcome->boundaries);
    free(outcome->fitted);
    free(outcome->files);
    free(outcome->scores);
    free(outcome->moves);
    free(outcome->identity);
    free(outcome->features);
    free(outcome->skipped);
    free(outcome->latents);
    for (size_t i = 0; outcome->photos && i < outcome->assignment->task.count; i++) {
        free((void *)outcome->photos[i].name);
        free((void *)outcome->photos[i].sha256);
        free((void *)outcome->photos[i].text);
    }
    free(outcome->photos);
    *outcome = (struct outcome){
        .letter = outcome->letter, .next = outcome->next, .assignment = outcome->assignment};
}

void outcome_finish(struct outcome *outcome)
{
    struct error err = {0};
    int64_t since = clock_now();
    if (!outcome->finish)
        return;
    int failed = outcome->finish(outcome, outcome->finish_state, &err);
    outcome->finish = NULL;
    outcome->finish_state = NULL;
    double ms = (double)(clock_now() - since) / 1e6;
    outcome->metrics.encode_ms += ms;
    outcome->metrics.total_ms += ms;
    if (!failed)
        return;
    outcome_clear(outcome);
    outcome->code = failed;
    snprintf(outcome->text, sizeof outcome->text, "%s", err.text);
}

void outcome_log(struct outcome *outcome)
{
    const struct assignment *assignment = outcome->assignment;
    const struct log_ids ids = {.job = (int64_t)assignment->job,
                                .stage_id = (int64_t)assignment->stage,
                                .start = assignment->task.start,
                                .count = assignment->task.count};
    if (outcome->code) {
        log_about(LOG_WARNING, &ids, "%s: %s", error_name(outcome->code), outcome->text);
        log_tail(outcome->log, sizeof outcome->log);
        text_scrub(outcome->log);
        text_scrub(outcome->text);
    } else {
        log_about(LOG_DEBUG, &ids, "done in %.1f ms", outcome->metrics.total_ms);
    }
}

void outcome_free(struct outcome **outcome)
{
    if (!*outcome)
        return;
    outcome_clear(*outcome);
    assignment_free(&(*outcome)->assignment);
    free(*outcome);
    *outcome = NULL;
}

int outcome_scores(struct outcome *outcome, size_t variants, size_t columns, struct error *err)
{
    uint64_t count = outcome->assignment->task.count;
    uint64_t row = (uint64_t)variants * columns * sizeof(float);
    if (row == 0 || count == 0 || count > LIMIT_ROWS_BYTES / row)
        return error_set(err, E_LIMIT,
                         "%llu faces of %zu variants and %zu scores do not fit into a result: "
                         "LIMIT_ROWS_BYTES is %llu",
                         (unsigned long long)count, variants, columns,
                         (unsigned long long)LIMIT_ROWS_BYTES);
    outcome->scores = calloc(count, row);
    outcome->skipped = calloc(count, 1);
    if (!outcome->scores || !outcome->skipped)
        return error_set(err, E_MEMORY, "no memory for %llu rows of scores",
                         (unsigned long long)count);
    outcome->variants = variants;
    outcome->columns = columns;
    return 0;
}

int outcome_moves(struct outcome *outcome, struct error *err)
{
    uint64_t count = outcome->assignment->task.count * outcome->variants;
    outcome->moves = calloc(count, MOVE_NUMBERS * sizeof *outcome->moves);
    return outcome->moves ? 0
                          : error_set(err, E_MEMORY, "no memory for %llu distances",
                                      (unsigned long long)count);
}

int outcome_identity(struct outcome *outcome, struct error *err)
{
    uint64_t count = outcome->assignment->task.count * outcome->variants;
    outcome->identity = calloc(count, sizeof *outcome->identity);
    return outcome->identity ? 0
                             : error_set(err, E_MEMORY, "no memory for %llu cosines",
                                         (unsigned long long)count);
}

int outcome_features(struct outcome *outcome, size_t count, struct error *err)
{
    outcome->features = calloc(count, sizeof *outcome->features);
    outcome->feature_count = outcome->features ? count : 0;
    return outcome->features ? 0 : error_set(err, E_MEMORY, "no memory for %zu features", count);
}

int outcome_photos(struct outcome *outcome, size_t latent_size, struct error *err)
{
    uint64_t count = outcome->assignment->task.count;
    outcome->photos = calloc(count, sizeof *outcome->photos);
    outcome->latent_size = latent_size;
    outcome->latents = latent_size ? calloc(count, latent_size * sizeof *outcome->latents) : NULL;
    return outcome->photos && (outcome->latents || latent_size == 0)
               ? 0
               : error_set(err, E_MEMORY, "no memory for %llu photos", (unsigned long long)count);
}

static bool any(const uint8_t *flags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (flags[i])
            return true;
    return false;
}

int outcome_add_file(struct outcome *outcome, const struct wire_file *file, struct error *err)
{
    struct wire_file *grown =
        realloc(outcome->files, (outcome->file_count + 1) * sizeof *outcome->files);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for a file record");
    outcome->files = grown;
    struct wire_file copy = *file;
    copy.path = strdup(file->path);
    copy.kind = strdup(file->kind);
    copy.target = strdup(file->target);
    copy.sha256 = strdup(file->sha256);
    grown[outcome->file_count++] = copy; /* counted at once, so that outcome_clear sees it */
    if (!copy.path || !copy.kind || !copy.target || !copy.sha256)
        return error_set(err, E_MEMORY, "no memory for a file record");
    return 0;
}

int outcome_add_boundary(struct outcome *outcome, const struct wire_boundary *boundary,
                         struct error *err)
{
    struct wire_boundary *grown =
        realloc(outcome->boundaries, (outcome->boundary_count + 1) * sizeof *outcome->boundaries);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for a boundary");
    outcome->boundaries = grown;
    struct wire_boundary copy = *boundary;
    uint8_t *normal = malloc(boundary->normal.size), *across = malloc(boundary->across.size + 1);
    copy.name = strdup(boundary->name);
    copy.normal.data = normal;
    copy.across.data = across;
    grown[outcome->boundary_count++] = copy;
    if (!copy.name || !normal || !across)
        return error_set(err, E_MEMORY, "no memory for a boundary");
    memcpy(normal, boundary->normal.data, boundary->normal.size);
    if (boundary->across.size > 0)
        memcpy(across, boundary->across.data, boundary->across.size);
    return 0;
}

int outcome_add_fitted(struct outcome *outcome, const struct wire_fitted *fitted, struct error *err)
{
    struct wire_fitted *grown =
        realloc(outcome->fitted, (outcome->fitted_count + 1) * sizeof *outcome->fitted);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for a fit's record");
    outcome->fitted = grown;
    struct wire_fitted copy = *fitted;
    uint8_t *normal = malloc(fitted->normal.size + 1);
    copy.role = strdup(fitted->role);
    copy.method = strdup(fitted->method);
    copy.normal.data = normal;
    grown[outcome->fitted_count++] = copy;
    if (!copy.role || !copy.method || !normal)
        return error_set(err, E_MEMORY, "no memory for a fit's record");
    if (fitted->normal.size > 0)
        memcpy(normal, fitted->normal.data, fitted->normal.size);
    return 0;
}

void outcome_result(const struct outcome *outcome, struct wire_result *result)
{
    const struct assignment *assignment = outcome->assignment;
    size_t bytes = outcome->scores ? assignment->task.count * outcome->variants * outcome->columns *
                                         sizeof(float)
                                   : 0;
    size_t moves = outcome->moves
                       ? assignment->task.count * outcome->variants * MOVE_NUMBERS *
                             sizeof *outcome->moves
                       : 0;
    size_t identity = outcome->identity ? assignment->task.count * outcome->variants *
                                              sizeof *outcome->identity
                                        : 0;
    *result = (struct wire_result){
        .stage = assignment->stage,
        .task = WIRE_LIST(&assignment->task, 1),
        .metrics = WIRE_LIST(&outcome->metrics, 1),
        .variants = outcome->variants,
        .columns = outcome->columns,
        .scores = {(const uint8_t *)outcome->scores, bytes},
        .moves = {(const uint8_t *)outcome->moves, moves},
        .identity = {(const uint8_t *)outcome->identity, identity},
        .latents = {(const uint8_t *)outcome->latents,
                    outcome->latents
                        ? assignment->task.count * outcome->latent_size * sizeof(float)
                        : 0},
        .skipped = {outcome->skipped,
                    outcome->skipped && any(outcome->skipped, assignment->task.count)
                        ? assignment->task.count
                        : 0},
        .photos = WIRE_LIST(outcome->photos, outcome->photos ? assignment->task.count : 0),
        .features = {(const uint8_t *)outcome->features,
                     outcome->feature_count * sizeof *outcome->features},
        .boundaries = WIRE_LIST(outcome->boundaries, outcome->boundary_count),
        .fitted = WIRE_LIST(outcome->fitted, outcome->fitted_count),
        .files = WIRE_LIST(outcome->files, outcome->file_count),
    };
}

void outcome_failed(const struct outcome *outcome, struct wire_failed *failed)
{
    *failed = (struct wire_failed){
        .stage = outcome->assignment->stage,
        .task = WIRE_LIST(&outcome->assignment->task, 1),
        .code = error_name(outcome->code),
        .text = outcome->text,
        .log = outcome->log,
    };
}
