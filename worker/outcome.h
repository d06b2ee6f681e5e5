/*
 * What travels between the worker's two threads: an assignment (one leased task) goes to the
 * compute thread and comes back inside an outcome, the task's result or failure, with all it owns.
 */
#ifndef WORKER_OUTCOME_H
#define WORKER_OUTCOME_H

#include <stdbool.h>

#include "common/bundle.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/wire.h"
#include "common/mailbox.h"

/* What a letter between the threads is. */
enum letter_kind {
    LETTER_RUN,     /* to compute: a struct outcome to fill */
    LETTER_ANSWER,  /* to compute: a struct answer to its fetch */
    LETTER_REOPEN,  /* to compute: open the lost device again; the letter itself */
    LETTER_STOP,    /* to compute: finish; the letter itself */
    LETTER_AHEAD,   /* from compute: the device may have the next task, files of this one are finished beside it */
    LETTER_DONE,    /* from compute: the struct outcome, filled */
    LETTER_FETCH,   /* from compute: a struct fetch, lent until it is answered */
    LETTER_OPENED,  /* from compute: a struct opening, lent until the next LETTER_REOPEN */
    LETTER_STOPPED, /* from compute: its last one; the letter itself */
    LETTER_UPLOAD,   /* to uploads: a struct parcel */
    LETTER_UPLOADED, /* from uploads: the same */
};

struct letter { /* first member of everything that travels */
    struct mail mail;
    enum letter_kind kind;
};

enum fetch_kind {
    FETCH_SCORES,
    FETCH_SAMPLES,
    FETCH_DIRECTIONS,
};

struct fetch { /* what a running task wants to know; one at a time */
    struct letter letter;
    enum fetch_kind what; /* of the stage; scores and samples of start … start+count−1 */
    uint64_t stage, start, count;
    size_t first_column, columns;
};

struct opening { /* how opening the device again went */
    struct letter letter;
    int code; /* 0: it works */
    char text[ERROR_TEXT_MAX];
};

struct answer { /* the broker's answer: scores, samples, directions or refused; the taker frees it
                 */
    struct letter letter;
    struct wire_message message;
    struct socket_frame *frame;
};
void answer_free(struct answer **answer);

struct assignment {
    struct assignment *next;
    uint64_t job, stage, position, input; /* as in the lease message */
    char bundle[DIGEST_HEX_BYTES];
    char *spec;
    bool urgent; /* runs before those that are not */
    bool travels; /* the broker's store is elsewhere: files come and go over the wire */
    struct wire_task task;
};

/* Copies task number `i` of a lease. The caller frees. */
MUST_CHECK int assignment_copy(const struct wire_lease *lease, size_t i,
                               struct assignment **assignment, struct error *err);
void assignment_free(struct assignment **assignment);

/* Whether an assignment is this range of this stage, under whatever epoch. */
bool assignment_is(const struct assignment *assignment, uint64_t stage,
                   const struct wire_task *task);

struct outcome {
    struct letter letter;
    struct outcome *next;
    struct assignment *assignment; /* owned */
    int code;                      /* 0: a result; else the error */
    char text[ERROR_TEXT_MAX];
    char log[LOG_KEPT_BYTES + 1]; /* of a failure: the last lines logged */
    bool device_lost; /* the task failed with its device: no other may run on it as it is */
    struct wire_stage_metrics metrics;
    uint64_t variants, columns;
    float *scores;                    /* owned, [task.count][variants][columns] */
    float *identity;                  /* owned, [task.count][variants], or NULL: not measured */
    float *features;                  /* owned, [feature_count], see common/stage_networks.h, or NULL */
    size_t feature_count;
    float *moves; /* owned, [task.count][variants][MOVE_NUMBERS], see messages.def; NULL where all move alike */
    uint8_t *skipped; /* owned, [task.count], with the scores: 1 where there are no rows, else 0 */
    float *latents;   /* owned, [task.count][latent_size], or NULL */
    size_t latent_size;
    struct wire_photo *photos; /* owned, with their `text`s, [task.count], or NULL */
    struct wire_boundary *boundaries; /* owned, with their names and normals */
    size_t boundary_count;
    struct wire_fitted *fitted; /* owned, with their texts and normals */
    size_t fitted_count;
    struct wire_file *files; /* owned, with their texts */
    size_t file_count;
    const char *outbox; /* folder of the files until the broker has them; NULL: the store */
    uint64_t parcel;    /* number of the parcel that takes them there, 0: none is on its way */
    bool uploaded;      /* they are there, as far as is known since the last welcome */
    /* What remains to be done of a task that needs no device any more (files): set by a handler that succeeds, done
     * and freed by outcome_finish. `finish_state` is freed by `finish`, which fails or not. */
    int (*finish)(struct outcome *outcome, void *finish_state, struct error *err);
    void *finish_state;
    bool sent;           /* since the last welcome */
    bool sent_together;  /* with others in one message */
    uint64_t sent_epoch; /* of the assignment when it was sent last, 0: never */
};

/* An empty outcome of `assignment`, which it takes. NULL where memory is out; then nothing is
 * taken. */
struct outcome *outcome_new(struct assignment **assignment);
void outcome_free(struct outcome **outcome);

/* Empties it again: the scores, boundaries and files go, also those in an outbox; the assignment
 * stays, and the place in a list. */
void outcome_clear(struct outcome *outcome);

/* Room for the scores of the whole task. E_LIMIT where they would not fit into a message. */
MUST_CHECK int outcome_scores(struct outcome *outcome, size_t variants, size_t columns,
                              struct error *err);

/* Room for the moves of the scores' rows. */
MUST_CHECK int outcome_moves(struct outcome *outcome, struct error *err);

/* Room for a cosine beside each of the scores' rows; for so many numbers of features. */
MUST_CHECK int outcome_identity(struct outcome *outcome, struct error *err);
MUST_CHECK int outcome_features(struct outcome *outcome, size_t count, struct error *err);

/* Room for what is told of each photo, and for its latent of `latent_size` numbers (0: none). */
MUST_CHECK int outcome_photos(struct outcome *outcome, size_t latent_size, struct error *err);

/* Adds a file record; the texts are copied. */
MUST_CHECK int outcome_add_file(struct outcome *outcome, const struct wire_file *file,
                                struct error *err);

/* Adds a boundary; name and normal are copied. */
MUST_CHECK int outcome_add_boundary(struct outcome *outcome, const struct wire_boundary *boundary,
                                    struct error *err);

/* Adds what a boundary was fitted beside; its texts and normal are copied. */
MUST_CHECK int outcome_add_fitted(struct outcome *outcome, const struct wire_fitted *fitted,
                                  struct error *err);

/* Whether its files have yet to be brought to the broker. */
bool outcome_waits(const struct outcome *outcome);

/* Does what remains (`finish`), if anything does. Where it fails the outcome becomes that failure. */
void outcome_finish(struct outcome *outcome);

/* Logs how it ended; the last lines logged, a failure takes along. */
void outcome_log(struct outcome *outcome);

/* Fills the message that tells it; the message borrows from the outcome. */
void outcome_result(const struct outcome *outcome, struct wire_result *result);
void outcome_failed(const struct outcome *outcome, struct wire_failed *failed);

#endif
