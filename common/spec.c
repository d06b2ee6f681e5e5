/* The YAML form of a spec, in and out, and what follows from a stage's numbers. */
#include "common/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/spec_priv.h"
#include "common/document.h"

static const cyaml_strval_t kind_names[SPEC_KINDS] = {{"sample", SPEC_SAMPLE},
                                                      {"label", SPEC_LABEL},
                                                      {"fit", SPEC_FIT},
                                                      {"edit", SPEC_EDIT},
                                                      {"evaluate", SPEC_EVALUATE},
                                                      {"probe", SPEC_PROBE},

                                                      {"encode", SPEC_ENCODE}};
static const cyaml_strval_t output_names[] = {{"png", SPEC_PNG}, {"tar", SPEC_TAR}};
static const cyaml_strval_t projection_names[] = {{"exact", PROJECTION_EXACT},
                                                  {"soft", PROJECTION_SOFT},
                                                  {"correlation", PROJECTION_CORRELATION},
                                                  {"naive", PROJECTION_NAIVE}};
static const cyaml_strval_t reach_names[] = {
    {"relative", MOVE_RELATIVE}, {"absolute", MOVE_ABSOLUTE}, {"score", MOVE_SCORE},
    {"logit", MOVE_LOGIT},       {"years", MOVE_YEARS},       {"more_years", MOVE_MORE_YEARS},
    {"joint", MOVE_JOINT}};

static const cyaml_strval_t device_names[] = {
    {"cpu", NEEDS_CPU}, {"gpu", NEEDS_GPU}, {"other", NEEDS_OTHER}};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT_FIELD(key, flags, type, most)                                                         \
    CYAML_FIELD_STRING_PTR(#key, flags, struct type, key, 1, most)
#define INT_FIELD(key, type) CYAML_FIELD_INT_PTR(#key, OPTIONAL, struct type, key)
#define REAL_FIELD(key, type) CYAML_FIELD_FLOAT_PTR(#key, OPTIONAL, struct type, key)
#define ENUM_FIELD(key, type, names)                                                               \
    CYAML_FIELD_ENUM_PTR(#key, OPTIONAL | CYAML_FLAG_STRICT, struct type, key, names,              \
                         CYAML_ARRAY_LEN(names))

/* libcyaml takes every word but a few for true. */
static const cyaml_strval_t truths[] = {{"false", 0}, {"true", 1}, {"no", 0}, {"yes", 1}};
#define TRUTH_FIELD(key, type) ENUM_FIELD(key, type, truths)

static const cyaml_schema_value_t expression = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, LIMIT_PATH_BYTES)};

static const cyaml_schema_field_t condition_fields[] = {
    TEXT_FIELD(name, CYAML_FLAG_POINTER, raw_condition, LIMIT_PATH_BYTES),
    REAL_FIELD(discount, raw_condition), REAL_FIELD(strength, raw_condition),
    TRUTH_FIELD(free, raw_condition), CYAML_FIELD_END};

static const cyaml_schema_value_t condition = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_condition, condition_fields)};

static const cyaml_schema_value_t compared = {
    CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, enum spec_method, spec_method_names, SPEC_METHODS)};

static const cyaml_schema_value_t seed_range = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, LIMIT_SPEC_BYTES)};

static const cyaml_schema_field_t cell_fields[] = {
    CYAML_FIELD_SEQUENCE("of", CYAML_FLAG_POINTER, struct raw_cell, of, &expression, 1,
                         LIMIT_TARGETS),
    INT_FIELD(faces, raw_cell), REAL_FIELD(share, raw_cell), CYAML_FIELD_END};

static const cyaml_schema_value_t mix_cell = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_cell, cell_fields)};

static const cyaml_schema_value_t number = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, double)};

static const cyaml_schema_field_t label_fields[] = {
    TEXT_FIELD(key, CYAML_FLAG_POINTER, raw_label, LIMIT_PATH_BYTES),
    TEXT_FIELD(value, CYAML_FLAG_POINTER, raw_label, LIMIT_PATH_BYTES), CYAML_FIELD_END};

static const cyaml_schema_value_t label = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_label, label_fields)};

