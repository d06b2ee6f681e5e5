/*
 * What becomes of a device that was lost: it is opened again after a delay, which doubles with each
 * loss or failed opening, and is given up after some. Only a task that succeeds clears the count,
 * so a device that opens but never works is given up as well. A state and the time that callers
 * pass in; no clock, no threads.
 *
 *     READY --lost--> AWAY --due--> OPENING --opened--> READY
 *                      ^               | failed
 *                      +---------------+--- too often ---> GIVEN_UP
 */
#ifndef WORKER_RECOVERY_H
#define WORKER_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

struct recovery_options {
    int64_t first_delay, most_delay; /* nanoseconds; the first doubles up to the most. Of a full store, too */
    unsigned tries;                  /* losses and failed openings in sequence that are borne */
};

/* 1 s, doubled up to 60 s, 8 tries: some three minutes. */
extern const struct recovery_options recovery_defaults;

enum recovery_state {
    RECOVERY_READY,    /* the device works, as far as is known */
    RECOVERY_AWAY,     /* it is to be opened at `due_at` */
    RECOVERY_OPENING,  /* somebody tries to */
    RECOVERY_GIVEN_UP, /* for ever */
};

struct recovery {
    struct recovery_options options;
    enum recovery_state state;
    unsigned losses; /* since the last task that succeeded */
    int64_t due_at;
};

void recovery_lost(struct recovery *recovery, int64_t now);
void recovery_worked(struct recovery *recovery); /* a task succeeded */

/* Whether the device is to be opened now; if so it counts as being opened. */
bool recovery_due(struct recovery *recovery, int64_t now);
void recovery_opened(struct recovery *recovery, bool success, int64_t now);

#endif
