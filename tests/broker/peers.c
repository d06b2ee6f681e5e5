/* Peers that speak the protocol with the test bench's broker, and a scripted worker. */
#include "support.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/store_id.h"

/* ---- peers ---- */

static void connect_peer(struct support *s, struct peer *peer, const struct socket_keys *keys)
{
    struct error err = {0};
    size_t free_place = 0;
    *peer = (struct peer){.support = s};
    while (free_place < SUPPORT_PEERS && s->sockets[free_place])
        free_place++;
    assert_in_range(free_place, 0, SUPPORT_PEERS - 1);
    if (socket_connect_dealer(s->context, s->endpoint, keys, &peer->socket, &err) < 0)
        fail_msg("%s", err.text);
    s->sockets[free_place] = peer->socket;
}

void peer_open(struct support *s, struct peer *peer)
{
    connect_peer(s, peer, NULL);
}

void peer_open_as(struct support *s, struct peer *peer, const struct key_pair *pair)
{
    const struct socket_keys keys = {pair, s->pair.public};
    connect_peer(s, peer, &keys);
}

static int set_key(void *socket, int option, const char *hex)
{
    unsigned char bytes[KEY_BYTES];
    struct error err;
    return key_bytes(hex, bytes, &err) < 0 ? -1
                                           : zmq_setsockopt(socket, option, bytes, sizeof bytes);
}

/* The first event is awaited: after a plain peer's failure ZeroMQ does not try again. */
static int await_failure(void *events)
{
    uint16_t event = 0;
    zmq_pollitem_t item = {.socket = events, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, SUPPORT_TIMEOUT_MS) != 1 ||
        zmq_recv(events, &event, sizeof event, 0) < 0)
        return -1;
    return event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? -1 : 0;
}

int support_turned_away(const struct support *s, void *context, const struct key_pair *pair,
                        const char *broker)
{
    static unsigned long count;
    char monitor[64];
    int linger = 0, rc = 0;
    void *socket = zmq_socket(context, ZMQ_DEALER), *events = zmq_socket(context, ZMQ_PAIR);
    snprintf(monitor, sizeof monitor, "inproc://turned-away-%lu", count++);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(events, ZMQ_LINGER, &linger, sizeof linger);
    if (pair && (set_key(socket, ZMQ_CURVE_SECRETKEY, pair->secret) ||
                 set_key(socket, ZMQ_CURVE_PUBLICKEY, pair->public) ||
                 set_key(socket, ZMQ_CURVE_SERVERKEY, broker)))
        rc = -1;
    /* Before it connects, so that no event is missed. */
    if (zmq_socket_monitor(socket, monitor,
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED |
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED) ||
        zmq_connect(events, monitor) || zmq_connect(socket, s->endpoint) ||
        (zmq_send(socket, "let me in", 9, ZMQ_DONTWAIT) < 0 && zmq_errno() != EAGAIN))
        rc = -1;
    if (rc == 0)
        rc = await_failure(events);
    zmq_socket_monitor(socket, NULL, 0);
    zmq_close(events);
    zmq_close(socket);
    return rc;
}

void peer_close(struct peer *peer)
{
    socket_frame_free(&peer->frame, &peer->message);
    for (size_t i = 0; peer->socket && i < SUPPORT_PEERS; i++)
        if (peer->support->sockets[i] == peer->socket)
            peer->support->sockets[i] = NULL;
    socket_close(&peer->socket);
}

void peer_send(struct peer *peer, enum wire_type type, const void *body)
{
    struct error err = {0};
    if (socket_send(peer->socket, NULL, type, body, &err) < 0)
        fail_msg("%s: %s", wire_type_name(type), err.text);
}

