/* Names only: what occurs in a target is asked of the parser of targets, with the unit vectors of
 * name space as normals. */
#include "common/conditions.h"

#include <stdlib.h>
#include <string.h>

#include "common/joint.h"

static int find_name(struct conditions *c, const char *name, size_t *which, struct error *err)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->names[i], name) == 0) {
            *which = i;
            return 0;
        }
    /* Its error lists what there is. */
    int rc = projection_direction(name, c->names, c->count, c->unit, c->count, c->occurs, err);
    return rc < 0 ? rc
                  : error_set(err, E_INVALID, "\"%s\": expected the name of one boundary", name);
}

/* First "all", then what is said of one. */
static int hold(struct conditions *c, struct error *err)
{
    const struct spec_stage *spec = c->spec;
    for (uint32_t i = 0; i < spec->conditions_count; i++)
        for (size_t b = 0; strcmp(spec->conditions[i], SPEC_ALL) == 0 && b < c->count; b++) {
            c->held[b] = true;
            c->weights[b] = spec_condition_weight(spec, i);
        }
    for (uint32_t i = 0; i < spec->conditions_count; i++) {
        size_t which = 0;
        if (strcmp(spec->conditions[i], SPEC_ALL) == 0)
            continue;
        int rc = find_name(c, spec->conditions[i], &which, err);
        if (rc < 0)
            return error_prefix(err, rc, "conditions");
        c->held[which] = !(spec->condition_weights && spec->condition_weights[i].is_free);
        c->weights[which] = spec_condition_weight(spec, i);
    }
    return 0;
}

int conditions_open(const struct spec_stage *spec, const char *const *names, size_t count,
                    struct conditions *conditions, struct error *err)
{
    size_t n = count ? count : 1;
    struct conditions c = {
        .spec = spec,
        .names = names,
        .count = count,
        .held = calloc(n, sizeof(bool)),
        .weights = calloc(n, sizeof(double)),
        .unit = calloc(n * n, sizeof(double)),
        .occurs = calloc(n, sizeof(double)),
    };
    int rc = 0;
    if (!c.held || !c.weights || !c.unit || !c.occurs)
        rc = error_set(err, E_MEMORY, "no memory for %zu boundaries", count);
    for (size_t i = 0; !rc && i < count; i++)
        c.unit[i * count + i] = 1;
    if (!rc)
        rc = hold(&c, err);
    if (rc)
        conditions_close(&c);
    else
        *conditions = c;
    return rc;
}

void conditions_close(struct conditions *c)
{
    free(c->held);
    free(c->weights);
    free(c->unit);
    free(c->occurs);
    *c = (struct conditions){0};
}

/* Fills occurs[] of a target. */
static int find_occurring(struct conditions *c, const char *target, struct error *err)
{
    struct joint joint;
    if (!joint_is(target))
        return projection_direction(target, c->names, c->count, c->unit, c->count, c->occurs, err);
    int rc = joint_parse(target, c->names, c->count, &joint, err);
    for (size_t i = 0; !rc && i < c->count; i++)
        c->occurs[i] = 0;
    for (size_t i = 0; !rc && i < joint.count; i++)
        c->occurs[joint.which[i]] = 1;
    return rc;
}

int conditions_of(struct conditions *c, const char *target, size_t *which, size_t *k,
                  struct error *err)
{
    int rc = find_occurring(c, target, err);
    *k = 0;
    for (size_t i = 0; !rc && i < c->count; i++)
        if (c->held[i] && c->occurs[i] == 0)
            which[(*k)++] = i;
    return rc;
}

int conditions_single(struct conditions *c, const char *target, size_t *which, double *sign,
                      struct error *err)
{
    size_t found = 0;
    int rc = find_occurring(c, target, err);
    for (size_t i = 0; !rc && i < c->count; i++)
        if (c->occurs[i] != 0) {
            found++;
            *which = i;
            *sign = c->occurs[i] < 0 ? -1 : 1;
        }
    if (!rc && (found != 1 || joint_is(target)))
        rc = error_set(err, E_INVALID, "\"%s\": expected one boundary", target);
    return rc;
}
