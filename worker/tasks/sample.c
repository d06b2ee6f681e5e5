/* sample: faces as PNG files, in a folder or a tar of the task's own, named by the task's first
 * index; the files are named by sample index, which is also WebDataset's key in a tar. */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/png_file.h"
#include "worker/shard.h"
#include "worker/tasks/task.h"

static int add_faces(struct task *task, struct shard *shard, uint64_t first, size_t faces,
                     const uint8_t *pixels, struct error *err)
{
    const struct bundle_image *form = &pipeline_bundle(task->pipeline)->generator.output;
    struct buffer png;
    buffer_init(&png, SIZE_MAX / 2);
    int failed = 0;
    int64_t since = clock_now();
    for (size_t i = 0; !failed && i < faces; i++) {
        char name[64];
        snprintf(name, sizeof name, "%09llu.png", (unsigned long long)(first + i));
        buffer_clear(&png);
        failed = png_file_encode(pixels + i * pipeline_pixel_bytes(task->pipeline), form->height,
                                 form->width, &png, err);
        if (!failed)
            failed = shard_add(shard, name, png.data, png.size, err);
    }
    task->outcome->metrics.encode_ms += task_elapsed_ms(&since);
    buffer_free(&png);
    return failed;
}

static int fill(struct task *task, struct shard *shard, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    size_t chunk = task_chunk(task, 1);
    uint8_t *pixels = malloc(chunk * pipeline_pixel_bytes(task->pipeline));
    int failed = pixels ? 0 : error_set(err, E_MEMORY, "no memory for %zu images", chunk);
    for (size_t done = 0; !failed && done < range->count; done += chunk) {
        size_t faces = range->count - done < chunk ? range->count - done : chunk;
        uint64_t first = task->stage->start + range->start + done;
        failed = task_variants(task, first, faces, &(struct variant){0}, 1, NULL, pixels, err);
        if (!failed)
            failed = add_faces(task, shard, first, faces, pixels, err);
    }
    free(pixels);
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
