/*
 * A label stage's mix: which of its faces go to which cell, decided in their order when all are
 * labelled, whoever labelled which in what pieces. A face has an attribute where its logit is above
 * 0, has not where it is 0 or below, and neither where the labeller abstains or gave no number.
 */
#ifndef BROKER_SELECTION_H
#define BROKER_SELECTION_H

#include "broker/farm.h"
#include "common/limits.h"
#include "db/database.h"

struct selection {
    uint64_t *cells;   /* of the mix: faces found for each */
    uint64_t selected; /* in all */
    uint64_t draws;    /* faces looked at */
    struct seeds seeds;
};

/* Selects. The caller frees with selection_free. */
MUST_CHECK int selection_find(struct database *db, const struct farm_stage *stage,
                              struct selection *selection, struct error *err);
void selection_free(struct selection *selection);
/*
 * Writes: how far each cell got (mix_cell), and the samples of the stages that take the faces,
 * whose workers ask for them task by task. Where the mix is not reached `text` says so, and nothing
 * of the second kind is written.
 */
MUST_CHECK int selection_write(struct database *db, const struct farm_stage *stage,
                               const struct selection *selection, char text[LIMIT_TEXT_BYTES],
                               struct error *err);

#endif
