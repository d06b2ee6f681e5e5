/* sample: faces as PNG files, in a folder or a tar of the task's own, named by the task's first
 * index; the files are named by sample index, which is also WebDataset's key in a tar. */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/encoder.h"
#include "worker/shard.h"
#include "worker/tasks/task.h"

/* What outlives the handler: the encoder's threads call add_file, one at a time and in order. */
struct files {
    struct shard *shard;
    struct encoder *encoder;
    uint64_t first; /* sample index of file 0 */
    bool tar;
    char path[LIMIT_PATH_BYTES];
};

static int add_file(void *state, uint64_t image, const void *file, size_t size, struct error *err)
{
    const struct files *files = state;
    char name[64];
    snprintf(name, sizeof name, "%09llu.png", (unsigned long long)(files->first + image));
    return shard_add(files->shard, name, file, size, err);
}

static void close_files(struct files *files)
{
    encoder_abandon(&files->encoder); /* first: its threads write to the shard */
    shard_abandon(&files->shard);
    free(files);
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

static int fill(struct task *task, struct files *files, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    const struct bundle_image *form = &pipeline_bundle(task->pipeline)->generator.output;
    size_t chunk = task_chunk(task, 1);
    int failed = encoder_begin(encoder_threads(device_describe(task->device)), form->height,
                               form->width, add_file, files, &files->encoder, err);
    for (size_t done = 0; !failed && done < range->count; done += chunk)
        failed = make_faces(task, files->encoder, files->first + done,
                            range->count - done < chunk ? range->count - done : chunk, err);
    return failed;
}

/* The last images, and the shard for good. */
static int finish(struct outcome *outcome, void *state, struct error *err)
{
    struct files *files = state;
    const struct wire_task *range = &outcome->assignment->task;
    struct shard_summary summary;
    int failed = encoder_end(&files->encoder, err);
    if (!failed)
        failed = shard_commit(&files->shard, &summary, err);
    if (!failed) {
        const struct wire_file file = {
            .path = files->path,
            .kind = files->tar ? "tar" : "png-folder",
            .target = "",
            .start = range->start,
            .count = range->count,
            .bytes = summary.bytes,
            .sha256 = summary.sha256,
        };
        outcome->metrics.bytes += summary.bytes;
        failed = outcome_add_file(outcome, &file, err);
    }
    close_files(files);
    return failed;
}

int task_sample(struct task *task, struct error *err)
{
    uint64_t start = task->outcome->assignment->task.start;
    char tail[64];
    struct files *files = calloc(1, sizeof *files);
    if (!files)
        return error_set(err, E_MEMORY, "no memory for a task's files");
    files->tar = task->stage->output == SPEC_TAR;
    files->first = task->stage->start + start;
    snprintf(tail, sizeof tail, "%05llu%s", (unsigned long long)start, files->tar ? ".tar" : "");
    int failed = task_path(task, tail, files->path, err);
    if (!failed)
        failed = shard_begin(task->store, files->path, files->tar ? SHARD_TAR : SHARD_FOLDER,
                             &files->shard, err);
    if (!failed)
        failed = fill(task, files, err);
    if (failed) {
        close_files(files);
        return failed;
    }
    task->outcome->finish = finish;
    task->outcome->finish_state = files;
    return 0;
}
