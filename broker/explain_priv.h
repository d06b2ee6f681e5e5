/* What explain.c and explain_workers.c share. */
#ifndef BROKER_EXPLAIN_PRIV_H
#define BROKER_EXPLAIN_PRIV_H

#include "broker/explain.h"

struct scene {
    const struct farm *farm;
    const struct farm_stage *stage;
    const struct explain_view *view;
    struct explanation *out;
    struct error *err;
};

/* Adds a reason why the scene's stage runs or does not. */
MUST_CHECK int explain_say(const struct scene *scene, const char *code, const char *text);
/* What is to be said of a stage with tasks that nobody has: of the workers that could. */
MUST_CHECK int explain_waiting_for_workers(const struct scene *scene);

#endif
