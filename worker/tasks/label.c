/* label: the scores of sampled faces as they are. */
#include "worker/tasks/task.h"

int task_label(struct task *task, struct error *err)
{
    return task_measure(task, NULL, err);
}
