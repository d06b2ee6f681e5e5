/* sample: faces as PNG files, in a folder or a tar of the task's own, named by the task's first
 * index; the files are named by sample index, which is also WebDataset's key in a tar. */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/encoder.h"
#include "worker/shard.h"
#include "worker/tasks/task.h"

#define NAME_SAMPLES 1000000000 /* samples whose names have nine digits */

/* What outlives the handler: the encoder's threads call add_file, one at a time and in order. */
struct files {
    struct shard *shard;
    struct encoder *encoder;
    struct seeds_run *runs; /* samples of the task's faces, from face 0 of the task on */
    size_t run, runs_count; /* run: of the next file */
    bool tar;
    const char *store;
    char path[LIMIT_PATH_BYTES];
};

static int add_file(void *state, uint64_t image, const void *file, size_t size, struct error *err)
{
    struct files *files = state;
    char name[64];
    while (files->run + 1 < files->runs_count && image >= files->runs[files->run + 1].face)
        files->run++;
    const struct seeds_run *run = &files->runs[files->run];
    snprintf(name, sizeof name, "%09llu.png", (unsigned long long)(run->sample + image - run->face));
    return shard_add(files->shard, name, file, size, err);
}

static void close_files(struct files *files)
{
    encoder_abandon(&files->encoder); /* first: its threads write to the shard */
    shard_abandon(&files->shard);
    free(files->runs);
    free(files);
}

/* The spec does not outlive the handler either. */
static int list_runs(const struct task *task, struct files *files, struct error *err)
{
    const struct wire_task *range = &task->outcome->assignment->task;
    size_t most = task->stage->seeds.count > 0 ? task->stage->seeds.count : 1;
    files->runs = calloc(most, sizeof *files->runs);
    if (!files->runs)
        return error_set(err, E_MEMORY, "no memory for the samples of a task");
    for (uint64_t done = 0; done < range->count;) {
        struct seeds_run run =
            spec_stage_samples(task->stage, range->start + done, range->count - done);
        run.face = done;
        done += run.count;
        files->runs[files->runs_count++] = run;
    }
    return 0;
}

/* Makes faces first … first+faces−1 and gives them to the encoder. */
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
    const struct encoder_way way = encoder_way(device_describe(task->device));
    int failed = encoder_begin(&way, form->height, form->width, add_file, files, &files->encoder, err);
    if (!failed)
        encoder_stop_by(files->encoder, task->cancelled);
    for (size_t done = 0; !failed && done < range->count; done += chunk)
        failed = make_faces(task, files->encoder, range->start + done,
                            range->count - done < chunk ? range->count - done : chunk, err);
    return failed;
}

/* A folder's digest is over its files in the order of their names (common/digest.h), the shard's over them as they
 * came: the same, unless samples do not rise, or have names of several lengths. */
static int digest_by_name(const struct files *files, struct shard_summary *summary, struct error *err)
{
    char full[2 * LIMIT_PATH_BYTES];
    const struct seeds_run *last = &files->runs[files->runs_count - 1];
    if (files->tar || (files->runs_count == 1 && last->sample + last->count <= NAME_SAMPLES))
        return 0;
    snprintf(full, sizeof full, "%s/%s", files->store, files->path);
    return digest_folder(full, summary->sha256, &summary->bytes, err);
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
    if (!failed)
        failed = digest_by_name(files, &summary, err);
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
    if (spec_stage_is_mixed_sheet(task->stage))
        return task_mixed_sheet(task, err);
    struct files *files = calloc(1, sizeof *files);
    if (!files)
        return error_set(err, E_MEMORY, "no memory for a task's files");
    files->tar = task->stage->output == SPEC_TAR;
    files->store = task->store;
    snprintf(tail, sizeof tail, "%05llu%s", (unsigned long long)start, files->tar ? ".tar" : "");
    int failed = task_path(task, tail, files->path, err);
    if (!failed)
        failed = list_runs(task, files, err);
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