static const cyaml_schema_field_t needs_fields[] = {
    ENUM_FIELD(device, raw_needs, device_names),
    TEXT_FIELD(memory, OPTIONAL, raw_needs, LIMIT_NAME_BYTES),
    CYAML_FIELD_SEQUENCE("labels", OPTIONAL, struct raw_needs, labels, &label, 0, LIMIT_LABELS),
    CYAML_FIELD_END};

static const cyaml_schema_field_t sweep_fields[] = {REAL_FIELD(from, raw_sweep),
                                                    REAL_FIELD(to, raw_sweep),
                                                    INT_FIELD(steps, raw_sweep), CYAML_FIELD_END};

static const cyaml_strval_t noise_names[BUNDLE_NOISES] = {{"constant", BUNDLE_NOISE_CONSTANT},
                                                          {"none", BUNDLE_NOISE_NONE},
                                                          {"seeded", BUNDLE_NOISE_SEEDED}};

static const cyaml_schema_field_t truncation_fields[] = {REAL_FIELD(psi, raw_truncation_of_stage),
                                                         INT_FIELD(layers, raw_truncation_of_stage),
                                                         CYAML_FIELD_END};

static const cyaml_schema_field_t mixing_fields[] = {
    TEXT_FIELD(layers, OPTIONAL, raw_mixing, LIMIT_PATH_BYTES),
    TEXT_FIELD(with, OPTIONAL, raw_mixing, LIMIT_PATH_BYTES), INT_FIELD(offset, raw_mixing),
    REAL_FIELD(probability, raw_mixing), CYAML_FIELD_END};

static const cyaml_schema_field_t stop_fields[] = {REAL_FIELD(off_target, raw_stop),
                                                   REAL_FIELD(identity, raw_stop), CYAML_FIELD_END};

