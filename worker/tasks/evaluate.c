/* evaluate: a row of scores of each face as sampled, and one an edit of it: every target by every
 * distance, plain, and projected where there are conditions. */
#include <stdlib.h>

#include "worker/tasks/task.h"

static int fill_variants(const struct task *task, struct variant *variants, uint32_t count,
                         struct error *err)
{
    variants[0] = (struct variant){0};
    for (uint32_t v = 1; v < count; v++) {
        struct spec_variant edit = spec_stage_variant(task->stage, v);
        int failed = task_edit_variant(task, (uint64_t)edit.target, edit.projected, edit.distance,
                                       &variants[v], NULL, err);
        if (failed)
            return failed;
    }
    return 0;
}

int task_evaluate(struct task *task, struct error *err)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    uint32_t count = spec_stage_variants(task->stage, bundle->attributes_count +
                                                          (bundle->age_estimators_count > 0));
    struct variant *variants = calloc(count, sizeof *variants);
    if (!variants)
        return error_set(err, E_MEMORY, "no memory for %u variants", count);
    int failed = fill_variants(task, variants, count, err);
    if (!failed)
        failed = task_measure(task, variants, count, err);
    free(variants);
    return failed;
}
