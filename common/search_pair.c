/* The search as a state of a few numbers; see the header for the method. */
#include "common/search_pair.h"

#include <math.h>
#include <string.h>

#define PROBE 16      /* of the limit */
#define HALVINGS 2    /* of a step, before the Jacobian is measured again */
#define SINGULAR 1e-9 /* of the Jacobian's rows: nothing tells the directions apart */

static void finish(struct search_pair *s, enum move_end end)
{
    s->end = end;
    s->ended = true;
}

static double square(const double f[2])
{
    return f[0] * f[0] + f[1] * f[1];
}

static double clip(const struct search_pair *s, double x)
{
    return fmax(fmin(x, s->limit), -s->limit);
}

/* From `base` a step along one direction, inside the box. */
static void probe(struct search_pair *s, int direction)
{
    double step = s->limit / PROBE;
    s->probing = direction;
    memcpy(s->next, s->base, sizeof s->next);
    s->next[direction] += s->base[direction] + step > s->limit ? -step : step;
}

static void measure_again(struct search_pair *s)
{
    memcpy(s->base, s->best, sizeof s->base);
    memcpy(s->f_base, s->f_best, sizeof s->f_base);
    s->halved = 0;
    probe(s, 0);
}

/* The Newton step from the best point, cut to the box. */
static void step(struct search_pair *s)
{
    double(*j)[2] = s->jacobian, *f = s->f_best;
    double determinant = j[0][0] * j[1][1] - j[0][1] * j[1][0];
    double size = sqrt(square(j[0]) * square(j[1]));
    if (!(fabs(determinant) > SINGULAR * size)) {
        finish(s, MOVE_NOWHERE);
        return;
    }
    s->probing = 2;
    s->next[0] = clip(s, s->best[0] - (j[1][1] * f[0] - j[0][1] * f[1]) / determinant);
    s->next[1] = clip(s, s->best[1] - (j[0][0] * f[1] - j[1][0] * f[0]) / determinant);
    if (s->next[0] == s->best[0] && s->next[1] == s->best[1])
        finish(s, MOVE_LIMIT);
}

/* J += (Δf − J Δx) Δxᵀ / ‖Δx‖², from the best point to the one asked. */
static void correct(struct search_pair *s, const double f[2])
{
    const double dx[2] = {s->next[0] - s->best[0], s->next[1] - s->best[1]};
    double length = square(dx);
    for (int i = 0; i < 2; i++) {
        double missed = f[i] - s->f_best[i] - s->jacobian[i][0] * dx[0] - s->jacobian[i][1] * dx[1];
        for (int k = 0; k < 2; k++)
            s->jacobian[i][k] += missed * dx[k] / length;
    }
}

void search_pair_begin(struct search_pair *s, const double start[2])
{
    *s = (struct search_pair){
        .limit = s->limit, .tolerance = {s->tolerance[0], s->tolerance[1]}, .most = s->most};
    for (int i = 0; i < 2; i++)
        s->f_best[i] = start[i] / s->tolerance[i];
    s->asked = 1;
    if (fabs(s->f_best[0]) <= 1 && fabs(s->f_best[1]) <= 1)
        finish(s, MOVE_REACHED);
    else
        measure_again(s);
}

bool search_pair_next(const struct search_pair *s, double at[2])
{
    if (!s->ended)
        memcpy(at, s->next, sizeof s->next);
    return !s->ended;
}

/* What comes after a question about a step. */
static void go_on(struct search_pair *s, bool better)
{
    if (better) {
        s->halved = 0;
        step(s);
    } else if (s->halved < HALVINGS) {
        s->halved++;
        for (int i = 0; i < 2; i++)
            s->next[i] = s->best[i] + (s->next[i] - s->best[i]) / 2;
    } else {
        measure_again(s);
    }
}

void search_pair_take(struct search_pair *s, const double given[2])
{
    const double f[2] = {given[0] / s->tolerance[0], given[1] / s->tolerance[1]};
    if (s->ended)
        return;
    bool better = square(f) < square(s->f_best), probed = s->probing < 2;
    for (int i = 0; probed && i < 2; i++)
        s->jacobian[i][s->probing] =
            (f[i] - s->f_base[i]) / (s->next[s->probing] - s->base[s->probing]);
    if (!probed)
        correct(s, f);
    s->asked++;
    if (better) {
        memcpy(s->best, s->next, sizeof s->best);
        memcpy(s->f_best, f, sizeof s->f_best);
    }
    if (fabs(f[0]) <= 1 && fabs(f[1]) <= 1)
        finish(s, MOVE_REACHED);
    else if (s->asked >= s->most)
        finish(s, MOVE_EVALUATIONS);
    else if (s->probing == 0)
        probe(s, 1);
    else if (s->probing == 1)
        step(s);
    else
        go_on(s, better);
}

enum move_end search_pair_result(const struct search_pair *s, double at[2])
{
    memcpy(at, s->best, sizeof s->best);
    return s->end;
}
