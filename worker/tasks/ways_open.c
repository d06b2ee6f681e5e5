/* Ways prepared from a stage's targets, conditions and boundaries. */
#include "worker/tasks/ways_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/joint.h"

/* A row: the score of boundary `which`. across: [rows][d], or NULL. */
static void add_score(const struct ways *ways, struct scores *s, double *across, const char **names,
                      size_t which, double goal, double keep)
{
    size_t d = ways->d, i = s->m++;
    memcpy(s->rows + i * d, ways->boundaries.normals + which * d, d * sizeof *s->rows);
    if (across)
        memcpy(across + i * d, ways->boundaries.across + which * d, d * sizeof *across);
    s->offsets[i] = ways->boundaries.offsets[which];
    s->goals[i] = goal;
    s->keep[i] = keep;
    names[i] = ways->names[which];
}

static int scores_room(struct scores *s, size_t m, size_t d, struct error *err)
{
    *s = (struct scores){
        .rows = calloc(m * d, sizeof(double)),
        .offsets = calloc(m, sizeof(double)),
        .goals = calloc(m, sizeof(double)),
        .keep = calloc(m, sizeof(double)),
    };
    return s->rows && s->offsets && s->goals && s->keep
               ? 0
               : error_set(err, E_MEMORY, "no memory for %zu scores", m);
}

static void scores_free(struct scores *s)
{
    meet_free(&s->meet);
    meet_free(&s->natural);
    free(s->rows);
    free(s->offsets);
    free(s->goals);
    free(s->keep);
}

static int factor(const struct ways *ways, struct scores *s, const double *across,
                  const char *const *names, struct error *err)
{
    struct meet_rows rows = {s->m, ways->d, s->rows, across, s->required, names};
    int failed = meet_make(&rows, &s->meet, err);
    rows.m = s->required;
    return failed || s->m == s->required ? failed : meet_make(&rows, &s->natural, err);
}

/* The scores of the named boundaries, and if projected of the conditions of `target`. */
static int make_scores(struct ways *ways, struct edit *edit, const char *target,
                       const struct joint *joint, struct error *err)
{
    size_t k = 0, most = joint->count + ways->boundary_count, d = ways->d;
    bool metric = ways->boundaries.across != NULL;
    double *across = metric ? calloc(most * d, sizeof *across) : NULL;
    const char **names = calloc(most, sizeof *names);
    int failed = (across || !metric) && names
                     ? scores_room(&edit->scores, most, d, err)
                     : error_set(err, E_MEMORY, "no memory for %zu scores", most);
    if (!failed)
        failed = conditions_of(&ways->conditions, target, ways->which, &k, err);
    for (size_t i = 0; !failed && i < joint->count; i++)
        add_score(ways, &edit->scores, across, names, joint->which[i], joint->scores[i], 0);
    edit->scores.required = joint->count;
    for (size_t i = 0; !failed && edit->projected && i < k; i++)
        add_score(ways, &edit->scores, across, names, ways->which[i], 0,
                  1 - ways->conditions.weights[ways->which[i]]);
    if (!failed)
        failed = factor(ways, &edit->scores, across, names, err);
    free(across);
    free(names);
    return failed;
}

/* Of a grid that reaches absolute distances: those along its two directions. */
static int make_distances(struct ways *ways, struct edit *edit, struct error *err)
{
    size_t d = ways->d;
    struct scores *s = &edit->scores;
    static const char *const names[] = {"the first target", "the second target"};
    int failed = scores_room(s, TARGETS_MOST, d, err);
    for (size_t i = 0; !failed && i < TARGETS_MOST; i++)
        ways_widen(edit->direction[i], d, s->rows + i * d);
    s->m = s->required = TARGETS_MOST;
    return failed ? failed : factor(ways, s, NULL, names, err);
}

/* The target's text; that of a grid names both. */
static int grid_text(const struct spec_stage *stage, char *text, size_t size, struct error *err)
{
    int length = snprintf(text, size, "%s=0,%s=0", stage->targets[0], stage->targets[1]);
    return length < 0 || (size_t)length >= size
               ? error_set(err, E_LIMIT, "targets of %d bytes, at most %zu", length, size - 1)
               : 0;
}

static int make_grid(struct ways *ways, struct edit *edit, struct error *err)
{
    const struct spec_stage *stage = ways->task->stage;
    char text[2 * LIMIT_PATH_BYTES];
    struct joint joint;
    int failed = directions_find(ways->task->directions, 1, edit->projected, &edit->direction[1],
                                 NULL, err);
    if (failed || stage->reach == MOVE_RELATIVE || move_is_judged(stage->reach))
        return failed;
    if (stage->reach == MOVE_ABSOLUTE)
        return make_distances(ways, edit, err);
    failed = grid_text(stage, text, sizeof text, err);
    if (!failed)
        failed = joint_parse(text, ways->names, ways->boundary_count, &joint, err);
    return failed ? failed : make_scores(ways, edit, text, &joint, err);
}

