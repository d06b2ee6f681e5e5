/*
 * Faces and their edits, made and measured. The variants whose features are wanted are the first of a face, and a
 * network for features can cost more than all others: where others follow, those are made apart.
 */
#include "worker/tasks/reach.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/move.h"
#include "worker/tasks/measured.h"

/* ---- a run of variants of all the faces ---- */

struct making {
    struct task *task;
    const struct ways *ways; /* NULL: the faces as sampled */
    uint64_t first;          /* face of the stage */
    const uint64_t *samples; /* [faces]: whose noise each has */
    const float *others;     /* [faces][latent] where styles are mixed in w, else NULL, */
    const uint64_t *masks;   /* [faces] */
    size_t faces, count;     /* count: variants */
    const struct task_made *made;
    const float *drawn;  /* [faces][latent] */
    const float *placed; /* [faces][count][latent]; without ways, `drawn` */
    float *sources;      /* embeddings of the faces as sampled or photographed, [faces][dimension] */
};

/* Variants first … first+count−1 of each face, [faces][count]. */
struct group {
    size_t first, count;
    float *z, *scores, *embeddings, *features;
    uint8_t *pixels;
    uint64_t *samples;
};

static size_t identity_size(const struct task *task)
{
    int identity = task->networks.identity;
    return identity < 0 ? 0 : pipeline_bundle(task->pipeline)->embedders[identity].dimension;
}

static bool has_features(const struct making *making, const struct group *group)
{
    return making->made->features && group->first == 0;
}

static int open_group(const struct making *making, struct group *group, struct error *err)
{
    const struct task *task = making->task;
    const struct task_made *made = making->made;
    size_t rows = making->faces * group->count;
    bool features = has_features(making, group), identity = made->identity;
    bool same = features && task->networks.features == task->networks.identity;
    group->z = malloc(rows * bundle_latent_size(pipeline_bundle(task->pipeline)) * sizeof(float));
    group->samples = malloc(rows * sizeof *group->samples);
    if (made->scores)
        group->scores = malloc(rows * pipeline_columns(task->pipeline) * sizeof(float));
    if (made->pixels)
        group->pixels = malloc(rows * pipeline_pixel_bytes(task->pipeline));
    if (features)
        group->features = malloc(rows * task->networks.dimension * sizeof(float));
    if (identity && !same)
        group->embeddings = malloc(rows * identity_size(task) * sizeof(float));
    bool all = group->z && group->samples && (!made->scores || group->scores) &&
               (!made->pixels || group->pixels) && (!features || group->features) &&
               (!identity || same || group->embeddings);
    return all ? 0 : error_set(err, E_MEMORY, "no memory for %zu faces", rows);
}

static void close_group(struct group *group)
{
    free(group->z);
    free(group->samples);
    free(group->scores);
    free(group->pixels);
    free(group->features);
    free(group->embeddings);
}

static void place_group(const struct making *making, const struct group *group)
{
    size_t d = bundle_latent_size(pipeline_bundle(making->task->pipeline));
    for (size_t face = 0; face < making->faces; face++) {
        memcpy(group->z + face * group->count * d,
               making->placed + (face * making->count + group->first) * d,
               group->count * d * sizeof *group->z);
        for (size_t k = 0; k < group->count; k++)
            group->samples[face * group->count + k] = making->samples[face];
    }
}

/* Whether the variant is the face as sampled. */
static bool is_still(const struct making *making, size_t variant)
{
    return !making->ways || ways_is_still(making->ways, variant);
}

static int run_group(const struct making *making, const struct group *group, struct error *err)
{
    const struct task *task = making->task;
    struct pipeline_wanted wanted = {
        .scores = group->scores, .pixels = group->pixels, .samples = group->samples};
    if (making->others) { /* the faces as sampled, one row each */
        wanted.others = making->others;
        wanted.layers = making->masks;
    }
    if (group->embeddings)
        wanted.embeddings[task->networks.identity] = group->embeddings;
    if (group->features)
        wanted.embeddings[task->networks.features] = group->features;
    return pipeline_make(task->pipeline, group->z, making->faces * group->count, &wanted,
                         &task->outcome->metrics, err);
}

static bool is_skipped(const struct making *making, size_t face)
{
    return making->task->photos && making->made->skipped[face];
}

