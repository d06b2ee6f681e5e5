/*
 * What the network thread holds: tasks that have not begun, the one that runs, and outcomes that
 * the broker has not accepted. No sockets, no clock, no threads: a state that messages change.
 */
#ifndef WORKER_HELD_H
#define WORKER_HELD_H

#include "worker/outcome.h"

/* Not begun; a broker keeps to the credit, and to that for urgent ones. This bounds one that does
 * not. */
#define HELD_TASKS_MAX (2 * LIMIT_CREDIT)

/* A task that runs: an outcome lent to the compute thread. Its assignment is not to be read meanwhile, so what is
 * needed of it stands here. */
struct held_run {
    const struct outcome *outcome; /* NULL: none */
    bool again;                    /* leased again while it runs, under `epoch` */
    bool revoked;                  /* nobody wants it */
    uint64_t epoch, token;
    uint64_t stage;
    struct wire_task task;
};

struct held {
    struct assignment *first; /* not begun, urgent ones first, in the order of leasing */
    size_t waiting;
    struct held_run device; /* what the compute thread runs */
    struct held_run files;  /* what the device is done with, and files are finished of */
    struct outcome *outcomes; /* newest last */
    uint64_t newest;          /* greatest epoch leased */
};

void held_free(struct held *held); /* nothing may be running */

/*
 * Takes the tasks of a lease. A range that is held already, in whatever state, is not run twice: it
 * goes on under the new epoch (and what is finished of it is sent again). E_LIMIT beyond
 * HELD_TASKS_MAX: then the rest of the lease was not taken.
 */
MUST_CHECK int held_lease(struct held *held, const struct wire_lease *lease, struct error *err);

/* The next task as an outcome to fill, or NULL where the device has one or none waits. */
struct outcome *held_begin(struct held *held);

/* The device is done with its task, whose files are yet to be finished: it may have the next one. */
void held_free_device(struct held *held);

/* Whether a task runs, on the device or finishing its files. */
bool held_is_running(const struct held *held);

/* Takes the filled outcome back, unsent. */
void held_finish(struct held *held, struct outcome *outcome);

/* The broker has the outcome that was sent under this epoch: forgets it. True if it was there. */
bool held_accept(struct held *held, uint64_t stage, const struct wire_task *task);

/* Forgets the newest outcome without telling it. */
void held_drop_newest(struct held *held);

/* Drops all that has not begun. Returns how many. */
size_t held_drop_waiting(struct held *held);

/* The broker does not want these tasks of a stage any more (count 0: all of it): drops what has not
 * begun, and marks what runs as revoked. */
void held_revoke(struct held *held, uint64_t stage, const struct wire_task *tasks, size_t count);

/* What hello tells: what runs, waits, or has a result to deliver; at most `most`. Returns how many.
 * (A failure is told again by itself; it claims nothing.) */
size_t held_list(const struct held *held, struct wire_held_task *list, size_t most);

/* The outcome whose files that parcel takes, or NULL. */
struct outcome *held_find_parcel(const struct held *held, uint64_t parcel);
/* Forgets an outcome without telling it. */
void held_drop(struct held *held, struct outcome *outcome);

/* After a new welcome everything is told again, and files are offered again. */
void held_unsend(struct held *held);

/* The oldest result that was sent, or NULL. */
struct outcome *held_oldest_result(const struct held *held);

#endif
