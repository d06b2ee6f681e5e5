/* A stage's progress. The three counts and the three sets say the same; `taken` is leased ∪
 * poisoned. */
#include "broker/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

#define SAMPLE_TASK 256
#define LABEL_TASK 512
#define EVALUATE_TASK 256
#define FIT_TASKS 4 /* a fit is split among so many */

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
    }
    return 1;
}

/* Bytes of values that an index brings back. */
static uint64_t index_bytes(const struct spec_stage *stage, const struct bundle *bundle)
{
    if (stage->kind == SPEC_FIT)
        return (uint64_t)bundle->generator.latent.dimension * sizeof(float);
    return (uint64_t)spec_stage_variants(stage) * bundle_score_columns(bundle) * sizeof(float);
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
    plan->total = spec_stage_total(stage, bundle->classifier.attributes_count, has_age);
    if (unit > most)
        return error_set(err, E_LIMIT,
                         "stage %s: one task of %llu indices would bring back %llu "
                         "bytes, at most %u fit into a result",
                         stage->name, (unsigned long long)unit,
                         (unsigned long long)(unit * index_bytes(stage, bundle)), VALUES_MOST);
    uint64_t size = stage->task_size ? stage->task_size : usual_size(stage, plan->total);
    if (size > most)
        size = most;
    plan->size = size < unit ? unit : size / unit * unit;
    return 0;
}

void plan_free(struct plan *plan)
{
    interval_set_free(&plan->done);
    interval_set_free(&plan->taken);
    interval_set_free(&plan->poisoned);
    free(plan->attempts);
    *plan = (struct plan){0};
}

int plan_cut(struct plan *plan, struct interval *range, struct error *err)
{
    struct interval gap;
    if (!plan_has_work(plan) || !interval_first_gap(&plan->done, &plan->taken, 0, plan->total,
                                                    plan->size, plan->size, &gap))
        return 0;
    int rc = interval_set_add(&plan->taken, gap.start, gap.end, NULL, err);
    if (rc < 0)
        return rc;
    plan->leased_count += gap.end - gap.start;
    *range = gap;
    return 1;
}

static void forget_attempts(struct plan *plan, uint64_t start)
{
    for (size_t i = 0; i < plan->attempts_count; i++)
        if (plan->attempts[i].start == start) {
            plan->attempts[i] = plan->attempts[--plan->attempts_count];
            return;
        }
}

/* How many of [start, start + count) a set holds, by taking them out. */
static int take_out(struct interval_set *set, uint64_t start, uint64_t count, uint64_t *removed,
                    struct error *err)
{
    uint64_t before = interval_set_size(set);
    int rc = interval_set_remove(set, start, start + count, err);
    *removed = before - interval_set_size(set);
    return rc;
}

/* Of a range that is done by now, in part or as a whole, only the rest is leased still. */
int plan_return(struct plan *plan, uint64_t start, uint64_t count, struct error *err)
{
    uint64_t taken = 0;
    if (interval_set_overlaps(&plan->poisoned, start, start + count))
        return 0;
    int rc = take_out(&plan->taken, start, count, &taken, err);
    if (rc == 0)
        plan->leased_count -= taken;
    return rc;
}

int plan_done(struct plan *plan, uint64_t start, uint64_t count, struct error *err)
{
    uint64_t added = 0, taken = 0, poisoned = 0;
    int rc = interval_set_add(&plan->done, start, start + count, &added, err);
    if (rc == 0)
        rc = take_out(&plan->taken, start, count, &taken, err);
    if (rc == 0)
        rc = take_out(&plan->poisoned, start, count, &poisoned, err);
    if (rc < 0)
        return rc;
    plan->done_count += added;
    plan->poisoned_count -= poisoned;
    plan->leased_count -= taken - poisoned;
    forget_attempts(plan, start);
    return 0;
}

uint32_t plan_attempts(const struct plan *plan, uint64_t start)
{
    for (size_t i = 0; i < plan->attempts_count; i++)
        if (plan->attempts[i].start == start)
            return plan->attempts[i].times;
    return 0;
}

int plan_attempt(struct plan *plan, uint64_t start, uint64_t count, uint32_t times,
                 struct error *err)
{
    for (size_t i = 0; i < plan->attempts_count; i++)
        if (plan->attempts[i].start == start) {
            plan->attempts[i].times += times;
            return (int)plan->attempts[i].times;
        }
    struct plan_attempts *grown =
        realloc(plan->attempts, (plan->attempts_count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for the attempts of a range");
    plan->attempts = grown;
    plan->attempts[plan->attempts_count++] = (struct plan_attempts){start, count, times};
    return (int)times;
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
