/*
 * Checks a raw spec and completes it with defaults. Which keys a kind takes stands in one table; every
 * message names the stage and the key, what was found and what was expected.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/document.h"
#include "common/joint.h"
#include "common/limits.h"
#include "common/photo_list.h"
#include "common/spec_priv.h"

#define DEFAULT_SEED 1
#define DEFAULT_ATTEMPTS 3
#define DEFAULT_FACES 3
#define DEFAULT_DISTANCE 3
#define DEFAULT_STEPS 7
#define DISTANCE_MAX 1e6

#define OF(kind) (1u << (kind))
#define RANGED (OF(SPEC_SAMPLE) | OF(SPEC_LABEL) | OF(SPEC_EVALUATE) | OF(SPEC_PROBE) | \
                OF(SPEC_ENCODE))
#define EDITED (OF(SPEC_EDIT) | OF(SPEC_EVALUATE))
#define SAMPLED (OF(SPEC_SAMPLE) | OF(SPEC_LABEL) | EDITED)

struct key_use {
    const char *key;
    unsigned kinds; /* that take it */
    bool present;
};

static int check_keys(const struct raw_stage *raw, struct error *err)
{
    const struct key_use uses[] = {
        {"from", OF(SPEC_FIT) | EDITED, raw->from},
        {"start", RANGED | EDITED, raw->start},
        {"count", RANGED, raw->count},
        {"seeds", OF(SPEC_SAMPLE) | OF(SPEC_LABEL) | EDITED, raw->seeds},
        {"mix", OF(SPEC_LABEL), raw->mix},
        {"samples", OF(SPEC_SAMPLE) | OF(SPEC_LABEL) | EDITED, raw->samples},
        {"latents", OF(SPEC_SAMPLE) | OF(SPEC_LABEL) | EDITED, raw->latents},
        {"output", OF(SPEC_SAMPLE), raw->output},
        {"train_share", OF(SPEC_FIT), raw->train_share},
        {"cost", OF(SPEC_FIT), raw->cost},
        {"weights", OF(SPEC_FIT), raw->weights},
        {"method", OF(SPEC_FIT), raw->method},
        {"compare", OF(SPEC_FIT), raw->compare},
        {"set", OF(SPEC_FIT), raw->set},
        {"extremes", OF(SPEC_FIT), raw->extremes},
        {"folds", OF(SPEC_FIT), raw->folds},
        {"files", OF(SPEC_FIT), raw->files},
        {"costs", OF(SPEC_FIT), raw->costs},
        {"learning_curve", OF(SPEC_FIT), raw->learning_curve},
        {"per_layer", OF(SPEC_FIT), raw->per_layer},
        {"targets", EDITED, raw->targets},
        {"conditions", EDITED, raw->conditions},
        {"projection", EDITED, raw->projection},
        {"discount", EDITED, raw->discount},
        {"strength", EDITED, raw->strength},
        {"reach", EDITED, raw->reach},
        {"limit", EDITED, raw->limit},
        {"images", OF(SPEC_ENCODE) | OF(SPEC_LABEL), raw->images},
        {"photos", EDITED, raw->photos},
        {"truth", OF(SPEC_LABEL), raw->truth},
        {"identity", EDITED | OF(SPEC_ENCODE), raw->identity},
        {"features", OF(SPEC_EVALUATE), raw->features},
        {"estimator", EDITED, raw->estimator},
        {"tolerance", EDITED, raw->tolerance},
        {"evaluations", EDITED, raw->evaluations},
        {"stop", EDITED, raw->stop},
        {"walk", EDITED, raw->walk},
        {"decay", EDITED, raw->decay},
        {"reproject", EDITED, raw->reproject},
        {"layers", EDITED, raw->layers},
        {"rows", OF(SPEC_EDIT), raw->rows},
        {"faces", OF(SPEC_EDIT) | OF(SPEC_LABEL), raw->faces},
        {"distances", EDITED, raw->distances},
        {"distance", OF(SPEC_EVALUATE), raw->distance},
        {"noise", SAMPLED | OF(SPEC_ENCODE), raw->noise},
        {"truncation", SAMPLED, raw->truncation},
        {"mixing", SAMPLED, raw->mixing},
    };
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (uses[i].present && !(uses[i].kinds & OF(raw->kind)))
            return error_set(err, E_INVALID, "%s: a stage of kind %s does not take it", uses[i].key,
                             spec_kind_name(raw->kind));
    if ((RANGED & OF(raw->kind)) && !raw->count && !raw->photos && !raw->seeds && !raw->samples)
        return error_set(err, E_INVALID, "count: missing, expected how many samples");
    return 0;
}

