/*
 * A thread that helps the loop with what would keep it: orders go out through one mailbox, are
 * worked on one behind the other, and come back through another, whose descriptor the loop polls.
 * Whoever has an order owns it.
 */
#ifndef BROKER_HELPER_H
#define BROKER_HELPER_H

#include <stdbool.h>

#include "common/mailbox.h"

struct helper_task {
    /* On the thread; false: it has done away with the order, which does not come back. */
    bool (*work)(void *state, struct mail *order);
    void (*drop)(struct mail *order); /* of one that nobody takes any more */
    void *state;
};

struct helper; /* opaque */

MUST_CHECK int helper_start(const struct helper_task *task, struct helper **helper,
                            struct error *err);
/* What was put before is worked on first (`work` may be told to be quick), and dropped. NULL is
 * fine. */
void helper_stop(struct helper **helper);
void helper_put(struct helper *helper, struct mail *order);
struct mail *helper_take(struct helper *helper); /* the next that is done, or NULL */
int helper_fd(const struct helper *helper);      /* readable while there is one */

#endif
