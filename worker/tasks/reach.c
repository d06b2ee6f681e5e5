/* Rounds of questions to the networks. Runs on the compute thread. */
#include "worker/tasks/reach.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/search.h"
#include "common/search_pair.h"
#include "worker/tasks/measured.h"

#define BATCHES 8 /* latents that are made at once, in batches of the pipeline */

/* One edit of one face. */
struct row {
    double alpha;  /* where it ends */
    double across; /* of a pair: along the second direction; goal_across: before a stop rule is
                      asked */
    double goal_across;
    enum move_end end;
    unsigned evaluations;
    struct search search;
    struct search_pair pair;
};

struct reach {
    struct task *task;
    const struct ways *ways;
    const float *drawn;
    const uint64_t *samples; /* [faces] */
    size_t faces, variants, columns, attributes, d;
    struct row *rows;       /* [faces][variants] */
    float *before;          /* [faces][columns]: scores as sampled */
    int embedder;           /* that says who it is, or −1 */
    size_t embedding;       /* numbers of it */
    float *before_embedded; /* [faces][embedding] */
    const float *moments;   /* [attributes][2] */
    /* of a round */
    size_t *asked;   /* [faces × variants]: rows that have a question, or faces */
    double *where;   /* [the same][2]: α, and of a pair the other one */
    float *latents;  /* [block][d] */
    uint64_t *noise; /* [block]: samples whose noise they have */
    float *scores;   /* [block][columns] */
    float *embedded; /* [block][embedding] */
    size_t block;
};

static const struct spec_stage *stage_of(const struct reach *r)
{
    return r->task->stage;
}

static const float *drawn_of(const struct reach *r, size_t row)
{
    return r->drawn + row / r->variants * r->d;
}

/* ---- asking ---- */

/* Judges `count` latents at r->latents. */
static int judge(struct reach *r, size_t count, bool embed, struct error *err)
{
    struct wire_stage_metrics *metrics = &r->task->outcome->metrics;
    struct pipeline_wanted wanted = {.scores = r->scores, .samples = r->noise};
    if (embed)
        wanted.embeddings[r->embedder] = r->embedded;
    int failed = task_check(r->task, err);
    if (!failed)
        failed = pipeline_make(r->task->pipeline, r->latents, count, &wanted, metrics, err);
    metrics->evaluations += failed ? 0 : count;
    return failed;
}

/* The faces as they were sampled. */
static int judge_before(struct reach *r, struct error *err)
{
    bool embed = r->before_embedded != NULL;
    int failed = 0;
    for (size_t done = 0; !failed && done < r->faces; done += r->block) {
        size_t count = r->faces - done < r->block ? r->faces - done : r->block;
        memcpy(r->latents, r->drawn + done * r->d, count * r->d * sizeof *r->latents);
        memcpy(r->noise, r->samples + done, count * sizeof *r->noise);
        failed = judge(r, count, embed, err);
        if (failed)
            break;
        memcpy(r->before + done * r->columns, r->scores, count * r->columns * sizeof *r->scores);
        if (embed)
            memcpy(r->before_embedded + done * r->embedding, r->embedded,
                   count * r->embedding * sizeof *r->embedded);
    }
    return failed;
}

typedef void (*take_answer)(struct reach *r, size_t row, const float *scores,
                            const float *embedded);

static void point(const struct reach *r, size_t row, const double at[2], float *z)
{
    if (ways_is_pair(r->ways))
        ways_point_pair(r->ways, row % r->variants, drawn_of(r, row), at, z);
    else
        ways_point(r->ways, row % r->variants, drawn_of(r, row), at[0], z);
}

/* Judges the rows asked[count] at where[count] and hands the answers over. */
static int ask(struct reach *r, size_t count, bool embed, take_answer take, struct error *err)
{
    int failed = 0;
    for (size_t done = 0; !failed && done < count; done += r->block) {
        size_t n = count - done < r->block ? count - done : r->block;
        for (size_t i = 0; i < n; i++) {
            size_t row = r->asked[done + i];
            r->noise[i] = r->samples[row / r->variants];
            point(r, row, r->where + 2 * (done + i), r->latents + i * r->d);
        }
        failed = judge(r, n, embed, err);
        for (size_t i = 0; !failed && i < n; i++) {
            failed = measured_check_scores(pipeline_bundle(r->task->pipeline),
                                           r->scores + i * r->columns, err);
            r->rows[r->asked[done + i]].evaluations++;
            take(r, r->asked[done + i], r->scores + i * r->columns,
                 embed ? r->embedded + i * r->embedding : NULL);
        }
    }
    return failed;
}

/* ---- searching ---- */

static void take_miss(struct reach *r, size_t row, const float *scores, const float *embedded)
{
    (void)embedded;
    const float *before = r->before + row / r->variants * r->columns;
    double misses[2];
    if (ways_is_pair(r->ways)) {
        ways_miss_pair(r->ways, row % r->variants, scores, before, misses);
        search_pair_take(&r->rows[row].pair, misses);
    } else {
        search_take(&r->rows[row].search, ways_miss(r->ways, row % r->variants, scores, before));
    }
}