/* Which attributes the target names, and which way is its own. */
static int mark_meant(struct ways *ways, struct edit *edit, const char *target, struct error *err)
{
    size_t k = 0;
    int failed = conditions_of(&ways->conditions, target, ways->which, &k, err);
    for (size_t i = 0; !failed && i < ways->boundary_count; i++)
        edit->means[i] = edit->means[i] || ways->conditions.occurs[i] != 0;
    return failed;
}

/* Column and sign of the one attribute that the target is. */
static int find_logit(struct ways *ways, const char *target, int *column, double *sign,
                      struct error *err)
{
    size_t single = 0;
    int failed = conditions_single(&ways->conditions, target, &single, sign, err);
    *column = (int)single;
    return failed || single < ways->bundle->attributes_count
               ? failed
               : error_set(err, E_INVALID, "%s: an age has no logit", target);
}

static int find_meaning(struct ways *ways, struct edit *edit, const char *target, struct error *err)
{
    const struct spec_stage *stage = ways->task->stage;
    const struct bundle *bundle = ways->bundle;
    edit->means = calloc(ways->boundary_count + 1, sizeof *edit->means);
    if (!edit->means)
        return error_set(err, E_MEMORY, "no memory for %zu attributes", ways->boundary_count);
    int failed = 0;
    if (stage->rows.steps > 0)
        failed = mark_meant(ways, edit, stage->targets[1], err);
    if (!failed)
        failed = mark_meant(ways, edit, target, err);
    const double *occurs = ways->conditions.occurs;
    int young = bundle_attribute(bundle, "Young");
    double age = ways->boundary_count > bundle->attributes_count ? occurs[bundle->attributes_count] : 0;
    edit->side = 1;
    if (!failed && stage->reach != MOVE_LOGIT && (age < 0 || (age == 0 && young >= 0 && occurs[young] > 0)))
        edit->side = -1;
    edit->sign = 1;
    edit->column = bundle_years_column(bundle, stage->estimator);
    if (!failed && edit->column < 0 && move_is_judged(stage->reach) && stage->reach != MOVE_LOGIT)
        failed = error_set(err, E_NOT_FOUND, "the bundle has no estimator %s",
                           stage->estimator ? stage->estimator : "");
    if (!failed && stage->reach == MOVE_LOGIT)
        failed = find_logit(ways, target, &edit->column, &edit->sign, err);
    return failed || !ways_is_pair(ways)
               ? failed
               : find_logit(ways, stage->targets[1], &edit->row_column, &edit->row_sign, err);
}

static int make_hold(struct ways *ways, struct edit *edit, const char *target, struct error *err)
{
    size_t k = 0, d = ways->d;
    int failed = conditions_of(&ways->conditions, target, ways->which, &k, err);
    size_t m = k + 1;
    double *rows = calloc(m * d, sizeof *rows);
    const char **names = calloc(m, sizeof *names);
    edit->slopes = calloc(m, sizeof *edit->slopes);
    if (!failed && !(rows && names && edit->slopes))
        failed = error_set(err, E_MEMORY, "no memory for %zu scores", m);
    for (size_t i = 0; !failed && i < m; i++) {
        names[i] = i ? ways->names[ways->which[i - 1]] : target;
        if (i)
            memcpy(rows + i * d, ways->boundaries.normals + ways->which[i - 1] * d, d * sizeof *rows);
        else
            ways_widen(edit->normal, d, rows);
    }
    if (!failed)
        failed = meet_make(&(struct meet_rows){m, d, rows, NULL, 1, names}, &edit->hold, err);
    if (!failed) {
        ways_widen(edit->direction[0], d, ways->end);
        meet_scores(edit->hold, ways->end, edit->slopes);
    }
    free(rows);
    free(names);
    return failed;
}

/* The target's own boundary: its plain direction, and where that has score 0. */
static int find_normal(struct ways *ways, struct edit *edit, struct error *err)
{
    int failed = directions_find(ways->task->directions, (uint64_t)edit->target, false,
                                 &edit->normal, NULL, err);
    return failed ? failed
                  : directions_offset(ways->task->directions, (uint64_t)edit->target, &edit->offset,
                                      err);
}