static int take_integer(const char *key, const int64_t *raw, int64_t absent, int64_t least,
                        int64_t most, uint64_t *value, struct error *err)
{
    int64_t found = raw ? *raw : absent;
    if (found < least || found > most)
        return error_set(err, E_LIMIT, "%s: is %lld, expected %lld to %lld", key, (long long)found,
                         (long long)least, (long long)most);
    *value = (uint64_t)found;
    return 0;
}

int spec_take_small(const char *key, const int64_t *raw, int64_t absent, int64_t least,
                      int64_t most, uint32_t *value, struct error *err)
{
    uint64_t wide = 0;
    int rc = take_integer(key, raw, absent, least, most, &wide, err);
    *value = (uint32_t)wide;
    return rc;
}

int spec_take_real(const char *key, const double *raw, double absent, double least, double most,
                     double *value, struct error *err)
{
    double found = raw ? *raw : absent;
    if (!(found >= least && found <= most)) /* also refuses NaN */
        return error_set(err, E_LIMIT, "%s: is %g, expected %g to %g", key, found, least, most);
    *value = found;
    return 0;
}

static int take_text(const char *raw, const char *absent, char **value, struct error *err)
{
    *value = strdup(raw ? raw : absent);
    return *value ? 0 : error_set(err, E_MEMORY, "no memory for a name");
}

static int take_name(const char *key, const char *raw, const char *absent, char **value,
                     struct error *err)
{
    if (raw && !document_is_name(raw))
        return error_set(err, E_INVALID,
                         "%s: is \"%s\", expected letters, digits, _ . - and no leading . or -",
                         key, raw);
    return take_text(raw, absent, value, err);
}

/* Only characters that a direction can be made of, so that a spec prints without escapes. */
bool spec_is_expression(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("_+-*.", *text))
            return false;
    return true;
}

static int take_names(const char *key, const char *const *raw, uint32_t count, char ***names,
                      uint32_t *names_count, struct error *err)
{
    *names = calloc(count ? count : 1, sizeof **names);
    if (!*names)
        return error_set(err, E_MEMORY, "no memory for %u names", count);
    for (*names_count = 0; *names_count < count; (*names_count)++) {
        const char *name = raw[*names_count];
        if (joint_is(name)) {
            int bad = joint_check(name, err);
            if (bad)
                return error_prefix(err, bad, "%s", key);
        } else if (!spec_is_expression(name))
            return error_set(err, E_INVALID, "%s: \"%s\": expected names joined by + - *", key,
                             name);
        if (strcmp(name, SPEC_ALL) == 0 && count > 1)
            return error_set(err, E_INVALID, "%s: \"%s\" stands beside others, expected alone", key,
                             name);
        int rc = take_text(name, "", &(*names)[*names_count], err);
        if (rc)
            return rc;
    }
    return 0;
}

static const char *stage_name(const struct raw_stage *raw)
{
    return raw->name ? raw->name : spec_kind_name(raw->kind);
}

/* The stage that `from` names, or the last one of the wanted kind before this. */
static int take_from(const struct spec *spec, uint32_t position, const char *raw,
                     enum spec_kind wanted, char **from, struct error *err)
{
    int found = -1;
    for (uint32_t i = 0; i < position; i++)
        if (spec->stages[i].kind == wanted && (!raw || strcmp(raw, spec->stages[i].name) == 0))
            found = (int)i;
    if (found < 0)
        return error_set(err, E_NOT_FOUND, "from: no %s stage%s%s%s stands before it",
                         spec_kind_name(wanted), raw ? " \"" : "", raw ? raw : "", raw ? "\"" : "");
    return take_text(spec->stages[found].name, "", from, err);
}

/* Faces that the boundaries were not fitted on: behind the label stage that the fit took, if it
 * took those. */
