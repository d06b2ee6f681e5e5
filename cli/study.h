/* The study's chain as one job: sample, label, fit, edit, evaluate. */
#ifndef CLI_STUDY_H
#define CLI_STUDY_H

#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

struct study {
    const char *name, *bundle;
    uint64_t seed;
    uint64_t faces;    /* labelled, and fitted on */
    uint64_t samples;  /* written as PNG; 0: no such stage */
    uint64_t evaluate; /* edited and judged; 0: no such stage */
    uint32_t sheets;   /* faces a sheet; 0: no edit stage */
    const char *target;
    double distance;
    const char *conditions; /* of evaluate, separated by commas; "all"; "none" */
    double discount;       /* of the judged edit's conditions */
    double sheet_discount; /* of all other boundaries on the sheets */
};

/*
 * Appends the job's YAML to `yaml`, checked as the broker will check it.
 *
 * Labelled faces are the samples 0 … faces−1, those judged and those of the sheets lie behind them,
 * so that no boundary has seen them. The sheets hold every other boundary (or none, where
 * `conditions` is "none"); the judged edit holds `conditions`. A tenth of the judged faces goes
 * through a sweep of the judged edit, and a fortieth through the edit of every boundary.
 */
MUST_CHECK int study_yaml(const struct study *study, struct buffer *yaml, struct error *err);

#endif