static const cyaml_schema_field_t stage_fields[] = {
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct raw_stage, kind, kind_names, SPEC_KINDS),
    TEXT_FIELD(name, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    TEXT_FIELD(from, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    INT_FIELD(start, raw_stage),
    INT_FIELD(count, raw_stage),
    CYAML_FIELD_SEQUENCE("seeds", OPTIONAL, struct raw_stage, seeds, &seed_range, 1, LIMIT_RANGES),
    INT_FIELD(task_size, raw_stage),
    INT_FIELD(faces, raw_stage),
    ENUM_FIELD(output, raw_stage, output_names),
    ENUM_FIELD(weights, raw_stage, spec_weight_names),
    ENUM_FIELD(method, raw_stage, spec_method_names),
    ENUM_FIELD(set, raw_stage, spec_set_names),
    CYAML_FIELD_SEQUENCE("compare", OPTIONAL, struct raw_stage, compare, &compared, 0,
                         SPEC_METHODS),
    CYAML_FIELD_SEQUENCE("costs", OPTIONAL, struct raw_stage, costs, &number, 0, SPEC_COSTS_MOST),
    REAL_FIELD(extremes, raw_stage),
    TEXT_FIELD(files, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    TEXT_FIELD(images, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    TEXT_FIELD(photos, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    TEXT_FIELD(truth, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    TEXT_FIELD(latents, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    TEXT_FIELD(samples, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    CYAML_FIELD_SEQUENCE("mix", OPTIONAL, struct raw_stage, mix, &mix_cell, 1, LIMIT_TARGETS),
    TEXT_FIELD(identity, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    TEXT_FIELD(features, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    INT_FIELD(folds, raw_stage),
    INT_FIELD(learning_curve, raw_stage),
    TRUTH_FIELD(per_layer, raw_stage),
    REAL_FIELD(train_share, raw_stage),
    REAL_FIELD(cost, raw_stage),
    ENUM_FIELD(projection, raw_stage, projection_names),
    REAL_FIELD(discount, raw_stage),
    REAL_FIELD(strength, raw_stage),
    ENUM_FIELD(reach, raw_stage, reach_names),
    REAL_FIELD(limit, raw_stage),
    TEXT_FIELD(estimator, OPTIONAL, raw_stage, LIMIT_NAME_BYTES),
    REAL_FIELD(tolerance, raw_stage),
    INT_FIELD(evaluations, raw_stage),
    CYAML_FIELD_MAPPING_PTR("stop", OPTIONAL, struct raw_stage, stop, stop_fields),
    INT_FIELD(walk, raw_stage),
    REAL_FIELD(decay, raw_stage),
    TRUTH_FIELD(reproject, raw_stage),
    TEXT_FIELD(layers, OPTIONAL, raw_stage, LIMIT_PATH_BYTES),
    CYAML_FIELD_MAPPING_PTR("rows", OPTIONAL, struct raw_stage, rows, sweep_fields),
    REAL_FIELD(distance, raw_stage),
    CYAML_FIELD_SEQUENCE("targets", OPTIONAL, struct raw_stage, targets, &expression, 0,
                         LIMIT_TARGETS),
    CYAML_FIELD_SEQUENCE("conditions", OPTIONAL, struct raw_stage, conditions, &condition, 0,
                         LIMIT_TARGETS),
    CYAML_FIELD_MAPPING_PTR("distances", OPTIONAL, struct raw_stage, distances, sweep_fields),
    CYAML_FIELD_MAPPING_PTR("needs", OPTIONAL, struct raw_stage, needs, needs_fields),
    ENUM_FIELD(noise, raw_stage, noise_names),
    CYAML_FIELD_MAPPING_PTR("mixing", OPTIONAL, struct raw_stage, mixing, mixing_fields),
    CYAML_FIELD_MAPPING_PTR("truncation", OPTIONAL, struct raw_stage, truncation,
                            truncation_fields),
    CYAML_FIELD_END};

static const cyaml_schema_value_t stage_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_stage, stage_fields)};

static const cyaml_schema_field_t spec_fields[] = {
    TEXT_FIELD(format, CYAML_FLAG_POINTER, raw_spec, LIMIT_NAME_BYTES),
    TEXT_FIELD(name, OPTIONAL, raw_spec, LIMIT_NAME_BYTES),
    TEXT_FIELD(bundle, OPTIONAL, raw_spec, LIMIT_NAME_BYTES),
    INT_FIELD(seed, raw_spec),
    INT_FIELD(max_attempts, raw_spec),
    CYAML_FIELD_SEQUENCE("stages", CYAML_FLAG_POINTER, struct raw_spec, stages, &stage_schema, 1,
                         LIMIT_STAGES),
    CYAML_FIELD_END};

static const cyaml_schema_value_t spec_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_spec, spec_fields)};

/* Text without scores of targets. */
static int load_short(const char *yaml, size_t size, void **raw, struct error *err)
{
    struct buffer expanded, insertions;
    buffer_init(&expanded, SPEC_SHORT_MAX);
    buffer_init(&insertions, SPEC_SHORT_MAX);
    int rc = spec_short_expand(yaml, size, &expanded, &insertions, err);
    if (!rc) {
        const char *text = expanded.data ? (const char *)expanded.data : "";
        rc = document_load(text, expanded.size, &spec_schema, raw, err);
        if (rc)
            spec_short_place(&insertions, rc, err);
    }
    buffer_free(&expanded);
    buffer_free(&insertions);
    return rc;
}

static int load(const char *yaml, size_t size, void **raw, struct error *err)
{
    struct buffer expanded, changes;
    buffer_init(&expanded, SPEC_SHORT_MAX);
    buffer_init(&changes, SPEC_SHORT_MAX);
    int rc = spec_scores_expand(yaml, size, &expanded, &changes, err);
    if (!rc) {
        rc = load_short(expanded.data ? (const char *)expanded.data : "", expanded.size, raw, err);
        if (rc)
            spec_scores_place(&changes, rc, err);
    }
    buffer_free(&expanded);
    buffer_free(&changes);
    return rc;
}

int spec_parse(const char *yaml, size_t size, struct spec **spec, struct error *err)
{
    if (size > LIMIT_SPEC_BYTES)
        return error_set(err, E_LIMIT, "spec has %zu bytes, at most %d are allowed", size,
                         LIMIT_SPEC_BYTES);
    void *raw = NULL;
    int rc = load(yaml, size, &raw, err);
    if (rc)
        return rc;
    struct spec *complete = calloc(1, sizeof *complete);
    rc = complete ? spec_complete(raw, complete, err)
                  : error_set(err, E_MEMORY, "no memory for a spec");
    document_free(&spec_schema, raw);
    if (rc)
        spec_free(&complete);
    else
        *spec = complete;
    return rc;
}

static void free_names(char **names, uint32_t count)
{
    for (uint32_t i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

void spec_free(struct spec **spec)
{
    struct spec *s = *spec;
    if (!s)
        return;
    for (uint32_t i = 0; s->stages && i < s->stages_count; i++) {
        struct spec_stage *stage = &s->stages[i];
        free(stage->name);
        free(stage->from);
        seeds_free(&stage->seeds);
        spec_free_mix(stage);
        free(stage->costs);
        free(stage->files);
        free(stage->identity);
        free(stage->images);
        free(stage->photos);
        free(stage->truth);
        free(stage->latents);
        free(stage->features);
        free(stage->estimator);
        free(stage->layers);
        free(stage->mixing.layers);
        seeds_free(&stage->mixing.with);
        free_names(stage->targets, stage->targets_count);
        free_names(stage->conditions, stage->conditions_count);
        free(stage->condition_weights);
        free((char *)stage->needs.labels);
    }
    free(s->stages);
    free(s->format);
    free(s->name);
    free(s->bundle);
    free(s);
    *spec = NULL;
}

/* ---- printing ---- */

/* 15 digits do for what people write. */
const char *spec_print_number(double value, char text[SPEC_NUMBER_BYTES])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, SPEC_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static int print_names(struct buffer *out, const char *key, char *const *names, uint32_t count,
                       struct error *err)
{
    int rc = buffer_printf(out, err, "    %s: [", key);
    for (uint32_t i = 0; !rc && i < count; i++)
        rc = buffer_printf(out, err, "%s\"%s\"", i ? ", " : "", names[i]);
    return rc ? rc : buffer_printf(out, err, "]\n");
}

static int print_range(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = spec_print_mix(out, stage, err);
    if (!rc)
        rc = spec_print_latents(out, stage, err);
    if (rc || stage->seeds.count > 0)
        return rc ? rc : spec_print_seeds(out, stage, err);
    return buffer_printf(out, err, "    start: %llu\n    count: %llu\n",
                         (unsigned long long)stage->start, (unsigned long long)stage->count);
}

static int print_conditions(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char value[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(out, err, "    conditions: [");
    for (uint32_t i = 0; !rc && i < stage->conditions_count; i++) {
        const struct spec_weight *own = stage->condition_weights ? &stage->condition_weights[i] : NULL;
        const char *comma = i ? ", " : "", *name = stage->conditions[i];
        if (own && own->is_free)
            rc = buffer_printf(out, err, "%s{name: \"%s\", free: true}", comma, name);
        else if (own && own->given)
            rc = buffer_printf(out, err, "%s{name: \"%s\", %s: %s}", comma, name,
                               stage->projection == PROJECTION_SOFT ? "strength" : "discount",
                               spec_print_number(own->value, value));
        else
            rc = buffer_printf(out, err, "%s\"%s\"", comma, name);
    }
    return rc ? rc : buffer_printf(out, err, "]\n");
}

/* Only the method's own number: the other is no key that it takes. */
static int print_projection(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char value[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(out, err, "    projection: %s\n",
                           projection_method_name(stage->projection));
    if (rc || stage->projection == PROJECTION_CORRELATION)
        return rc;
    bool soft = stage->projection == PROJECTION_SOFT;
    return buffer_printf(out, err, "    %s: %s\n", soft ? "strength" : "discount",
                         spec_print_number(soft ? stage->strength : stage->discount, value));
}

static int print_direction(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = buffer_printf(out, err, "    from: %s\n", stage->from);
    if (!rc && stage->photos)
        rc = buffer_printf(out, err, "    photos: %s\n", stage->photos);
    if (!rc)
        rc = print_names(out, "targets", stage->targets, stage->targets_count, err);
    if (!rc)
        rc = print_conditions(out, stage, err);
    if (!rc)
        rc = print_projection(out, stage, err);
    if (!rc && stage->identity)
        rc = buffer_printf(out, err, "    identity: %s\n", stage->identity);
    if (!rc && stage->features)
        rc = buffer_printf(out, err, "    features: %s\n", stage->features);
    return rc ? rc : spec_print_reach(out, stage, err);
}

int spec_print_sweep(struct buffer *out, const char *key, const struct spec_sweep *sweep,
                     struct error *err)
{
    char from[SPEC_NUMBER_BYTES], to[SPEC_NUMBER_BYTES];
    return buffer_printf(out, err, "    %s: {from: %s, to: %s, steps: %u}\n", key,
                         spec_print_number(sweep->from, from), spec_print_number(sweep->to, to),
                         sweep->steps);
}

static int print_edit(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = spec_print_mix(out, stage, err);
    if (!rc)
        rc = spec_print_latents(out, stage, err);
    if (!rc)
        rc = stage->seeds.count > 0 ? spec_print_seeds(out, stage, err)
                                    : buffer_printf(out, err, "    start: %llu\n    faces: %u\n",
                                                    (unsigned long long)stage->start, stage->faces);
    if (!rc)
        rc = print_direction(out, stage, err);
    if (!rc && stage->rows.steps > 0)
        rc = spec_print_sweep(out, "rows", &stage->rows, err);
    return rc ? rc : spec_print_sweep(out, "distances", &stage->distances, err);
}

static int print_evaluate(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char distance[SPEC_NUMBER_BYTES];
    int rc = print_range(out, stage, err);
    if (!rc)
        rc = print_direction(out, stage, err);
    if (!rc)
        rc = buffer_printf(out, err, "    distance: %s\n",
                           spec_print_number(stage->distance, distance));
    return rc || stage->distances.steps == 0
               ? rc
               : spec_print_sweep(out, "distances", &stage->distances, err);
}

static int print_sample(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = print_range(out, stage, err);
    return rc || spec_stage_is_mixed_sheet(stage)
               ? rc
               : buffer_printf(out, err, "    output: %s\n", output_names[stage->output].str);
}

static int print_photos(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = print_range(out, stage, err);
    if (!rc && stage->images)
        rc = buffer_printf(out, err, "    images: %s\n", stage->images);
    return rc || !stage->truth ? rc : buffer_printf(out, err, "    truth: %s\n", stage->truth);
}

static int print_stage(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = buffer_printf(out, err, "  - kind: %s\n    name: %s\n    task_size: %u\n",
                           spec_kind_name(stage->kind), stage->name, stage->task_size);
    if (!rc)
        rc = spec_print_needs(out, stage, err);
    if (!rc)
        rc = spec_print_generator(out, stage, err);
    if (rc)
        return rc;
    switch (stage->kind) {
    case SPEC_SAMPLE:
        return print_sample(out, stage, err);
    case SPEC_LABEL:
    case SPEC_ENCODE:
        return print_photos(out, stage, err);
    case SPEC_PROBE:
        return print_range(out, stage, err);
    case SPEC_FIT:
        return spec_print_fit(out, stage, err);
    case SPEC_EDIT:
        return print_edit(out, stage, err);
    case SPEC_EVALUATE:
        return print_evaluate(out, stage, err);
    }
    return error_set(err, E_INVALID, "stage kind %d", (int)stage->kind);
}

int spec_print(const struct spec *spec, struct buffer *yaml, struct error *err)
{
    int rc = buffer_printf(
        yaml, err, "format: %s\nname: %s\nbundle: %s\nseed: %llu\nmax_attempts: %u\nstages:\n",
        spec->format, spec->name, spec->bundle, (unsigned long long)spec->seed, spec->max_attempts);
    for (uint32_t i = 0; !rc && i < spec->stages_count; i++)
        rc = print_stage(yaml, &spec->stages[i], err);
    return rc;
}

/* ---- what follows from a stage ---- */

const char *spec_kind_name(enum spec_kind kind)
{
    return kind_names[kind].str;
}

int spec_find(const struct spec *spec, const char *name)
{
    for (uint32_t i = 0; i < spec->stages_count; i++)
        if (strcmp(spec->stages[i].name, name) == 0)
            return (int)i;
    return -1;
}

static uint32_t target_count(const struct spec_stage *stage, size_t boundaries)
{
    bool all = stage->targets_count == 1 && strcmp(stage->targets[0], SPEC_ALL) == 0;
    return all ? (uint32_t)boundaries : stage->targets_count;
}

uint64_t spec_stage_total(const struct spec_stage *stage, size_t attributes, bool has_age)
{
    uint64_t boundaries = attributes + (has_age ? 1 : 0);
    switch (stage->kind) {
    case SPEC_SAMPLE:
    case SPEC_LABEL:
    case SPEC_EVALUATE:
    case SPEC_PROBE:
    case SPEC_ENCODE:
        return stage->count;
    case SPEC_FIT:
        return boundaries;
    case SPEC_EDIT:
        return (uint64_t)(stage->rows.steps > 0 ? 1 : target_count(stage, boundaries)) *
               stage->faces;
    }
    return 0;
}

bool spec_stage_reads_photos(const struct spec_stage *stage)
{
    return stage->images != NULL;
}

uint64_t spec_stage_unit(const struct spec_stage *stage)
{
    if (spec_stage_is_mixed_sheet(stage))
        return stage->count;
    return stage->kind == SPEC_EDIT ? stage->faces : 1;
}

/* ---- the rows of an evaluated face ---- */

/* The k-th step of the sweep, 0 where it is rounding's rest of 0. */
static double sweep_step(const struct spec_sweep *sweep, uint32_t k)
{
    double span = sweep->to - sweep->from;
    double step = sweep->from + (sweep->steps > 1 ? span * k / (sweep->steps - 1) : 0);
    return fabs(step) <= 1e-9 * fabs(span) ? 0 : step;
}

/* The distances of every target: `distance`, then the steps that are neither it nor no edit. Writes the
 * one called for, if any, and returns how many there are. */
static uint32_t distances_of(const struct spec_stage *stage, uint32_t wanted, double *distance)
{
    uint32_t n = 1;
    bool is_nothing = stage->reach == MOVE_RELATIVE || stage->reach == MOVE_MORE_YEARS ||
                      stage->reach == MOVE_JOINT; /* an edit by 0 */
    if (wanted == 0)
        *distance = stage->distance;
    for (uint32_t k = 0; k < stage->distances.steps; k++) {
        double step = sweep_step(&stage->distances, k);
        if ((step == 0 && is_nothing) || step == stage->distance)
            continue;
        if (n++ == wanted)
            *distance = step;
    }
    return n;
}

static double edit_step(const struct spec_sweep *sweep, uint32_t k)
{
    double share = sweep->steps > 1 ? (double)k / (double)(sweep->steps - 1) : 0;
    return sweep->from + (sweep->to - sweep->from) * share;
}

static struct spec_variant edit_variant(const struct spec_stage *stage, uint32_t v)
{
    uint32_t columns = stage->distances.steps, rows = stage->rows.steps ? stage->rows.steps : 1;
    uint32_t cell = v % (columns * rows);
    return (struct spec_variant){
        .target = -1,
        .distance = edit_step(&stage->distances, cell % columns),
        .second = stage->rows.steps ? edit_step(&stage->rows, cell / columns) : 0,
        .projected = v / (columns * rows) == 1,
    };
}

struct spec_variant spec_stage_variant(const struct spec_stage *stage, uint32_t v)
{
    if (stage->kind == SPEC_EDIT)
        return edit_variant(stage, v);
    struct spec_variant found = {.target = -1};
    uint32_t kinds = stage->conditions_count > 0 ? 2 : 1;
    uint32_t each = kinds * distances_of(stage, UINT32_MAX, NULL);
    if (v == 0)
        return found;
    v--;
    found.target = v / each;
    found.projected = v % kinds == 1;
    distances_of(stage, v % each / kinds, &found.distance);
    return found;
}

uint32_t spec_stage_variants(const struct spec_stage *stage, size_t boundaries)
{
    uint32_t kinds = stage->conditions_count > 0 ? 2 : 1;
    switch (stage->kind) {
    case SPEC_LABEL:
        return 1;
    case SPEC_ENCODE:
        return 2;
    case SPEC_EDIT:
        return stage->distances.steps * (stage->rows.steps ? stage->rows.steps : 1) * kinds;
    case SPEC_EVALUATE:
        return 1 + target_count(stage, boundaries) * kinds * distances_of(stage, UINT32_MAX, NULL);
    case SPEC_SAMPLE:
    case SPEC_FIT:
    case SPEC_PROBE:
        return 0;
    }
    return 0;
}
