/* Boundaries out of a database or a folder, and a stage out of options. */
#include "cli/directions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "db/results.h"

static int take_row(void *context, const struct results_boundary *row, struct error *err)
{
    double *normal = NULL;
    int rc = boundaries_add(context, row->name, strlen(row->name), row->dimension, &normal, err);
    for (size_t i = 0; !rc && i < row->dimension; i++) {
        float value;
        memcpy(&value, (const char *)row->normal + i * sizeof value, sizeof value);
        normal[i] = (double)value;
    }
    struct boundaries *boundaries = context;
    if (!rc)
        boundaries->offsets[boundaries->count - 1] = row->offset;
    if (!rc && row->layers > 1)
        boundaries->layers = row->layers;
    return rc;
}

int boundaries_of_job(struct database *db, int64_t job, const char *stage,
                      struct boundaries *boundaries, struct error *err)
{
    struct statement *q;
    int64_t id = 0;
    int rc = database_query(db, "direction_fit", &q, err);
    if (rc)
        return rc;
    statement_bind_int(q, 1, job);
    if (stage)
        statement_bind_text(q, 2, stage);
    rc = statement_step(q, err);
    if (rc > 0)
        id = statement_int(q, 0);
    statement_reset(q);
    if (rc == 0)
        rc = error_set(err, E_NOT_FOUND, "job %lld has no boundaries yet%s%s", (long long)job,
                       stage ? " of a stage " : "", stage ? stage : "");
    return rc < 0 ? rc : results_each_boundary(db, id, take_row, boundaries, err);
}

/* ---- a stage ---- */

static int take_method(const char *name, struct spec_stage *stage, struct error *err)
{
    for (int m = 0; m < PROJECTION_METHODS; m++)
        if (strcmp(name, projection_method_name((enum projection_method)m)) == 0) {
            stage->projection = (enum projection_method)m;
            return 0;
        }
    return error_set(err, E_INVALID,
                     "--projection: found \"%s\", expected exact, soft, correlation or naive",
                     name);
}

static int take_condition(char *text, struct spec_stage *stage, struct error *err)
{
    struct spec_weight *weight = &stage->condition_weights[stage->conditions_count];
    double most = stage->projection == PROJECTION_SOFT ? PROJECTION_STRENGTH_MAX : 1;
    char *number = strchr(text, '='), *end = NULL;
    if (number)
        *number++ = '\0';
    for (uint32_t i = 0; i < stage->conditions_count; i++)
        if (strcmp(stage->conditions[i], text) == 0)
            return error_set(err, E_EXISTS, "--conditions: \"%s\" stands there twice", text);
    if (number && strcmp(number, "free") == 0) {
        weight->is_free = true;
    } else if (number) {
        weight->given = true;
        weight->value = strtod(number, &end);
        if (end == number || *end || !(weight->value >= 0 && weight->value <= most) ||
            stage->projection == PROJECTION_CORRELATION)
            return error_set(
                err, E_INVALID, "--conditions: %s=%s: expected %s", text, number,
                stage->projection == PROJECTION_CORRELATION
                    ? "no number, correlation finds it"
                    : "free or a number from 0 to the most of the projection's weight");
    }
    stage->conditions[stage->conditions_count] = strdup(text);
    if (!stage->conditions[stage->conditions_count])
        return error_set(err, E_MEMORY, "out of memory");
    stage->conditions_count++;
    return 0;
}

int directions_stage(const char *conditions, const char *projection, double discount,
                     double strength, struct spec_stage *stage, struct error *err)
{
    *stage = (struct spec_stage){.kind = SPEC_EDIT, .discount = discount, .strength = strength};
    if (!(discount >= 0 && strength >= 0)) /* --option checks the most */
        return error_set(err, E_INVALID, "--%s is %g, expected at least 0",
                         discount >= 0 ? "strength" : "discount",
                         discount >= 0 ? strength : discount);
    size_t most = 1;
    for (const char *c = conditions; *c; c++)
        most += *c == ',';
    char *copy = strdup(conditions), *rest = copy;
    stage->conditions = calloc(most, sizeof *stage->conditions);
    stage->condition_weights = calloc(most, sizeof *stage->condition_weights);
    int rc = copy && stage->conditions && stage->condition_weights
                 ? take_method(projection, stage, err)
                 : error_set(err, E_MEMORY, "out of memory");
    if (!rc && strcmp(conditions, "none") != 0)
        for (char *text; !rc && (text = strsep(&rest, ","));)
            if (*text)
                rc = take_condition(text, stage, err);
    free(copy);
    return rc;
}

void directions_free_stage(struct spec_stage *stage)
{
    for (uint32_t i = 0; i < stage->conditions_count; i++)
        free(stage->conditions[i]);
    free(stage->conditions);
    free(stage->condition_weights);
}
