/* Where a face's way leads, and its points. */
#include "worker/tasks/ways_priv.h"

#include <math.h>
#include <string.h>

size_t ways_count(const struct ways *ways)
{
    return ways->count;
}

const struct spec_variant *ways_variant(const struct ways *ways, size_t variant)
{
    return &ways->variants[variant];
}

bool ways_is_still(const struct ways *ways, size_t variant)
{
    return ways->edit_of[variant] == SIZE_MAX;
}

static const struct edit *edit_of(const struct ways *ways, size_t variant)
{
    return &ways->edits[ways->edit_of[variant]];
}

/* ---- several scores ---- */

/* What the scores are to be, less offsets: of the conditions what they keep of the drift that the
 * targets alone would bring. The edit's latent is ways->z. */
static void find_goals(const struct ways *ways, const struct edit *edit,
                       const struct spec_variant *variant, double *goals)
{
    const struct scores *s = &edit->scores;
    const double given[TARGETS_MOST] = {variant->distance, variant->second};
    bool grid = ways->task->stage->rows.steps > 0;
    double *now = goals + s->m, *change = now + s->m;
    for (size_t i = 0; i < s->m; i++) {
        now[i] = ways_dot(s->rows + i * ways->d, ways->z, ways->d);
        goals[i] = i < s->required ? (grid ? given[i] : s->goals[i]) - s->offsets[i] : now[i];
        change[i] = goals[i] - now[i];
    }
    if (!s->natural)
        return;
    memcpy(ways->other, ways->z, ways->d * sizeof *ways->other);
    if (ways->radius > 0)
        (void)meet_sphere(s->natural, goals, ways->radius, ways->other);
    else
        meet_step(s->natural, change, ways->other);
    for (size_t i = s->required; i < s->m; i++) {
        double drift = ways_dot(s->rows + i * ways->d, ways->other, ways->d) -
                       (ways->radius > 0 ? now[i] : 0);
        goals[i] = now[i] + s->keep[i] * drift;
    }
}

/* ways->z from the face's latent, ways->end the way to the latent that has the scores: e − z. Whether there
 * is one; *length is the way's. */
static bool find_scores(const struct ways *ways, const struct edit *edit,
                        const struct spec_variant *variant, const float *z, double *length)
{
    const struct scores *s = &edit->scores;
    double *goals = ways->value, *now = goals + s->m, *change = now + s->m;
    bool found = true;
    ways_widen(z, ways->d, ways->z);
    find_goals(ways, edit, variant, goals);
    if (ways->radius > 0) {
        memcpy(ways->end, ways->z, ways->d * sizeof *ways->end);
        found = meet_sphere(s->meet, goals, ways->radius, ways->end);
        for (size_t k = 0; k < ways->d; k++)
            ways->end[k] -= ways->z[k];
    } else {
        for (size_t i = 0; i < s->m; i++)
            change[i] = goals[i] - now[i];
        meet_step(s->meet, change, ways->end);
    }
    *length = sqrt(ways_dot(ways->end, ways->end, ways->d));
    return found;
}

static enum move_end scores_end(const struct ways *ways, const struct edit *edit,
                                const struct spec_variant *variant, const float *z, double *alpha)
{
    double length, share = ways->task->stage->rows.steps > 0 ? 1 : variant->distance;
    double limit = ways->task->stage->limit;
    bool found = find_scores(ways, edit, variant, z, &length);
    *alpha = share * length;
    if (fabs(*alpha) <= limit)
        return found ? MOVE_REACHED : MOVE_NOWHERE;
    *alpha = *alpha < 0 ? -limit : limit;
    return found ? MOVE_LIMIT : MOVE_NOWHERE;
}

/* ---- along a direction ---- */

/* In ways->end the unit direction of a grid's cell; returns its length. */
static double cell_direction(const struct ways *ways, const struct edit *edit, const double at[2])
{
    for (size_t k = 0; k < ways->d; k++)
        ways->end[k] =
            at[0] * (double)edit->direction[0][k] + at[1] * (double)edit->direction[1][k];
    double length = sqrt(ways_dot(ways->end, ways->end, ways->d));
    for (size_t k = 0; k < ways->d && length > 0; k++)
        ways->end[k] /= length;
    return length;
}

/* In ways->other the re-projected point; whether there is one. */
static bool find_held(const struct ways *ways, const struct edit *edit, const float *z,
                      double alpha)
{
    double *goals = ways->value;
    ways_widen(z, ways->d, ways->other);
    meet_scores(edit->hold, ways->other, goals);
    for (size_t i = 0; i < meet_count(edit->hold); i++)
        goals[i] += alpha * edit->slopes[i];
    return meet_sphere(edit->hold, goals, ways->radius, ways->other);
}

