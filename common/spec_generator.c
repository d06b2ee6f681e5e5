/* What a stage says of its generator beside the latents: noise, truncation, style mixing. */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/ranges.h"
#include "common/spec_priv.h"

#define RANDOM_LAYERS "random"
#define PSI_MOST 2 /* as in bundle.yaml */

static int take_noise(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    if (!raw->noise)
        return 0;
    if (stage->kind == SPEC_LABEL && stage->images)
        return error_set(err, E_INVALID,
                         "noise: the stage labels photos, which no generator makes");
    stage->noise_given = true;
    stage->noise = *raw->noise;
    return 0;
}

static int take_truncation(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    const struct raw_truncation_of_stage *truncation = raw->truncation;
    if (!truncation)
        return 0;
    if (stage->images)
        return error_set(err, E_INVALID,
                         "truncation: the stage's latents are those of photos, expected samples");
    if (!truncation->psi)
        return error_set(err, E_INVALID, "truncation: psi: missing, expected 0 to %d", PSI_MOST);
    stage->truncation_given = true;
    int rc = spec_take_real("truncation: psi", truncation->psi, 1, 0, PSI_MOST, &stage->psi, err);
    return rc || !truncation->layers ? rc
                                     : spec_take_small("truncation: layers", truncation->layers, 0,
                                                       1, LIMIT_LAYERS, &stage->truncated, err);
}

/* One or the other: a fixed distance to the other sample, or a list of them. */
static int take_others(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    const struct raw_mixing *mixing = raw->mixing;
    const char *with = mixing->with;
    if (!with == !mixing->offset)
        return error_set(err, E_INVALID, "mixing: expected offset or with%s",
                         with ? ", not both" : "");
    if (!with) {
        if (*mixing->offset < 1 ||
            (uint64_t)*mixing->offset > LIMIT_SAMPLES - spec_stage_samples_end(stage))
            return error_set(err, E_LIMIT, "mixing: offset: is %lld, expected 1 to %llu",
                             (long long)*mixing->offset,
                             (unsigned long long)(LIMIT_SAMPLES - spec_stage_samples_end(stage)));
        stage->mixing.offset = (uint64_t)*mixing->offset;
        return 0;
    }
    int rc = seeds_parse(&with, 1, &stage->mixing.with, err);
    if (rc)
        return error_prefix(err, rc, "mixing: with");
    if (stage->kind != SPEC_SAMPLE || raw->output || mixing->probability || !stage->mixing.layers)
        return error_set(err, E_INVALID,
                         "mixing: with makes a sheet of a sample stage, which takes %s",
                         stage->kind != SPEC_SAMPLE ? "a sample stage"
                         : raw->output              ? "no output"
                         : mixing->probability      ? "no probability"
                                                    : "its layers, none at random");
    if (stage->count > LIMIT_STEPS || stage->mixing.with.total > LIMIT_STEPS)
        return error_set(err, E_LIMIT,
                         "mixing: with: a sheet of %llu by %llu samples, LIMIT_STEPS is %d",
                         (unsigned long long)stage->count,
                         (unsigned long long)stage->mixing.with.total, LIMIT_STEPS);
    return 0;
}

static int take_mixing(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    struct mixing *mixing = &stage->mixing;
    if (!raw->mixing)
        return 0;
    if (stage->images || raw->photos)
        return error_set(err, E_INVALID,
                         "mixing: the stage's faces are photos, which no generator makes");
    if (stage->latents)
        return error_set(err, E_INVALID,
                         "mixing: the stage's latents are imported ones, expected samples");
    if (!raw->mixing->layers)
        return error_set(err, E_INVALID,
                         "mixing: layers: missing, expected layers as 4-7, or random");
    mixing->given = true;
    if (strcmp(raw->mixing->layers, RANDOM_LAYERS) != 0) {
        struct range *ranges = NULL;
        size_t count;
        uint64_t total;
        int bad = ranges_parse(raw->mixing->layers, &ranges, &count, &total, err);
        free(ranges);
        if (bad)
            return error_prefix(err, bad, "mixing: layers");
        mixing->layers = strdup(raw->mixing->layers);
        if (!mixing->layers)
            return error_set(err, E_MEMORY, "no memory for layers");
    }
    int rc = spec_take_real("mixing: probability", raw->mixing->probability, 1, 0, 1,
                            &mixing->probability, err);
    return rc ? rc : take_others(raw, stage, err);
}

/* The faces of a mix are as the stage that found them made them; a stage may say another noise or
 * truncation. */
static int take_over(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                     struct spec_stage *stage, struct error *err)
{
    const struct spec_stage *from = NULL;
    for (uint32_t i = 0; i < position; i++)
        if (stage->samples && strcmp(spec->stages[i].name, stage->samples) == 0)
            from = &spec->stages[i];
    if (!from)
        return 0;
    if (!raw->noise && from->noise_given) {
        stage->noise_given = true;
        stage->noise = from->noise;
    }
    if (!raw->truncation && from->truncation_given) {
        stage->truncation_given = true;
        stage->psi = from->psi;
        stage->truncated = from->truncated;
    }
    if (raw->mixing || !from->mixing.given)
        return 0;
    stage->mixing = from->mixing;
    stage->mixing.layers = from->mixing.layers ? strdup(from->mixing.layers) : NULL;
    return stage->mixing.layers || !from->mixing.layers
               ? 0
               : error_set(err, E_MEMORY, "no memory for layers");
}

int spec_complete_generator(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                            struct spec_stage *stage, struct error *err)
{
    int rc = take_noise(raw, stage, err);
    if (!rc)
        rc = take_truncation(raw, stage, err);
    if (!rc)
        rc = take_mixing(raw, stage, err);
    return rc ? rc : take_over(spec, position, raw, stage, err);
}

bool spec_stage_is_mixed_sheet(const struct spec_stage *stage)
{
    return stage->mixing.given && stage->mixing.with.total > 0;
}

static int print_mixing(struct buffer *out, const struct mixing *mixing, struct error *err)
{
    char probability[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(out, err, "    mixing: {layers: \"%s\"",
                           mixing->layers ? mixing->layers : RANDOM_LAYERS);
    if (!rc && mixing->with.total == 0)
        return buffer_printf(out, err, ", offset: %llu, probability: %s}\n",
                             (unsigned long long)mixing->offset,
                             spec_print_number(mixing->probability, probability));
    if (!rc)
        rc = buffer_printf(out, err, ", with: \"");
    for (size_t i = 0; !rc && i < mixing->with.count; i++) {
        const struct seeds_run *run = &mixing->with.runs[i];
        rc = buffer_printf(out, err, "%s%llu-%llu", i ? "," : "", (unsigned long long)run->sample,
                           (unsigned long long)(run->sample + run->count - 1));
    }
    return rc ? rc : buffer_printf(out, err, "\"}\n");
}

static int print_truncation(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char psi[SPEC_NUMBER_BYTES];
    int rc =
        buffer_printf(out, err, "    truncation: {psi: %s", spec_print_number(stage->psi, psi));
    if (!rc && stage->truncated > 0)
        rc = buffer_printf(out, err, ", layers: %u", stage->truncated);
    return rc ? rc : buffer_printf(out, err, "}\n");
}

int spec_print_generator(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = 0;
    if (stage->noise_given)
        rc = buffer_printf(out, err, "    noise: %s\n", bundle_noise_name(stage->noise));
    if (!rc && stage->truncation_given)
        rc = print_truncation(out, stage, err);
    return rc || !stage->mixing.given ? rc : print_mixing(out, &stage->mixing, err);
}
