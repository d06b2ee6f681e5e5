/* Asks in pieces that a message holds. Runs on the compute thread. */
#include "worker/tasks/found.h"

#include <stdlib.h>

#include "common/limits.h"

struct wanted {
    struct spec_stage *stage; /* whose faces they are, NULL: no mix's */
    uint64_t id;              /* the broker's number of it */
    uint64_t start, count;
};

static struct wanted wanted_of(const struct task *task, struct spec *spec)
{
    const struct assignment *assignment = task->outcome->assignment;
    bool fit = task->stage->kind == SPEC_FIT;
    int position = fit ? spec_find(spec, task->stage->from) : (int)assignment->position;
    struct spec_stage *stage = position < 0 ? NULL : &spec->stages[position];
    if (!stage || !stage->samples)
        return (struct wanted){0};
    struct wanted wanted = {stage, fit ? assignment->input : assignment->stage,
                            assignment->task.start, assignment->task.count};
    if (stage->kind == SPEC_EDIT || fit || spec_stage_is_mixed_sheet(stage)) {
        wanted.start = 0;
        wanted.count = stage->kind == SPEC_EDIT ? stage->faces : stage->count;
    }
    return wanted;
}

/* The next of them, `samples` has room for LIMIT_TASK_SAMPLES. */
static int ask_piece(const struct task *task, const struct wanted *wanted, uint64_t done,
                     uint64_t *samples, struct seeds *seeds, struct error *err)
{
    uint64_t left = wanted->count - done,
             count = left < LIMIT_TASK_SAMPLES ? left : LIMIT_TASK_SAMPLES;
    int failed = task_check(task, err);
    if (!failed)
        failed = task->inputs->samples(task->inputs->state, wanted->id, wanted->start + done, count,
                                       samples, err);
    for (uint64_t i = 0; !failed && i < count; i++)
        failed = samples[i] < LIMIT_SAMPLES
                     ? seeds_add(seeds, samples[i], err)
                     : error_set(err, E_INVALID, "face %llu is sample %llu",
                                 (unsigned long long)(wanted->start + done + i),
                                 (unsigned long long)samples[i]);
    return failed;
}

int found_ask(const struct task *task, struct spec *spec, struct error *err)
{
    const struct wanted wanted = wanted_of(task, spec);
    if (!wanted.stage)
        return 0;
    struct seeds seeds = {.total = wanted.start};
    uint64_t *samples = malloc(LIMIT_TASK_SAMPLES * sizeof *samples);
    int failed = samples ? 0 : error_set(err, E_MEMORY, "no memory for the samples of a mix");
    for (uint64_t done = 0; !failed && done < wanted.count; done += LIMIT_TASK_SAMPLES)
        failed = ask_piece(task, &wanted, done, samples, &seeds, err);
    free(samples);
    if (failed) {
        seeds_free(&seeds);
        return error_prefix(err, failed, "samples");
    }
    seeds_free(&wanted.stage->seeds);
    wanted.stage->seeds = seeds;
    return 0;
}
