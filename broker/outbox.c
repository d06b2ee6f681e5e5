/* Replies that wait for the commit, in the order in which they were left. */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "common/text.h"
#include "common/log.h"

static void append(struct broker *b, struct reply *reply)
{
    reply->next = NULL;
    *(b->outbox_last ? &b->outbox_last->next : &b->outbox) = reply;
    b->outbox_last = reply;
}

static void no_memory(struct broker *b)
{
    struct error err;
    broker_doomed(b, error_set(&err, E_MEMORY, "no memory for a reply"), &err);
}

static void free_reply(struct reply *reply)
{
    free(reply->tasks);
    free(reply->text);
    free(reply);
}

void outbox_put(struct broker *b, const struct reply *reply, const char *text)
{
    struct reply *copy = malloc(sizeof *copy);
    char *own = text ? strndup(text, LIMIT_TEXT_BYTES) : NULL;
    if (!copy || (text && !own)) {
        free(copy);
        free(own);
        no_memory(b);
        return;
    }
    if (own)
        text_scrub(own);
    *copy = *reply;
    copy->text = own;
    append(b, copy);
}

/* Whether one more task goes into the reply that was left last. */
static bool takes(const struct reply *last, const struct socket_identity *to, uint64_t stage)
{
    return last && last->type == WIRE_ACCEPTED && last->id == stage &&
           last->task_count < LIMIT_BATCH && last->to.size == to->size &&
           memcmp(last->to.bytes, to->bytes, to->size) == 0;
}

void outbox_accept(struct broker *b, const struct socket_identity *to, uint64_t stage,
                   const struct wire_task *task)
{
    if (!takes(b->outbox_last, to, stage))
        outbox_put(b, &(struct reply){.to = *to, .type = WIRE_ACCEPTED, .id = stage}, NULL);
    struct reply *last = b->outbox_last;
    if (b->doomed)
        return;
    if (last->task_count == last->task_room) {
        size_t room = last->task_room ? 4 * last->task_room : 1;
        struct wire_task *grown = realloc(last->tasks, room * sizeof *grown);
        if (!grown) {
            no_memory(b);
            return;
        }
        last->tasks = grown;
        last->task_room = room;
    }
    last->tasks[last->task_count++] = *task;
}

void outbox_refuse(struct broker *b, const struct socket_identity *to, uint64_t request, int code,
                   const char *text)
{
    b->refused++;
    outbox_put(b,
               &(struct reply){.to = *to, .type = WIRE_REFUSED, .request = request, .code = code},
               text);
}

static int send(struct broker *b, const struct reply *reply, const void *body, struct error *err)
{
    return socket_send(b->socket, &reply->to, reply->type, body, err);
}

static int send_reply(struct broker *b, const struct reply *r, struct error *err)
{
    switch ((int)r->type) {
    case WIRE_SUBMITTED:
        return send(b, r, &(struct wire_submitted){r->request, r->id}, err);
    case WIRE_BUNDLE_ADDED:
        return send(b, r, &(struct wire_bundle_added){r->request, r->text, r->hash}, err);
    case WIRE_REFUSED:
        return send(b, r, &(struct wire_refused){r->request, error_name(r->code), r->text}, err);
    case WIRE_WELCOME:
        return send(b, r,
                    &(struct wire_welcome){r->id, (uint64_t)b->options.heartbeat_ms,
                                           (uint64_t)b->options.silence_ms, b->store_id},
                    err);
    case WIRE_HEARTBEAT:
        return send(b, r, &(struct wire_heartbeat){.session = r->id}, err);
    case WIRE_ACCEPTED:
        return send(b, r, &(struct wire_accepted){r->id, WIRE_LIST(r->tasks, r->task_count)},
                    err);
    case WIRE_REVOKE:
        return send(b, r, &(struct wire_revoke){r->id, WIRE_LIST(&r->task, r->task.count ? 1 : 0)},
                    err);
    case WIRE_DRAIN:
        return send(b, r, &(struct wire_drain){r->id}, err);
    case WIRE_JOB_STATE:
        return answer_job(b, &r->to, r->request, (int64_t)r->id, err);
    case WIRE_JOBS:
        return answer_jobs(b, r, err);
    case WIRE_USERS:
        return answer_users(b, r, err);
    case WIRE_EXPLANATION:
        return answer_explanation(b, r, err);
    case WIRE_EVENTS:
        return answer_events(b, r, err);
    case WIRE_FAILURES:
        return answer_failures(b, r, err);
    case WIRE_WORKERS:
        return answer_workers(b, r, err);
    case WIRE_SCORES:
        return answer_scores(b, r, err);
    case WIRE_SAMPLES:
        return answer_samples(b, r, err);
    case WIRE_DIRECTIONS:
        return answer_directions(b, r, err);
    }
    return error_set(err, E_INVALID, "%s is not a reply", wire_type_name(r->type));
}

