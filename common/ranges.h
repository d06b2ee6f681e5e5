/* Ranges of sample indices as people write them: "0-9999,12000". */
#ifndef COMMON_RANGES_H
#define COMMON_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct range {
    uint64_t start, count;
};

/* Reads ranges A-B (both included) and single numbers between commas, in their order; they may overlap.
 * At most LIMIT_RANGES of them, numbers below LIMIT_SAMPLES. *total is the sum of the counts. The caller
 * frees *ranges. The error says what was found where. */
MUST_CHECK int ranges_parse(const char *text, struct range **ranges, size_t *count, uint64_t *total,
                            struct error *err);

#endif
