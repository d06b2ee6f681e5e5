/* Several scores at once, as a target's text: "Young=-2,Smiling=1.5" (see common/spec.h). */
#ifndef COMMON_JOINT_H
#define COMMON_JOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

#define JOINT_MOST 64     /* scores of one target */
#define JOINT_SCORE_MOST 1e6

/* Whether a target is one of several scores. */
bool joint_is(const char *target);

/* Whether its text can be read: names, each once, and finite scores. */
MUST_CHECK int joint_check(const char *target, struct error *err);

struct joint {
    size_t count;
    size_t which[JOINT_MOST]; /* boundaries, ascending */
    double scores[JOINT_MOST];
};

/* Reads it with boundaries names[k]; an unknown name is E_NOT_FOUND. */
MUST_CHECK int joint_parse(const char *target, const char *const *names, size_t k,
                           struct joint *joint, struct error *err);

#endif
