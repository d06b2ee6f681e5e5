/* Jobs and stages in the database. States are the words of the schema; broker/states.h says which
 * follows which. What writes needs a transaction. */
#ifndef DB_JOBS_H
#define DB_JOBS_H

#include "common/spec.h"
#include "common/wire.h"
#include "db/database.h"

struct jobs_row {
    const char *name, *owner;
    int64_t bundle;
    const char *spec;
    uint64_t seed;
    int64_t submitted_ms;
    int64_t priority;
    bool interactive;
    int64_t after, deadline_ms; /* 0: none */
};

MUST_CHECK int jobs_insert(struct database *db, const struct jobs_row *job, int64_t *id,
                           struct error *err);

/* Says with which network of the bundle a stage measures: `use` is identity or features. */
MUST_CHECK int jobs_insert_network(struct database *db, int64_t stage, const char *use,
                                   const char *name, uint32_t dimension, struct error *err);

struct jobs_stage {
    int64_t job, position;
    const char *name, *kind;
    int64_t input; /* stage id, 0: none */
    uint64_t start, total, unit;
    uint32_t variants;
    const char *images, *latents; /* NULL: samples */
};

MUST_CHECK int jobs_insert_stage(struct database *db, const struct jobs_stage *stage, int64_t *id,
                                 struct error *err);
/* Says which samples some of a stage's faces are. */
MUST_CHECK int jobs_insert_samples(struct database *db, int64_t stage, const struct seeds_run *run,
                                   struct error *err);
/* Reads samples[count] of a stage's faces start … start+count−1, of which all must have been said:
 * else E_NOT_FOUND. */
MUST_CHECK int jobs_read_samples(struct database *db, int64_t stage, uint64_t start, uint64_t count,
                                 uint64_t *samples, struct error *err);
/* Forgets the first `most` of their runs; *deleted is how many there were. */
MUST_CHECK int jobs_delete_samples(struct database *db, int64_t stage, size_t most, size_t *deleted,
                                   struct error *err);
/* How far a cell of a stage's mix got. */
struct jobs_cell {
    int64_t stage, cell;
    const char *of;
    uint64_t wanted, found, draws;
};
MUST_CHECK int jobs_insert_cell(struct database *db, const struct jobs_cell *cell,
                                struct error *err);
/* What row `variant` of a face shows, see the table. */
MUST_CHECK int jobs_insert_variant(struct database *db, int64_t stage, uint32_t variant,
                                   const struct spec_variant *shows, const char *description,
                                   struct error *err);

MUST_CHECK int jobs_set_state(struct database *db, int64_t job, const char *state, int64_t now_ms,
                              struct error *err);
MUST_CHECK int jobs_set_priority(struct database *db, int64_t job, int64_t priority,
                                 struct error *err);
/* `done`: indices done. `text` may be NULL: no error. */
MUST_CHECK int jobs_set_stage_state(struct database *db, int64_t stage, const char *state,
                                    const char *text, uint64_t done, int64_t now_ms,
                                    struct error *err);

/* Calls `each` for every open job, oldest first, until it returns non-zero, which is handed on. */
struct jobs_open {
    int64_t id, bundle;
    const char *spec, *owner, *state;
    int64_t priority;
    bool interactive;
    int64_t deadline_ms, after; /* 0: none */
    const char *after_state;    /* of the job that it follows, "" if none */
};
MUST_CHECK int jobs_each_open(struct database *db,
                              int (*each)(void *context, const struct jobs_open *job,
                                          struct error *err),
                              void *context, struct error *err);
/* Calls `each` for that job, open or not; E_NOT_FOUND. */
MUST_CHECK int jobs_one(struct database *db, int64_t job,
                        int (*each)(void *context, const struct jobs_open *job, struct error *err),
                        void *context, struct error *err);
/* Calls `each` for every stage of a job, by position. */
struct jobs_stage_state {
    int64_t id, position;
    const char *state, *error;
};
MUST_CHECK int jobs_each_stage(struct database *db, int64_t job,
                               int (*each)(void *context, const struct jobs_stage_state *stage,
                                           struct error *err),
                               void *context, struct error *err);

/* The newest jobs up to id `newest` of an owner (NULL: of all), at most `most`, newest first, as for the message
 * `jobs`. The caller frees with jobs_info_free. */
MUST_CHECK int jobs_list(struct database *db, int64_t newest, size_t most, const char *owner,
                         struct wire_job_info **jobs, size_t *count, struct error *err);
void jobs_info_free(struct wire_job_info *jobs, size_t count);
/* The stages of a job as they stand in the database; `leased` and `rate` are 0. */
MUST_CHECK int jobs_stages(struct database *db, int64_t job, struct wire_stage_info **stages,
                           size_t *count, struct error *err);
void jobs_stages_free(struct wire_stage_info *stages, size_t count);

#endif
