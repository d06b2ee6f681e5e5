/*
 * Which boundaries are the conditions of an edit's target: those that its stage holds ("all", but
 * for what is free; or the named ones), without those that occur in the target itself. A target is an
 * expression (common/projection.h) or several scores (common/joint.h).
 */
#ifndef COMMON_CONDITIONS_H
#define COMMON_CONDITIONS_H

#include "common/spec.h"

struct conditions {
    const struct spec_stage *spec; /* borrowed, as the names */
    const char *const *names;      /* [count]: of the boundaries */
    size_t count;
    bool *held;      /* [count]: by the stage, whatever the target */
    double *weights; /* [count]: λ, or μ of the soft projection */
    double *unit;    /* [count][count]: name space, */
    double
        *occurs; /* [count]: in which a target has a component for every name that occurs in it */
};

/* E_NOT_FOUND, E_INVALID name a condition that is no boundary. The caller closes. */
MUST_CHECK int conditions_open(const struct spec_stage *spec, const char *const *names,
                               size_t count, struct conditions *conditions, struct error *err);
void conditions_close(struct conditions *conditions);

/* which[*k ≤ count] receives the boundaries, ascending, that are conditions of a target, whose errors
 * are handed on. */
MUST_CHECK int conditions_of(struct conditions *conditions, const char *target, size_t *which,
                             size_t *k, struct error *err);

/* The target's only boundary and its sign, 1 or −1. E_INVALID where it is a sum or several scores. */
MUST_CHECK int conditions_single(struct conditions *conditions, const char *target, size_t *which,
                                 double *sign, struct error *err);

#endif