static size_t list_searching(struct reach *r)
{
    size_t count = 0;
    bool pair = ways_is_pair(r->ways);
    for (size_t row = 0; row < r->faces * r->variants; row++)
        if (!ways_is_still(r->ways, row % r->variants) &&
            (pair ? search_pair_next(&r->rows[row].pair, &r->where[2 * count])
                  : search_next(&r->rows[row].search, &r->where[2 * count])))
            r->asked[count++] = row;
    return count;
}

static void begin_search(struct reach *r, size_t row)
{
    const struct spec_stage *stage = stage_of(r);
    size_t v = row % r->variants;
    struct search *search = &r->rows[row].search;
    struct search_pair *pair = &r->rows[row].pair;
    const float *before = r->before + row / r->variants * r->columns;
    double rows = stage->reach == MOVE_LOGIT ? stage->tolerance : SPEC_LOGIT_TOLERANCE, misses[2];
    if (ways_is_pair(r->ways)) {
        *pair = (struct search_pair){.limit = stage->limit,
                                     .tolerance = {stage->tolerance, rows},
                                     .most = stage->evaluations};
        ways_miss_pair(r->ways, v, before, before, misses);
        search_pair_begin(pair, misses);
    } else {
        *search = (struct search){
            .limit = stage->limit, .tolerance = stage->tolerance, .most = stage->evaluations};
        search_begin(search, ways_miss(r->ways, v, before, before), ways_side(r->ways, v));
    }
}

static void end_search(struct reach *r, size_t row)
{
    struct row *at = &r->rows[row];
    double where[2] = {0, 0};
    if (!ways_is_pair(r->ways)) {
        at->end = search_result(&at->search, &at->alpha);
        return;
    }
    at->end = search_pair_result(&at->pair, where);
    at->alpha = where[0];
    at->across = where[1];
}

static int search_all(struct reach *r, struct error *err)
{
    int failed = 0;
    for (size_t row = 0; row < r->faces * r->variants; row++)
        if (!ways_is_still(r->ways, row % r->variants))
            begin_search(r, row);
    for (size_t count; !failed && (count = list_searching(r)) > 0;)
        failed = ask(r, count, false, take_miss, err);
    for (size_t row = 0; row < r->faces * r->variants; row++)
        if (!ways_is_still(r->ways, row % r->variants))
            end_search(r, row);
    return failed;
}

static void close_all(struct reach *r)
{
    for (size_t row = 0; row < r->faces * r->variants; row++)
        if (!ways_is_still(r->ways, row % r->variants))
            r->rows[row].end =
                ways_end(r->ways, row % r->variants, drawn_of(r, row), &r->rows[row].alpha);
}

/* ---- stop rules ---- */

static double off_target(const struct reach *r, size_t v, const float *before, const float *now)
{
    double sum = 0;
    size_t count = 0;
    for (size_t k = 0; k < r->attributes; k++) {
        double deviation = (double)r->moments[2 * k + 1];
        if (ways_means(r->ways, v, k) || !(deviation > 0))
            continue;
        sum += fabs((double)now[k] - (double)before[k]) / deviation;
        count++;
    }
    return count > 0 ? sum / (double)count : 0;
}

/* Cosine of the logits in standard deviations from their means. */
static double likeness(const struct reach *r, const float *before, const float *now)
{
    double both = 0, first = 0, second = 0;
    for (size_t k = 0; k < r->attributes; k++) {
        double mean = (double)r->moments[2 * k], deviation = (double)r->moments[2 * k + 1];
        if (!(deviation > 0))
            continue;
        double a = ((double)before[k] - mean) / deviation, b = ((double)now[k] - mean) / deviation;
        both += a * b;
        first += a * a;
        second += b * b;
    }
    return first > 0 && second > 0 ? both / sqrt(first * second) : 1;
}

/* Whether it has gone too far, and by which rule. */
static bool judge_step(const struct reach *r, size_t row, const float *scores,
                       const float *embedded, enum move_end *end)
{
    const struct spec_stop *stop = &stage_of(r)->stop;
    size_t face = row / r->variants;
    const float *before = r->before + face * r->columns;
    if (stop->off_target > 0 &&
        !(off_target(r, row % r->variants, before, scores) <= stop->off_target)) {
        *end = MOVE_OFF_TARGET;
        return true;
    }
    if (!(stop->identity > -1))
        return false;
    *end = embedded ? MOVE_IDENTITY : MOVE_LIKENESS;
    return !((embedded ? (double)measured_cosine(r->before_embedded + face * r->embedding, embedded,
                                                 r->embedding)
                       : likeness(r, before, scores)) >= stop->identity);
}

/* A step that goes too far ends the way at the step before. search.asked counts the steps, and
 * search.best keeps the goal meanwhile. */
static void take_step(struct reach *r, size_t row, const float *scores, const float *embedded)
{
    const struct spec_stop *stop = &stage_of(r)->stop;
    struct row *at = &r->rows[row];
    enum move_end end = at->end;
    if (judge_step(r, row, scores, embedded, &end)) {
        double share = spec_stop_share(stop, at->search.asked);
        at->alpha = at->search.best * share;
        at->across = at->goal_across * share;
        at->end = end;
        at->search.ended = true;
        return;
    }
    at->search.asked++;
}

