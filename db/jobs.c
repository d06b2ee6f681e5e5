/* Jobs and stages in the database: binding and reading, no decisions. */
#include "db/jobs.h"

#include <stdlib.h>
#include <string.h>

int jobs_insert(struct database *db, const struct jobs_row *job, int64_t *id, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "job_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_text(q, 1, job->name);
    statement_bind_text(q, 2, job->owner);
    statement_bind_int(q, 3, job->bundle);
    statement_bind_text(q, 4, job->spec);
    statement_bind_int(q, 5, (int64_t)job->seed);
    statement_bind_int(q, 6, job->submitted_ms);
    statement_bind_int(q, 7, job->priority);
    statement_bind_int(q, 8, job->interactive);
    statement_bind_int(q, 9, job->after);
    statement_bind_int(q, 10, job->deadline_ms);
    rc = statement_run(q, err);
    if (rc == 0)
        *id = database_last_id(db);
    return rc;
}

int jobs_insert_stage(struct database *db, const struct jobs_stage *stage, int64_t *id,
                      struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "stage_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage->job);
    statement_bind_int(q, 2, stage->position);
    statement_bind_text(q, 3, stage->name);
    statement_bind_text(q, 4, stage->kind);
    if (stage->input)
        statement_bind_int(q, 5, stage->input);
    statement_bind_int(q, 6, (int64_t)stage->start);
    statement_bind_int(q, 7, (int64_t)stage->total);
    statement_bind_int(q, 8, (int64_t)stage->unit);
    statement_bind_int(q, 9, stage->variants);
    if (stage->images)
        statement_bind_text(q, 10, stage->images);
    if (stage->latents)
        statement_bind_text(q, 11, stage->latents);
    rc = statement_run(q, err);
    if (rc == 0)
        *id = database_last_id(db);
    return rc;
}

int jobs_insert_samples(struct database *db, int64_t stage, const struct seeds_run *run,
                        struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "sample_range_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)run->face);
    statement_bind_int(q, 3, (int64_t)run->sample);
    statement_bind_int(q, 4, (int64_t)run->count);
    return statement_run(q, err);
}

int jobs_read_samples(struct database *db, int64_t stage, uint64_t start, uint64_t count,
                      uint64_t *samples, struct error *err)
{
    struct statement *q;
    uint64_t done = 0;
    int rc = database_query(db, "sample_range_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, (int64_t)start);
    statement_bind_int(q, 3, (int64_t)count);
    while ((rc = statement_step(q, err)) > 0) {
        uint64_t skipped = start + done - (uint64_t)statement_int(q, 0);
        uint64_t sample = (uint64_t)statement_int(q, 1);
        for (; skipped < (uint64_t)statement_int(q, 2) && done < count; skipped++)
            samples[done++] = sample + skipped;
    }
    statement_reset(q);
    return rc < 0 || done == count
               ? rc
               : error_set(err, E_NOT_FOUND,
                           "stage %lld: the samples of %llu of its faces %llu to %llu are known",
                           (long long)stage, (unsigned long long)done, (unsigned long long)start,
                           (unsigned long long)(start + count - 1));
}

int jobs_delete_samples(struct database *db, int64_t stage, size_t most, size_t *deleted,
                        struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "sample_range_delete", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, most < INT64_MAX ? (int64_t)most : INT64_MAX);
    rc = statement_run(q, err);
    if (rc == 0)
        *deleted = (size_t)database_changes(db);
    return rc;
}

int jobs_insert_cell(struct database *db, const struct jobs_cell *cell, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "mix_cell_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, cell->stage);
    statement_bind_int(q, 2, cell->cell);
    statement_bind_text(q, 3, cell->of);
    statement_bind_int(q, 4, (int64_t)cell->wanted);
    statement_bind_int(q, 5, (int64_t)cell->found);
    statement_bind_int(q, 6, (int64_t)cell->draws);
    return statement_run(q, err);
}

int jobs_insert_variant(struct database *db, int64_t stage, uint32_t variant,
                        const struct spec_variant *shows, const char *description,
                        struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "variant_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, variant);
    statement_bind_real(q, 3, shows->distance);
    statement_bind_int(q, 4, shows->projected);
    if (shows->target < 0)
        statement_bind_null(q, 5);
    else
        statement_bind_int(q, 5, shows->target);
    statement_bind_text(q, 6, description);
    statement_bind_real(q, 7, shows->second);
    return statement_run(q, err);
}

int jobs_insert_network(struct database *db, int64_t stage, const char *use, const char *name,
                        uint32_t dimension, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "stage_network_insert", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_text(q, 2, use);
    statement_bind_text(q, 3, name);
    statement_bind_int(q, 4, dimension);
    return statement_run(q, err);
}

int jobs_set_state(struct database *db, int64_t job, const char *state, int64_t now_ms,
                   struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "job_set_state", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, job);
    statement_bind_text(q, 2, state);
    statement_bind_int(q, 3, now_ms);
    return statement_run(q, err);
}

int jobs_set_stage_state(struct database *db, int64_t stage, const char *state, const char *text,
                         uint64_t done, int64_t now_ms, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "stage_set_state", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_text(q, 2, state);
    statement_bind_text(q, 3, text);
    statement_bind_int(q, 4, now_ms);
    statement_bind_int(q, 5, (int64_t)done);
    return statement_run(q, err);
}

int jobs_set_priority(struct database *db, int64_t job, int64_t priority, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "job_set_priority", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, job);
    statement_bind_int(q, 2, priority);
    return statement_run(q, err);
}

