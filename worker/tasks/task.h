/*
 * What a stage's handler is given, and the table of handlers.
 *
 * A task is a pure function of (bundle, spec, range) and what it fetches: on the same kind of
 * device it gives the same bytes, wherever and however often it runs.
 */
#ifndef WORKER_TASKS_TASK_H
#define WORKER_TASKS_TASK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/spec.h"
#include "common/stage_networks.h"
#include "worker/directions.h"
#include "worker/latent_rows.h"
#include "worker/outcome.h"
#include "worker/photos.h"
#include "worker/pipeline.h"
#include "worker/sheet.h"

/* What a task may ask of the broker. The calls block until the answer is there; E_INTERRUPTED where
 * the worker is leaving. */
struct inputs {
    void *state;
    /* rows[count][columns] of stage `stage`'s own indices start … start+count−1, of each row only the
     * columns from `first` on. */
    int (*scores)(void *state, uint64_t stage, uint64_t start, uint64_t count, size_t first,
                  size_t columns, float *rows, struct error *err);
    /* samples[count] of the faces start … start+count−1 of a stage that takes those of a mix; count
     * at most LIMIT_TASK_SAMPLES. */
    int (*samples)(void *state, uint64_t stage, uint64_t start, uint64_t count, uint64_t *samples,
                   struct error *err);
    int (*directions)(void *state, uint64_t stage, size_t dimension, struct directions **directions,
                      struct error *err);
    struct transfer *transfer; /* for what is not in a store of ours, or NULL */
};

struct task {
    struct device *device;
    uint64_t memory; /* bytes of the device that no network has */
    struct pipeline *pipeline; /* of the task's bundle */
    const struct spec *spec;
    const struct spec_stage *stage;
    const char *store;   /* folder that its files are written in, */
    const char *library; /* and that holds what it reads by hash */
    const struct inputs *inputs;
    struct stage_networks networks;      /* that the stage measures with */
    const struct photos *photos; /* of a stage that reads photos, else NULL */
    struct latent_rows *latents; /* of a stage that takes imported latents, or a fit on one, else NULL */
    struct directions *directions;       /* edit, evaluate: of the stage */
    const atomic_bool *cancelled;        /* the worker is leaving: stop at the next batch */
    struct outcome *outcome;             /* assignment in, everything else out */
};

typedef int (*task_handler)(struct task *task, struct error *err);

MUST_CHECK int task_sample(struct task *task, struct error *err);
MUST_CHECK int task_label(struct task *task, struct error *err);
MUST_CHECK int task_fit(struct task *task, struct error *err);
MUST_CHECK int task_edit(struct task *task, struct error *err);
MUST_CHECK int task_evaluate(struct task *task, struct error *err);
MUST_CHECK int task_encode(struct task *task, struct error *err);
MUST_CHECK int task_label_photos(struct task *task, struct error *err); /* task_label of photos */

/* The handler of a kind of stage. */
task_handler task_handler_of(enum spec_kind kind);

/* E_INTERRUPTED once the worker is leaving. */
MUST_CHECK int task_check(const struct task *task, struct error *err);

/* Milliseconds since *since, which becomes now. */
double task_elapsed_ms(int64_t *since);

/* "jobs/<job>/<stage name>/<tail>" */
MUST_CHECK int task_path(const struct task *task, const char *tail, char path[LIMIT_PATH_BYTES],
                         struct error *err);

/* Makes the folder that task_path's files lie in. */
MUST_CHECK int task_make_folder(const struct task *task, struct error *err);

/* Writes a sheet as PNG under that name; `file` says all but path, bytes and hash of its record. */
MUST_CHECK int task_write_sheet(struct task *task, const struct sheet *sheet, const char *name,
                                const struct wire_file *file, struct error *err);

/* photos_measure of `count` photos from number `done` of the task's range on; the outcome has room for what is told
 * of them. */
MUST_CHECK int task_photos(struct task *task, size_t done, size_t count,
                           const struct pipeline_wanted *wanted, struct error *err);

struct ways; /* edits, worker/tasks/ways.h */

/* How many faces of `variants` each fill a batch; at least one. */
size_t task_chunk(const struct task *task, size_t variants);

/*
 * The latents of the faces first … first+count−1 of a stage of the task's job (its own, or the label stage of a fit):
 * latents[count][bundle_latent_size], as pipeline_latents gives those of their samples, and pipeline_take those of
 * imported rows; in w+ mixed where the stage says so.
 */
MUST_CHECK int task_latents(struct task *task, const struct spec_stage *stage, uint64_t first,
                            size_t count, float *latents, struct error *err);

/* Of a stage that mixes styles by offset: latents[count][bundle_latent_size] of the other samples of its faces, and
 * masks[count] of the layers that are taken from them. */
MUST_CHECK int task_others(struct task *task, const struct spec_stage *stage, uint64_t first,
                           size_t count, float *latents, uint64_t *masks, struct error *err);
/* Whether the stage mixes so in w, where the generator's input alone shows it. */
bool task_mixes_in_w(const struct task *task);

/* The sheet of a sample stage that mixes each sample with each of others. */
MUST_CHECK int task_mixed_sheet(struct task *task, struct error *err);

/* What is wanted of variants; NULL: not. */
struct task_made {
    float *scores;   /* [faces][variants][columns] */
    uint8_t *pixels; /* [faces][variants][height][width][3] */
    float *moves;    /* [faces][variants][MOVE_NUMBERS] */
    float *identity; /* [faces][variants]: cosine of the embedding to that of the face as sampled, of photos the photo's */
    uint8_t *skipped; /* [faces], needed for photos: 1 where one cannot be read; all else of it is 0 */
    uint8_t *photos;  /* [faces][height][width][3]: photos at the generator's size */
    float *features; /* [faces][task->networks.variants][task->networks.dimension], of variants 0 … */
};

/*
 * Makes the variants of the stage's faces first … first+faces−1, with `ways` NULL the faces as sampled. A network that
 * answers with what is no finite number is E_INVALID: the error names sample, edit, network and output.
 */
MUST_CHECK int task_variants(struct task *task, const struct ways *ways, uint64_t first,
                             size_t faces, const struct task_made *made, struct error *err);

/* The outcome's moves from that row of scores on, or NULL where it has none. */
float *task_moves(const struct task *task, size_t row);

/* Room in the outcome for the scores of the whole task, for moves where they differ by face, and for what
 * the stage's networks measure. */
MUST_CHECK int task_rows(struct task *task, size_t variant_count, struct error *err);

/* As task_variants for the task's whole range of samples, batch by batch, into the outcome's
 * scores. */
MUST_CHECK int task_measure(struct task *task, const struct ways *ways, struct error *err);

#endif