static int walk_all(struct reach *r, struct error *err)
{
    const struct spec_stop *stop = &stage_of(r)->stop;
    size_t total = r->faces * r->variants;
    int failed = 0;
    for (size_t row = 0; row < total; row++) {
        struct row *at = &r->rows[row];
        at->goal_across = at->across;
        at->search = (struct search){.best = at->alpha,
                                     .ended = ways_is_still(r->ways, row % r->variants) ||
                                              (at->alpha == 0 && at->across == 0)};
    }
    for (uint32_t step = 1; !failed && step <= stop->walk; step++) {
        size_t count = 0;
        for (size_t row = 0; row < total; row++)
            if (!r->rows[row].search.ended) {
                double share = spec_stop_share(stop, step);
                r->where[2 * count] = r->rows[row].search.best * share;
                r->where[2 * count + 1] = r->rows[row].goal_across * share;
                r->asked[count++] = row;
            }
        failed = ask(r, count, r->before_embedded != NULL, take_step, err);
    }
    return failed;
}

/* ---- the whole ---- */

static int open_reach(struct reach *r, struct error *err)
{
    const struct spec_stage *stage = stage_of(r);
    const struct bundle *bundle = pipeline_bundle(r->task->pipeline);
    bool stops = spec_stage_stops(stage), asks = stops || move_is_judged(stage->reach);
    size_t total = r->faces * r->variants;
    r->rows = calloc(total, sizeof *r->rows);
    if (!r->rows)
        return error_set(err, E_MEMORY, "no memory for %zu edits", total);
    if (!asks)
        return 0;
    r->embedder = stops && stage->stop.identity > -1 ? r->task->networks.identity : -1;
    r->embedding = r->embedder >= 0 ? bundle->embedders[r->embedder].dimension : 0;
    r->block = BATCHES * pipeline_batch(r->task->pipeline);
    r->asked = calloc(total, sizeof *r->asked);
    r->where = calloc(2 * total, sizeof *r->where);
    r->before = calloc(r->faces * r->columns, sizeof *r->before);
    r->latents = calloc(r->block * r->d, sizeof *r->latents);
    r->noise = calloc(r->block, sizeof *r->noise);
    r->scores = calloc(r->block * r->columns, sizeof *r->scores);
    bool room = r->asked && r->where && r->before && r->latents && r->noise && r->scores;
    if (r->embedding) {
        r->before_embedded = calloc(r->faces * r->embedding, sizeof *r->before_embedded);
        r->embedded = calloc(r->block * r->embedding, sizeof *r->embedded);
        room = room && r->before_embedded && r->embedded;
    }
    if (!room)
        return error_set(err, E_MEMORY, "no memory to judge %zu edits", total);
    return stops ? directions_logits(r->task->directions, r->attributes, &r->moments, err) : 0;
}

static void close_reach(struct reach *r)
{
    free(r->rows);
    free(r->before);
    free(r->before_embedded);
    free(r->asked);
    free(r->where);
    free(r->latents);
    free(r->noise);
    free(r->scores);
    free(r->embedded);
}

static void place(const struct reach *r, size_t row, float *z, float *move)
{
    size_t v = row % r->variants;
    const struct row *at = &r->rows[row];
    if (ways_is_still(r->ways, v))
        memcpy(z, drawn_of(r, row), r->d * sizeof *z);
    else
        point(r, row, (double[2]){at->alpha, at->across}, z);
    if (!move)
        return;
    move[0] = (float)at->alpha;
    if (ways_is_pair(r->ways))
        move[0] = (float)ways_pair_length(r->ways, v, (double[2]){at->alpha, at->across});
    move[1] = at->end == MOVE_REACHED;
    move[2] = (float)at->end;
    move[3] = (float)at->evaluations;
}

int reach_place(struct task *task, const struct ways *ways, const float *drawn,
                const uint64_t *samples, size_t faces, float *z, float *moves, struct error *err)
{
    const struct bundle *bundle = pipeline_bundle(task->pipeline);
    struct reach r = {
        .task = task,
        .ways = ways,
        .drawn = drawn,
        .samples = samples,
        .faces = faces,
        .variants = ways_count(ways),
        .columns = pipeline_columns(task->pipeline),
        .attributes = bundle->attributes_count,
        .d = bundle_latent_size(bundle),
        .embedder = -1,
    };
    bool judged = move_is_judged(task->stage->reach);
    int failed = open_reach(&r, err);
    if (!failed && r.before)
        failed = judge_before(&r, err);
    if (!failed && judged)
        failed = search_all(&r, err);
    else if (!failed)
        close_all(&r);
    if (!failed && spec_stage_stops(task->stage))
        failed = walk_all(&r, err);
    for (size_t row = 0; !failed && row < faces * r.variants; row++)
        place(&r, row, z + row * r.d, moves ? moves + MOVE_NUMBERS * row : NULL);
    close_reach(&r);
    return failed;
}
