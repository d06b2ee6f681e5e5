/* Who could run a stage's tasks, and what they do instead. One pass over the workers sorts them by
 * what they are to the stage; the sentences come from that. */
#include <inttypes.h>
#include <stdio.h>

#include "broker/explain_priv.h"
#include "common/buffer.h"
#include "common/needs.h"

#define NAMED 3 /* workers or jobs that a sentence names */

/* Adds what stands in `text`, unless it could not be written. */
static int add_buffer(const struct scene *scene, const char *code, int rc, struct buffer *text)
{
    if (rc == 0)
        rc = buffer_append(text, "", 1, scene->err);
    return rc < 0 ? rc : explain_say(scene, code, (const char *)text->data);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- who could work ---- */

struct crew {               /* workers, as they are to a stage */
    size_t connected, able; /* able: connected, and has what it needs */
    size_t draining, aside, unready, full, free;
    size_t absent;                             /* lost or gone, and has what it needs */
    size_t device, memory;                     /* connected, and has that */
    uint64_t most_memory;                      /* of the connected */
    const struct farm_worker *named[4][NAMED]; /* of absent, draining, aside, unready */
};

enum { ABSENT, DRAINING, ASIDE, UNREADY };

static void name_one(struct crew *crew, int kind, size_t *count, const struct farm_worker *worker)
{
    if (*count < NAMED)
        crew->named[kind][*count] = worker;
    ++*count;
}

static void sort_able(const struct farm *farm, struct crew *crew, const struct farm_worker *worker)
{
    crew->able++;
    if (worker->aside)
        name_one(crew, ASIDE, &crew->aside, worker);
    else if (worker->draining)
        name_one(crew, DRAINING, &crew->draining, worker);
    else if (worker->credit == 0)
        name_one(crew, UNREADY, &crew->unready, worker);
    else if (worker->held - worker->urgent >= worker->credit || !farm_wants(farm, worker))
        crew->full++;
    else
        crew->free++;
}

static void sort_worker(const struct scene *scene, struct crew *crew,
                        const struct farm_worker *worker)
{
    const struct needs_offer offer = farm_offer(worker);
    const struct needs *needs = &scene->stage->spec->needs;
    bool here = worker->state == FARM_ALIVE && worker->identity.size > 0;
    bool matches = farm_matches(worker, scene->stage);
    if (!here && matches)
        name_one(crew, ABSENT, &crew->absent, worker);
    if (!here)
        return;
    crew->connected++;
    crew->device += needs_device_met(needs, &offer);
    crew->memory += needs_memory_met(needs, &offer);
    if (worker->memory > crew->most_memory)
        crew->most_memory = worker->memory;
    if (matches)
        sort_able(scene->farm, crew, worker);
}

static struct crew find_crew(const struct scene *scene)
{
    struct crew crew = {0};
    for (const struct farm_worker *w = scene->farm->sessions; w; w = w->by_session.next)
        sort_worker(scene, &crew, w);
    return crew;
}

/* ---- nobody has what it needs ---- */

static size_t count_label(const struct farm *farm, const char *label, size_t size)
{
    size_t count = 0;
    for (const struct farm_worker *w = farm->sessions; w; w = w->by_session.next)
        count += w->state == FARM_ALIVE && w->identity.size > 0 &&
                 labels_have(farm_offer(w).labels, label, size);
    return count;
}

/* One need, with how many have it: "none has the label zone=a", or "a gpu: 2". */
static int say_need(struct buffer *text, const char **between, const char *what, size_t have,
                    bool only_missing, struct error *err)
{
    if (only_missing && have > 0)
        return 0;
    int rc = only_missing ? buffer_printf(text, err, "%snone has %s", *between, what)
                          : buffer_printf(text, err, "%s%s: %zu", *between, what, have);
    *between = ", ";
    return rc;
}

/* What none of the connected has, or how many of them have each. */
static int say_needs(const struct scene *scene, const struct crew *crew, struct buffer *text,
                     bool only_missing)
{
    const struct needs *needs = &scene->stage->spec->needs;
    const char *between = "", *labels = needs->labels ? needs->labels : "";
    char what[160], size[NEEDS_SIZE_BYTES];
    size_t length;
    int rc = 0;
    if (needs->device != NEEDS_ANY) {
        snprintf(what, sizeof what, "a device of kind %s", needs_device_name(needs->device));
        rc = say_need(text, &between, what, crew->device, only_missing, scene->err);
    }
    if (rc == 0 && needs->memory) {
        snprintf(what, sizeof what, "%s of memory (the most is %.1fG)",
                 needs_print_size(needs->memory, size), (double)crew->most_memory / (1 << 30));
        rc = say_need(text, &between, what, crew->memory, only_missing, scene->err);
    }
    for (const char *label; rc == 0 && (label = labels_next(&labels, &length));) {
        snprintf(what, sizeof what, "the label %.*s", (int)length, label);
        rc = say_need(text, &between, what, count_label(scene->farm, label, length), only_missing,
                      scene->err);
    }
    return rc;
}

static int say_no_match(const struct scene *scene, const struct crew *crew)
{
    struct buffer text, missing;
    buffer_init(&text, LIMIT_TEXT_BYTES);
    buffer_init(&missing, LIMIT_TEXT_BYTES);
    int rc = say_needs(scene, crew, &missing, true);
    bool apart = missing.size == 0; /* each is there, but not together */
    if (rc == 0 && apart)
        rc = say_needs(scene, crew, &missing, false);
    if (rc == 0)
        rc = buffer_append(&missing, "", 1, scene->err);
    if (rc == 0)
        rc = buffer_printf(&text, scene->err, "%zu worker%s connected, %s%s", crew->connected,
                           crew->connected == 1 ? " is" : "s are",
                           apart ? "none has all that it needs: " : "", (char *)missing.data);
    rc = add_buffer(scene, "no_match", rc, &text);
    buffer_free(&text);
    buffer_free(&missing);
    return rc;
}

/* A job that was submitted before the classes were declared, or were others. */
static int say_no_class(const struct scene *scene)
{
    const struct fleet *fleet = scene->view->fleet;
    struct buffer text;
    char cut[ERROR_TEXT_MAX];
    if (!fleet || fleet_meets(fleet, &scene->stage->spec->needs))
        return 0;
    buffer_init(&text, FLEET_TEXT_BYTES);
    int rc = fleet_explain(fleet, &scene->stage->spec->needs, &text, scene->err);
    if (rc == 0) {
        snprintf(cut, sizeof cut, "%.*s", (int)text.size, (const char *)text.data);
        rc = explain_say(scene, "no_class", cut);
    }
    buffer_free(&text);
    return rc;
}

/* ---- those who have it get no tasks ---- */

static int say_named(const struct scene *scene, const struct crew *crew, int kind, size_t count,
                     const char *code, const char *is)
{
    struct buffer text;
    int rc = 0;
    if (count == 0)
        return 0;
    buffer_init(&text, LIMIT_TEXT_BYTES);
    for (size_t i = 0; rc == 0 && i < count && i < NAMED; i++) {
        const struct farm_worker *w = crew->named[kind][i];
        rc =
            buffer_printf(&text, scene->err, "%sworker %s on %s %s%s%.300s", i ? "; " : "", w->name,
                          w->host, is, kind == ASIDE ? ": " : "", kind == ASIDE ? w->aside : "");
    }
    if (rc == 0 && count > NAMED)
        rc = buffer_printf(&text, scene->err, "; and %zu more", count - NAMED);
    rc = add_buffer(scene, code, rc, &text);
    buffer_free(&text);
    return rc;
}

static int say_unusable(const struct scene *scene, const struct crew *crew)
{
    int rc = say_named(scene, crew, DRAINING, crew->draining, "draining",
                       "is draining: it finishes what runs and ends");
    if (rc == 0)
        rc = say_named(scene, crew, ASIDE, crew->aside, "aside", "is set aside");
    if (rc == 0)
        rc = say_named(scene, crew, UNREADY, crew->unready, "unready",
                       "wants no tasks: its device is lost, or it ends");
    return rc;
}

/* ---- they work for others ---- */

struct rival {
    const struct farm_job *job;
    size_t tasks;
};

struct rivals {
    struct rival items[NAMED];
    size_t jobs, tasks;
    size_t hidden; /* tasks of those whom the asker may not see */
    size_t own;    /* of the job's other stages */
};

/* Counts a task of that job; beyond NAMED jobs only as one of many. */
static void count_task(struct rivals *rivals, const struct farm_job *job)
{
    size_t i = 0;
    while (i < rivals->jobs && rivals->items[i].job != job)
        i++;
    rivals->tasks++;
    if (i == NAMED)
        return;
    if (i == rivals->jobs)
        rivals->items[rivals->jobs++] = (struct rival){job, 0};
    rivals->items[i].tasks++;
}

static void sort_lease(const struct scene *scene, struct rivals *rivals,
                       const struct farm_lease *lease)
{
    const struct farm_job *own = scene->stage->job, *job = lease->stage->job;
    if (job == own)
        rivals->own += lease->stage != scene->stage;
    else if (scene->view->all || job->user == own->user)
        count_task(rivals, job);
    else
        rivals->hidden++;
}

static struct rivals find_rivals(const struct scene *scene)
{
    struct rivals rivals = {0};
    for (const struct farm_worker *w = scene->farm->identities; w; w = w->by_identity.next)
        if (farm_is_usable(w) && farm_matches(w, scene->stage))
            for (const struct farm_lease *lease = w->leases; lease; lease = lease->next)
                sort_lease(scene, &rivals, lease);
    return rivals;
}

/* Why a task of another job may come before ours: the first rule of schedule.c that tells them
 * apart. */
static int say_precedence(struct buffer *text, const struct farm_job *own,
                          const struct farm_job *other, struct error *err)
{
    if (other->interactive != own->interactive)
        return buffer_printf(text, err,
                             other->interactive ? "it is interactive" : "it began before");
    if (other->user != own->user)
        return buffer_printf(text, err, "of %s, whose share is %g, %s's is %g", other->owner,
                             other->user->share, own->owner, own->user->share);
    if (other->priority != own->priority)
        return buffer_printf(text, err, "priority %d, this one's is %d", other->priority,
                             own->priority);
    if (other->deadline_ms != own->deadline_ms)
        return buffer_printf(text, err, "its deadline is %s",
                             other->deadline_ms &&
                                     (!own->deadline_ms || other->deadline_ms < own->deadline_ms)
                                 ? "earlier"
                                 : "later: it began before");
    return buffer_printf(text, err, "they take turns");
}

static int say_rivals(const struct scene *scene, const struct rivals *rivals, struct buffer *text)
{
    const char *between = ": ";
    size_t told = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rivals->jobs; i++) {
        const struct rival *rival = &rivals->items[i];
        rc = buffer_printf(text, scene->err, "%s%zu task%s of job %" PRId64 " (", between,
                           rival->tasks, plural(rival->tasks), rival->job->id);
        if (rc == 0)
            rc = say_precedence(text, scene->stage->job, rival->job, scene->err);
        if (rc == 0)
            rc = buffer_printf(text, scene->err, ")");
        told += rival->tasks;
        between = ", ";
    }
    if (rc == 0 && rivals->tasks > told)
        rc = buffer_printf(text, scene->err, "%s%zu of other jobs", between, rivals->tasks - told);
    if (rivals->tasks > told)
        between = ", ";
    if (rc == 0 && rivals->hidden) {
        rc = buffer_printf(text, scene->err, "%s%zu of other users, by their shares", between,
                           rivals->hidden);
        between = ", ";
    }
    if (rc == 0 && rivals->own)
        rc = buffer_printf(text, scene->err, "%s%zu of this job's other stages", between,
                           rivals->own);
    return rc;
}

