/* What measures.c (reading, intervals) and measures_shape.c (figures of a whole sweep) share. */
#ifndef DB_MEASURES_PRIV_H
#define DB_MEASURES_PRIV_H

#include <stdbool.h>

#include "common/statistics.h"
#include "db/measures.h"

/* What is kept of a face and edit. Changes are against the face as sampled. */
enum measures_quantity {
    MEASURES_SHIFT,      /* years */
    MEASURES_TARGET,     /* of what the target names, in its standard deviations, as meant > 0 */
    MEASURES_DEPENDENCY, /* mean over the other attributes of |change| in standard deviations */
    MEASURES_IDENTITY,   /* cosine of the embeddings, where the bundle has a network for it */
    MEASURES_LIKENESS,   /* cosine of the standardised logits */
};
#define MEASURES_QUANTITIES 5

struct measures_edit {
    int64_t target; /* -1: the face as sampled */
    double distance;
    bool projected;
};

#define MEASURES_AGE -1     /* the target is the age */
#define MEASURES_UNKNOWN -2 /* it is a sum: no single score says how far it went */
struct measures_target {
    int column; /* of the attribute, or one of the above */
    double sign;
    uint32_t sources; /* faces that lie on the side that the edit leads away from */
};

struct measures_attribute {
    double mean, sd;
};

struct measures {
    struct database *db;
    const struct measures_order *order;
    size_t variants, attributes, targets;
    uint32_t faces; /* numbered by their order: a photo that cannot be read is none */
    int64_t end;    /* the index behind them */
    struct measures_edit *edits;          /* [variants] */
    struct measures_target *target;       /* [targets] */
    struct measures_attribute *attribute; /* [attributes] */
    int male;                             /* that attribute's column, or -1 */
    bool has_age, has_identity;
    double age_sd, age_median;
    float *series;          /* [variants][MEASURES_QUANTITIES][faces] */
    float *ages;            /* [faces]: before */
    unsigned char *is_male; /* [faces] */
    double *moved, *kept;   /* [variants]: sums over source faces for the disentanglement curve */
};

/* The series of a variant. */
float *measures_series(const struct measures *m, size_t variant, enum measures_quantity quantity);
/* Whether the quantity is known of that variant. */
bool measures_known(const struct measures *m, size_t variant, enum measures_quantity quantity);
/* Inserts a row; `interval` may be NULL. */
MUST_CHECK int measures_put(const struct measures *m, size_t variant, const char *name,
                            const char *part, double value,
                            const struct statistics_interval *interval, uint32_t faces,
                            uint32_t resamples, struct error *err);

/* Adds a row of logits to the sums of the disentanglement curve. */
void measures_add_curve(struct measures *m, size_t variant, const double *before,
                        const double *after, double age_before, double age_after);
/* Quantiles, shares, clipping, monotonicity, the disentanglement curve's area. */
MUST_CHECK int measures_shape(const struct measures *m, struct error *err);

#endif
