/*
 * Results of tasks in the database, and what went wrong with them. Nothing here judges a result:
 * what is handed over has been checked (broker/result.h). What writes needs a transaction.
 */
#ifndef DB_RESULTS_H
#define DB_RESULTS_H

#include "common/digest.h"
#include "common/wire.h"
#include "db/database.h"

struct results_task {
    int64_t stage;
    uint64_t start, count, epoch;
    uint32_t attempts;
    int64_t worker;
    const char *digest;
    int64_t leased_ms, committed_ms;
};

MUST_CHECK int results_insert_task(struct database *db, const struct results_task *task,
                                   const struct wire_stage_metrics *metrics, struct error *err);

/* How a stage's score rows are laid out. */
struct results_layout {
    int64_t bundle;
    size_t attributes;            /* logits at the row's beginning */
    size_t columns;               /* of a row on the wire */
    int fit_column, judge_column; /* of the ages kept, or -1 */
};

/* Scores float32[count][variants][columns] of the indices from `start`, into face and the bundle's
 * wide table; with them the cosines to the face before the edit, float32[count][variants] (may be NULL). Those
 * whose `skipped` (may be NULL) is 1 are written into the table of that name only. */
MUST_CHECK int results_insert_scores(struct database *db, int64_t stage,
                                     const struct results_layout *layout, uint64_t start,
                                     uint64_t count, uint32_t variants, const uint8_t *scores,
                                     const uint8_t *identity, const uint8_t *skipped,
                                     struct error *err);
/* A network's features of the indices from `start`, float32[faces][variants][dimension]. */
MUST_CHECK int results_insert_features(struct database *db, int64_t stage, uint64_t start,
                                       uint64_t faces, uint32_t variants, size_t dimension,
                                       const uint8_t *features, const uint8_t *skipped,
                                       struct error *err);
/* A photo that a stage read, and the latent made of it, float32[dimension] (0: none). */
MUST_CHECK int results_insert_photo(struct database *db, int64_t stage, uint64_t index,
                                    const struct wire_photo *photo, const uint8_t *latent,
                                    size_t dimension, struct error *err);
/* How far the faces of these indices were moved, float32[count][variants][4] (distance, reached, why, evaluations),
 * into the rows that results_insert_scores has made. */
MUST_CHECK int results_insert_moves(struct database *db, int64_t stage, uint64_t start,
                                    uint64_t count, uint32_t variants, const uint8_t *moves,
                                    struct error *err);
/*
 * Reads variant 0 of [start, start + count) back: ages[count][2] (fit, judge; NaN where there is
 * none) and logits[count][attributes], bit for bit but for −0, which SQLite keeps as 0. E_NOT_FOUND
 * unless all are there.
 */
MUST_CHECK int results_read_scores(struct database *db, int64_t stage,
                                   const struct results_layout *layout, uint64_t start,
                                   uint64_t count, float *ages, float *logits, struct error *err);

/* layers: of the normal, which is [layers][d]; 1 but in w+. */
MUST_CHECK int results_insert_boundary(struct database *db, int64_t stage,
                                       const struct wire_boundary *boundary, uint32_t layers,
                                       struct error *err);
/* Into `fitted`; of role layer into `fitted_layer`, with `step` the layer. */
MUST_CHECK int results_insert_fitted(struct database *db, int64_t stage,
                                     const struct wire_fitted *fitted, struct error *err);
/* Calls `each` for the boundaries of a fit stage by position, until it returns non-zero, which is
 * handed on. */
struct results_boundary {
    int64_t position;
    const char *name;
    const void *normal; /* float32, not aligned */
    const void *across; /* likewise: Σ · normal; NULL: Σ = I */
    size_t dimension, layers; /* all numbers; of how many layers */
    double offset;
};
MUST_CHECK int results_each_boundary(struct database *db, int64_t stage,
                                     int (*each)(void *context,
                                                 const struct results_boundary *boundary,
                                                 struct error *err),
                                     void *context, struct error *err);

/* The same for the layers of boundaries that were fitted layer by layer, by position and layer. */
struct results_layer {
    int64_t position, layer;
    double offset,
        cosine; /* of the layer's own boundary; length of its part in the boundary's normal */
};
MUST_CHECK int results_each_layer(struct database *db, int64_t stage,
                                  int (*each)(void *context, const struct results_layer *layer,
                                              struct error *err),
                                  void *context, struct error *err);