static uint64_t fresh_start(const struct spec *spec, const struct spec_stage *stage)
{
    int fit = spec_find(spec, stage->from);
    int label = spec_find(spec, spec->stages[fit].from);
    if (spec->stages[label].samples) /* they are somewhere among those that it looked at */
        label = spec_find(spec, spec->stages[label].samples);
    return spec_stage_same_faces(stage, &spec->stages[label])
               ? spec_stage_samples_end(&spec->stages[label])
               : 0;
}

static int complete_range(const struct raw_stage *raw, int64_t absent_start,
                          struct spec_stage *stage, struct error *err)
{
    if (raw->seeds)
        return spec_complete_seeds(raw, stage, err);
    int rc = take_integer("start", raw->start, absent_start, 0, (int64_t)LIMIT_SAMPLES,
                          &stage->start, err);
    if (!rc && (RANGED & OF(raw->kind)) && (raw->count || !(raw->photos || raw->samples)))
        rc = take_integer("count", raw->count, 0, 1, (int64_t)(LIMIT_SAMPLES - stage->start),
                          &stage->count, err);
    return rc;
}

/* What is known of the photos. */
static int take_truth(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    if (!raw->truth)
        return 0;
    if (!raw->images)
        return error_set(err, E_INVALID, "truth: stands without images, expected photos that it is of");
    if (!photo_list_is_hash(raw->truth))
        return error_set(err, E_INVALID,
                         "truth: is \"%s\", expected the 64 hexadecimal digits that facefarm "
                         "photos import --truth printed",
                         raw->truth);
    return take_text(raw->truth, "", &stage->truth, err);
}

/* Photos of a store. */
static int complete_images(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    int rc = complete_range(raw, 0, stage, err);
    if (!rc)
        rc = take_truth(raw, stage, err);
    if (rc || (!raw->images && raw->kind == SPEC_LABEL))
        return rc;
    if (!raw->images || !photo_list_is_hash(raw->images))
        return error_set(err, E_INVALID,
                         "images: is \"%s\", expected the 64 hexadecimal digits that facefarm "
                         "photos import printed",
                         raw->images ? raw->images : "");
    if (stage->start + stage->count > LIMIT_PHOTOS)
        return error_set(err, E_LIMIT, "start and count: %llu photos, LIMIT_PHOTOS is %d",
                         (unsigned long long)(stage->start + stage->count), LIMIT_PHOTOS);
    rc = take_text(raw->images, "", &stage->images, err);
    if (!rc && raw->identity)
        rc = take_name("identity", raw->identity, "", &stage->identity, err);
    return rc;
}

/* The encode stage whose photos are edited; a stage without start and count takes all of them. */
static int take_photos(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                       struct spec_stage *stage, struct error *err)
{
    if (!raw->photos)
        return 0;
    int rc = take_from(spec, position, raw->photos, SPEC_ENCODE, &stage->photos, err);
    if (rc)
        return error_set(err, E_NOT_FOUND, "photos: no encode stage \"%s\" stands before it",
                         raw->photos);
    const struct spec_stage *encode = &spec->stages[spec_find(spec, stage->photos)];
    rc = take_text(encode->images, "", &stage->images, err);
    if (rc)
        return rc;
    uint64_t end = encode->start + encode->count;
    if (!raw->start)
        stage->start = encode->start;
    if (raw->kind == SPEC_EVALUATE && !raw->count && stage->start < end)
        stage->count = end - stage->start;
    uint64_t count = raw->kind == SPEC_EVALUATE ? stage->count : stage->faces;
    if (stage->start >= encode->start && stage->start < end && count <= end - stage->start)
        return 0;
    return error_set(err, E_INVALID,
                     "%s: photos %llu to %llu, stage %s encodes %llu to %llu",
                     raw->kind == SPEC_EVALUATE ? "start and count" : "start and faces",
                     (unsigned long long)stage->start, (unsigned long long)(stage->start + count - 1),
                     encode->name, (unsigned long long)encode->start, (unsigned long long)(end - 1));
}

static int complete_fit(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                        struct spec_stage *stage, struct error *err)
{
    int rc = take_from(spec, position, raw->from, SPEC_LABEL, &stage->from, err);
    if (!rc && spec->stages[spec_find(spec, stage->from)].images)
        return error_set(err, E_INVALID,
                         "from: stage %s labels photos, which have no latents to fit on, expected "
                         "one that labels samples",
                         stage->from);
    return rc ? rc : spec_complete_fit(raw, stage, err);
}

