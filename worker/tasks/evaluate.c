/* evaluate: scores before and after the edit towards the stage's first target, and after the
 * projected edit where there are conditions. */
#include "worker/tasks/task.h"

int task_evaluate(struct task *task, struct error *err)
{
    struct variant variants[3] = {{0}};
    size_t count = task->stage->conditions_count > 0 ? 3 : 2;
    for (size_t v = 1; v < count; v++) {
        variants[v].distance = (float)task->stage->distance;
        int failed =
            directions_find(task->directions, 0, v == 2, &variants[v].direction, NULL, err);
        if (failed)
            return failed;
    }
    return task_measure(task, variants, count, err);
}
