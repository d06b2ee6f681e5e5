/* A stage's progress. The three counts and the three sets say the same; `taken` is leased ∪
 * poisoned. */
#include "broker/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/stage_networks.h"

#define SAMPLE_TASK 256
#define LABEL_TASK 512
#define EVALUATE_TASK 256
#define PROBE_TASK 1
#define ENCODE_TASK 64
#define FIT_TASKS 4 /* a fit is split among so many */

#define PHOTO_BYTES 4096 /* of what is told of one, at most */

/* A message holds more than its scores. */
#define VALUES_MOST (LIMIT_ROWS_BYTES / 2)

static uint64_t usual_size(const struct spec_stage *stage, uint64_t total)
{
    switch (stage->kind) {
    case SPEC_SAMPLE:
        return SAMPLE_TASK;
    case SPEC_LABEL:
        return LABEL_TASK;
    case SPEC_FIT:
        return (total + FIT_TASKS - 1) / FIT_TASKS;
    case SPEC_EDIT:
        return spec_stage_unit(stage);
    case SPEC_EVALUATE:
        return EVALUATE_TASK;
    case SPEC_PROBE:
        return PROBE_TASK;
    case SPEC_ENCODE:
        return ENCODE_TASK;
    }
    return 1;
}

/* Bytes of values that an index brings back. */
static uint64_t index_bytes(const struct spec_stage *stage, const struct bundle *bundle)
{
    struct stage_networks networks;
    if (stage->kind == SPEC_FIT)
        return (uint64_t)bundle_latent_size(bundle) * sizeof(float) *
               (SPEC_METHODS + 1); /* with `across` */
    uint64_t boundaries = bundle->attributes_count + (bundle->age_estimators_count > 0);
    uint64_t columns = bundle_score_columns(bundle) + (spec_stage_moves(stage) ? MOVE_NUMBERS : 0);
    if (stage_networks(stage, bundle, &networks, NULL) == 0)
        columns += networks.identity >= 0;
    uint64_t values = spec_stage_variants(stage, boundaries) * columns +
                      stage_networks_features(&networks, 0, 1);
    if (stage->kind == SPEC_ENCODE)
        values += bundle_latent_size(bundle);
    bool tells = stage->kind == SPEC_ENCODE || stage->kind == SPEC_LABEL;
    return values * sizeof(float) + (tells && spec_stage_reads_photos(stage) ? PHOTO_BYTES : 0);
}

static uint64_t most_indices(const struct spec_stage *stage, const struct bundle *bundle)
{
    uint64_t bytes = index_bytes(stage, bundle);
    uint64_t most = stage->kind == SPEC_FIT ? LIMIT_ATTRIBUTES : LIMIT_TASK_SAMPLES;
    if (bytes && VALUES_MOST / bytes < most)
        most = VALUES_MOST / bytes;
    return most;
}

int plan_init(struct plan *plan, const struct spec_stage *stage, const struct bundle *bundle,
              struct error *err)
{
    bool has_age = bundle->age_estimators_count > 0;
    uint64_t unit = spec_stage_unit(stage), most = most_indices(stage, bundle);
    *plan = (struct plan){0};
    plan->total = spec_stage_total(stage, bundle->attributes_count, has_age);
    if (unit > most)
        return error_set(err, E_LIMIT,
                         "stage %s: one task of %llu indices would bring back %llu "
                         "bytes, at most %u fit into a result",
                         stage->name, (unsigned long long)unit,
                         (unsigned long long)(unit * index_bytes(stage, bundle)), VALUES_MOST);
    uint64_t size = stage->task_size ? stage->task_size : usual_size(stage, plan->total);
    if (size > most)
        size = most;
    plan->adapts = !stage->task_size && (stage->kind == SPEC_LABEL || stage->kind == SPEC_EVALUATE);
    plan->most = most;
    plan->unit = unit;
    plan->size = size < unit ? unit : size / unit * unit;
    return 0;
}

void plan_free(struct plan *plan)
{
    interval_set_free(&plan->done);
    interval_set_free(&plan->taken);
    interval_set_free(&plan->poisoned);
    free(plan->suspects);
    *plan = (struct plan){0};
}

/* ---- suspects ---- */