static int complete_edited(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                           const char *absent_target, struct spec_stage *stage,
                           struct error *err)
{
    int rc = take_from(spec, position, raw->from, SPEC_FIT, &stage->from, err);
    bool given = raw->targets_count > 0;
    if (!rc)
        rc = take_names("targets", given ? (const char *const *)raw->targets : &absent_target,
                        given ? raw->targets_count : 1, &stage->targets, &stage->targets_count,
                        err);
    if (!rc)
        rc = spec_complete_conditions(raw, stage, err);
    if (!rc)
        rc = spec_complete_reach(raw, stage, err);
    if (!rc && raw->identity)
        rc = take_name("identity", raw->identity, "", &stage->identity, err);
    if (!rc && raw->features)
        rc = take_name("features", raw->features, "", &stage->features, err);
    if (!rc)
        rc = complete_range(raw, (int64_t)fresh_start(spec, stage), stage, err);
    return rc;
}

int spec_take_sweep(const char *key, const struct raw_sweep *raw, struct spec_sweep absent,
                    struct spec_sweep *sweep, struct error *err)
{
    int rc = spec_take_real("from", raw->from, absent.from, -DISTANCE_MAX, DISTANCE_MAX,
                            &sweep->from, err);
    if (!rc)
        rc = spec_take_real("to", raw->to, absent.to, -DISTANCE_MAX, DISTANCE_MAX, &sweep->to, err);
    if (!rc)
        rc = spec_take_small("steps", raw->steps, absent.steps, 2, LIMIT_STEPS, &sweep->steps, err);
    return rc ? error_prefix(err, rc, "%s", key) : 0;
}

/* What a sweep is without a word: of years nothing goes without saying. */
static int take_distances(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    static const struct raw_sweep none;
    struct spec_sweep absent = {-DEFAULT_DISTANCE, DEFAULT_DISTANCE, DEFAULT_STEPS};
    bool years = stage->reach == MOVE_YEARS || stage->reach == MOVE_MORE_YEARS;
    if (stage->reach == MOVE_JOINT)
        absent = (struct spec_sweep){0, 1, DEFAULT_STEPS};
    if (years && !(raw->distances && raw->distances->from && raw->distances->to))
        return error_set(err, E_INVALID, "distances: of reach: %s need from and to, in years",
                         move_mode_name(stage->reach));
    return spec_take_sweep("distances", raw->distances ? raw->distances : &none, absent,
                           &stage->distances, err);
}

static int complete_grid(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    const struct spec_sweep absent = {-DEFAULT_DISTANCE, DEFAULT_DISTANCE, DEFAULT_STEPS};
    if (stage->targets_count != 2)
        return error_set(err, E_INVALID, "rows: a grid has two targets, columns and rows, not %u",
                         stage->targets_count);
    if (stage->reach == MOVE_JOINT)
        return error_set(err, E_INVALID, "rows: a grid cannot reach: %s",
                         move_mode_name(stage->reach));
    return spec_take_sweep("rows", raw->rows, absent, &stage->rows, err);
}

static int complete_edit(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                         struct spec_stage *stage, struct error *err)
{
    int rc = complete_edited(spec, position, raw, SPEC_ALL, stage, err);
    if (!rc && !raw->seeds && !raw->samples)
        rc = spec_take_small("faces", raw->faces, DEFAULT_FACES, 1, LIMIT_STEPS, &stage->faces, err);
    if (!rc)
        rc = take_photos(spec, position, raw, stage, err);
    if (!rc)
        rc = take_distances(raw, stage, err);
    return rc || !raw->rows ? rc : complete_grid(raw, stage, err);
}

