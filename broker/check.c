/* A spec against its bundle. */
#include "broker/check.h"

#include "broker/directions.h"
#include "broker/judging.h"
#include "common/latent_list.h"
#include "common/photo_list.h"
#include "common/stage_generator.h"

static enum spec_kind input_kind(enum spec_kind kind)
{
    return kind == SPEC_FIT ? SPEC_LABEL : SPEC_FIT;
}

static int check_from(const struct spec *spec, uint32_t position, struct error *err)
{
    const struct spec_stage *stage = &spec->stages[position];
    if (!stage->from)
        return 0;
    int input = spec_find(spec, stage->from);
    enum spec_kind wanted = input_kind(stage->kind);
    if (input < 0 || (uint32_t)input >= position || spec->stages[input].kind != wanted)
        return error_set(err, E_INVALID, "stage %s: from: \"%s\" is no %s stage before it",
                         stage->name, stage->from, spec_kind_name(wanted));
    return 0;
}

/* What an edit reaches is there: an attribute's logit, an estimator's years, layers. */
static int check_reach(const struct spec_stage *stage, const struct farm_bundle *bundle,
                       struct error *err)
{
    bool layers[LIMIT_LAYERS];
    const struct bundle_latent *latent = &bundle->bundle->generator.latent;
    bool years = move_is_judged(stage->reach) && stage->reach != MOVE_LOGIT;
    if (years && bundle_years_column(bundle->bundle, stage->estimator) < 0)
        return error_set(err, E_NOT_FOUND, "stage %s: estimator: bundle %s has %s%s", stage->name,
                         bundle->name, stage->estimator ? "none called " : "none",
                         stage->estimator ? stage->estimator : "");
    if (stage->layers && latent->space != BUNDLE_W_PLUS)
        return error_set(err, E_INVALID, "stage %s: layers: bundle %s has its latents in %s, expected w+",
                         stage->name, bundle->name, bundle_space_name(latent->space));
    int rc = stage->layers ? spec_layers(stage, latent->layers, layers, err) : 0;
    return rc < 0 ? error_prefix(err, rc, "stage %s", stage->name) : 0;
}

/* Scores along some layers only are what a fit without per_layer does not have. Of imported
 * boundaries it's known when they are read. */
static int check_layered(const struct spec *spec, const struct spec_stage *stage,
                         const struct bundle *bundle, struct error *err)
{
    bool layers[LIMIT_LAYERS];
    const struct spec_stage *fit = &spec->stages[spec_find(spec, stage->from)];
    uint32_t count = bundle->generator.latent.layers, moved = 0;
    bool scored = stage->reach == MOVE_SCORE || stage->reach == MOVE_JOINT;
    if (!stage->layers || !scored || fit->per_layer || fit->files)
        return 0;
    int rc = spec_layers(stage, count, layers, err);
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        moved += layers[i];
    if (rc == 0 && moved < count)
        rc =
            error_set(err, E_INVALID,
                      "stage %s: layers: the boundaries of stage %s have one score for all layers, "
                      "none along \"%s\": expected per_layer: true there, or another reach",
                      stage->name, fit->name, stage->layers);
    return rc;
}

static int check_mix(const struct spec_stage *stage, const struct bundle *bundle, struct error *err)
{
    for (uint32_t i = 0; i < stage->mix_count; i++)
        for (uint32_t k = 0; k < stage->mix[i].of_count; k++) {
            const char *of = stage->mix[i].of[k], *name = of + (*of == '-');
            if (bundle_attribute(bundle, name) < 0)
                return error_set(err, E_NOT_FOUND,
                                 "stage %s: mix: bundle %s has no attribute \"%s\"", stage->name,
                                 bundle->name, name);
        }
    return 0;
}

static int check_stage(const struct spec *spec, uint32_t position, const struct farm_bundle *bundle,
                       struct error *err)
{
    const struct spec_stage *stage = &spec->stages[position];
    bool edits = stage->kind == SPEC_EDIT || stage->kind == SPEC_EVALUATE;
    struct stage_generator generator;
    int rc = check_from(spec, position, err);
    if (rc == 0)
        rc = stage_generator(spec, position, bundle->bundle, &generator, err);
    if (rc == 0)
        rc = check_mix(stage, bundle->bundle, err);
    if (rc == 0 && stage->kind == SPEC_EVALUATE && bundle->bundle->age_estimators_count == 0)
        rc = error_set(err, E_INVALID,
                       "stage %s: kind: evaluate needs an age estimator, bundle %s has "
                       "none",
                       stage->name, bundle->name);
    if (rc == 0 && stage->kind == SPEC_ENCODE && !bundle->bundle->encoder)
        rc = error_set(err, E_INVALID, "stage %s: kind: encode needs an encoder, bundle %s has none",
                       stage->name, bundle->name);
    if (rc == 0 && stage->per_layer && bundle->bundle->generator.latent.space != BUNDLE_W_PLUS)
        rc = error_set(err, E_INVALID,
                       "stage %s: per_layer: bundle %s has its latents in %s, expected w+",
                       stage->name, bundle->name,
                       bundle_space_name(bundle->bundle->generator.latent.space));
    if (rc == 0 && edits)
        rc = check_reach(stage, bundle, err);
    if (rc == 0 && edits)
        rc = check_layered(spec, stage, bundle->bundle, err);
    if (rc == 0 && edits)
        rc = directions_check(stage, bundle->boundaries, bundle->boundary_count, err);
    return rc;
}