/* Index of the first suspect that ends behind `at`. */
static size_t find_suspect(const struct plan *plan, uint64_t at)
{
    size_t low = 0, high = plan->suspects_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->suspects[middle].start + plan->suspects[middle].count <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Replaces suspects [from, to) by `count` others. */
static int splice_suspects(struct plan *plan, size_t from, size_t to,
                           const struct plan_suspect *with, size_t count, struct error *err)
{
    size_t rest = plan->suspects_count - to, need = from + count + rest;
    if (need > plan->suspects_capacity) {
        struct plan_suspect *grown = realloc(plan->suspects, 2 * need * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for the attempts of a range");
        plan->suspects = grown;
        plan->suspects_capacity = 2 * need;
    }
    if (rest)
        memmove(plan->suspects + from + count, plan->suspects + to, rest * sizeof *with);
    if (count)
        memcpy(plan->suspects + from, with, count * sizeof *with);
    plan->suspects_count = need;
    return 0;
}

static void drop_suspect(struct plan *plan, size_t i)
{
    memmove(plan->suspects + i, plan->suspects + i + 1,
            (--plan->suspects_count - i) * sizeof *plan->suspects);
}

uint32_t plan_attempts(const struct plan *plan, uint64_t start)
{
    size_t i = find_suspect(plan, start);
    return i < plan->suspects_count && plan->suspects[i].start <= start ? plan->suspects[i].times
                                                                        : 0;
}

int plan_failed(struct plan *plan, uint64_t start, uint64_t count, uint32_t max_attempts,
                int64_t worker, struct error *err)
{
    size_t from = find_suspect(plan, start), to = from;
    uint32_t halving = max_attempts < 2 ? max_attempts : 2;
    struct plan_suspect whole = {start, count, 1, worker}, with[2];
    for (; to < plan->suspects_count && plan->suspects[to].start < start + count; to++)
        if (plan->suspects[to].times + 1 > whole.times)
            whole.times = plan->suspects[to].times + 1;
    bool cut = count > plan->unit && whole.times >= halving;
    bool spent = count <= plan->unit && whole.times >= max_attempts;
    uint64_t half = (count / plan->unit + 1) / 2 * plan->unit;
    with[0] = cut ? (struct plan_suspect){start, half, halving - 1, worker} : whole;
    with[1] = (struct plan_suspect){start + half, count - half, halving - 1, worker};
    int rc = splice_suspects(plan, from, to, with, spent ? 0 : cut ? 2 : 1, err);
    return rc < 0 ? rc : spent ? PLAN_SPENT : cut ? PLAN_HALVED : PLAN_AGAIN;
}

void plan_prune(struct plan *plan)
{
    for (size_t i = plan->suspects_count; i-- > 0;) {
        const struct plan_suspect *suspect = &plan->suspects[i];
        if (interval_set_contains(&plan->done, suspect->start, suspect->start + suspect->count))
            drop_suspect(plan, i);
    }
}

/* ---- cutting ---- */

/* The next free range from *at on, no suspect and a part of none. Suspects that failed last at
 * `avoid` are passed over. */
static bool find_range(const struct plan *plan, uint64_t at, int64_t avoid, uint64_t length,
                       struct interval *range)
{
    while (interval_first_gap(&plan->done, &plan->taken, at, plan->total, length, length, range)) {
        size_t i = find_suspect(plan, range->start);
        const struct plan_suspect *suspect = &plan->suspects[i];
        if (i == plan->suspects_count || suspect->start >= range->end)
            return true;
        if (suspect->start > range->start) {
            range->end = suspect->start;
            return true;
        }
        at = suspect->start + suspect->count;
        if (avoid && suspect->worker == avoid)
            continue;
        return interval_first_gap(&plan->done, &plan->taken, range->start, at, suspect->count, 0,
                                  range);
    }
    return false;
}

/* The greatest power of two that is at most this, at least 1. */
static uint64_t power_below(double units)
{
    uint64_t power = 1;
    while ((double)power * 2 <= units && power < LIMIT_TASK_SAMPLES)
        power *= 2;
    return power;
}

uint64_t plan_length(const struct plan *plan, double seconds, uint64_t slots)
{
    if (!plan->adapts)
        return plan->size;
    uint64_t taken = plan->done_count + plan->leased_count + plan->poisoned_count;
    double unit = (double)plan->unit, each = seconds * unit;
    double units = each > 0 ? PLAN_SECONDS / each : PLAN_FIRST;
    double least = each > 0 ? PLAN_LEAST_SECONDS / each : PLAN_FIRST;
    double share = (double)(plan->total - taken) / unit / (2 * (double)(slots ? slots : 1));
    double batch = least < PLAN_BATCH ? least : PLAN_BATCH; /* the tail is cut no finer */
    if (share < units)
        units = share > batch ? share : batch;
    uint64_t length = power_below(units) * plan->unit;
    return length < plan->most ? length : plan->most / plan->unit * plan->unit;
}

int plan_cut(struct plan *plan, int64_t avoid, uint64_t length, struct interval *range,
             struct error *err)
{
    struct interval lowest, gap;
    if (!plan_has_work(plan) || !interval_first_gap(&plan->done, &plan->taken, plan->first_free,
                                                    plan->total, 1, 0, &lowest))
        return 0;
    plan->first_free = lowest.start;
    if (!find_range(plan, lowest.start, avoid, length, &gap))
        return 0;
    int rc = interval_set_add(&plan->taken, gap.start, gap.end, NULL, err);
    if (rc < 0)
        return rc;
    plan->leased_count += gap.end - gap.start;
    *range = gap;
    return 1;
}

int plan_take(struct plan *plan, uint64_t start, uint64_t count, struct error *err)
{
    uint64_t end = start + count;
    if (count == 0 || end > plan->total || start % plan->unit || count % plan->unit ||
        interval_set_overlaps(&plan->done, start, end) ||
        interval_set_overlaps(&plan->taken, start, end))
        return 0;
    int rc = interval_set_add(&plan->taken, start, end, NULL, err);
    if (rc < 0)
        return rc;
    plan->leased_count += count;
    return 1;
}

/* ---- progress ---- */

/* Of a range that is done by now, in part or as a whole, only the rest is leased still. */
int plan_return(struct plan *plan, uint64_t start, uint64_t count, struct error *err)
{
    uint64_t taken = 0;
    if (interval_set_overlaps(&plan->poisoned, start, start + count))
        return 0;
    int rc = interval_set_remove(&plan->taken, start, start + count, &taken, err);
    if (rc < 0)
        return rc;
    plan->leased_count -= taken;
    if (taken > 0 && start < plan->first_free)
        plan->first_free = start;
    return 0;
}

int plan_done(struct plan *plan, uint64_t start, uint64_t count, struct error *err)
{
    uint64_t added = 0, taken = 0, poisoned = 0;
    int rc = interval_set_add(&plan->done, start, start + count, &added, err);
    if (rc == 0)
        rc = interval_set_remove(&plan->taken, start, start + count, &taken, err);
    if (rc == 0)
        rc = interval_set_remove(&plan->poisoned, start, start + count, &poisoned, err);
    if (rc < 0)
        return rc;
    plan->done_count += added;
    plan->poisoned_count -= poisoned;
    plan->leased_count -= taken - poisoned;
    for (size_t i = find_suspect(plan, start);
         i < plan->suspects_count && plan->suspects[i].start < start + count;)
        if (interval_set_contains(&plan->done, plan->suspects[i].start,
                                  plan->suspects[i].start + plan->suspects[i].count))
            drop_suspect(plan, i);
        else
            i++;
    return 0;
}

int plan_poison(struct plan *plan, uint64_t start, uint64_t count, struct error *err)
{
    uint64_t added = 0;
    int rc = interval_set_add(&plan->poisoned, start, start + count, &added, err);
    if (rc == 0)
        rc = interval_set_add(&plan->taken, start, start + count, NULL, err);
    if (rc == 0)
        plan->poisoned_count += added;
    return rc;
}

int plan_forgive(struct plan *plan, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plan->poisoned.count; i++)
        rc = interval_set_remove(&plan->taken, plan->poisoned.items[i].start,
                                 plan->poisoned.items[i].end, NULL, err);
    if (rc < 0)
        return rc;
    interval_set_free(&plan->poisoned);
    plan->poisoned_count = 0;
    plan->suspects_count = 0;
    plan->first_free = 0;
    return 0;
}

bool plan_is_leased(const struct plan *plan, uint64_t start, uint64_t count)
{
    return interval_set_overlaps(&plan->taken, start, start + count) &&
           !interval_set_overlaps(&plan->poisoned, start, start + count);
}

bool plan_has_work(const struct plan *plan)
{
    return plan->done_count + plan->leased_count + plan->poisoned_count < plan->total;
}

bool plan_is_complete(const struct plan *plan)
{
    return plan->done_count == plan->total;
}

bool plan_is_over(const struct plan *plan)
{
    return plan->done_count + plan->poisoned_count == plan->total;
}

bool plan_is_hopeless(const struct plan *plan)
{
    uint64_t units = plan->poisoned_count / plan->unit;
    return units >= PLAN_POISON_MOST || (units >= PLAN_HOPELESS_UNITS && plan->done_count == 0);
}
