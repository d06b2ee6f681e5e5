/* A stage's conditions: checked, completed, and told in words. */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/spec_priv.h"

#define DEFAULT_DISCOUNT 1
#define DEFAULT_STRENGTH 1

/* discount or strength, whichever the stage's projection does not read. */
static int check_key(const struct spec_stage *stage, const double *discount, const double *strength,
                     struct error *err)
{
    bool takes_discount =
        stage->projection == PROJECTION_EXACT || stage->projection == PROJECTION_NAIVE;
    const char *name = projection_method_name(stage->projection);
    if (discount && !takes_discount)
        return error_set(err, E_INVALID, "discount: the %s projection does not take it%s", name,
                         stage->projection == PROJECTION_SOFT ? ", expected strength" : "");
    if (strength && stage->projection != PROJECTION_SOFT)
        return error_set(err, E_INVALID, "strength: the %s projection does not take it%s", name,
                         takes_discount ? ", expected discount" : "");
    return 0;
}

static int take_number(const char *key, const double *raw, double most, double *value,
                       struct error *err)
{
    if (!(*raw >= 0 && *raw <= most)) /* also refuses NaN */
        return error_set(err, E_LIMIT, "%s: is %g, expected 0 to %g", key, *raw, most);
    *value = *raw;
    return 0;
}

static int take_weight(const struct raw_condition *raw, const struct spec_stage *stage,
                       struct spec_weight *weight, struct error *err)
{
    int rc = check_key(stage, raw->discount, raw->strength, err);
    weight->given = raw->discount || raw->strength;
    weight->is_free = raw->free && *raw->free;
    if (!rc && weight->given && weight->is_free)
        rc = error_set(err, E_INVALID, "free: a condition that is held by a number is not free");
    if (!rc && raw->discount)
        rc = take_number("discount", raw->discount, 1, &weight->value, err);
    if (!rc && raw->strength)
        rc = take_number("strength", raw->strength, PROJECTION_STRENGTH_MAX, &weight->value, err);
    return rc;
}

static int take_condition(const struct raw_condition *raw, struct spec_stage *stage, uint32_t i,
                          struct error *err)
{
    if (!spec_is_expression(raw->name))
        return error_set(err, E_INVALID, "\"%s\": expected the name of a boundary", raw->name);
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(stage->conditions[j], raw->name) == 0)
            return error_set(err, E_EXISTS, "\"%s\" stands there twice", raw->name);
    stage->conditions[i] = strdup(raw->name);
    if (!stage->conditions[i])
        return error_set(err, E_MEMORY, "no memory for a name");
    stage->conditions_count = i + 1;
    int rc = take_weight(raw, stage, &stage->condition_weights[i], err);
    return rc ? error_prefix(err, rc, "%s", raw->name) : 0;
}

static int take_conditions(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    uint32_t count = raw->conditions_count;
    stage->conditions = calloc(count ? count : 1, sizeof *stage->conditions);
    stage->condition_weights = calloc(count ? count : 1, sizeof *stage->condition_weights);
    if (!stage->conditions || !stage->condition_weights)
        return error_set(err, E_MEMORY, "no memory for %u conditions", count);
    for (uint32_t i = 0; i < count; i++) {
        int rc = take_condition(&raw->conditions[i], stage, i, err);
        if (rc)
            return error_prefix(err, rc, "conditions");
    }
    return 0;
}

int spec_complete_conditions(const struct raw_stage *raw, struct spec_stage *stage,
                             struct error *err)
{
    stage->projection = raw->projection ? *raw->projection : PROJECTION_EXACT;
    int rc = check_key(stage, raw->discount, raw->strength, err);
    stage->discount = DEFAULT_DISCOUNT;
    stage->strength = DEFAULT_STRENGTH;
    if (!rc && raw->discount)
        rc = take_number("discount", raw->discount, 1, &stage->discount, err);
    if (!rc && raw->strength)
        rc = take_number("strength", raw->strength, PROJECTION_STRENGTH_MAX, &stage->strength, err);
    return rc ? rc : take_conditions(raw, stage, err);
}

double spec_condition_weight(const struct spec_stage *stage, uint32_t i)
{
    if (stage->condition_weights && stage->condition_weights[i].given)
        return stage->condition_weights[i].value;
    return stage->projection == PROJECTION_SOFT ? stage->strength : stage->discount;
}

/* ---- in words ---- */

static const char *describe_method(enum projection_method method)
{
    switch (method) {
    case PROJECTION_EXACT:
        return "exact projection";
    case PROJECTION_SOFT:
        return "soft projection";
    case PROJECTION_CORRELATION:
        return "projection with discounts by correlation";
    case PROJECTION_NAIVE:
        return "naive projection (for comparison only)";
    }
    return "projection";
}

static int describe_condition(const struct spec_stage *stage, uint32_t i, struct buffer *text,
                              struct error *err)
{
    const char *name = stage->conditions[i];
    const char *word = stage->projection == PROJECTION_SOFT ? "strength" : "discount";
    char value[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(text, err, "%s%s", i ? ", " : ": ",
                           strcmp(name, SPEC_ALL) == 0 ? "every other boundary" : name);
    if (rc)
        return rc;
    if (stage->condition_weights && stage->condition_weights[i].is_free)
        return buffer_printf(text, err, " free");
    if (stage->projection == PROJECTION_CORRELATION)
        return 0;
    return buffer_printf(text, err, " (%s %s)", word,
                         spec_print_number(spec_condition_weight(stage, i), value));
}

int spec_describe_conditions(const struct spec_stage *stage, struct buffer *text, struct error *err)
{
    int rc = buffer_printf(text, err, "%s", describe_method(stage->projection));
    for (uint32_t i = 0; !rc && i < stage->conditions_count; i++)
        rc = describe_condition(stage, i, text, err);
    return rc;
}
