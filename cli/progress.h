/*
 * Progress of a job on a stream for people.
 *
 * On a terminal a block of lines, one a stage, is redrawn in place; elsewhere a plain line is
 * printed at changes, at most one every five seconds but always at a change of a stage's state.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "common/wire.h"

struct progress {
    FILE *out;
    bool terminal;
    size_t drawn;                       /* lines of the block on the screen */
    int64_t last_printed;               /* monotonic ns of the last plain line, 0: none */
    uint64_t last_done;                 /* what it said, over all stages */
    char last_states[LIMIT_STAGES + 1]; /* first letters of the stages' states */
    bool paused;                        /* the broker, as was said last */
};

void progress_open(struct progress *progress, FILE *out);
void progress_update(struct progress *progress, const struct wire_job_state *state);
/* Draws or prints the last state and a summary sentence. */
void progress_end(struct progress *progress, const struct wire_job_state *state);

/* "1 h 02 min", "3 min 05 s", "12 s". */
void progress_duration(double seconds, char *text, size_t size);

#endif
