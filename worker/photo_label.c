/*
 * A folder of photos through the labellers. Photos of one size that follow each other share a batch; scores
 * and names stay in memory (LIMIT_PHOTOS), pixels only of a batch.
 */
#include "worker/photo_label.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/photo_list.h"
#include "common/truth.h"
#include "worker/device_select.h"
#include "worker/photo.h"
#include "worker/photo_report.h"
#include "worker/pipeline.h"
#include "worker/worker.h"

#define BATCH_BYTES ((size_t)64 << 20) /* of pixels */

struct labelling {
    struct device *device;
    struct pipeline *pipeline;
    char **names;
    size_t count; /* of names; then of photos that could be read, whose names are the first */
    size_t unreadable;
    float *scores; /* [count][columns] */
    size_t done;
    /* The batch that is being collected. */
    uint8_t *pixels;
    size_t height, width, collected;
    struct wire_stage_metrics metrics;
};

/* ---- the folder ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct labelling *l, size_t *room, const char *name, struct error *err)
{
    if (l->count == LIMIT_PHOTOS)
        return error_set(err, E_LIMIT, "more than LIMIT_PHOTOS, %d, photos", LIMIT_PHOTOS);
    if (l->count == *room) {
        *room = *room ? 2 * *room : 256;
        char **names = realloc(l->names, *room * sizeof *names);
        if (!names)
            return error_set(err, E_MEMORY, "no memory for the names of %zu photos", *room);
        l->names = names;
    }
    l->names[l->count] = strdup(name);
    if (!l->names[l->count])
        return error_set(err, E_MEMORY, "no memory for a name");
    l->count++;
    return 0;
}

static int list_folder(struct labelling *l, const char *path, struct error *err)
{
    size_t room = 0;
    int failed = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: %s", path, strerror(errno));
    for (struct dirent *entry; !failed && (entry = readdir(folder));)
        if (photo_list_is_photo(entry->d_name))
            failed = add_name(l, &room, entry->d_name, err);
    closedir(folder);
    if (!failed && l->count == 0)
        failed = error_set(err, E_INVALID, "%s: no .png, .jpg or .jpeg file", path);
    if (!failed)
        qsort(l->names, l->count, sizeof *l->names, by_name);
    return failed;
}

/* ---- labelling ---- */

static size_t most_collected(const struct labelling *l)
{
    size_t fit = BATCH_BYTES / (l->height * l->width * 3);
    size_t batch = pipeline_batch(l->pipeline);
    return fit < 1 ? 1 : fit < batch ? fit : batch;
}

static int flush(struct labelling *l, struct error *err)
{
    if (l->collected == 0)
        return 0;
    const struct pipeline_wanted wanted = {
        .scores = l->scores + l->done * pipeline_columns(l->pipeline)};
    int failed = pipeline_photos(l->pipeline, l->pixels, l->height, l->width, l->collected, &wanted,
                                 &l->metrics, err);
    l->done += l->collected;
    l->collected = 0;
    return failed;
}

static int collect(struct labelling *l, const struct photo *photo, struct error *err)
{
    int failed = 0;
    if (photo->height != l->height || photo->width != l->width) {
        failed = flush(l, err);
        free(l->pixels);
        l->height = photo->height;
        l->width = photo->width;
        l->pixels = malloc(most_collected(l) * l->height * l->width * 3);
        if (!failed && !l->pixels)
            failed = error_set(err, E_MEMORY, "no memory for photos of %zux%zu", l->width, l->height);
    }
    if (failed)
        return failed;
    size_t bytes = l->height * l->width * 3;
    memcpy(l->pixels + l->collected++ * bytes, photo->pixels, bytes);
    return l->collected == most_collected(l) ? flush(l, err) : 0;
}

static int label_photo(struct labelling *l, const char *folder, size_t i, size_t *kept,
                       struct error *err)
{
    char path[4096];
    struct photo photo;
    struct error refused = {0};
    int length = snprintf(path, sizeof path, "%s/%s", folder, l->names[i]);
    int failed = length < 0 || (size_t)length >= sizeof path
                     ? error_set(&refused, E_LIMIT, "%s: the path is too long", l->names[i])
                     : photo_read(path, &photo, &refused);
    if (failed == E_MEMORY)
        return error_set(err, failed, "%s", refused.text);
    if (failed) {
        log_warning("%s", refused.text);
        l->unreadable++;
        return 0;
    }
    char *name = l->names[*kept];
    l->names[(*kept)++] = l->names[i];
    l->names[i] = name;
    failed = collect(l, &photo, err);
    photo_free(&photo);
    return failed;
}

static int label_folder(struct labelling *l, const char *folder, struct error *err)
{
    size_t kept = 0;
    int failed = 0;
    l->scores = malloc(l->count * pipeline_columns(l->pipeline) * sizeof *l->scores);
    if (!l->scores)
        return error_set(err, E_MEMORY, "no memory for the scores of %zu photos", l->count);
    for (size_t i = 0; !failed && i < l->count; i++)
        failed = label_photo(l, folder, i, &kept, err);
    if (!failed)
        failed = flush(l, err);
    if (!failed && kept == 0)
        failed = error_set(err, E_INVALID, "%s: none of %zu photos can be read", folder, l->count);
    return failed;
}

/* ---- the whole ---- */

static int read_truth(const struct photo_label_options *options, struct truth **truth,
                      struct error *err)
{
    if (!options->truth)
        return options->partition
                   ? error_set(err, E_INVALID, "a partition without truth says nothing: --truth FILE")
                   : 0;
    int failed = truth_read(options->truth, truth, err);
    return failed || !options->partition ? failed
                                         : truth_read_parts(*truth, options->partition, err);
}

static int open_pipeline(struct labelling *l, const struct photo_label_options *options,
                         struct error *err)
{
    struct device_choice choices[DEVICE_CHOICES_MAX];
    size_t count = 0;
    int failed = worker_choose_devices(options->device, 0, choices, &count, err);
    if (!failed)
        failed = device_open(choices[0].index, &choices[0].options, &l->device, err);
    return failed ? failed
                  : pipeline_open(l->device, options->bundle, options->batch, &l->pipeline, err);
}

static void close_labelling(struct labelling *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->names[i]);
    free(l->names);
    free(l->scores);
    free(l->pixels);
    pipeline_close(&l->pipeline);
    device_close(&l->device);
}

int photo_label(const struct photo_label_options *options, FILE *out, struct error *err)
{
    struct labelling l = {0};
    struct truth *truth = NULL;
    int failed = read_truth(options, &truth, err);
    if (!failed)
        failed = list_folder(&l, options->images, err);
    if (!failed)
        failed = open_pipeline(&l, options, err);
    if (!failed)
        failed = label_folder(&l, options->images, err);
    if (!failed) {
        const struct photo_report report = {.bundle = pipeline_bundle(l.pipeline),
                                            .truth = truth,
                                            .parts = options->partition != NULL,
                                            .names = (const char *const *)l.names,
                                            .photos = l.done,
                                            .unreadable = l.unreadable,
                                            .scores = l.scores};
        failed = options->scores ? photo_report_scores(&report, options->scores, err) : 0;
        if (!failed)
            failed = photo_report_print(&report, options->json, out, err);
    }
    close_labelling(&l);
    truth_free(&truth);
    return failed;
}
