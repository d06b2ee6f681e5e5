/* label: the scores of sampled faces, or of photos, as they are. */
#include "worker/tasks/task.h"

int task_label(struct task *task, struct error *err)
{
    if (task->photos)
        return task_label_photos(task, err);
    return task_measure(task, NULL, err);
}
