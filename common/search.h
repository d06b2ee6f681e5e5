/*
 * How far along an edit a measured value becomes what is wanted: the root of f(α) = value − goal
 * for |α| ≤ limit, where f is known only by asking (a network judges the face at α), one α at a
 * time. The search holds no data of the face, so many run side by side and are asked in one batch.
 *
 * From f(0) the first question lies at a sixteenth of the limit on the side where the root is
 * expected; if |f| grows there, at the same distance on the other side, and the better side is followed.
 * Steps double until f changes its sign (a bracket); where the limit is reached without, the other side is
 * followed to its limit. So a root between two questions of the same sign is the only one that is not seen. A
 * bracket is narrowed
 * by regula falsi as modified in Illinois (Dowell & Jarratt, BIT 11, 1971: the value of an end that
 * stays twice counts half), and halved where two steps did not halve it. Every question lies inside
 * the bracket, so it only shrinks, and holds a root wherever f is continuous; f need not be monotone.
 *
 * The answer is the α asked with the smallest |f|. Only +, −, ×, ÷ in double: the same everywhere.
 */
#ifndef COMMON_SEARCH_H
#define COMMON_SEARCH_H

#include <stdbool.h>

#include "common/move.h"

struct search {
    double limit, tolerance;
    unsigned most; /* questions, that of α = 0 among them */
    /* the rest is the search's own */
    unsigned asked;
    double next;         /* the α to ask about */
    double edge[2], f_edge[2]; /* the furthest that was asked ahead (α > 0) and behind */
    int side;                  /* 0: ahead is followed, 1: behind */
    double near, f_near;       /* ends of the bracket; while there is none, f_far is f(0) */
    double far, f_far;
    double width;        /* of the bracket two questions ago */
    unsigned narrowed;
    bool bracketed;
    double best, f_best;
    enum move_end end;
    bool ended;
};

/* `start`: f(0), which counts as one question; `side`: 1 where f is expected to grow with α, −1 where it
 * is expected to fall. most ≥ 2, limit > 0, tolerance > 0. */
void search_begin(struct search *search, double start, int side);

/* The α to ask about; false where the search has ended. */
bool search_next(const struct search *search, double *alpha);
void search_take(struct search *search, double f);

/* Once ended: MOVE_REACHED where |f| ≤ tolerance; else MOVE_LIMIT (no bracket within the limit
 * on either side),
 * MOVE_EVALUATIONS (`most` was not enough) or MOVE_NOWHERE (f jumps over the goal). */
enum move_end search_result(const struct search *search, double *alpha);

#endif