static int check_images(const char *store, const struct spec_stage *stage,
                        const struct bundle *bundle, struct error *err)
{
    char folder[2 * LIMIT_PATH_BYTES];
    struct photo_list list = {0};
    int rc = photo_list_folder(store, stage->images, folder, err);
    if (rc == 0)
        rc = photo_list_read(folder, stage->images, &list, err);
    if (rc == 0 && stage->start + stage->count > list.count)
        rc = error_set(err, E_INVALID, "start and count: photos %llu to %llu of %zu",
                       (unsigned long long)stage->start,
                       (unsigned long long)(stage->start + stage->count - 1), list.count);
    if (rc < 0)
        error_prefix(err, rc, "stage %s: images", stage->name);
    else if (stage->truth)
        rc = judging_check(store, stage, bundle, &list, err);
    photo_list_free(&list);
    return rc;
}

static int check_latents(const char *store, const struct spec_stage *stage,
                         const struct bundle *bundle, struct error *err)
{
    char folder[2 * LIMIT_PATH_BYTES];
    struct latent_list list = {0};
    uint64_t end = spec_stage_samples_end(stage);
    int rc = latent_list_folder(store, stage->latents, folder, err);
    if (rc == 0)
        rc = latent_list_read(folder, stage->latents, &list, err);
    if (rc == 0)
        rc = latent_list_check(&list, bundle, err);
    if (rc == 0 && end > list.rows)
        rc = error_set(err, E_INVALID, "rows up to %llu are wanted of %llu: 0 to %llu",
                       (unsigned long long)(end - 1), (unsigned long long)list.rows,
                       (unsigned long long)(list.rows - 1));
    latent_list_free(&list);
    return rc < 0 ? error_prefix(err, rc, "stage %s: latents", stage->name) : 0;
}

/* The stages that edit photos take them from these. */
static bool names_images(const struct spec_stage *stage)
{
    return stage->images && !stage->photos;
}

bool check_has_sources(const struct spec *spec)
{
    bool has = false;
    for (uint32_t i = 0; i < spec->stages_count; i++)
        has = has || spec->stages[i].latents || names_images(&spec->stages[i]);
    return has;
}

int check_sources(const char *store, const struct spec *spec, const struct bundle *bundle,
                  struct error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < spec->stages_count; i++) {
        const struct spec_stage *stage = &spec->stages[i];
        if (stage->latents)
            rc = check_latents(store, stage, bundle, err);
        if (rc == 0 && names_images(stage))
            rc = check_images(store, stage, bundle, err);
    }
    return rc;
}

static bool somebody_meets(const struct farm *farm, const struct needs *needs)
{
    bool met = false;
    for (const struct farm_worker *w = farm->identities; w && !met; w = w->by_identity.next) {
        const struct needs_offer offer = farm_offer(w);
        met = w->state == FARM_ALIVE && needs_met(needs, &offer);
    }
    return met;
}

static int refuse_needs(const struct spec_stage *stage, const struct fleet *fleet,
                        struct error *err)
{
    struct buffer text;
    buffer_init(&text, FLEET_TEXT_BYTES);
    int rc = fleet_explain(fleet, &stage->needs, &text, err);
    if (rc == 0)
        rc = error_set(err, E_INVALID, "stage %s: needs: %.*s", stage->name, (int)text.size,
                       (const char *)text.data);
    buffer_free(&text);
    return rc;
}

int check_needs(const struct spec *spec, const struct fleet *fleet, const struct farm *farm,
                struct error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < spec->stages_count; i++) {
        const struct spec_stage *stage = &spec->stages[i];
        if (!fleet_meets(fleet, &stage->needs) && !somebody_meets(farm, &stage->needs))
            rc = refuse_needs(stage, fleet, err);
    }
    return rc;
}

int check_spec(const struct spec *spec, const struct farm_bundle *bundle, struct error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < spec->stages_count; i++)
        rc = check_stage(spec, i, bundle, err);
    return rc;
}
