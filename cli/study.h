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
    const char
        *seeds; /* NULL, or which samples those are, instead of 0 … faces − 1: "0-9999,12000" */
    const char *latents; /* NULL, or imported latents whose rows samples are then, by their hash */
    uint64_t samples;  /* written as PNG; 0: no such stage */
    uint64_t evaluate; /* edited and judged; 0: no such stage */
    uint32_t sheets;   /* faces a sheet; 0: no edit stage */
    const char *target;
    double distance;
    const char *conditions; /* of evaluate, separated by commas; "all"; "none" */
    double discount;       /* of the judged edit's conditions */
    const char *projection; /* of the judged edit: exact, soft, correlation, naive; NULL: exact */
    double strength;        /* of the soft one */
    const char *reach;      /* what `distance` is, as in a spec; NULL: relative */
    double limit;           /* of every reach but relative */
    const char *estimator;  /* of years; NULL: the one of role fit */
    double off_target;      /* budget of the judged edit; 0: none */
    double sheet_discount; /* of all other boundaries on the sheets */
};

/*
 * Appends the job's YAML to `yaml`, checked as the broker will check it.
 *
 * Labelled faces are the samples 0 … faces−1 (or `seeds`), those judged and those of the sheets lie
 * behind them, so that no boundary has seen them. The sheets hold every other boundary (or none,
 * where `conditions` is "none"); the judged edit holds `conditions`. A tenth of the judged faces
 * goes through a sweep of the judged edit (of years from YOUNGEST on), and a fortieth through the
 * relative edit of every boundary, exactly projected as the sheets. E_INVALID for a projection or
 * reach that is none.
 */
MUST_CHECK int study_yaml(const struct study *study, struct buffer *yaml, struct error *err);

#endif