/* A worker that is gone, or does not read what it is sent, is not connected any more: it has missed something, so it
 * must say hello, and is told again. */
static void drop_peer(struct broker *b, const struct socket_identity *to)
{
    struct farm_worker *worker = farm_find_identity(&b->farm, to);
    if (worker)
        farm_connect(&b->farm, worker, NULL);
}

/* A peer that is gone misses its reply; one that cannot be answered otherwise is told why. */
static void send_or_refuse(struct broker *b, const struct reply *reply)
{
    struct error err = {0};
    int rc = send_reply(b, reply, &err);
    if (rc == 0)
        return;
    if (rc == E_NETWORK) {
        log_debug("%s: %s", wire_type_name(reply->type), err.text);
        drop_peer(b, &reply->to);
        return;
    }
    log_warning("%s: %s", wire_type_name(reply->type), err.text);
    text_scrub(err.text);
    struct reply refused = {.to = reply->to,
                            .type = WIRE_REFUSED,
                            .request = reply->request,
                            .code = rc,
                            .text = err.text};
    if (reply->type != WIRE_REFUSED && send_reply(b, &refused, NULL) < 0)
        log_debug("refused: the peer is gone");
}

static struct reply *take(struct broker *b)
{
    struct reply *first = b->outbox;
    if (first) {
        b->outbox = first->next;
        if (!b->outbox)
            b->outbox_last = NULL;
    }
    return first;
}

void outbox_flush(struct broker *b)
{
    struct reply *reply;
    while ((reply = take(b)) != NULL) {
        send_or_refuse(b, reply);
        free_reply(reply);
    }
}

/* Whose reply says that something is committed; those of what workers say are dropped. */
static bool is_withdrawn(const struct reply *reply)
{
    switch ((int)reply->type) {
    case WIRE_SUBMITTED:
    case WIRE_BUNDLE_ADDED:
    case WIRE_JOB_STATE:
    case WIRE_USERS:
    case WIRE_WORKERS:
        return true;
    }
    return false;
}

static bool is_read(const struct reply *reply)
{
    switch ((int)reply->type) {
    case WIRE_REFUSED:
    case WIRE_JOBS:
    case WIRE_FAILURES:
    case WIRE_EXPLANATION:
    case WIRE_EVENTS:
    case WIRE_SCORES:
    case WIRE_SAMPLES:
    case WIRE_DIRECTIONS:
        return true;
    }
    return false;
}

void outbox_withdraw(struct broker *b, int code, const char *text)
{
    struct reply *reply = b->outbox, *next;
    b->outbox = b->outbox_last = NULL;
    for (; reply; reply = next) {
        next = reply->next;
        if (is_withdrawn(reply))
            outbox_refuse(b, &reply->to, reply->request, code, text);
        if (is_read(reply))
            append(b, reply);
        else
            free_reply(reply);
    }
}

void outbox_free(struct broker *b)
{
    struct reply *reply;
    while ((reply = take(b)) != NULL) {
        free_reply(reply);
    }
}