/* The sample that a face is; of photos its place in their list. */
static uint64_t number_of(const struct making *making, size_t face)
{
    return spec_stage_samples(making->task->stage, making->first + face, 1).sample;
}

/* Names a face and edit in front of an error. */
static int name_row(const struct making *making, size_t face, size_t variant, int failed,
                    struct error *err)
{
    unsigned long long sample = (unsigned long long)number_of(making, face);
    struct buffer text;
    buffer_init(&text, LIMIT_TEXT_BYTES);
    bool described = !is_still(making, variant) &&
                     spec_describe_variant(making->task->stage,
                                           ways_variant(making->ways, variant), &text, NULL) == 0;
    error_prefix(err, failed, "%s %llu%s%s",
                 making->task->photos           ? "photo"
                 : making->task->stage->latents ? "row"
                                                : "sample",
                 sample, described ? " " : "", described ? (const char *)text.data : "");
    buffer_free(&text);
    return failed;
}

/* What one row of the group gave, checked, goes where it is wanted. */
static int take_row(const struct making *making, const struct group *group, size_t face, size_t v,
                    struct error *err)
{
    const struct task *task = making->task;
    const struct task_made *made = making->made;
    size_t row = face * group->count + v, to = face * making->count + group->first + v;
    size_t columns = pipeline_columns(task->pipeline), bytes = pipeline_pixel_bytes(task->pipeline);
    size_t width = task->networks.dimension, size = identity_size(task);
    const float *embeddings = group->embeddings ? group->embeddings : group->features;
    int failed = 0;
    if (is_skipped(making, face))
        return 0;
    if (made->scores) {
        memcpy(made->scores + to * columns, group->scores + row * columns, columns * sizeof(float));
        failed = measured_check_scores(pipeline_bundle(task->pipeline), made->scores + to * columns,
                                       err);
    }
    if (made->pixels)
        memcpy(made->pixels + to * bytes, group->pixels + row * bytes, bytes);
    if (!failed && group->features)
        failed = measured_check_embedding(pipeline_bundle(task->pipeline), task->networks.features,
                                          group->features + row * width, err);
    if (!failed && group->features && v < task->networks.variants)
        memcpy(made->features + (face * task->networks.variants + v) * width,
               group->features + row * width, width * sizeof(float));
    if (failed || !made->identity)
        return failed;
    if (group->first + v == 0 && is_still(making, 0) && !task->photos)
        memcpy(making->sources + face * size, embeddings + row * size, size * sizeof(float));
    failed = measured_check_embedding(pipeline_bundle(task->pipeline), task->networks.identity,
                                      embeddings + row * size, err);
    made->identity[to] =
        measured_cosine(making->sources + face * size, embeddings + row * size, size);
    return failed;
}

static int make_group(const struct making *making, size_t first, size_t count, struct error *err)
{
    struct group group = {.first = first, .count = count};
    int64_t since = clock_now();
    int failed = open_group(making, &group, err);
    if (!failed)
        place_group(making, &group);
    making->task->outcome->metrics.latents_ms += task_elapsed_ms(&since);
    if (!failed)
        failed = run_group(making, &group, err);
    for (size_t face = 0; !failed && face < making->faces; face++)
        for (size_t v = 0; !failed && v < count; v++) {
            failed = take_row(making, &group, face, v, err);
            if (failed)
                (void)name_row(making, face, first + v, failed, err);
        }
    close_group(&group);
    return failed;
}

/* The faces that identity is measured against, where they are no variant themselves. */
static int embed_sources(const struct making *making, struct error *err)
{
    const struct task *task = making->task;
    if (!making->made->identity || is_still(making, 0) || task->photos)
        return 0;
    return pipeline_embed(task->pipeline, (uint32_t)task->networks.identity, making->drawn,
                          making->samples, making->faces, making->sources, &task->outcome->metrics,
                          err);
}

static int make_all(const struct making *making, struct error *err)
{
    size_t count = making->count, some = making->task->networks.variants;
    size_t first = making->made->features && some < count ? some : count;
    int failed = embed_sources(making, err);
    if (!failed)
        failed = make_group(making, 0, first, err);
    return failed || first == count ? failed : make_group(making, first, count - first, err);
}

/* Milliseconds that the metrics have of networks. */
static double network_ms(const struct wire_stage_metrics *metrics)
{
    return metrics->generate_ms + metrics->label_ms;
}

