/*
 * The messages that a broker takes, a row each: who may say it, what it costs its connection,
 * whether it is taken while the queue is paused, and who handles it. What has no row is no message
 * to a broker.
 */
#include "broker/dispatch.h"

#include "broker/broker_priv.h"

#define CLIENTS (ACCESS_ROLE(KEY_CLIENT) | ACCESS_ROLE(KEY_ADMIN))
#define ADMINS ACCESS_ROLE(KEY_ADMIN)
#define WORKERS ACCESS_ROLE(KEY_WORKER)

/* What a message takes of its connection's rate (rate.h). */
enum cost {
    COST_ONE,
    COST_LIST,    /* it is answered with a list that is read from the database */
    COST_REFUSED, /* nothing unless it is refused: what is asked for by leases, or a window bounds
                   */
};
#define LIST_COST 20

typedef int handler(struct broker *b, const struct socket_identity *from,
                    const struct wire_message *m, struct error *err);

/* Every message of a client begins with its request. */
static uint64_t request_of(const struct wire_message *m)
{
    return *(const uint64_t *)m->body;
}

/* A reply that is read when it is sent. */
static int answer(struct broker *b, const struct socket_identity *from, enum wire_type type,
                  const struct wire_message *m, uint64_t id)
{
    outbox_put(b, &(struct reply){.to = *from, .type = type, .request = request_of(m), .id = id},
               NULL);
    return 0;
}

/* on_NAME: hands the body over. */
#define HANDLER(name, function)                                                                    \
    static int on_##name(struct broker *b, const struct socket_identity *from,                     \
                         const struct wire_message *m, struct error *err)                          \
    {                                                                                              \
        return function(b, from, WIRE_BODY(m, name), err);                                         \
    }

/* on_NAME: has it answered, about the thing that `id` names. */
#define ANSWER(name, type, id)                                                                     \
    static int on_##name(struct broker *b, const struct socket_identity *from,                     \
                         const struct wire_message *m, struct error *err)                          \
    {                                                                                              \
        (void)err;                                                                                 \
        return answer(b, from, type, m, id);                                                       \
    }

HANDLER(submit, client_submit)
HANDLER(bundle_add, client_bundle_add)
HANDLER(bundle_offer, transfers_bundle_offer)
HANDLER(job_cancel, client_job_cancel)
HANDLER(job_order, client_job_order)
HANDLER(job_retry, client_job_retry)
HANDLER(event_list, client_event_list)
HANDLER(user_set, client_user_set)
HANDLER(worker_order, client_worker_order)
HANDLER(hello, peer_hello)
HANDLER(heartbeat, peer_heartbeat)
HANDLER(result, peer_result)
HANDLER(results, peer_results)
HANDLER(failed, peer_failed)
HANDLER(goodbye, peer_goodbye)
HANDLER(fetch_scores, peer_fetch_scores)
HANDLER(fetch_samples, peer_fetch_samples)
HANDLER(fetch_directions, peer_fetch_directions)
HANDLER(fetch_folder, transfers_fetch_folder)
HANDLER(fetch_chunk, transfers_fetch_chunk)
HANDLER(upload, transfers_upload)
HANDLER(upload_chunk, transfers_chunk)
HANDLER(upload_end, transfers_end)
ANSWER(job_list, WIRE_JOBS, 0)
ANSWER(job_show, WIRE_JOB_STATE, WIRE_BODY(m, job_show)->job)
ANSWER(job_failures, WIRE_FAILURES, WIRE_BODY(m, job_failures)->job)
ANSWER(job_explain, WIRE_EXPLANATION, WIRE_BODY(m, job_explain)->job)
ANSWER(user_list, WIRE_USERS, 0)
ANSWER(worker_list, WIRE_WORKERS, 0)

static int on_job_watch(struct broker *b, const struct socket_identity *from,
                        const struct wire_message *m, struct error *err)
{
    return watch_add(b, from, request_of(m), (int64_t)WIRE_BODY(m, job_watch)->job, err);
}

struct row {
    handler *handle;
    unsigned speakers;
    bool asks; /* a client's: it begins with its request, which a refusal repeats */
    enum cost cost;
    bool paused; /* taken then, too: it only reads, or is about files that are under way */
};

