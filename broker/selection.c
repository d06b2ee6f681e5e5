/* Faces are read in blocks, in their order, until every cell is full. */
#include "broker/selection.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/jobs.h"

#define BLOCK 4096 /* faces read at once */

struct selecting {
    struct database *db;
    const struct farm_stage *stage;
    struct selection *found;
    float *ages, *logits; /* [BLOCK][2], [BLOCK][attributes] */
};

/* Whether the face has what one of a cell's words says. */
static bool fits(const struct bundle *bundle, const char *of, const float *logits)
{
    int column = bundle_attribute(bundle, of + (*of == '-'));
    float logit = column < 0 ? NAN : logits[column];
    if (isnan(logit) || bundle_abstains(bundle, (size_t)column, logit))
        return false;
    return (*of == '-') == (logit <= 0);
}

static bool fits_cell(const struct bundle *bundle, const struct spec_cell *cell,
                      const float *logits)
{
    for (uint32_t k = 0; k < cell->of_count; k++)
        if (!fits(bundle, cell->of[k], logits))
            return false;
    return true;
}

static int take_face(struct selecting *s, uint64_t face, const float *logits, struct error *err)
{
    const struct spec_stage *spec = s->stage->spec;
    struct selection *found = s->found;
    found->draws = face + 1;
    for (uint32_t i = 0; i < spec->mix_count; i++)
        if (found->cells[i] < spec->mix[i].faces &&
            fits_cell(s->stage->job->bundle->bundle, &spec->mix[i], logits)) {
            found->cells[i]++;
            found->selected++;
            return seeds_add(&found->seeds, spec_stage_samples(spec, face, 1).sample, err);
        }
    return 0;
}

static int select_faces(struct selecting *s, struct error *err)
{
    const struct results_layout *layout = &s->stage->job->bundle->layout;
    uint64_t total = s->stage->plan.total, wanted = spec_mix_faces(s->stage->spec);
    int rc = 0;
    for (uint64_t start = 0; rc == 0 && start < total && s->found->selected < wanted;
         start += BLOCK) {
        uint64_t count = total - start < BLOCK ? total - start : BLOCK;
        rc =
            results_read_scores(s->db, s->stage->id, layout, start, count, s->ages, s->logits, err);
        for (uint64_t i = 0; rc == 0 && i < count && s->found->selected < wanted; i++)
            rc = take_face(s, start + i, s->logits + i * layout->attributes, err);
    }
    return rc;
}

int selection_find(struct database *db, const struct farm_stage *stage, struct selection *selection,
                   struct error *err)
{
    size_t attributes = stage->job->bundle->layout.attributes;
    struct selection found = {.cells = calloc(stage->spec->mix_count, sizeof *found.cells)};
    struct selecting s = {.db = db, .stage = stage, .found = &found};
    s.ages = malloc(BLOCK * 2 * sizeof *s.ages);
    s.logits = malloc((BLOCK * attributes + 1) * sizeof *s.logits);
    int rc = found.cells && s.ages && s.logits
                 ? select_faces(&s, err)
                 : error_set(err, E_MEMORY, "no memory for a selection");
    free(s.ages);
    free(s.logits);
    if (rc < 0)
        selection_free(&found);
    else
        *selection = found;
    return rc;
}

void selection_free(struct selection *selection)
{
    free(selection->cells);
    seeds_free(&selection->seeds);
    *selection = (struct selection){0};
}

/* ---- what is written ---- */

struct giving {
    struct database *db;
    const struct farm_stage *stage;
    const struct selection *found;
};

/* Writes a cell, and adds it to what is told. */
static int write_cell(const struct giving *s, uint32_t i, struct buffer *told, struct error *err)
{
    const struct spec_cell *cell = &s->stage->spec->mix[i];
    struct buffer of;
    buffer_init(&of, LIMIT_SPEC_BYTES);
    int rc = spec_print_cell(cell, &of, err);
    if (rc == 0)
        rc = jobs_insert_cell(s->db,
                              &(struct jobs_cell){s->stage->id, i, (const char *)of.data,
                                                  cell->faces, s->found->cells[i], s->found->draws},
                              err);
    if (rc == 0)
        rc = buffer_printf(told, err, "%s%s: %llu of %u", i ? "; " : "", (const char *)of.data,
                           (unsigned long long)s->found->cells[i], cell->faces);
    buffer_free(&of);
    return rc;
}

static int write_cells(const struct giving *s, char text[LIMIT_TEXT_BYTES], struct error *err)
{
    struct buffer told;
    buffer_init(&told, SIZE_MAX / 2);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->stage->spec->mix_count; i++)
        rc = write_cell(s, i, &told, err);
    if (rc == 0 && s->found->selected < spec_mix_faces(s->stage->spec))
        snprintf(text, LIMIT_TEXT_BYTES, "the mix is not reached in %llu faces: %.3000s",
                 (unsigned long long)s->found->draws, (const char *)told.data);
    buffer_free(&told);
    return rc;
}

/* ---- who takes them ---- */

/* What there was of a broker that ended in between, or of a try before. */
static int clear(struct database *db, const struct farm_stage *taker, struct selection *selection,
                 size_t *most, struct error *err)
{
    size_t deleted = 0;
    int rc = jobs_delete_samples(db, taker->id, *most, &deleted, err);
    if (rc == 0) {
        selection->given.cleared = deleted < *most;
        *most -= deleted;
    }
    return rc;
}

static int give(struct database *db, const struct farm_stage *taker, struct selection *selection,
                size_t *most, struct error *err)
{
    const struct seeds *seeds = &selection->seeds;
    struct selection_given *given = &selection->given;
    int rc = given->cleared ? 0 : clear(db, taker, selection, most, err);
    for (; rc == 0 && *most > 0 && given->runs < seeds->count; given->runs++, --*most)
        rc = jobs_insert_samples(db, taker->id, &seeds->runs[given->runs], err);
    return rc;
}

int selection_give(struct database *db, const struct farm_stage *stage, struct selection *selection,
                   size_t most, bool *done, struct error *err)
{
    const struct farm_job *job = stage->job;
    struct selection_given *given = &selection->given;
    bool reached = selection->selected >= spec_mix_faces(stage->spec);
    int rc = 0;
    while (reached && rc == 0 && given->stage < job->spec->stages_count) {
        const struct farm_stage *taker = &job->stages[given->stage];
        if (taker->mix == stage) {
            rc = give(db, taker, selection, &most, err);
            if (rc < 0 || !given->cleared || given->runs < selection->seeds.count)
                break;
        }
        *given = (struct selection_given){.stage = given->stage + 1};
    }
    if (rc == 0)
        *done = !reached || given->stage == job->spec->stages_count;
    return rc;
}

int selection_write(struct database *db, const struct farm_stage *stage,
                    struct selection *selection, char text[LIMIT_TEXT_BYTES], struct error *err)
{
    const struct giving s = {.db = db, .stage = stage, .found = selection};
    bool done = true;
    int rc = write_cells(&s, text, err);
    if (rc == 0)
        rc = selection_give(db, stage, selection, SIZE_MAX, &done, err);
    assert(rc < 0 || done);
    return rc;
}
