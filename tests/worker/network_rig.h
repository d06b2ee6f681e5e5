/*
 * A worker's network thread against a scripted broker over ZeroMQ; the test plays the compute
 * thread, too, at the other end of the mailboxes. Everything waits for a message or a letter,
 * nothing for time to pass.
 */
#ifndef TESTS_WORKER_NETWORK_RIG_H
#define TESTS_WORKER_NETWORK_RIG_H

#include "worker_test.h"

#include <pthread.h>

#include "worker/network.h"

struct rig { /* a worker's network thread and all it talks to */
    void *context, *router;
    char endpoint[SOCKET_ENDPOINT_MAX];
    struct socket_identity worker;
    struct wire_welcome welcome; /* what hello is answered with; worker 0: with nothing */
    struct network_options options;
    struct mailbox *orders, *reports;
    atomic_bool cancelled;
    pthread_t thread;
    int failed;
    struct error error;
    struct letter stopped;
};

struct received {
    struct wire_message message;
    struct socket_frame *frame;
};

void received_free(struct received *received);

/* ---- the broker ---- */

/* The next message of that type; heartbeats and hellos before it are skipped, other types fail the
 * test. */
struct received rig_expect(struct rig *rig, enum wire_type type);
void rig_reply(struct rig *rig, enum wire_type type, const void *body);

/* From now on every hello is answered, as a broker does; returns after the first. */
void rig_welcome(struct rig *rig, uint64_t heartbeat_ms, uint64_t silence_ms);

/* Tasks of stage `id`. */
void rig_lease(struct rig *rig, uint64_t id, const struct wire_task *tasks, size_t count);

/* Expects the result of a range under an epoch. */
void rig_expect_result(struct rig *rig, uint64_t id, struct wire_task wanted);
void rig_accept(struct rig *rig, uint64_t id, struct wire_task task);

/* The next hello that says so many tasks are held. */
void rig_expect_held(struct rig *rig, const struct wire_held_task *held, size_t count,
                     uint64_t newest);

/* ---- the compute thread ---- */

struct letter *rig_letter(struct rig *rig, enum letter_kind kind);
struct outcome *rig_take_task(struct rig *rig, uint64_t id, uint64_t start);
void rig_finish(struct rig *rig, struct outcome *outcome, int code);

/* Finishes a task; its result is expected and accepted. */
void rig_deliver(struct rig *rig, struct outcome *outcome, uint64_t id, struct wire_task task);

/* ---- beginning and end ---- */

void rig_begin(struct rig *rig);

/* A lost device is tried again after so many nanoseconds; rig_begin: after one. */
void rig_begin_with_delay(struct rig *rig, int64_t delay);

/* SIGTERM: the worker stops the compute thread. */
void rig_ask_to_leave(struct rig *rig);
void rig_compute_has_stopped(struct rig *rig);

/* The compute thread stops; goodbye is the next that the broker hears, and network_run() returns
 * `code`. */
void rig_has_left(struct rig *rig, int code);

/* Both of it. */
void rig_end(struct rig *rig);

#endif