const struct wire_message *peer_next(struct peer *peer, int timeout_ms)
{
    int64_t end = clock_now() + timeout_ms * CLOCK_MILLISECOND;
    struct error err = {0};
    socket_frame_free(&peer->frame, &peer->message);
    for (;;) {
        int rc = socket_receive(peer->socket, NULL, &peer->message, &peer->frame, &err);
        if (rc < 0)
            fail_msg("%s", err.text);
        if (rc > 0 && peer->message.type != WIRE_HEARTBEAT)
            return &peer->message;
        if (rc > 0) {
            socket_frame_free(&peer->frame, &peer->message);
            continue;
        }
        int64_t left = (end - clock_now()) / CLOCK_MILLISECOND;
        if (left <= 0)
            return NULL;
        zmq_poll(&(zmq_pollitem_t){.socket = peer->socket, .events = ZMQ_POLLIN}, 1, (long)left);
    }
}

const void *peer_expect(struct peer *peer, enum wire_type type)
{
    const struct wire_message *m = peer_next(peer, SUPPORT_TIMEOUT_MS);
    if (!m)
        fail_msg("no %s came", wire_type_name(type));
    if (m->type == WIRE_REFUSED && type != WIRE_REFUSED)
        fail_msg("refused: %s", WIRE_BODY(m, refused)->text);
    if (m->type != type)
        fail_msg("%s came, expected %s", wire_type_name(m->type), wire_type_name(type));
    return m->body;
}

const char *support_add_bundle(struct support *s, struct peer *client)
{
    static char hash[DIGEST_HEX_BYTES];
    peer_send(client, WIRE_BUNDLE_ADD, &(struct wire_bundle_add){1, s->bundle});
    const struct wire_bundle_added *added = peer_expect(client, WIRE_BUNDLE_ADDED);
    assert_string_equal(added->name, "toy");
    snprintf(hash, sizeof hash, "%s", added->hash);
    return hash;
}

uint64_t support_submit(struct peer *client, const char *yaml)
{
    peer_send(client, WIRE_SUBMIT,
              &(struct wire_submit){.request = 7, .owner = "tester", .spec = yaml});
    const struct wire_submitted *submitted = peer_expect(client, WIRE_SUBMITTED);
    assert_int_equal(submitted->request, 7);
    return submitted->job;
}

void support_await_event(struct support *s, const char *event)
{
    struct peer follower;
    bool found = false;
    peer_open(s, &follower);
    peer_send(&follower, WIRE_EVENT_LIST, &(struct wire_event_list){.request = 1, .follow = 1});
    while (!found) {
        const struct wire_events *told = peer_expect(&follower, WIRE_EVENTS);
        for (size_t i = 0; i < told->events.count; i++)
            found |= strcmp(WIRE_ITEMS(told->events, event)[i].event, event) == 0;
    }
    peer_close(&follower);
}

void support_await_job(struct peer *client, uint64_t job, const char *state)
{
    peer_send(client, WIRE_JOB_WATCH, &(struct wire_job_watch){8, job});
    for (;;) {
        const struct wire_job_state *told = peer_expect(client, WIRE_JOB_STATE);
        const struct wire_job_info *info = WIRE_ITEMS(told->job, job_info);
        if (strcmp(info->state, "running") == 0)
            continue;
        assert_string_equal(info->state, state);
        return;
    }
}

struct small_farm *small_farm_open(int silence_ms)
{
    struct small_farm *b = calloc(1, sizeof *b);
    support_open(&b->s);
    support_start(&b->s, 50, silence_ms);
    peer_open(&b->s, &b->client);
    support_add_bundle(&b->s, &b->client);
    return b;
}

int small_farm_close(void **state)
{
    struct small_farm *b = *state;
    peer_close(&b->client);
    support_close(&b->s);
    free(b);
    return 0;
}

/* ---- a scripted worker ---- */