static struct jobs_open read_open(struct statement *q)
{
    return (struct jobs_open){
        .id = statement_int(q, 0),
        .bundle = statement_int(q, 1),
        .spec = statement_text(q, 2),
        .owner = statement_text(q, 3),
        .state = statement_text(q, 4),
        .priority = statement_int(q, 5),
        .interactive = statement_int(q, 6) != 0,
        .deadline_ms = statement_int(q, 7),
        .after = statement_int(q, 8),
        .after_state = statement_text(q, 9),
    };
}

int jobs_each_open(struct database *db,
                   int (*each)(void *context, const struct jobs_open *job, struct error *err),
                   void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "job_open_list", &q, err);
    if (rc < 0)
        return rc;
    while ((rc = statement_step(q, err)) > 0) {
        struct jobs_open job = read_open(q);
        rc = each(context, &job, err);
        if (rc != 0)
            break;
    }
    statement_reset(q);
    return rc;
}

int jobs_one(struct database *db, int64_t job,
             int (*each)(void *context, const struct jobs_open *job, struct error *err),
             void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "job_one", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, job);
    rc = statement_step(q, err);
    if (rc == 0)
        rc = error_set(err, E_NOT_FOUND, "there is no job %lld", (long long)job);
    if (rc < 0)
        return rc;
    struct jobs_open row = read_open(q);
    rc = each(context, &row, err);
    statement_reset(q);
    return rc;
}

int jobs_each_stage(struct database *db, int64_t job,
                    int (*each)(void *context, const struct jobs_stage_state *stage,
                                struct error *err),
                    void *context, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "stage_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, job);
    while ((rc = statement_step(q, err)) > 0) {
        struct jobs_stage_state stage = {statement_int(q, 0), statement_int(q, 1),
                                         statement_text(q, 2), statement_text(q, 3)};
        rc = each(context, &stage, err);
        if (rc != 0)
            break;
    }
    statement_reset(q);
    return rc;
}

/* ---- what people ask for ---- */

/* Room for one more in an array whose capacity is the next power of two. */
static int grow(void **items, size_t count, size_t size, struct error *err)
{
    if (count & (count - 1))
        return 0;
    void *grown = realloc(*items, (count ? 2 * count : 1) * size);
    if (!grown)
        return error_set(err, E_MEMORY, "out of memory");
    *items = grown;
    return 0;
}

static int read_job(struct statement *q, struct wire_job_info *job, struct error *err)
{
    *job = (struct wire_job_info){
        .job = (uint64_t)statement_int(q, 0),
        .name = strdup(statement_text(q, 1)),
        .state = strdup(statement_text(q, 2)),
        .bundle = strdup(statement_text(q, 3)),
        .submitted_ms = statement_int(q, 4),
        .ended_ms = statement_int(q, 5),
        .total = (uint64_t)statement_int(q, 6),
        .done = (uint64_t)statement_int(q, 7),
        .owner = strdup(statement_text(q, 8)),
        .priority = statement_int(q, 9),
        .interactive = (uint64_t)statement_int(q, 10),
        .after = (uint64_t)statement_int(q, 11),
        .deadline_ms = statement_int(q, 12),
    };
    return job->name && job->state && job->bundle && job->owner ? 0 : error_set(err, E_MEMORY, "out of memory");
}

int jobs_list(struct database *db, int64_t newest, size_t most, const char *owner,
              struct wire_job_info **jobs, size_t *count, struct error *err)
{
    struct statement *q;
    struct wire_job_info *list = NULL;
    size_t n = 0;
    int rc = database_query(db, "job_list", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, newest);
    statement_bind_int(q, 2, (int64_t)most);
    statement_bind_text(q, 3, owner);
    while ((rc = statement_step(q, err)) > 0) {
        rc = grow((void **)&list, n, sizeof *list, err);
        if (rc == 0)
            rc = read_job(q, &list[n++], err);
        if (rc < 0)
            break;
    }
    statement_reset(q);
    if (rc < 0) {
        jobs_info_free(list, n);
        return rc;
    }
    *jobs = list;
    *count = n;
    return 0;
}

void jobs_info_free(struct wire_job_info *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)jobs[i].name);
        free((char *)jobs[i].owner);
        free((char *)jobs[i].state);
        free((char *)jobs[i].bundle);
    }
    free(jobs);
}

static int read_stage(struct statement *q, struct wire_stage_info *stage, struct error *err)
{
    *stage = (struct wire_stage_info){
        .stage = (uint64_t)statement_int(q, 0),
        .name = strdup(statement_text(q, 1)),
        .kind = strdup(statement_text(q, 2)),
        .state = strdup(statement_text(q, 3)),
        .total = (uint64_t)statement_int(q, 4),
        .done = (uint64_t)statement_int(q, 5),
        .error = strdup(statement_text(q, 6)),
        .poisoned = (uint64_t)statement_int(q, 7),
        .failures = (uint64_t)statement_int(q, 8),
    };
    bool whole = stage->name && stage->kind && stage->state && stage->error;
    return whole ? 0 : error_set(err, E_MEMORY, "out of memory");
}

int jobs_stages(struct database *db, int64_t job, struct wire_stage_info **stages, size_t *count,
                struct error *err)
{
    struct statement *q;
    struct wire_stage_info *list = NULL;
    size_t n = 0;
    int rc = database_query(db, "job_stages", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, job);
    while ((rc = statement_step(q, err)) > 0) {
        rc = grow((void **)&list, n, sizeof *list, err);
        if (rc == 0)
            rc = read_stage(q, &list[n++], err);
        if (rc < 0)
            break;
    }
    statement_reset(q);
    if (rc < 0) {
        jobs_stages_free(list, n);
        return rc;
    }
    *stages = list;
    *count = n;
    return 0;
}

void jobs_stages_free(struct wire_stage_info *stages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)stages[i].name);
        free((char *)stages[i].kind);
        free((char *)stages[i].state);
        free((char *)stages[i].error);
    }
    free(stages);
}
