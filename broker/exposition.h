/*
 * Prometheus's text format, version 0.0.4: families with HELP and TYPE, samples with labels.
 *
 * Appends to a buffer. What fails (memory, the buffer's maximum) is kept in the writer and told at
 * the end, so that callers write straight on.
 */
#ifndef BROKER_EXPOSITION_H
#define BROKER_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    struct buffer *out;
    const char *family;
    int code; /* the first error, or 0 */
    struct error err;
};

struct exposition_label {
    const char *name, *value; /* value: UTF-8, escaped when it is written */
};

/* Begins a family: `type` is counter, gauge or histogram. Its samples follow at once. */
void exposition_family(struct exposition *e, const char *name, const char *type, const char *help);
/* A sample of the family, with `count` labels. */
void exposition_count(struct exposition *e, const struct exposition_label *labels, size_t count,
                      uint64_t value);
void exposition_real(struct exposition *e, const struct exposition_label *labels, size_t count,
                     double value);
/* Family and its only sample. */
void exposition_one(struct exposition *e, const char *name, const char *type, const char *help,
                    uint64_t value);

/* ---- histograms ---- */

#define EXPOSITION_BUCKETS 12

struct histogram {
    const double *bounds;                    /* [EXPOSITION_BUCKETS], ascending */
    uint64_t counts[EXPOSITION_BUCKETS + 1]; /* not cumulative; the last: above all bounds */
    double sum;
};
void histogram_add(struct histogram *histogram, double value);
/* The family with its buckets, sum and count. */
void exposition_histogram(struct exposition *e, const char *name, const char *help,
                          const struct histogram *histogram);

#endif
