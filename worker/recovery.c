/* The states of a lost device. */
#include "worker/recovery.h"

#include "common/clock.h"

const struct recovery_options recovery_defaults = {CLOCK_SECOND, 60 * CLOCK_SECOND, 8};

/* The delay before the n-th try, n from 1. */
static int64_t delay_of(const struct recovery_options *options, unsigned n)
{
    int64_t delay = options->first_delay;
    while (--n > 0 && delay < options->most_delay)
        delay *= 2;
    return delay < options->most_delay ? delay : options->most_delay;
}

void recovery_lost(struct recovery *recovery, int64_t now)
{
    if (++recovery->losses > recovery->options.tries) {
        recovery->state = RECOVERY_GIVEN_UP;
        return;
    }
    recovery->state = RECOVERY_AWAY;
    recovery->due_at = now + delay_of(&recovery->options, recovery->losses);
}

void recovery_worked(struct recovery *recovery)
{
    recovery->losses = 0;
}

bool recovery_due(struct recovery *recovery, int64_t now)
{
    if (recovery->state != RECOVERY_AWAY || now < recovery->due_at)
        return false;
    recovery->state = RECOVERY_OPENING;
    return true;
}

void recovery_opened(struct recovery *recovery, bool success, int64_t now)
{
    if (success)
        recovery->state = RECOVERY_READY;
    else
        recovery_lost(recovery, now);
}
