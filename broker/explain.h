/*
 * Why each stage of an open job is running, or is not: what `facefarm explain` prints.
 *
 * Reads what the broker holds in memory and nothing else, so that tests make up the farm. A stage
 * has one reason or several, the weightiest first. A reason has a code for programs and a sentence
 * for people:
 *
 *     paused      somebody paused the job
 *     follows     another job has to be done first
 *     input       another stage has to be done first
 *     done        nothing is left to do
 *     running     so many tasks are with so many workers
 *     broker      the broker itself is paused (pause.c)
 *     restarted   the broker waits for the workers of the one before it
 *     no_worker   nobody is connected
 *     no_match    nobody connected has what the stage needs
 *     no_class    no declared class of workers has it either (fleet.h)
 *     lost        who has it is lost or gone
 *     draining, aside, unready   who has it gets no tasks, and why
 *     busy        who has it works for others, and why those come first
 *     left        what is left failed on who has room for it, and waits for somebody else
 *     poison      so much is set aside
 *     limit       the user's next job will be refused
 *     deadline    it has passed
 */
#ifndef BROKER_EXPLAIN_H
#define BROKER_EXPLAIN_H

#include "broker/farm.h"
#include "broker/fleet.h"

struct explain_view {
    bool all;        /* the asker may see everybody's jobs; else others are not named */
    bool restarted;  /* the broker waits for workers */
    int64_t now_ms;  /* wall clock */
    const struct fleet *fleet; /* NULL: nothing is declared */
    const char *notice; /* why the broker is paused; NULL or "": it is not */
};

struct explanation {
    struct wire_reason *reasons; /* their texts are owned, but for stage, state and code */
    size_t count, capacity;
};

/* Explains every stage of a job. The caller frees, also after an error (of memory). */
MUST_CHECK int explain_job(const struct farm *farm, const struct farm_job *job,
                           const struct explain_view *view, struct explanation *explanation,
                           struct error *err);
/* Adds a reason; `text` is copied, the others are borrowed. */
MUST_CHECK int explain_add(struct explanation *explanation, const char *stage, const char *state,
                           const char *code, const char *text, struct error *err);
void explain_free(struct explanation *explanation);

#endif
