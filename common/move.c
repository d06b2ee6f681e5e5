/* Distances of edits; see the header for what is solved. */
#include "common/move.h"

#include <math.h>

#define STEEP 1e-9 /* a slope below this is no slope: the score does not change along the edit */

const char *move_mode_name(enum move_mode mode)
{
    static const char *const names[MOVE_MODES] = {"relative", "absolute",   "score", "logit",
                                                   "years",    "more_years", "joint"};
    return names[mode];
}

bool move_is_judged(enum move_mode mode)
{
    return mode == MOVE_LOGIT || mode == MOVE_YEARS || mode == MOVE_MORE_YEARS;
}

static double dot(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* What is asked of z': that its product with `normal` becomes `goal`. */
struct plane {
    double at;    /* normal·z */
    double slope; /* normal·u */
    double goal;
};

/* α with plane.at + α slope = goal. */
static bool solve_line(const struct plane *plane, double *alpha)
{
    if (!(fabs(plane->slope) > STEEP))
        return plane->goal == plane->at;
    *alpha = (plane->goal - plane->at) / plane->slope;
    return true;
}

/*
 * On the sphere of z, r = ‖z‖, with c = u·ẑ and u = c ẑ + s ŵ: z' = r (x ẑ + y ŵ), x² + y² = 1, and
 * A x + B y = goal with A = normal·z, B = r normal·ŵ. Of the two solutions the nearer one to z (the
 * larger x) is taken; z + α u points there for α = r y / (s x − c y), if that denominator is
 * positive.
 */
static bool solve_arc(const struct plane *plane, double r, double c, double *alpha)
{
    double s = sqrt(fmax(1 - c * c, 0));
    if (!(s > STEEP))
        return false;
    double a = plane->at, b = (r * plane->slope - c * plane->at) / s;
    double square = a * a + b * b, rest = square - plane->goal * plane->goal;
    if (!(rest >= 0) || !(square > 0))
        return false;
    double root = sqrt(rest), side = b >= 0 ? 1 : -1;
    double x = (plane->goal * a + side * b * root) / square;
    double y = (plane->goal * b - side * a * root) / square;
    double denominator = s * x - c * y;
    if (!(denominator > STEEP))
        return false;
    *alpha = r * y / denominator;
    return true;
}

enum move_end move_find(const struct move *move, const float *z, double *alpha)
{
    double along = dot(move->direction, z, move->d);
    struct plane plane = {along, 1, move->amount};
    if (move->mode == MOVE_RELATIVE) {
        *alpha = move->amount;
        return MOVE_REACHED;
    }
    if (move->mode == MOVE_SCORE)
        plane = (struct plane){dot(move->normal, z, move->d),
                               dot(move->normal, move->direction, move->d),
                               move->amount - move->offset};
    double norm = move->radius > 0 ? sqrt(dot(z, z, move->d)) : 0, found = 0;
    bool solved =
        norm > 0 ? solve_arc(&plane, norm, along / norm, &found) : solve_line(&plane, &found);
    if (solved && fabs(found) <= move->limit) {
        *alpha = found;
        return MOVE_REACHED;
    }
    bool up = (plane.goal >= plane.at) == (plane.slope >= 0);
    *alpha = up ? move->limit : -move->limit;
    return solved ? MOVE_LIMIT : MOVE_NOWHERE;
}

bool move_latent(const struct move *move, const float *z, float *moved, double *distance)
{
    double alpha = 0, square = 0;
    bool reached = move_find(move, z, &alpha) == MOVE_REACHED;
    for (size_t i = 0; i < move->d && move->radius > 0; i++) {
        double value = (double)z[i] + alpha * (double)move->direction[i];
        square += value * value;
    }
    double scale = square > 0 ? move->radius / sqrt(square) : 1;
    for (size_t i = 0; i < move->d; i++)
        moved[i] = (float)(scale * ((double)z[i] + alpha * (double)move->direction[i]));
    *distance = alpha;
    return reached;
}
