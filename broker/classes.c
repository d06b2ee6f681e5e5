/* Classes of needs: a table of numbers, counted by the stages that have them. */
#include <stdlib.h>
#include <string.h>

#include "broker/farm.h"

struct needs_offer farm_offer(const struct farm_worker *worker)
{
    return (struct needs_offer){.device = worker->device_kind ? worker->device_kind : "",
                                .memory = worker->memory,
                                .labels = worker->labels ? worker->labels : ""};
}

bool farm_matches(const struct farm_worker *worker, const struct farm_stage *stage)
{
    if (stage->class != FARM_CLASS_OTHERS)
        return worker->classes >> stage->class & 1;
    const struct needs_offer offer = farm_offer(worker);
    return needs_met(&stage->spec->needs, &offer);
}

static void classify(const struct farm *farm, struct farm_worker *worker, unsigned class)
{
    const struct needs_offer offer = farm_offer(worker);
    uint64_t bit = (uint64_t)1 << class;
    worker->classes &= ~bit;
    if (needs_met(&farm->classes[class].needs, &offer))
        worker->classes |= bit;
}

/* Of FARM_CLASS_OTHERS it may meet some. */
void farm_classify(const struct farm *farm, struct farm_worker *worker)
{
    worker->classes = (uint64_t)1 << FARM_CLASS_ANY | (uint64_t)1 << FARM_CLASS_OTHERS;
    for (unsigned i = 1; i < FARM_CLASS_OTHERS; i++)
        if (farm->classes[i].stages > 0)
            classify(farm, worker, i);
}

/* Takes a free number for `needs`; false without memory. */
static bool open_class(struct farm *farm, unsigned class, const struct needs *needs)
{
    struct farm_class *made = &farm->classes[class];
    struct farm_worker *worker, *next;
    const char *labels = needs->labels ? strdup(needs->labels) : NULL;
    if (needs->labels && !labels)
        return false;
    made->needs = *needs;
    made->needs.labels = labels;
    HASH_ITER (by_session, farm->sessions, worker, next)
        classify(farm, worker, class);
    return true;
}

static unsigned find_class(struct farm *farm, const struct needs *needs)
{
    unsigned unused = FARM_CLASS_OTHERS;
    if (needs_nothing(needs))
        return FARM_CLASS_ANY;
    for (unsigned i = FARM_CLASS_OTHERS - 1; i >= 1; i--) {
        if (farm->classes[i].stages == 0)
            unused = i;
        else if (needs_equal(&farm->classes[i].needs, needs))
            return i;
    }
    return unused == FARM_CLASS_OTHERS || open_class(farm, unused, needs) ? unused
                                                                          : FARM_CLASS_OTHERS;
}

void farm_take_classes(struct farm *farm, struct farm_job *job)
{
    for (uint32_t i = 0; i < job->spec->stages_count; i++) {
        struct farm_stage *stage = &job->stages[i];
        stage->class = find_class(farm, &stage->spec->needs);
        farm->classes[stage->class].stages++;
    }
}

void farm_return_classes(struct farm *farm, struct farm_job *job)
{
    for (uint32_t i = 0; i < job->spec->stages_count; i++) {
        struct farm_class *class = &farm->classes[job->stages[i].class];
        if (--class->stages > 0)
            continue;
        free((char *)class->needs.labels);
        class->needs = (struct needs){0};
    }
}
