/*
 * What is counted for Prometheus, and the page of it: docs/metrics.md. Counters begin with the
 * process. Series are bounded: by stage kinds, error codes and states, and METRICS_WORKERS workers.
 */
#ifndef BROKER_METRICS_H
#define BROKER_METRICS_H

#include "broker/exposition.h"
#include "broker/farm.h"

#define METRICS_WORKERS 1000 /* that have series of their own */

struct metrics_kind { /* of a stage kind */
    uint64_t tasks, indices, faces;
};

#define METRICS_CODE_COUNT(name, number, text) +1
enum { METRICS_CODES = ERROR_LIST(METRICS_CODE_COUNT) };

struct metrics {
    struct metrics_kind kinds[SPEC_KINDS];
    uint64_t bytes;                       /* written to the store */
    uint64_t failures[METRICS_CODES + 1]; /* by the place in ERROR_LIST; the last: others */
    uint64_t second; /* leases of ranges that another worker had */
    uint64_t retries, poisoned, faults;   /* ranges to be tried again; indices; results */
    uint64_t messages;                    /* received */
    struct histogram commits, leases;     /* seconds */
};

void metrics_init(struct metrics *metrics);
/* A committed result; `seconds` since its lease, negative: not known. */
void metrics_result(struct metrics *metrics, enum spec_kind kind, uint64_t count,
                    const struct wire_stage_metrics *said, double seconds);
/* A failed attempt with that code, and what comes of it. */
void metrics_failure(struct metrics *metrics, const char *code, enum plan_verdict verdict,
                     uint64_t count);

struct broker;
/* Writes the page; a metrics_page. */
MUST_CHECK int metrics_write(void *broker, struct buffer *page, struct error *err);

#endif
