/* A lease run at once by a runner of the test's own, without broker or network thread. */
#ifndef TESTS_WORKER_RUN_LEASE_H
#define TESTS_WORKER_RUN_LEASE_H

#include "tests/common/check.h"
#include "worker/runner.h"

/* Runs the lease's first task; the caller frees the outcome. */
static inline struct outcome *run_lease(struct runner *runner, const struct wire_lease *lease)
{
    struct error refusal;
    struct assignment *assignment = NULL;
    if (assignment_copy(lease, 0, &assignment, &refusal) < 0)
        fail_msg("assignment_copy: %s", refusal.text);
    struct outcome *outcome = outcome_new(&assignment);
    assert_non_null(outcome);
    runner_run(runner, outcome);
    return outcome;
}

#endif
