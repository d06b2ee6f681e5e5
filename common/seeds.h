/*
 * Which samples the faces of a stage are: ranges, in the order in which they are written.
 *
 *     seeds: 0-9999,12000        # or [0-9999, 12000]
 *
 * Face 10000 of that stage is sample 12000 of the job's seed: the same face, to the last bit, as in
 * any other stage of that seed that has this sample. A range costs what a single number costs,
 * whatever its length.
 */
#ifndef COMMON_SEEDS_H
#define COMMON_SEEDS_H

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

/* Faces face … face+count−1 are samples sample … sample+count−1. */
struct seeds_run {
    uint64_t face, sample, count;
};

struct seeds {              /* zeroed: none */
    struct seeds_run *runs; /* [count], by face, without a gap; room for the next power of two */
    size_t count;
    uint64_t total; /* faces; with `total` alone set, those before it are of no concern */
};

/* Reads lists as ranges_parse takes them, one behind the other; ranges that follow each other
 * without a gap are one run. A sample that is there twice is E_INVALID (the error names both
 * ranges). The caller frees. */
MUST_CHECK int seeds_parse(const char *const *texts, size_t count, struct seeds *seeds,
                           struct error *err);
void seeds_free(struct seeds *seeds);
/* One face more: this sample, which is not there yet. */
MUST_CHECK int seeds_add(struct seeds *seeds, uint64_t sample, struct error *err);

/* The samples from face `face` (below the total) on that follow each other, `most` at most. */
struct seeds_run seeds_find(const struct seeds *seeds, uint64_t face, uint64_t most);
/* The lowest sample, and the one behind the highest. */
void seeds_span(const struct seeds *seeds, uint64_t *lowest, uint64_t *end);

/* "0-9999, 12000", which seeds_parse reads back equal. */
MUST_CHECK int seeds_print(const struct seeds *seeds, struct buffer *text, struct error *err);

#endif