void worker_say_hello(struct worker *worker, uint64_t session, uint64_t credit)
{
    char store[STORE_ID_BYTES] = "";
    struct error err;
    if (!worker->elsewhere && store_id_read(worker->peer.support->store, store, &err) < 0)
        fail_msg("%s", err.text);
    struct wire_hello hello = {
        .store = store,
        .session = session,
        .name = "scripted",
        .host = "here",
        .device = "none",
        .driver = "none",
        .device_kind = worker->device_kind ? worker->device_kind : "cpu",
        .compute_units = 1,
        .memory = worker->memory ? worker->memory : 1,
        .labels = worker->labels ? worker->labels : "",
        .credit = credit,
        .newest = worker->newest,
        .held = WIRE_LIST(worker->held, worker->held_count),
    };
    worker->session = session;
    peer_send(&worker->peer, WIRE_HELLO, &hello);
}

void worker_hello(struct worker *worker, uint64_t session, uint64_t credit)
{
    worker_say_hello(worker, session, credit);
    peer_expect(&worker->peer, WIRE_WELCOME);
}

void worker_open(struct support *s, struct worker *worker, uint64_t session, uint64_t credit)
{
    *worker = (struct worker){0};
    peer_open(s, &worker->peer);
    worker_hello(worker, session, credit);
}

void worker_open_as(struct support *s, struct worker *worker, const struct key_pair *pair,
                    uint64_t session, uint64_t credit)
{
    *worker = (struct worker){0};
    peer_open_as(s, &worker->peer, pair);
    worker_hello(worker, session, credit);
}

static float score(uint64_t index, uint64_t variant, uint64_t column)
{
    uint64_t x = index * 2654435761u + variant * 40503u + column * 97u;
    float unit = (float)((x ^ (x >> 13)) % 1000) / 1000.0f;
    return column < SUPPORT_ATTRIBUTES ? 4 * unit - 2 : 20 + 40 * unit + 5 * (float)variant;
}

static void fill_normal(float normal[SUPPORT_DIMENSION], uint64_t position)
{
    /* Not orthogonal, so that projections have something to do. */
    for (int i = 0; i < SUPPORT_DIMENSION; i++)
        normal[i] = (uint64_t)i == position ? 0.8f : 0.0f;
    normal[SUPPORT_DIMENSION - 1] = 0.6f;
}

static void send_boundaries(struct worker *worker, struct wire_result *result,
                            const struct wire_task *task)
{
    struct wire_boundary boundaries[SUPPORT_ATTRIBUTES + 1];
    float normals[SUPPORT_ATTRIBUTES + 1][SUPPORT_DIMENSION];
    for (uint64_t i = 0; i < task->count; i++) {
        uint64_t p = task->start + i;
        fill_normal(normals[i], worker->degenerate && p == 3 ? 2 : p);
        boundaries[i] = (struct wire_boundary){
            .position = p,
            .name = support_attributes[p],
            .normal = {(uint8_t *)normals[i], sizeof normals[i]},
            .offset = 0.25,
            .cost = 1,
            .iterations = 5,
            .train_tp = 40,
            .train_fp = 10,
            .train_tn = 40,
            .train_fn = 10,
            .test_tp = 8,
            .test_fp = 2,
            .test_tn = 7,
            .test_fn = 3,
            .test_auc = p == 0 ? -1 : 0.9,
        };
    }
    result->boundaries = WIRE_LIST(boundaries, task->count);
    peer_send(&worker->peer, WIRE_RESULT, result);
}

static void send_file(struct worker *worker, struct wire_result *result,
                      const struct wire_task *task)
{
    char path[64], hash[DIGEST_HEX_BYTES];
    snprintf(path, sizeof path, "jobs/%llu/%llu", (unsigned long long)result->stage,
             (unsigned long long)task->start);
    digest_bytes(path, strlen(path), hash);
    struct wire_file file = {path, "png-folder", "", 0, task->start, task->count, 100, hash};
    result->files = WIRE_LIST(&file, 1);
    peer_send(&worker->peer, WIRE_RESULT, result);
}

