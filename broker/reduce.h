/*
 * What a done stage's rows come to: the faces that its mix takes, how its scores agree with what is
 * known of its photos, attribute_summary, measures. All of it is read and computed before anything
 * of it is written.
 *
 * A small stage is reduced where it ends, on the loop. A large one takes seconds, so a thread does
 * it with a connection of its own and a copy of the job that it reads from there; nothing is
 * shared, and a broker that ends in between does it again, as the stage is still running in the
 * tables.
 */
#ifndef BROKER_REDUCE_H
#define BROKER_REDUCE_H

#include "broker/farm.h"
#include "broker/selection.h"
#include "common/limits.h"
#include "common/mailbox.h"
#include "db/database.h"

/* Rows of face that the loop reads itself: some milliseconds. */
#define REDUCE_AT_ONCE 1000

struct reduction {
    struct mail mail;
    struct reduction *next; /* in the broker's list of those being taken */
    int64_t job, stage;
    uint64_t ticket; /* farm_stage.reducing when it was asked for */
    int code;        /* of the thread's work; err says why it failed */
    struct error err;
    struct selection selection;
    char text[LIMIT_TEXT_BYTES]; /* why the stage fails, "" if it does not */
    struct database *made;       /* the thread's rows (db/reduction.h) */
};

struct reducer; /* opaque: the thread */

/* `db` and `store` are paths, borrowed. */
MUST_CHECK int reducer_start(const char *db, const char *store, struct reducer **reducer,
                             struct error *err);
/* What is under way is given up. */
void reducer_stop(struct reducer **reducer);
/* Readable while there is something to take. */
int reducer_fd(const struct reducer *reducer);
/* Gives an order away, when what it is to read is committed. */
void reducer_put(struct reducer *reducer, struct reduction *order);
struct reduction *reducer_take(struct reducer *reducer); /* NULL where there is nothing */

void reduction_free(struct reduction **reduction);
/* Whether the stage has few enough rows for the loop. */
bool reduce_is_small(const struct farm_stage *stage);
/* Reduces a stage on this thread, in a transaction of `db`. `reduction->text` says why the stage
 * fails, if it does, and then nothing more is written. */
MUST_CHECK int reduce_here(struct database *db, const char *store, struct farm_stage *stage,
                           struct reduction *reduction, struct error *err);
/* Writes what the thread made of a stage, likewise. */
MUST_CHECK int reduce_take(struct database *db, struct farm_stage *stage,
                           struct reduction *reduction, struct error *err);

#endif
