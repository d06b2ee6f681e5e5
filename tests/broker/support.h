/* What the broker's tests share: a folder of their own, a bundle of toy networks, a real broker
 * process, and peers that speak the protocol. Everything waits on messages, nothing sleeps. */
#ifndef TESTS_BROKER_SUPPORT_H
#define TESTS_BROKER_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/socket.h"
#include "common/spec.h"

#define SUPPORT_TIMEOUT_MS 20000
#define SUPPORT_PEERS 1024
#define SUPPORT_ATTRIBUTES 4
#define SUPPORT_DIMENSION 8
#define SUPPORT_COLUMNS (SUPPORT_ATTRIBUTES + 2)

extern const char *const support_attributes[SUPPORT_ATTRIBUTES + 1]; /* and the age */

struct support {
    char folder[64];
    char db[128], store[128], bundle[128], endpoint[SOCKET_ENDPOINT_MAX];
    pid_t broker;
    void *context;
    void *sockets[SUPPORT_PEERS]; /* of peers; a test that fails leaves its own open */
    char secret[128], keys[128]; /* files of a broker with keys; "" of one without */
    struct key_pair pair;        /* the broker's */
    bool with_metrics;           /* the next start serves them, at: */
    char metrics[80];
    const char *fleet;           /* --fleet of the next start, or NULL */
    const char *events_kept;     /* --keep-events of the next start, or NULL */
    const char *handshakes;      /* --handshakes, or NULL */
    unsigned descriptors;        /* that it may have, soft and hard, or 0: as many as we */
};

/* Makes the folder and the bundle. */
void support_open(struct support *s);
/* Makes the broker's key pair and an empty file of keys: brokers started later speak CurveZMQ. */
void support_secure(struct support *s);
/* Writes the file of keys, and has a running broker read it. */
void support_authorize(struct support *s, const char *text);
/* Kills the broker if it runs, closes what a failed test left open, removes the folder. */
void support_close(struct support *s);
/* Starts a broker and waits for its line. The first start takes a free port, later ones the same
 * again. */
void support_start(struct support *s, int heartbeat_ms, int silence_ms);
/* Descriptors that the broker has open. */
unsigned support_descriptors(const struct support *s);
void support_kill(struct support *s, int signal); /* and waits; SIGTERM must end in exit code 0 */

/* Runs one SQL query on the database and returns its only value as text (static), by the sqlite3
 * library. */
const char *support_sql(struct support *s, const char *sql);
/* All tables of results as text, without what differs from run to run; the caller frees. */
char *support_dump(struct support *s);

struct peer {
    struct support *support;
    void *socket;
    struct wire_message message; /* the last received */
    struct socket_frame *frame;
};

/* In plain text. */
void peer_open(struct support *s, struct peer *peer);
/* With a key, to a broker with keys. */
void peer_open_as(struct support *s, struct peer *peer, const struct key_pair *pair);
void peer_close(struct peer *peer);
/*
 * A socket of `context` that a broker with keys is to turn away, as it has the pair `pair` (NULL:
 * plain text) and thinks that the broker's key is `broker`: says something and waits until its
 * handshake has failed. 0, or −1 where it was let in or nothing came of it in SUPPORT_TIMEOUT_MS.
 * Without cmocka, for processes of their own.
 */
int support_turned_away(const struct support *s, void *context, const struct key_pair *pair,
                        const char *broker);
void peer_send(struct peer *peer, enum wire_type type, const void *body);
/* Waits for a message of that type, dropping heartbeats on the way; any other fails the test. */
const void *peer_expect(struct peer *peer, enum wire_type type);
/* The next message of any type but heartbeats, or NULL after that time. */
const struct wire_message *peer_next(struct peer *peer, int timeout_ms);

/* Registers the toy bundle; returns its hash (static). */
const char *support_add_bundle(struct support *s, struct peer *client);
uint64_t support_submit(struct peer *client, const char *yaml);
/* Waits, from the first event on, until the journal has that event. */
void support_await_event(struct support *s, const char *event);
/* Watches a job until it ends; checks the final state. */
void support_await_job(struct peer *client, uint64_t job, const char *state);

/* ---- what most tests begin with ---- */

struct small_farm {
    struct support s;
    struct peer client;
    uint64_t job; /* the test's own to set */
};

/* A broker that waits so long for silent workers (scripted ones send no heartbeats: only a test about
 * silence wants it short) and has the toy bundle, and a client. The caller closes. */
struct small_farm *small_farm_open(int silence_ms);
int small_farm_close(void **state); /* cmocka's: *state is the farm */

/* ---- a scripted worker ---- */

struct worker {
    struct peer peer;
    uint64_t session;
    bool degenerate; /* Order's boundary is Male's */
    bool elsewhere;  /* the next hello says that it shares no store */
    uint64_t newest; /* what the next hello says */
    const char *device_kind, *labels; /* NULL: cpu, none */
    uint64_t memory;
    struct wire_held_task held[8];
    size_t held_count;
};

void worker_open(struct support *s, struct worker *worker, uint64_t session, uint64_t credit);
void worker_open_as(struct support *s, struct worker *worker, const struct key_pair *pair,
                    uint64_t session, uint64_t credit);
/* Without waiting for the welcome. */
void worker_say_hello(struct worker *worker, uint64_t session, uint64_t credit);
void worker_hello(struct worker *worker, uint64_t session, uint64_t credit);
/* Sends the one true result of a task: a pure function of stage kind and range. `twist` is added to
 * every score. Takes nothing back. */
void worker_result(struct worker *worker, const struct wire_lease *lease,
                   const struct wire_task *task, float twist);
/* The next lease, copied out of the message: one task of it. */
struct held {
    struct wire_lease
        lease; /* its spec and bundle are the next two; its tasks are gone but for one */
    struct wire_task task;
    char *spec, *bundle;
};
struct held worker_hold(struct worker *worker);
void held_free(struct held *held);
/* Answers leases until the job is not running, or `most` tasks are done (0: no limit). Returns how
 * many it did. The client watches nothing meanwhile. */
uint64_t worker_run(struct worker *worker, struct peer *client, uint64_t job, uint64_t most);

#endif