static int complete_evaluate(const struct spec *spec, uint32_t position,
                             const struct raw_stage *raw, struct spec_stage *stage,
                             struct error *err)
{
    int rc = complete_edited(spec, position, raw, SPEC_AGE, stage, err);
    if (!rc)
        rc = take_photos(spec, position, raw, stage, err);
    if (!rc && raw->distances)
        rc = take_distances(raw, stage, err);
    bool years = stage->reach == MOVE_YEARS || stage->reach == MOVE_MORE_YEARS;
    if (!rc && years && !raw->distances && !raw->distance)
        rc = error_set(err, E_INVALID, "distance: missing, expected years");
    double absent = raw->distances ? stage->distances.to
                                   : stage->reach == MOVE_JOINT ? 1 : DEFAULT_DISTANCE;
    return rc ? rc
              : spec_take_real("distance", raw->distance, absent, -DISTANCE_MAX, DISTANCE_MAX,
                               &stage->distance, err);
}

static int complete_kind(const struct spec *spec, uint32_t position, const struct raw_stage *raw,
                         struct spec_stage *stage, struct error *err)
{
    switch (raw->kind) {
    case SPEC_SAMPLE:
        stage->output = raw->output ? *raw->output : SPEC_PNG;
        return complete_range(raw, 0, stage, err);
    case SPEC_LABEL:
    case SPEC_ENCODE:
        return complete_images(raw, stage, err);
    case SPEC_PROBE:
        return complete_range(raw, 0, stage, err);
    case SPEC_FIT:
        return complete_fit(spec, position, raw, stage, err);
    case SPEC_EDIT:
        return complete_edit(spec, position, raw, stage, err);
    case SPEC_EVALUATE:
        return complete_evaluate(spec, position, raw, stage, err);
    }
    return error_set(err, E_INVALID, "kind %d", (int)raw->kind);
}

static int complete_stage(struct spec *spec, uint32_t position, const struct raw_stage *raw,
                          struct error *err)
{
    struct spec_stage *stage = &spec->stages[position];
    stage->kind = raw->kind;
    int rc = take_name("name", raw->name, spec_kind_name(raw->kind), &stage->name, err);
    for (uint32_t i = 0; !rc && i < position; i++)
        if (strcmp(spec->stages[i].name, stage->name) == 0)
            rc = error_set(err, E_EXISTS, "name: another stage is called \"%s\"", stage->name);
    if (!rc)
        rc = check_keys(raw, err);
    if (!rc)
        rc = spec_take_small("task_size", raw->task_size, 0, 0, LIMIT_TASK_SAMPLES, &stage->task_size,
                        err);
    if (!rc)
        rc = spec_complete_needs(raw->needs, stage, err);
    if (!rc)
        rc = spec_complete_latents(raw, stage, err);
    if (!rc)
        rc = spec_complete_mix(raw, stage, err);
    if (!rc)
        rc = spec_complete_samples(spec, position, raw, stage, err);
    if (!rc)
        rc = complete_kind(spec, position, raw, stage, err);
    if (!rc)
        rc = spec_complete_generator(spec, position, raw, stage, err);
    return rc ? error_prefix(err, rc, "stage %u (%s)", position + 1, stage_name(raw)) : 0;
}

static int complete_head(const struct raw_spec *raw, struct spec *spec, struct error *err)
{
    if (strcmp(raw->format, SPEC_FORMAT) != 0)
        return error_set(err, E_VERSION, "format: is \"%s\", expected %s", raw->format,
                         SPEC_FORMAT);
    int rc = take_text(raw->format, "", &spec->format, err);
    if (!rc)
        rc = take_name("name", raw->name, "job", &spec->name, err);
    if (!rc)
        rc = take_name("bundle", raw->bundle, "default", &spec->bundle, err);
    if (!rc)
        rc = take_integer("seed", raw->seed, DEFAULT_SEED, 0, INT64_MAX, &spec->seed, err);
    if (!rc)
        rc = spec_take_small("max_attempts", raw->max_attempts, DEFAULT_ATTEMPTS, 1, LIMIT_ATTEMPTS,
                        &spec->max_attempts, err);
    return rc;
}

int spec_complete(const struct raw_spec *raw, struct spec *spec, struct error *err)
{
    int rc = complete_head(raw, spec, err);
    if (rc)
        return rc;
    spec->stages = calloc(raw->stages_count, sizeof *spec->stages);
    if (!spec->stages)
        return error_set(err, E_MEMORY, "no memory for %u stages", raw->stages_count);
    spec->stages_count = raw->stages_count;
    for (uint32_t i = 0; !rc && i < raw->stages_count; i++)
        rc = complete_stage(spec, i, &raw->stages[i], err);
    return rc;
}