/* Mean and standard deviation of each attribute's logit over a done stage's faces as sampled,
 * moments[attributes][2]. E_NOT_FOUND unless all are there. */
MUST_CHECK int results_logits(struct database *db, int64_t stage, size_t attributes, float *moments,
                              struct error *err);

MUST_CHECK int results_insert_file(struct database *db, int64_t stage, const struct wire_file *file,
                                   struct error *err);
MUST_CHECK int results_has_file(struct database *db, int64_t stage, const char *path, bool *has,
                                struct error *err);

/* The committed task that begins at `start`: 1, 0 where there is none, or an error. */
MUST_CHECK int results_find_task(struct database *db, int64_t stage, uint64_t start,
                                 uint64_t *count, char digest[DIGEST_HEX_BYTES], struct error *err);
/* The newest epoch in the tables. */
MUST_CHECK int results_newest_epoch(struct database *db, uint64_t *epoch, struct error *err);

/* Ranges of a stage: of committed tasks, of the failed attempts that count, oldest first and with the
 * worker (0: unknown), of poison. */
enum results_ranges {
    RESULTS_DONE,
    RESULTS_FAILURES,
    RESULTS_POISON,
};
MUST_CHECK int results_each_range(struct database *db, int64_t stage, enum results_ranges which,
                                  int (*each)(void *context, uint64_t start, uint64_t count,
                                              int64_t worker, struct error *err),
                                  void *context, struct error *err);

struct results_failure {
    int64_t stage;
    struct wire_task task;
    int64_t worker; /* 0: unknown */
    const char *code, *text, *log;
    int64_t at_ms;
};
MUST_CHECK int results_insert_failure(struct database *db, const struct results_failure *failure,
                                      struct error *err);
/* The newest failed attempts of a job, at most `most`, newest first. The caller frees with
 * results_failures_free. */
MUST_CHECK int results_failures(struct database *db, int64_t job, size_t most,
                                struct wire_failure_info **failures, size_t *count,
                                struct error *err);
void results_failures_free(struct wire_failure_info *failures, size_t count);
/* What failed in a stage counts no more, and nothing is set aside. `restart`: what was made when it
 * started goes, too, for it is going to start again. */
MUST_CHECK int results_forgive(struct database *db, int64_t stage, bool restart, struct error *err);
/* "CODE: text" of the newest failure of the range that begins at `start`, "" if there is none. */
MUST_CHECK int results_last_failure(struct database *db, int64_t stage, uint64_t start, char *text,
                                    size_t size, struct error *err);
MUST_CHECK int results_insert_poison(struct database *db, int64_t stage, uint64_t start,
                                     uint64_t count, struct error *err);
/* Takes ranges inside [start, start + count) out of the poison: they were done after all. */
MUST_CHECK int results_delete_poison(struct database *db, int64_t stage, uint64_t start,
                                     uint64_t count, struct error *err);
MUST_CHECK int results_insert_fault(struct database *db, int64_t stage, uint64_t start,
                                    uint64_t count, int64_t worker, const char *expected,
                                    const char *found, int64_t now_ms, struct error *err);

/* `method`: plain or a projection's; `description`: the exact edit, for captions. */
MUST_CHECK int results_insert_direction(struct database *db, int64_t stage,
                                        const struct wire_direction *direction, const char *method,
                                        const char *description, struct error *err);
/* A point of a target's gain–leak curve. */
MUST_CHECK int results_insert_gain_leak(struct database *db, int64_t stage, int64_t position,
                                        const char *method, double weight, double gain, double leak,
                                        struct error *err);
/* All directions of a stage, by target, plain before projected. The caller frees with
 * results_directions_free. */
MUST_CHECK int results_directions(struct database *db, int64_t stage,
                                  struct wire_direction **directions, size_t *count,
                                  struct error *err);
void results_directions_free(struct wire_direction *directions, size_t count);

/* Makes attribute_summary of a stage that has faces. */
MUST_CHECK int results_summarise(struct database *db, int64_t stage, int64_t bundle,
                                 struct error *err);

#endif