enum move_end ways_end(const struct ways *ways, size_t variant, const float *z, double *alpha)
{
    const struct edit *edit = edit_of(ways, variant);
    const struct spec_variant *shows = &ways->variants[variant];
    if (edit->scores.m > 0)
        return scores_end(ways, edit, shows, z, alpha);
    if (edit->direction[1]) {
        *alpha = cell_direction(ways, edit, (double[2]){shows->distance, shows->second});
        return MOVE_REACHED;
    }
    const struct move move = {
        .mode = ways->task->stage->reach,
        .d = ways->d,
        .direction = edit->direction[0],
        .normal = edit->normal,
        .offset = edit->offset,
        .amount = shows->distance,
        .limit = ways->task->stage->limit,
        .radius = edit->hold ? 0 : ways->radius, /* what is held goes as without the sphere */
    };
    enum move_end end = move_find(&move, z, alpha);
    return edit->hold && !find_held(ways, edit, z, *alpha) ? MOVE_NOWHERE : end;
}

/* ways->z + α·step, on the sphere. */
static void step_out(const struct ways *ways, const double *step, double alpha, float *moved)
{
    double square = 0, scale = 1;
    for (size_t k = 0; k < ways->d; k++) {
        ways->other[k] = ways->z[k] + alpha * step[k];
        square += ways->other[k] * ways->other[k];
    }
    if (ways->radius > 0 && square > 0)
        scale = ways->radius / sqrt(square);
    for (size_t k = 0; k < ways->d; k++)
        moved[k] = (float)(scale * ways->other[k]);
}

void ways_point(const struct ways *ways, size_t variant, const float *z, double alpha, float *moved)
{
    const struct edit *edit = edit_of(ways, variant);
    const struct spec_variant *shows = &ways->variants[variant];
    double length;
    if (edit->scores.m > 0) {
        (void)find_scores(ways, edit, shows, z, &length);
        step_out(ways, ways->end, length > 0 ? alpha / length : 0, moved);
    } else if (edit->hold && alpha != 0) {
        (void)find_held(ways, edit, z, alpha);
        for (size_t k = 0; k < ways->d; k++)
            moved[k] = (float)ways->other[k];
    } else if (edit->direction[1]) {
        ways_widen(z, ways->d, ways->z);
        (void)cell_direction(ways, edit, (double[2]){shows->distance, shows->second});
        step_out(ways, ways->end, alpha, moved);
    } else {
        const struct move move = {.mode = MOVE_RELATIVE,
                                  .d = ways->d,
                                  .direction = edit->direction[0],
                                  .amount = alpha,
                                  .radius = ways->radius};
        (void)move_latent(&move, z, moved, &length);
    }
}

/* ---- what networks judge ---- */

bool ways_is_pair(const struct ways *ways)
{
    return ways->task->stage->rows.steps > 0 && move_is_judged(ways->task->stage->reach);
}

void ways_point_pair(const struct ways *ways, size_t variant, const float *z, const double at[2],
                     float *moved)
{
    ways_widen(z, ways->d, ways->z);
    step_out(ways, ways->end, cell_direction(ways, edit_of(ways, variant), at), moved);
}

double ways_pair_length(const struct ways *ways, size_t variant, const double at[2])
{
    return cell_direction(ways, edit_of(ways, variant), at);
}

void ways_miss_pair(const struct ways *ways, size_t variant, const float *row, const float *before,
                    double misses[2])
{
    const struct edit *edit = edit_of(ways, variant);
    misses[0] = ways_miss(ways, variant, row, before);
    misses[1] = edit->row_sign * (double)row[edit->row_column] - ways->variants[variant].second;
}

double ways_miss(const struct ways *ways, size_t variant, const float *row, const float *before)
{
    const struct edit *edit = edit_of(ways, variant);
    double value = edit->sign * (double)row[edit->column];
    double goal = ways->variants[variant].distance;
    if (ways->task->stage->reach == MOVE_MORE_YEARS)
        goal += (double)before[edit->column];
    return value - goal;
}

int ways_side(const struct ways *ways, size_t variant)
{
    return edit_of(ways, variant)->side;
}

bool ways_means(const struct ways *ways, size_t variant, size_t attribute)
{
    return edit_of(ways, variant)->means[attribute];
}