/* Where the variants lie. The networks' time on the way is in the metrics already. */
static int place(struct task *task, const struct ways *ways, const float *drawn,
                 const uint64_t *samples, size_t faces, float *z, float *moves, struct error *err)
{
    struct wire_stage_metrics *metrics = &task->outcome->metrics;
    int64_t since = clock_now();
    double before = metrics->latents_ms, judged = network_ms(metrics);
    int failed = reach_place(task, ways, drawn, samples, faces, z, moves, err);
    metrics->latents_ms = before + task_elapsed_ms(&since) - (network_ms(metrics) - judged);
    return failed;
}

/* ---- where they begin ---- */

/* A photo that cannot be read goes along as some sample, so that nothing on the way is out of the ordinary. */
static int stand_in(const struct making *making, float *latents, struct error *err)
{
    const struct task *task = making->task;
    size_t d = bundle_latent_size(pipeline_bundle(task->pipeline));
    int failed = 0;
    for (size_t face = 0; !failed && face < making->faces; face++)
        if (is_skipped(making, face))
            failed = pipeline_latents(task->pipeline, task->spec->seed, number_of(making, face), 1,
                                      latents + face * d, err);
    return failed;
}

/* The faces' latents: drawn, or those of photos, with what else is wanted of these. */
static int find_latents(const struct making *making, float *latents, struct error *err)
{
    struct task *task = making->task;
    const struct task_made *made = making->made;
    if (!task->photos)
        return task_latents(task, task->stage, making->first, making->faces, latents, err);
    struct pipeline_wanted wanted = {.latents = latents, .pixels = made->photos};
    if (made->identity)
        wanted.embeddings[task->networks.identity] = making->sources;
    int failed = photos_measure(task->photos, task->pipeline, number_of(making, 0), making->faces, &wanted,
                                &(struct photos_told){.skipped = made->skipped},
                                &making->task->outcome->metrics, err);
    if (!failed)
        failed = measured_check_latents(latents, making->faces,
                                        bundle_latent_size(pipeline_bundle(task->pipeline)), err);
    return failed ? failed : stand_in(making, latents, err);
}

static void clear_moves(const struct making *making)
{
    size_t numbers = MOVE_NUMBERS * making->count;
    for (size_t face = 0; making->made->moves && face < making->faces; face++)
        if (is_skipped(making, face))
            memset(making->made->moves + face * numbers, 0, numbers * sizeof(float));
}

int task_variants(struct task *task, const struct ways *ways, uint64_t first, size_t faces,
                  const struct task_made *made, struct error *err)
{
    size_t d = bundle_latent_size(pipeline_bundle(task->pipeline));
    size_t count = ways ? ways_count(ways) : 1;
    int failed = task_check(task, err);
    if (failed)
        return failed;
    int64_t since = clock_now();
    float *drawn = malloc(faces * d * sizeof *drawn);
    float *placed = ways ? malloc(faces * count * d * sizeof *placed) : drawn;
    float *sources = malloc((faces * identity_size(task) + 1) * sizeof *sources);
    uint64_t *samples = malloc(faces * sizeof *samples);
    for (size_t face = 0; samples && face < faces; face++)
        samples[face] = spec_stage_samples(task->stage, first + face, 1).sample;
    bool mixed = task_mixes_in_w(task);
    float *others = mixed ? malloc(faces * d * sizeof *others) : NULL;
    uint64_t *masks = mixed ? malloc(faces * sizeof *masks) : NULL;
    const struct making making = {task,  ways,  first, samples, others, masks,
                                  faces, count, made,  drawn,   placed, sources};
    failed = drawn && placed && sources && samples && (!mixed || (others && masks))
                 ? find_latents(&making, drawn, err)
                 : error_set(err, E_MEMORY, "no memory for %zu latents", faces * count);
    if (!failed && mixed)
        failed = task_others(task, task->stage, first, faces, others, masks, err);
    task->outcome->metrics.latents_ms += task_elapsed_ms(&since);
    if (!failed && ways)
        failed = place(task, ways, drawn, samples, faces, placed, made->moves, err);
    clear_moves(&making);
    if (!failed)
        failed = make_all(&making, err);
    if (ways)
        free(placed);
    free(drawn);
    free(sources);
    free(samples);
    free(others);
    free(masks);
    return failed;
}
