/* A target mix of classes: what a label stage looks for, and stages that take the faces found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/spec_priv.h"

uint64_t spec_mix_faces(const struct spec_stage *stage)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < stage->mix_count; i++)
        sum += stage->mix[i].faces;
    return sum;
}

static int take_cell(const struct raw_cell *raw, struct spec_cell *cell, struct error *err)
{
    cell->of = calloc(raw->of_count, sizeof *cell->of);
    if (!cell->of)
        return error_set(err, E_MEMORY, "no memory for a mix");
    for (; cell->of_count < raw->of_count; cell->of_count++) {
        const char *of = raw->of[cell->of_count];
        if (!spec_is_expression(of) || strpbrk(of + 1, "+-*"))
            return error_set(err, E_INVALID, "of: \"%s\": expected an attribute, or - and one", of);
        cell->of[cell->of_count] = strdup(of);
        if (!cell->of[cell->of_count])
            return error_set(err, E_MEMORY, "no memory for a mix");
    }
    if (raw->share && raw->faces)
        return error_set(err, E_INVALID, "share: stands beside faces, expected one of them");
    return raw->share
               ? 0
               : spec_take_small("faces", raw->faces, 0, 1, LIMIT_MIX_FACES, &cell->faces, err);
}

#define SHARES_MISS 1e-6 /* of 1, by what is written with few digits */

/* The sum of the cells' shares; 0 where they have numbers. */
static int add_shares(const struct raw_stage *raw, double *sum, struct error *err)
{
    uint32_t shares = 0;
    *sum = 0;
    for (uint32_t i = 0; i < raw->mix_count; i++) {
        const double *share = raw->mix[i].share;
        if (share && !(*share > 0 && *share <= 1))
            return error_set(err, E_LIMIT, "mix: cell %u: share: is %g, expected more than 0 to 1",
                             i + 1, *share);
        shares += share != NULL;
        *sum += share ? *share : 0;
    }
    if (shares != 0 && shares != raw->mix_count)
        return error_set(err, E_INVALID, "mix: some cells have a share and some a number of faces");
    if (shares != 0 && fabs(*sum - 1) > SHARES_MISS)
        return error_set(err, E_INVALID, "mix: the shares are %g together, expected 1", *sum);
    return 0;
}

/* By the largest remainder: what is left of the whole faces goes to the cells that lost most, of
 * equals to the first. */
static void apportion(const struct raw_stage *raw, uint32_t faces, struct spec_cell *cells)
{
    uint32_t left = faces;
    for (uint32_t i = 0; i < raw->mix_count; i++) {
        cells[i].faces = (uint32_t)(*raw->mix[i].share * faces);
        left -= cells[i].faces < left ? cells[i].faces : left;
    }
    for (; left > 0; left--) {
        uint32_t most = 0;
        for (uint32_t i = 1; i < raw->mix_count; i++)
            if (*raw->mix[i].share * faces - cells[i].faces >
                *raw->mix[most].share * faces - cells[most].faces)
                most = i;
        cells[most].faces++;
    }
}

static int take_shares(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    double sum = 0;
    uint32_t faces = 0;
    int rc = add_shares(raw, &sum, err);
    if (!rc && sum == 0 && raw->faces)
        rc = error_set(err, E_INVALID, "faces: only a mix of shares takes it");
    if (rc || sum == 0)
        return rc;
    rc = spec_take_small("faces", raw->faces, 0, 1, LIMIT_MIX_FACES, &faces, err);
    if (rc)
        return rc;
    apportion(raw, faces, stage->mix);
    for (uint32_t i = 0; i < raw->mix_count; i++)
        if (stage->mix[i].faces == 0)
            return error_set(err, E_INVALID, "mix: cell %u: a share of %g is no face of %u", i + 1,
                             *raw->mix[i].share, faces);
    return 0;
}