static const struct row rows[WIRE_TYPES] = {
    [WIRE_SUBMIT] = {on_submit, CLIENTS, true, COST_ONE, false},
    [WIRE_BUNDLE_ADD] = {on_bundle_add, CLIENTS, true, COST_ONE, false},
    [WIRE_BUNDLE_OFFER] = {on_bundle_offer, ADMINS, true, COST_ONE, false},
    [WIRE_JOB_LIST] = {on_job_list, CLIENTS, true, COST_LIST, true},
    [WIRE_JOB_SHOW] = {on_job_show, CLIENTS, true, COST_ONE, true},
    [WIRE_JOB_WATCH] = {on_job_watch, CLIENTS, true, COST_ONE, true},
    [WIRE_JOB_CANCEL] = {on_job_cancel, CLIENTS, true, COST_ONE, false},
    [WIRE_JOB_ORDER] = {on_job_order, CLIENTS, true, COST_ONE, false},
    [WIRE_JOB_RETRY] = {on_job_retry, CLIENTS, true, COST_ONE, false},
    [WIRE_JOB_FAILURES] = {on_job_failures, CLIENTS, true, COST_LIST, true},
    [WIRE_JOB_EXPLAIN] = {on_job_explain, CLIENTS, true, COST_LIST, true},
    [WIRE_EVENT_LIST] = {on_event_list, CLIENTS, true, COST_LIST, true},
    [WIRE_WORKER_LIST] = {on_worker_list, CLIENTS, true, COST_LIST, true},
    [WIRE_WORKER_ORDER] = {on_worker_order, ADMINS, true, COST_ONE, false},
    [WIRE_USER_LIST] = {on_user_list, ADMINS, true, COST_ONE, true},
    [WIRE_USER_SET] = {on_user_set, ADMINS, true, COST_ONE, false},
    [WIRE_HELLO] = {on_hello, WORKERS, false, COST_REFUSED, false},
    [WIRE_HEARTBEAT] = {on_heartbeat, WORKERS, false, COST_REFUSED, false},
    [WIRE_RESULT] = {on_result, WORKERS, false, COST_REFUSED, false},
    [WIRE_RESULTS] = {on_results, WORKERS, false, COST_REFUSED, false},
    [WIRE_FAILED] = {on_failed, WORKERS, false, COST_REFUSED, false},
    [WIRE_GOODBYE] = {on_goodbye, WORKERS, false, COST_REFUSED, false},
    [WIRE_FETCH_SCORES] = {on_fetch_scores, WORKERS, true, COST_REFUSED, true},
    [WIRE_FETCH_SAMPLES] = {on_fetch_samples, WORKERS, true, COST_REFUSED, true},
    [WIRE_FETCH_DIRECTIONS] = {on_fetch_directions, WORKERS, true, COST_REFUSED, true},
    [WIRE_FETCH_FOLDER] = {on_fetch_folder, WORKERS, true, COST_REFUSED, true},
    [WIRE_FETCH_CHUNK] = {on_fetch_chunk, WORKERS, true, COST_REFUSED, true},
    [WIRE_UPLOAD] = {on_upload, WORKERS, true, COST_REFUSED, false},
    /* Of an upload that this connection has begun. */
    [WIRE_UPLOAD_CHUNK] = {on_upload_chunk, WORKERS | ADMINS, true, COST_REFUSED, true},
    [WIRE_UPLOAD_END] = {on_upload_end, WORKERS | ADMINS, true, COST_REFUSED, true},
};

int dispatch_admit(const struct broker *b, const struct socket_identity *from, enum wire_type type,
                   struct error *err)
{
    const struct row *row = &rows[type];
    if (!row->handle)
        return error_set(err, E_UNSUPPORTED, "%s is not a message to a broker",
                         wire_type_name(type));
    int rc = access_check(&b->access, from, type, row->speakers, err);
    if (rc == 0 && b->pause.on && !row->paused)
        rc = error_set(err, b->pause.code, "%s", b->pause.text);
    return rc;
}

int dispatch(struct broker *b, const struct socket_identity *from, const struct wire_message *m,
             uint64_t *request, struct error *err)
{
    const struct row *row = &rows[m->type];
    if (row->asks)
        *request = request_of(m);
    return row->handle(b, from, m, err);
}

unsigned dispatch_cost(enum wire_type type, int rc)
{
    switch (rows[type].cost) {
    case COST_LIST:
        return LIST_COST;
    case COST_REFUSED:
        return rc < 0;
    case COST_ONE:
        break;
    }
    return 1;
}