static void send_scores(struct worker *worker, struct wire_result *result,
                        const struct wire_task *task, uint32_t variants, float twist)
{
    size_t count = (size_t)task->count * variants * SUPPORT_COLUMNS, n = 0;
    float *scores = calloc(count, sizeof *scores);
    for (uint64_t i = 0; i < task->count; i++)
        for (uint32_t v = 0; v < variants; v++)
            for (uint64_t c = 0; c < SUPPORT_COLUMNS; c++)
                scores[n++] = score(task->start + i, v, c) + twist;
    result->variants = variants;
    result->columns = SUPPORT_COLUMNS;
    result->scores = (struct wire_bytes){(uint8_t *)scores, count * sizeof *scores};
    peer_send(&worker->peer, WIRE_RESULT, result);
    free(scores);
}

void worker_result(struct worker *worker, const struct wire_lease *lease,
                   const struct wire_task *task, float twist)
{
    struct error err = {0};
    struct spec *spec;
    struct wire_stage_metrics metrics = {.total_ms = 1, .faces = task->count};
    struct wire_result result = {
        .stage = lease->stage, .task = WIRE_LIST(task, 1), .metrics = WIRE_LIST(&metrics, 1)};
    if (spec_parse(lease->spec, strlen(lease->spec), &spec, &err) < 0)
        fail_msg("%s", err.text);
    const struct spec_stage *stage = &spec->stages[lease->position];
    if (stage->kind == SPEC_FIT)
        send_boundaries(worker, &result, task);
    else if (stage->kind == SPEC_SAMPLE)
        send_file(worker, &result, task);
    else
        send_scores(worker, &result, task, spec_stage_variants(stage, SUPPORT_ATTRIBUTES + 1),
                    twist);
    spec_free(&spec);
}

struct held worker_hold(struct worker *worker)
{
    const struct wire_lease *lease = peer_expect(&worker->peer, WIRE_LEASE);
    struct held held = {*lease, WIRE_ITEMS(lease->tasks, task)[0], strdup(lease->spec),
                        strdup(lease->bundle)};
    held.lease.spec = held.spec;
    held.lease.bundle = held.bundle;
    return held;
}

void held_free(struct held *held)
{
    free(held->spec);
    free(held->bundle);
}

static uint64_t answer(struct worker *worker, const struct wire_lease *lease, uint64_t most)
{
    uint64_t n = 0;
    const struct wire_task *tasks = WIRE_ITEMS(lease->tasks, task);
    for (; n < lease->tasks.count && (!most || n < most); n++)
        worker_result(worker, lease, &tasks[n], 0);
    return n;
}

static bool job_runs(struct peer *client, uint64_t job)
{
    peer_send(client, WIRE_JOB_SHOW, &(struct wire_job_show){9, job});
    const struct wire_job_state *state = peer_expect(client, WIRE_JOB_STATE);
    return strcmp(WIRE_ITEMS(state->job, job_info)->state, "running") == 0;
}

uint64_t worker_run(struct worker *worker, struct peer *client, uint64_t job, uint64_t most)
{
    uint64_t sent = 0, accepted = 0;
    while (!most || accepted < most) {
        const struct wire_message *m = peer_next(&worker->peer, sent > accepted ? 20000 : 5);
        if (!m && !job_runs(client, job))
            break;
        /* Who waits isn't silent, however slow this machine is. */
        if (!m)
            peer_send(&worker->peer, WIRE_HEARTBEAT, &(struct wire_heartbeat){.session = worker->session});
        if (m && m->type == WIRE_LEASE)
            sent += answer(worker, m->body, most ? most - sent : 0);
        else if (m && m->type == WIRE_ACCEPTED)
            accepted += WIRE_BODY(m, accepted)->task.count;
        else if (m && m->type != WIRE_REVOKE)
            fail_msg("%s came to a worker", wire_type_name(m->type));
    }
    return accepted;
}
