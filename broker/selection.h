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
    struct selection_given { /* what those who take the faces have of it */
        uint32_t stage;      /* of the job; those before it have all */
        bool cleared;        /* it has nothing else any more */
        size_t runs;
    } given;
};

/* Rows that the loop writes between two turns: some milliseconds. */
#define SELECTION_PIECE 1024

/* Selects. The caller frees with selection_free. */
MUST_CHECK int selection_find(struct database *db, const struct farm_stage *stage,
                              struct selection *selection, struct error *err);
void selection_free(struct selection *selection);
/*
 * Writes the samples of the stages that take the faces, whose workers ask for them task by task: `most` rows more, and
 * *done once that is all; nothing where the mix is not reached. Each piece may be a transaction of its own: the stages
 * wait until the mix's is done, and nobody reads their samples before. Who begins anew, as a broker does that finds the
 * mix's stage not done, takes away what was there.
 */
MUST_CHECK int selection_give(struct database *db, const struct farm_stage *stage,
                              struct selection *selection, size_t most, bool *done,
                              struct error *err);
/* Writes how far each cell got (mix_cell), and what is left to give. Where the mix is not reached `text` says so. */
MUST_CHECK int selection_write(struct database *db, const struct farm_stage *stage,
                               struct selection *selection, char text[LIMIT_TEXT_BYTES],
                               struct error *err);

#endif
