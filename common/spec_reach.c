/* What a stage's distances are, how faces are looked at on their way, and the words for it. */
#include <stdlib.h>
#include <string.h>

#include "common/document.h"
#include "common/joint.h"
#include "common/limits.h"
#include "common/ranges.h"
#include "common/spec_priv.h"

#define DEFAULT_LIMIT 10 /* further off, a generator has seen no latents */
#define LIMIT_MOST 1e6
#define DEFAULT_YEARS 0.5
#define TOLERANCE_LEAST 1e-6
#define DEFAULT_EVALUATIONS 16
#define EVALUATIONS_MOST 256
#define DEFAULT_WALK 8

static int only_with(bool present, const char *key, const char *what, struct error *err)
{
    return present ? error_set(err, E_INVALID, "%s: only %s takes it", key, what) : 0;
}

/* joint follows from the targets. */
static int take_mode(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    uint32_t joint = 0;
    for (uint32_t i = 0; i < stage->targets_count; i++)
        joint += joint_is(stage->targets[i]);
    stage->reach = raw->reach ? *raw->reach : joint ? MOVE_JOINT : MOVE_RELATIVE;
    if (joint > 0 && joint < stage->targets_count)
        return error_set(err, E_INVALID,
                         "targets: some have scores and some have none: expected one or the other");
    if (joint && stage->reach == MOVE_SCORE)
        stage->reach = MOVE_JOINT;
    if (joint && stage->reach != MOVE_JOINT)
        return error_set(err, E_INVALID, "reach: is %s, targets that have scores are reached by score",
                         move_mode_name(stage->reach));
    if (joint && stage->projection != PROJECTION_EXACT)
        return error_set(err, E_INVALID, "projection: is %s, targets that have scores hold conditions exactly",
                         projection_method_name(stage->projection));
    if (!joint && stage->reach == MOVE_JOINT)
        return error_set(err, E_INVALID, "reach: joint needs targets with scores, {Young: -2, Smiling: 1}");
    return 0;
}

static int take_judge(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    bool judged = move_is_judged(stage->reach), years = judged && stage->reach != MOVE_LOGIT;
    int rc = only_with(raw->estimator && !years, "estimator", "reach: years or more_years", err);
    if (!rc)
        rc = only_with(raw->tolerance && !judged, "tolerance", "reach: logit, years or more_years", err);
    if (!rc)
        rc = only_with(raw->evaluations && !judged, "evaluations",
                       "reach: logit, years or more_years", err);
    if (!rc && raw->estimator) {
        if (!document_is_name(raw->estimator))
            return error_set(err, E_INVALID, "estimator: \"%s\" is no name", raw->estimator);
        stage->estimator = strdup(raw->estimator);
        if (!stage->estimator)
            rc = error_set(err, E_MEMORY, "no memory for a name");
    }
    if (!rc)
        rc = spec_take_real("tolerance", raw->tolerance, years ? DEFAULT_YEARS : SPEC_LOGIT_TOLERANCE,
                            TOLERANCE_LEAST, LIMIT_MOST, &stage->tolerance, err);
    return rc ? rc
              : spec_take_small("evaluations", raw->evaluations, DEFAULT_EVALUATIONS, 2,
                                EVALUATIONS_MOST, &stage->evaluations, err);
}

static int take_stop(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    static const struct raw_stop none;
    const struct raw_stop *stop = raw->stop ? raw->stop : &none;
    bool stops = stop->off_target || stop->identity;
    if (raw->stop && !stops)
        return error_set(err, E_INVALID, "stop: expected off_target, identity or both");
    int rc = only_with(raw->walk && !stops, "walk", "a stage with stop", err);
    if (!rc)
        rc = only_with(raw->decay && !stops, "decay", "a stage with stop", err);
    if (!rc)
        rc = spec_take_real("stop: off_target", stop->off_target, 0, stop->off_target ? 1e-3 : 0, 1e3,
                            &stage->stop.off_target, err);
    if (!rc)
        rc = spec_take_real("stop: identity", stop->identity, -1, -1, 1, &stage->stop.identity, err);
    if (!rc)
        rc = spec_take_small("walk", raw->walk, DEFAULT_WALK, 1, LIMIT_STEPS, &stage->stop.walk, err);
    return rc ? rc
              : spec_take_real("decay", raw->decay, 1, 0.01, 1, &stage->stop.decay, err);
}

