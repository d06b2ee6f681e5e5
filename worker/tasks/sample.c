/* sample: faces as PNG files, in a folder or a tar of the task's own, named by the task's first
 * index; the files are named by sample index, which is also WebDataset's key in a tar. */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/encoder.h"
#include "worker/shard.h"
#include "worker/tasks/task.h"

/* Where the files go; the encoder's threads call add_file, one at a time and in order. */
struct target {
    struct shard *shard;
    uint64_t first; /* sample index of file 0 */
};

static int add_file(void *state, uint64_t image, const void *file, size_t size, struct error *err)
{
    const struct target *target = state;
    char name[64];
    snprintf(name, sizeof name, "%09llu.png", (unsigned long long)(target->first + image));
    return shard_add(target->shard, name, file, size, err);
}

/* Makes faces first … first+faces−1 and gives them to the encoder, which works while the device
 * makes the next ones. */
static int make_faces(struct task *task, struct encoder *encoder, uint64_t first, size_t faces,
                      struct error *err)
{
    uint8_t *pixels = malloc(faces * pipeline_pixel_bytes(task->pipeline));
    if (!pixels)
        return error_set(err, E_MEMORY, "no memory for %zu images", faces);
    int failed = task_variants(task, NULL, first, faces, &(struct task_made){.pixels = pixels}, err);
    int64_t since = clock_now();
    if (!failed)
        failed = encoder_put(encoder, &pixels, faces, err);
    task->outcome->metrics.encode_ms += task_elapsed_ms(&since);
    free(pixels);
    return failed;
}

static int fill(struct task *task, struct shard *shard, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    const struct bundle_image *form = &pipeline_bundle(task->pipeline)->generator.output;
    struct target target = {shard, task->stage->start + range->start};
    struct encoder *encoder = NULL;
    size_t chunk = task_chunk(task, 1);
    int failed = encoder_begin(encoder_threads(device_describe(task->device)), form->height,
                               form->width, add_file, &target, &encoder, err);
    for (size_t done = 0; !failed && done < range->count; done += chunk)
        failed = make_faces(task, encoder, target.first + done,
                            range->count - done < chunk ? range->count - done : chunk, err);
    int64_t since = clock_now();
    if (!failed)
        failed = encoder_end(&encoder, err);
    encoder_abandon(&encoder);
    task->outcome->metrics.encode_ms += task_elapsed_ms(&since);
    return failed;
}

static int commit(struct task *task, struct shard **shard, const char *path, bool tar,
                  struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    struct shard_summary summary;
    int64_t since = clock_now();
    int failed = shard_commit(shard, &summary, err);
    task->outcome->metrics.encode_ms += task_elapsed_ms(&since);
    if (failed)
        return failed;
    task->outcome->metrics.bytes += summary.bytes;
    const struct wire_file file = {
        .path = path,
        .kind = tar ? "tar" : "png-folder",
        .target = "",
        .start = range->start,
        .count = range->count,
        .bytes = summary.bytes,
        .sha256 = summary.sha256,
    };
    return outcome_add_file(task->outcome, &file, err);
}

int task_sample(struct task *task, struct error *err)
{
    bool tar = task->stage->output == SPEC_TAR;
    char tail[64], path[LIMIT_PATH_BYTES];
    snprintf(tail, sizeof tail, "%05llu%s",
             (unsigned long long)task->outcome->assignment->task.start, tar ? ".tar" : "");
    struct shard *shard = NULL;
    int failed = task_path(task, tail, path, err);
    if (!failed)
        failed = shard_begin(task->store, path, tar ? SHARD_TAR : SHARD_FOLDER, &shard, err);
    if (!failed)
        failed = fill(task, shard, err);
    if (!failed)
        failed = commit(task, &shard, path, tar, err);
    shard_abandon(&shard);
    return failed;
}