int spec_complete_mix(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    int rc = 0;
    if (raw->mix_count == 0)
        return raw->faces && raw->kind == SPEC_LABEL
                   ? error_set(err, E_INVALID, "faces: only a mix of shares takes it")
                   : 0;
    if (raw->images)
        return error_set(err, E_INVALID, "mix: stands beside images, expected samples");
    stage->mix = calloc(raw->mix_count, sizeof *stage->mix);
    if (!stage->mix)
        return error_set(err, E_MEMORY, "no memory for a mix");
    for (; !rc && stage->mix_count < raw->mix_count; stage->mix_count++) {
        rc = take_cell(&raw->mix[stage->mix_count], &stage->mix[stage->mix_count], err);
        if (rc)
            error_prefix(err, rc, "mix: cell %u", stage->mix_count + 1);
    }
    if (!rc)
        rc = take_shares(raw, stage, err);
    if (!rc && spec_mix_faces(stage) > LIMIT_MIX_FACES)
        rc = error_set(err, E_LIMIT, "mix: %llu faces, LIMIT_MIX_FACES is %d",
                       (unsigned long long)spec_mix_faces(stage), LIMIT_MIX_FACES);
    return rc;
}

void spec_free_mix(struct spec_stage *stage)
{
    for (uint32_t i = 0; stage->mix && i < stage->mix_count; i++) {
        for (uint32_t k = 0; k < stage->mix[i].of_count; k++)
            free(stage->mix[i].of[k]);
        free(stage->mix[i].of);
    }
    free(stage->mix);
    free(stage->samples);
}

int spec_print_cell(const struct spec_cell *cell, struct buffer *text, struct error *err)
{
    int rc = 0;
    for (uint32_t i = 0; !rc && i < cell->of_count; i++)
        rc = buffer_printf(text, err, "%s%s", i ? ", " : "", cell->of[i]);
    return rc;
}

int spec_print_mix(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = stage->mix_count ? buffer_printf(out, err, "    mix:\n") : 0;
    for (uint32_t i = 0; !rc && i < stage->mix_count; i++) {
        rc = buffer_printf(out, err, "      - {faces: %u, of: [", stage->mix[i].faces);
        if (!rc)
            rc = spec_print_cell(&stage->mix[i], out, err);
        if (!rc)
            rc = buffer_printf(out, err, "]}\n");
    }
    return rc               ? rc
           : stage->samples ? buffer_printf(out, err, "    samples: %s\n", stage->samples)
                            : 0;
}

/* As many faces as the mix has. Which samples they are the broker's tables say, not the spec: start
 * says nothing. */
int spec_complete_samples(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                          struct spec_stage *stage, struct error *err)
{
    const struct spec_stage *from = NULL;
    bool edit = raw->kind == SPEC_EDIT;
    if (!raw->samples)
        return 0;
    for (uint32_t i = 0; i < position; i++)
        if (strcmp(spec->stages[i].name, raw->samples) == 0)
            from = &spec->stages[i];
    if (!from || from->mix_count == 0)
        return error_set(err, E_NOT_FOUND,
                         "samples: no label stage \"%s\" with a mix stands before it",
                         raw->samples);
    if (raw->images || raw->photos || raw->latents)
        return error_set(err, E_INVALID, "samples: stands beside %s, expected one of them",
                         raw->latents ? "latents" : "photos");
    uint64_t total = spec_mix_faces(from);
    const int64_t *count = edit ? raw->faces : raw->count;
    if (count && *count != (int64_t)total)
        return error_set(err, E_INVALID, "%s: is %lld, the mix of %s has %llu",
                         edit ? "faces" : "count", (long long)*count, from->name,
                         (unsigned long long)total);
    if (edit && total > LIMIT_STEPS)
        return error_set(err, E_LIMIT, "samples: %llu faces on a sheet, LIMIT_STEPS is %d",
                         (unsigned long long)total, LIMIT_STEPS);
    stage->samples = strdup(raw->samples);
    if (from->latents)
        stage->latents = strdup(from->latents);
    if (edit)
        stage->faces = (uint32_t)total;
    else
        stage->count = total;
    return stage->samples && (stage->latents || !from->latents)
               ? 0
               : error_set(err, E_MEMORY, "no memory for a name");
}
