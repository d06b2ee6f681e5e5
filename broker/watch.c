/*
 * Clients that watch a job: told at changes, but not more often than every WATCH_INTERVAL, and once
 * more when the job ends, which is when the watch ends too.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"

#define WATCH_INTERVAL (200 * CLOCK_MILLISECOND)
#define WATCH_MOST 10000

static struct watch *find(struct broker *b, const struct socket_identity *to, uint64_t request)
{
    struct watch *watch = b->watches;
    while (watch && (watch->request != request || watch->to.size != to->size ||
                     memcmp(watch->to.bytes, to->bytes, to->size) != 0))
        watch = watch->next;
    return watch;
}

int watch_add(struct broker *b, const struct socket_identity *to, uint64_t request, int64_t job,
              struct error *err)
{
    struct watch *known = find(b, to, request);
    if (known) { /* asked again, because we were silent: one watch is enough */
        known->job = job;
        known->version = UINT64_MAX;
        return 0;
    }
    if (b->watch_count >= WATCH_MOST)
        return error_set(err, E_LIMIT, "%d jobs are being watched, more are not allowed",
                         WATCH_MOST);
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return error_set(err, E_MEMORY, "no memory for a watch");
    /* Told at once, as nothing was told yet. */
    *watch = (struct watch){.next = b->watches,
                            .to = *to,
                            .request = request,
                            .job = job,
                            .version = UINT64_MAX,
                            .told = clock_now() - WATCH_INTERVAL};
    b->watches = watch;
    b->watch_count++;
    return 0;
}

static void drop(struct broker *b, struct watch **at)
{
    struct watch *watch = *at;
    *at = watch->next;
    free(watch);
    b->watch_count--;
}

/* True while there is more to watch. */
static bool tell(struct broker *b, struct watch *watch, int64_t now)
{
    struct error err = {0};
    const struct farm_job *job = farm_find_job(&b->farm, watch->job);
    if (job && (job->version == watch->version || now - watch->told < WATCH_INTERVAL))
        return true;
    int rc = answer_job(b, &watch->to, watch->request, watch->job, &err);
    if (rc == E_NOT_FOUND)
        outbox_refuse(b, &watch->to, watch->request, rc, err.text);
    if (rc < 0) {
        log_debug("watch of job %lld ends: %s", (long long)watch->job, err.text);
        return false;
    }
    watch->told = now;
    watch->version = job ? job->version : 0;
    return job != NULL;
}

void watch_tell(struct broker *b, int64_t now)
{
    struct watch **at = &b->watches;
    while (*at) {
        if (tell(b, *at, now))
            at = &(*at)->next;
        else
            drop(b, at);
    }
}

int64_t watch_deadline(const struct broker *b)
{
    int64_t deadline = INT64_MAX;
    for (const struct watch *watch = b->watches; watch; watch = watch->next) {
        struct farm *farm = (struct farm *)&b->farm;
        const struct farm_job *job = farm_find_job(farm, watch->job);
        if (job && job->version != watch->version && watch->told + WATCH_INTERVAL < deadline)
            deadline = watch->told + WATCH_INTERVAL;
    }
    return deadline;
}

void watch_renew(struct broker *b)
{
    for (struct watch *watch = b->watches; watch; watch = watch->next)
        watch->version = UINT64_MAX;
}

void watch_free(struct broker *b)
{
    while (b->watches)
        drop(b, &b->watches);
}
