/* A stage's words over the bundle's. No state. */
#include "common/stage_generator.h"

struct stage_generator stage_generator_default(const struct bundle *bundle)
{
    const struct bundle_mapping *mapping = bundle->mapping;
    return (struct stage_generator){
        .noise = bundle->generator.noise_mode,
        .psi = mapping ? mapping->psi : 1,
        .truncated = mapping ? mapping->truncated : 0,
    };
}

/* The stage whose faces are meant. */
static const struct spec_stage *making(const struct spec *spec, uint32_t position)
{
    const struct spec_stage *stage = &spec->stages[position];
    int from = stage->kind == SPEC_FIT ? spec_find(spec, stage->from) : -1;
    return from < 0 ? stage : &spec->stages[from];
}

bool stage_generator_noise(const struct spec *spec, uint32_t position, enum bundle_noise *noise)
{
    const struct spec_stage *stage = making(spec, position);
    *noise = stage->noise;
    return stage->noise_given;
}

static int take_truncation(const struct spec_stage *stage, const struct bundle *bundle,
                           struct stage_generator *generator, struct error *err)
{
    const struct bundle_latent *latent = &bundle->generator.latent;
    if (!bundle->mapping)
        return error_set(
            err, E_INVALID,
            "truncation: bundle %s has no mapping: its latents are in %s, and truncation is of w",
            bundle->name, bundle_space_name(latent->space));
    if (stage->truncated > latent->layers)
        return error_set(err, E_LIMIT,
                         "truncation: layers: is %u, the generator of bundle %s has %u",
                         stage->truncated, bundle->name, latent->layers);
    generator->psi = stage->psi;
    if (stage->truncated > 0)
        generator->truncated = stage->truncated;
    return 0;
}

/* What takes the latents themselves, and not only faces. */
static const char *use_of(enum spec_kind kind)
{
    switch (kind) {
    case SPEC_FIT:
        return "fit on";
    case SPEC_EDIT:
    case SPEC_EVALUATE:
        return "edit";
    case SPEC_SAMPLE:
    case SPEC_LABEL:
    case SPEC_PROBE:
    case SPEC_ENCODE:
        break;
    }
    return NULL;
}

/* Layers that the generator has, of vectors that can differ; a fit and an edit need the latents
 * themselves. */
static int check_mixing(const struct spec_stage *stage, enum spec_kind kind,
                        const struct bundle *bundle, struct error *err)
{
    const struct bundle_latent *latent = &bundle->generator.latent;
    uint64_t layers;
    if (!bundle->mapping)
        return error_set(err, E_INVALID,
                         "mixing: bundle %s has its latents in %s, expected w or w+, of layers",
                         bundle->name, bundle_space_name(latent->space));
    if (latent->layers < 2)
        return error_set(err, E_INVALID,
                         "mixing: the generator of bundle %s takes one vector a face",
                         bundle->name);
    if (use_of(kind) && latent->space == BUNDLE_W)
        return error_set(err, E_INVALID,
                         "%s: stage %s mixes styles, whose faces have no single w to %s: bundle %s "
                         "has its latents in w, expected w+",
                         kind == SPEC_FIT ? "from" : "mixing", stage->name, use_of(kind),
                         bundle->name);
    int rc = mixing_layers(&stage->mixing, latent->layers, &layers, err);
    return rc ? error_prefix(err, rc, "mixing") : 0;
}

int stage_generator(const struct spec *spec, uint32_t position, const struct bundle *bundle,
                    struct stage_generator *generator, struct error *err)
{
    const struct spec_stage *stage = making(spec, position);
    struct stage_generator made = stage_generator_default(bundle);
    int rc = 0;
    made.seed = spec->seed;
    if (stage->noise_given && !bundle->generator.noisy)
        rc = error_set(err, E_INVALID,
                       "noise: bundle %s names no noise of its generator (generator: noise)",
                       bundle->name);
    if (stage->noise_given)
        made.noise = stage->noise;
    if (!rc && stage->truncation_given)
        rc = take_truncation(stage, bundle, &made, err);
    if (!rc && stage->mixing.given)
        rc = check_mixing(stage, spec->stages[position].kind, bundle, err);
    if (rc)
        return error_prefix(err, rc, "stage %s", stage->name);
    *generator = made;
    return 0;
}