static int make_edit(struct ways *ways, struct edit *edit, struct error *err)
{
    const struct spec_stage *stage = ways->task->stage;
    const char *name = NULL;
    struct joint joint;
    bool grid = stage->rows.steps > 0;
    int failed = directions_find(ways->task->directions, (uint64_t)edit->target, edit->projected,
                                 &edit->direction[0], &name, err);
    if (!failed)
        failed = find_normal(ways, edit, err);
    if (!failed)
        failed = find_meaning(ways, edit, name, err);
    if (!failed && grid)
        return make_grid(ways, edit, err);
    if (!failed && joint_is(name)) {
        failed = joint_parse(name, ways->names, ways->boundary_count, &joint, err);
        return failed ? failed : make_scores(ways, edit, name, &joint, err);
    }
    if (!failed && stage->reproject && edit->projected && ways->radius > 0)
        failed = make_hold(ways, edit, name, err);
    return failed;
}

/* The variant's edit, made where no variant before it had it. */
static int find_edit(struct ways *ways, size_t v, struct error *err)
{
    const struct spec_variant *variant = &ways->variants[v];
    size_t i = 0;
    while (i < ways->edit_count && !(ways->edits[i].target == variant->target &&
                                     ways->edits[i].projected == variant->projected))
        i++;
    ways->edit_of[v] = i;
    if (i < ways->edit_count)
        return 0;
    ways->edits[ways->edit_count++] =
        (struct edit){.target = variant->target, .projected = variant->projected};
    return make_edit(ways, &ways->edits[i], err);
}

static int take_names(struct ways *ways, struct error *err)
{
    size_t attributes = ways->bundle->attributes_count;
    ways->names = calloc(ways->boundary_count + 1, sizeof *ways->names);
    ways->which = calloc(ways->boundary_count + 1, sizeof *ways->which);
    if (!ways->names || !ways->which)
        return error_set(err, E_MEMORY, "no memory for names");
    for (size_t i = 0; i < ways->boundary_count; i++)
        ways->names[i] = i < attributes ? ways->bundle->attributes[i] : SPEC_AGE;
    return conditions_open(ways->task->stage, ways->names, ways->boundary_count, &ways->conditions, err);
}

static int allocate(struct ways *ways, struct error *err)
{
    size_t values = 3 * (ways->boundary_count + JOINT_MOST), d = ways->d;
    ways->variants = calloc(ways->count + 1, sizeof *ways->variants);
    ways->edits = calloc(ways->count + 1, sizeof *ways->edits);
    ways->edit_of = calloc(ways->count + 1, sizeof *ways->edit_of);
    ways->z = calloc(d, sizeof *ways->z);
    ways->end = calloc(d, sizeof *ways->end);
    ways->other = calloc(d, sizeof *ways->other);
    ways->value = calloc(values, sizeof *ways->value);
    return ways->variants && ways->edits && ways->edit_of && ways->z && ways->end && ways->other &&
                   ways->value
               ? 0
               : error_set(err, E_MEMORY, "no memory for %zu edits", ways->count);
}

int ways_open(const struct task *task, const struct spec_variant *variants, size_t count,
              struct ways **ways, struct error *err)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    const struct latent_law *law = &bundle->generator.latent.law; /* all zero in w and w+ */
    struct ways *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(err, E_MEMORY, "no memory for edits");
    w->task = task;
    w->bundle = bundle;
    w->d = bundle_latent_size(bundle);
    w->count = count;
    w->boundary_count = bundle->attributes_count + (bundle->age_estimators_count > 0);
    if (law->normalisation == LATENT_SPHERE)
        w->radius = law->radius > 0 ? law->radius : sqrt((double)w->d);
    int failed = allocate(w, err);
    if (!failed)
        failed = take_names(w, err);
    if (!failed && spec_stage_needs_boundaries(task->stage))
        failed = directions_boundaries(task->directions, w->boundary_count, &w->boundaries, err);
    for (size_t v = 0; !failed && v < count; v++) {
        w->variants[v] = variants[v];
        w->edit_of[v] = SIZE_MAX;
        if (variants[v].target >= 0)
            failed = find_edit(w, v, err);
    }
    if (failed)
        ways_close(&w);
    else
        *ways = w;
    return failed;
}

void ways_close(struct ways **ways)
{
    struct ways *w = *ways;
    if (!w)
        return;
    for (size_t i = 0; w->edits && i < w->edit_count; i++) {
        scores_free(&w->edits[i].scores);
        meet_free(&w->edits[i].hold);
        free(w->edits[i].slopes);
        free(w->edits[i].means);
    }
    conditions_close(&w->conditions);
    free(w->variants);
    free(w->edits);
    free(w->edit_of);
    free(w->names);
    free(w->which);
    free(w->z);
    free(w->end);
    free(w->other);
    free(w->value);
    free(w);
    *ways = NULL;
}