static int say_busy(const struct scene *scene, const struct crew *crew)
{
    const struct rivals rivals = find_rivals(scene);
    struct buffer text;
    if (rivals.tasks + rivals.hidden + rivals.own == 0)
        return 0; /* with this stage's own: that is said already */
    buffer_init(&text, LIMIT_TEXT_BYTES);
    int rc = crew->full == 1 ? buffer_printf(&text, scene->err, "the worker that could is busy")
                             : buffer_printf(&text, scene->err,
                                             "the %zu workers that could are busy", crew->full);
    if (rc == 0)
        rc = say_rivals(scene, &rivals, &text);
    rc = add_buffer(scene, "busy", rc, &text);
    buffer_free(&text);
    return rc;
}

/* ---- all of it ---- */

static int say_left(const struct scene *scene)
{
    return explain_say(
        scene, "left",
        "what is left failed on the workers that have room for it, and waits for another; "
        "facefarm job failures says how");
}

int explain_waiting_for_workers(const struct scene *scene)
{
    const struct crew crew = find_crew(scene);
    int rc = 0;
    if (scene->view->restarted)
        return explain_say(
            scene, "restarted",
            "the broker was started anew and waits for the workers that were connected "
            "before, as they may hold its tasks");
    if (crew.connected == 0)
        rc = explain_say(scene, "no_worker", "no worker is connected");
    else if (crew.able == 0)
        rc = say_no_match(scene, &crew);
    if (rc == 0 && crew.able == 0)
        rc = say_no_class(scene);
    if (rc == 0 && crew.able == 0)
        rc = say_named(scene, &crew, ABSENT, crew.absent, "lost",
                       "could, and is not connected any more");
    if (rc == 0)
        rc = say_unusable(scene, &crew);
    if (rc == 0 && crew.full > 0)
        rc = say_busy(scene, &crew);
    if (rc == 0 && crew.free > 0)
        rc = say_left(scene);
    return rc;
}