static int take_layers(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    struct range *ranges = NULL;
    size_t count;
    uint64_t total;
    if (!raw->layers)
        return 0;
    int rc = ranges_parse(raw->layers, &ranges, &count, &total, err);
    free(ranges);
    if (rc)
        return error_prefix(err, rc, "layers");
    stage->layers = strdup(raw->layers);
    return stage->layers ? 0 : error_set(err, E_MEMORY, "no memory for layers");
}

int spec_complete_reach(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    int rc = take_mode(raw, stage, err);
    if (!rc)
        rc = only_with(raw->limit && stage->reach == MOVE_RELATIVE, "limit",
                       "what is no relative distance", err);
    if (!rc)
        rc = spec_take_real("limit", raw->limit, DEFAULT_LIMIT, 0, LIMIT_MOST, &stage->limit, err);
    if (!rc && move_is_judged(stage->reach) && stage->limit == 0)
        rc = error_set(err, E_LIMIT, "limit: is 0, expected more where a network is asked");
    if (!rc)
        rc = take_judge(raw, stage, err);
    if (!rc)
        rc = take_stop(raw, stage, err);
    if (!rc)
        rc = take_layers(raw, stage, err);
    if (rc)
        return rc;
    stage->reproject = raw->reproject && *raw->reproject;
    if (stage->reproject && (stage->conditions_count == 0 || stage->reach == MOVE_JOINT || raw->rows))
        return error_set(err, E_INVALID, "reproject: %s",
                         stage->conditions_count ? "joint targets and grids hold their scores anyway"
                                                 : "the stage has no conditions to hold");
    return 0;
}

/* ---- printing ---- */

