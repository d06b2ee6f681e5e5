/*
 * How far an edit moves a latent along its direction u, towards the boundary of its target (unit
 * normal n, offset b: score n·z + b).
 *
 *   relative  z' = z + a u
 *   absolute  u·z' = a: the signed distance to u's hyperplane through the origin becomes a,
 * whatever it was (linear_interpolate of InterFaceGAN, Shen et al., CVPR 2020, which drops offsets)
 *   score     n·z' + b = a: the score of the target's own boundary becomes a, also along a
 * projected direction, where the way is 1/gain times as long
 *
 * What networks judge is not solved here but searched (common/search.h): logit (the classifier's logit of
 * the target becomes a), years (the age becomes a), more_years (the age changes by a). Of joint, several
 * scores at once, a is the share of the way (common/meet.h).
 *
 * On a sphere (radius > 0, where the bundle's latents lie on one) z' = radius · (z + α u)/‖z + α
 * u‖: the edited latent is put back. Absolute and score are met there exactly as well: in the plane
 * of z and u that is one quadratic equation, for u = n the great-circle edit z' = τ n + (z − (n·z)
 * n) √((r² − τ²)/(r² − (n·z)²)), τ = a − b.
 *
 * Only +, −, ×, ÷ and √ in double, summed in index order: the same bits everywhere.
 */
#ifndef COMMON_MOVE_H
#define COMMON_MOVE_H

#include <stdbool.h>
#include <stddef.h>

enum move_mode {
    MOVE_RELATIVE,
    MOVE_ABSOLUTE,
    MOVE_SCORE,
    MOVE_LOGIT,
    MOVE_YEARS,
    MOVE_MORE_YEARS,
    MOVE_JOINT,
};
#define MOVE_MODES 7

const char *move_mode_name(enum move_mode mode); /* "relative", … */
/* Whether only a network can say how far. */
bool move_is_judged(enum move_mode mode);

/* Why an edited face stands where it does; the numbers are those of face.stopped. */
enum move_end {
    MOVE_REACHED,     /* it has what was asked */
    MOVE_LIMIT,       /* what was asked lies beyond the stage's limit */
    MOVE_NOWHERE,     /* no distance has it: no point of the sphere, or the judge's answer jumps over it */
    MOVE_EVALUATIONS, /* it was not found with so many evaluations */
    MOVE_OFF_TARGET,  /* others moved by more than the stage's budget */
    MOVE_IDENTITY,    /* another person, by the bundle's identity network */
    MOVE_LIKENESS,    /* the same by the attributes' logits, where the bundle has no such network */
};
#define MOVE_ENDS 7

#define MOVE_NUMBERS 4 /* that a result tells of an edited face: α, reached, enum move_end, evaluations */

struct move {
    enum move_mode mode;
    size_t d;
    const float *direction; /* [d]: u */
    const float *normal;    /* [d]: n; score only */
    double offset;          /* b; score only */
    double amount;          /* a */
    double limit;           /* the most |α|; relative does not read it */
    double radius;          /* of the sphere, or 0: none */
};

/* The α of z + α u that leads there: MOVE_REACHED; or the limit, to the side where the target lies, and
 * MOVE_LIMIT (it lies beyond) or MOVE_NOWHERE (no α has it). Of the modes above score only. */
enum move_end move_find(const struct move *move, const float *z, double *alpha);

/*
 * moved[d] receives z' of z[d]; *distance the α of z + α u that leads there. Returns whether a is
 * reached: where no α does, or only one beyond the limit, the latent is moved by the limit, to the
 * side where the target lies, and false is returned. `moved` may be z.
 */
bool move_latent(const struct move *move, const float *z, float *moved, double *distance);

#endif
