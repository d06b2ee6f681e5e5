/* What a stage waits for but workers, and what is to be said of its job. */
#include "broker/explain_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* ---- reasons ---- */

int explain_add(struct explanation *explanation, const char *stage, const char *state,
                const char *code, const char *text, struct error *err)
{
    if (explanation->count == explanation->capacity) {
        size_t capacity = explanation->capacity ? 2 * explanation->capacity : 16;
        void *grown = realloc(explanation->reasons, capacity * sizeof *explanation->reasons);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for reasons");
        explanation->reasons = grown;
        explanation->capacity = capacity;
    }
    char *copy = strndup(text, LIMIT_TEXT_BYTES);
    if (!copy)
        return error_set(err, E_MEMORY, "no memory for reasons");
    text_scrub(copy);
    explanation->reasons[explanation->count++] =
        (struct wire_reason){.stage = stage, .state = state, .code = code, .text = copy};
    return 0;
}

void explain_free(struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->count; i++)
        free((char *)explanation->reasons[i].text);
    free(explanation->reasons);
    *explanation = (struct explanation){0};
}

int explain_say(const struct scene *scene, const char *code, const char *text)
{
    return explain_add(scene->out, scene->stage->spec->name, states_stage_name(scene->stage->state),
                       code, text, scene->err);
}

/* ---- a stage ---- */

static size_t count_leases(const struct scene *scene, size_t *workers)
{
    size_t tasks = 0;
    *workers = 0;
    for (const struct farm_worker *w = scene->farm->sessions; w; w = w->by_session.next) {
        size_t before = tasks;
        for (const struct farm_lease *lease = w->leases; lease; lease = lease->next)
            tasks += lease->stage == scene->stage;
        *workers += tasks > before;
    }
    return tasks;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static int say_running(const struct scene *scene)
{
    if (scene->stage->reducing)
        return explain_say(scene, "reducing", "all of it is done, what its rows come to is being computed");
    char text[200];
    size_t workers, tasks = count_leases(scene, &workers);
    const struct plan *plan = &scene->stage->plan;
    uint64_t left = plan->total - plan->done_count - plan->leased_count - plan->poisoned_count;
    snprintf(text, sizeof text,
             "%zu task%s with %zu worker%s; %" PRIu64 " of %" PRIu64 " indices are done, %" PRIu64
             " wait",
             tasks, tasks == 1 ? " is" : "s are", workers, plural(workers), plan->done_count,
             plan->total, left);
    int rc = tasks ? explain_say(scene, "running", text) : 0;
    /* A stage whose tasks are under way waits for no one else's turn. */
    return rc < 0 || left == 0 ? rc : explain_waiting_for_workers(scene);
}

static int say_poison(const struct scene *scene)
{
    char text[300];
    const struct plan *plan = &scene->stage->plan;
    if (plan->poisoned_count == 0)
        return 0;
    snprintf(text, sizeof text,
             "%" PRIu64 " of %" PRIu64
             " indices are set aside after %u attempts each; facefarm job "
             "failures %" PRId64 " says why, facefarm job retry %" PRId64 " --failed tries again",
             plan->poisoned_count, plan->total, scene->stage->job->spec->max_attempts,
             scene->stage->job->id, scene->stage->job->id);
    return explain_say(scene, "poison", text);
}

/* The stage that it waits for: what it reads, or whose mix its faces are. */
static const struct farm_stage *waits_for(const struct farm_stage *stage)
{
    bool found = !stage->mix || stage->mix->state == STATES_STAGE_DONE;
    return found ? stage->input : stage->mix;
}

static int say_input(const struct scene *scene)
{
    char text[200];
    const struct farm_stage *input = waits_for(scene->stage);
    snprintf(text, sizeof text,
             "it waits for stage %s: %" PRIu64 " of %" PRIu64 " indices are done",
             input->spec->name, input->plan.done_count, input->plan.total);
    return explain_say(scene, "input", text);
}

static int explain_waiting(const struct scene *scene)
{
    const struct farm_job *job = scene->stage->job;
    char text[100];
    if (job->after_state == FARM_AFTER_OPEN) {
        snprintf(text, sizeof text, "the job follows job %" PRId64 ", which is not done yet",
                 job->after);
        return explain_say(scene, "follows", text);
    }
    return waits_for(scene->stage) ? say_input(scene) : 0;
}

static int explain_stage(const struct scene *scene)
{
    const struct farm_stage *stage = scene->stage;
    int rc = 0;
    if (stage->state == STATES_STAGE_DONE)
        return explain_say(scene, "done", "all of it is done");
    if (scene->view->notice && scene->view->notice[0])
        return explain_say(scene, "broker", scene->view->notice);
    if (stage->job->state == STATES_JOB_PAUSED)
        rc = explain_say(scene, "paused", "the job is paused; facefarm job resume lets it go on");
    if (rc == 0 && stage->state == STATES_STAGE_WAITING)
        rc = explain_waiting(scene);
    else if (rc == 0 && stage->job->state != STATES_JOB_PAUSED)
        rc = say_running(scene);
    return rc < 0 ? rc : say_poison(scene);
}

/* ---- a job ---- */

/* What concerns the job as a whole is told of its first stage that is not done. */
static int explain_rank(const struct scene *scene)
{
    const struct farm_job *job = scene->stage->job;
    const struct farm_user *user = job->user;
    char text[200];
    int rc = 0;
    uint64_t jobs = farm_user_jobs(scene->farm, user);
    if (job->deadline_ms && job->deadline_ms < scene->view->now_ms) {
        snprintf(text, sizeof text,
                 "its deadline passed %" PRId64
                 " s ago: nothing ends by that, among equals it still "
                 "comes first",
                 (scene->view->now_ms - job->deadline_ms) / 1000);
        rc = explain_say(scene, "deadline", text);
    }
    if (rc == 0 && jobs >= user->most_jobs) {
        snprintf(text, sizeof text,
                 "%s has %" PRIu64 " open jobs, %" PRIu64
                 " are allowed: the next one will be refused",
                 user->name, jobs, user->most_jobs);
        rc = explain_say(scene, "limit", text);
    }
    return rc;
}

int explain_job(const struct farm *farm, const struct farm_job *job,
                const struct explain_view *view, struct explanation *explanation, struct error *err)
{
    bool ranked = false;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < job->spec->stages_count; i++) {
        const struct scene scene = {farm, &job->stages[i], view, explanation, err};
        rc = explain_stage(&scene);
        if (rc == 0 && !ranked && job->stages[i].state != STATES_STAGE_DONE) {
            ranked = true;
            rc = explain_rank(&scene);
        }
    }
    return rc;
}
