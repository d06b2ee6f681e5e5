/* Matrices of a job, computed from its boundaries and label rows: nothing of them is stored. */
#ifndef CLI_REPORT_MATRICES_H
#define CLI_REPORT_MATRICES_H

#include <stdbool.h>

#include "common/error.h"
#include "db/database.h"

#define MATRICES_ROWS 100000 /* of a larger label stage the first so many are taken */
#define MATRICES_DRIFT                                                                             \
    4.5 /* |z| from which a difference is told: one in a few hundred jobs by chance */

struct matrices_square {
    size_t count;
    char **names;
    double *values; /* [count][count] */
};

/* The group whose mean logit is furthest from all faces', in standard errors. */
struct matrices_drift {
    double z; /* with its sign; 0: nothing to compare */
    char group[128], attribute[72];
    size_t groups;
};

/* A part or a worker, and the attribute in which it is furthest from all faces. */
struct matrices_group {
    bool worker; /* else a part of the stage */
    char name[128], attribute[72];
    int64_t faces;
    /* Mean logit less all faces', in standard deviations of the logit; the interval holds with 95 % for all
     * attributes of the group at once (Bonferroni). */
    double difference, low, high;
    double z;
};
#define MATRICES_GROUPS 74

struct matrices {
    struct matrices_square cosine; /* of the normals of the job's first fit */
    struct matrices_square
        logits; /* Pearson's correlation of the logits of its first label stage */
    struct matrices_square labels; /* of their signs: phi */
    int64_t faces;
    struct matrices_drift parts, workers; /* tenths of the stage; workers */
    struct matrices_group groups[MATRICES_GROUPS]; /* of 50 faces or more */
    size_t group_count;
};

/* Zeroes and fills; what the job has not is left empty. The caller frees, also after an error. */
MUST_CHECK int matrices_make(struct database *db, int64_t job, struct matrices *matrices,
                             struct error *err);
void matrices_free(struct matrices *matrices);

#endif
