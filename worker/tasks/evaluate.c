/* evaluate: a row of scores of each face as sampled, and one an edit of it: every target by every
 * distance, plain, and projected where there are conditions. */
#include <stdlib.h>

#include "worker/tasks/ways.h"

int task_evaluate(struct task *task, struct error *err)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    uint32_t count = spec_stage_variants(task->stage, bundle->attributes_count +
                                                          (bundle->age_estimators_count > 0));
    struct spec_variant *variants = calloc(count, sizeof *variants);
    struct ways *ways = NULL;
    if (!variants)
        return error_set(err, E_MEMORY, "no memory for %u variants", count);
    for (uint32_t v = 0; v < count; v++)
        variants[v] = spec_stage_variant(task->stage, v);
    int failed = ways_open(task, variants, count, &ways, err);
    if (!failed)
        failed = task_measure(task, ways, err);
    ways_close(&ways);
    free(variants);
    return failed;
}
