/* What a stage says of its generator beside the latents: noise, truncation. */
#include "common/limits.h"
#include "common/spec_priv.h"

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

int spec_complete_generator(const struct raw_stage *raw, struct spec_stage *stage,
                            struct error *err)
{
    int rc = take_noise(raw, stage, err);
    return rc ? rc : take_truncation(raw, stage, err);
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
    return rc || !stage->truncation_given ? rc : print_truncation(out, stage, err);
}