static int print_judge(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char tolerance[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(out, err, "    tolerance: %s\n    evaluations: %u\n",
                           spec_print_number(stage->tolerance, tolerance), stage->evaluations);
    return rc || !stage->estimator
               ? rc
               : buffer_printf(out, err, "    estimator: %s\n", stage->estimator);
}

static int print_stop(struct buffer *out, const struct spec_stop *stop, struct error *err)
{
    char number[SPEC_NUMBER_BYTES], decay[SPEC_NUMBER_BYTES];
    bool budget = stop->off_target > 0, identity = stop->identity > -1;
    int rc = buffer_printf(out, err, "    stop: {");
    if (!rc && budget)
        rc = buffer_printf(out, err, "off_target: %s", spec_print_number(stop->off_target, number));
    if (!rc && identity)
        rc = buffer_printf(out, err, "%sidentity: %s", budget ? ", " : "",
                           spec_print_number(stop->identity, number));
    return rc ? rc
              : buffer_printf(out, err, "}\n    walk: %u\n    decay: %s\n", stop->walk,
                              spec_print_number(stop->decay, decay));
}

int spec_print_reach(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char limit[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(out, err, "    reach: %s\n", move_mode_name(stage->reach));
    if (!rc && stage->reach != MOVE_RELATIVE)
        rc = buffer_printf(out, err, "    limit: %s\n", spec_print_number(stage->limit, limit));
    if (!rc && move_is_judged(stage->reach))
        rc = print_judge(out, stage, err);
    if (!rc && spec_stage_stops(stage))
        rc = print_stop(out, &stage->stop, err);
    if (!rc && stage->reproject)
        rc = buffer_printf(out, err, "    reproject: true\n");
    return rc || !stage->layers ? rc
                                : buffer_printf(out, err, "    layers: \"%s\"\n", stage->layers);
}

/* ---- what follows ---- */

static bool edits(const struct spec_stage *stage)
{
    return stage->kind == SPEC_EDIT || stage->kind == SPEC_EVALUATE;
}

bool spec_stage_stops(const struct spec_stage *stage)
{
    return edits(stage) && (stage->stop.off_target > 0 || stage->stop.identity > -1) &&
           stage->stop.walk > 0;
}

bool spec_stage_moves(const struct spec_stage *stage)
{
    return edits(stage) && (stage->reach != MOVE_RELATIVE || spec_stage_stops(stage));
}

bool spec_stage_needs_boundaries(const struct spec_stage *stage)
{
    return edits(stage) && (stage->reach == MOVE_JOINT || stage->reproject ||
                            (stage->rows.steps > 0 && stage->reach == MOVE_SCORE));
}

double spec_stop_share(const struct spec_stop *stop, uint32_t k)
{
    double done = 0, all = 0, step = 1;
    if (k >= stop->walk)
        return 1;
    for (uint32_t i = 0; i < stop->walk; i++, step *= stop->decay) {
        done += i < k ? step : 0;
        all += step;
    }
    return done / all;
}

int spec_layers(const struct spec_stage *stage, uint32_t count, bool *layers, struct error *err)
{
    struct range *ranges = NULL;
    size_t n = 0;
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        layers[i] = !stage->layers;
    if (!stage->layers)
        return 0;
    int rc = ranges_parse(stage->layers, &ranges, &n, &total, err);
    for (size_t i = 0; !rc && i < n; i++)
        for (uint64_t k = ranges[i].start; !rc && k < ranges[i].start + ranges[i].count; k++) {
            if (k < count)
                layers[k] = true;
            else
                rc = error_set(err, E_LIMIT, "layers: \"%s\", the generator has %u: 0 to %u",
                               stage->layers, count, count - 1);
        }
    free(ranges);
    return rc;
}

/* ---- in words ---- */

static int describe_steps(const struct spec_stage *stage, const struct spec_variant *variant,
                          struct buffer *text, struct error *err)
{
    char first[SPEC_NUMBER_BYTES], second[SPEC_NUMBER_BYTES];
    spec_print_number(variant->distance, first);
    if (stage->rows.steps > 0 && move_is_judged(stage->reach))
        return buffer_printf(text, err, "%s along %s and to the logit %s of %s", first, stage->targets[0],
                             spec_print_number(variant->second, second), stage->targets[1]);
    if (stage->rows.steps > 0)
        return buffer_printf(text, err, "%s along %s and %s along %s",
                             first, stage->targets[0],
                             spec_print_number(variant->second, second), stage->targets[1]);
    return buffer_printf(text, err, "%s", first);
}

int spec_describe_variant(const struct spec_stage *stage, const struct spec_variant *variant,
                          struct buffer *text, struct error *err)
{
    static const char *const verbs[MOVE_MODES] = {
        [MOVE_RELATIVE] = "moved by",
        [MOVE_ABSOLUTE] = "moved to the signed distance",
        [MOVE_SCORE] = "moved to the score",
        [MOVE_LOGIT] = "moved to the classifier's logit",
        [MOVE_YEARS] = "moved to the age",
        [MOVE_MORE_YEARS] = "moved to an age of as many more years as",
        [MOVE_JOINT] = "moved towards all scores by the share",
    };
    char off[SPEC_NUMBER_BYTES], identity[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(text, err, "%s ", verbs[stage->reach]);
    if (!rc)
        rc = describe_steps(stage, variant, text, err);
    if (!rc && stage->estimator)
        rc = buffer_printf(text, err, " by estimator %s", stage->estimator);
    if (!rc && variant->projected)
        rc = buffer_printf(text, err, ", projected%s", stage->reproject ? " again on the sphere" : "");
    if (!rc && stage->layers)
        rc = buffer_printf(text, err, ", layers %s only", stage->layers);
    if (!rc && spec_stage_stops(stage) && stage->stop.off_target > 0)
        rc = buffer_printf(text, err, ", while the others move by no more than %s standard deviations",
                           spec_print_number(stage->stop.off_target, off));
    if (!rc && spec_stage_stops(stage) && stage->stop.identity > -1)
        rc = buffer_printf(text, err, ", while the likeness is at least %s",
                           spec_print_number(stage->stop.identity, identity));
    return rc;
}
