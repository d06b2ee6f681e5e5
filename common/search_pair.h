/*
 * The same as common/search.h in two numbers: how far along two directions two measured values become what is
 * wanted. The root of f(α, β) = (values − goals) in the box |α|, |β| ≤ limit, one question (a face that is
 * judged) at a time; both misses count in units of their tolerances.
 *
 * Broyden's method ("A class of methods for solving nonlinear simultaneous equations", Mathematics of
 * Computation 19, 1965): the Jacobian is measured by a step of a sixteenth of the limit along each direction, and
 * corrected by every question after it with the least change that explains what was seen. A step goes from the best
 * point seen; one that finds nothing better is halved, up to twice, and then the Jacobian is measured anew there.
 *
 * The answer is the point asked with the least sum of squares. Only +, −, ×, ÷ in double: the same everywhere.
 */
#ifndef COMMON_SEARCH_PAIR_H
#define COMMON_SEARCH_PAIR_H

#include <stdbool.h>

#include "common/move.h"

struct search_pair {
    double limit, tolerance[2];
    unsigned most; /* questions, that of (0, 0) among them */
    /* the rest is the search's own */
    unsigned asked;
    double next[2];
    double best[2], f_best[2]; /* f in tolerances */
    double base[2], f_base[2]; /* where the Jacobian is measured */
    double jacobian[2][2];     /* [value][direction] */
    int probing;               /* the direction whose column is asked for; 2: none */
    unsigned halved;
    enum move_end end;
    bool ended;
};

/* `start`: f(0, 0), which counts as one question. most ≥ 2, limit > 0, tolerances > 0. */
void search_pair_begin(struct search_pair *search, const double start[2]);

/* The point to ask about; false where the search has ended. */
bool search_pair_next(const struct search_pair *search, double at[2]);
void search_pair_take(struct search_pair *search, const double f[2]);

/* Once ended: MOVE_REACHED where both |f| are within their tolerances; else MOVE_LIMIT (the way leads out of the
 * box), MOVE_NOWHERE (neither direction moves the values apart) or MOVE_EVALUATIONS. at[2] is where. */
enum move_end search_pair_result(const struct search_pair *search, double at[2]);

#endif
