/*
 * The boundaries of a fit as an edit stage takes them: of each what lies in the layers that the
 * stage moves, of length 1, and the score along it.
 *
 * A boundary that was fitted layer by layer is n = (c_0 n_0, …, c_{L−1} n_{L−1}), n_l and b_l those
 * of layer l (worker/tasks/fit_layers.h). In the layers S its score is Σ_S c_l (n_l·w_l + b_l) /
 * √(Σ_S c_l²). One that was fitted as a whole has one offset for all layers, so none along some of
 * them; nor has it a metric there.
 */
#ifndef BROKER_MOVING_H
#define BROKER_MOVING_H

#include <stdbool.h>

#include "db/results.h"

struct moving_order {
    int64_t fit; /* the stage */
    const char *const *names;
    size_t count, dimension;
    const bool *layers; /* [layer_count]: which are moved; of 0 all are */
    size_t layer_count;
    const char *text; /* the layers as the spec has them, for errors */
    bool scored;      /* scores along them are wanted */
};

struct moving {
    size_t count, dimension;
    double *whole;   /* [count][dimension]: unit normals of all layers */
    double *normals; /* the same of the layers that are moved; where all are, `whole` */
    double *offsets; /* [count]: of the scores along `normals`; where there is none of its own, of
                        the whole */
    double *across; /* [count][dimension]: Σ · normal; NULL: Σ = I, in z, or where some layers are
                       moved only */
};

/* Reads them. *refused is set where the stage asks for what the boundaries do not have; other
 * errors are the database's. The caller frees, also a zeroed one. */
MUST_CHECK int moving_load(struct database *db, const struct moving_order *order,
                           struct moving *moving, bool *refused, struct error *err);
void moving_free(struct moving *moving);

#endif
