/*
 * What the files of the network thread share: its state, which is that thread's alone (a running
 * outcome is lent to the compute thread until its letter comes back), and what each of them offers.
 *
 *     network.c           the loop, the compute thread's letters, and when the worker ends
 *     network_session.c   hello, heartbeat and goodbye: what a broker hears of us
 *     network_results.c   results and their files on their way to the broker
 *     network_messages.c  what the broker says
 */
#ifndef WORKER_NETWORK_PRIV_H
#define WORKER_NETWORK_PRIV_H

#include "common/clock.h"
#include "common/store_id.h"
#include "worker/network.h"
#include "worker/uploads.h"

enum broker_state {
    BROKER_GREETED, /* hello is said, no welcome yet */
    BROKER_KNOWS_US,
};

struct network {
    const struct network_options *options;
    void *context, *socket;
    enum broker_state broker;
    int64_t heartbeat, silence;   /* as the last welcome said */
    int64_t heard_at, beat_at;    /* last message in, last heartbeat out */
    int64_t hello_at;             /* last hello out */
    unsigned unanswered;          /* hellos to a silent broker */
    bool refused;                 /* the broker does not know us: hello when hello_at allows */
    char refusal[ERROR_TEXT_MAX]; /* what was logged of that last */
    char store[STORE_ID_BYTES];   /* the id that the last hello told, "": none */
    bool travels;                 /* the broker's store is another: files go over the wire */
    struct uploads *uploads;      /* NULL until something is to be sent */
    uint64_t parcels;             /* counted up */
    unsigned welcomes;            /* the same */
    struct held held;
    bool one_by_one; /* the broker could not read results that went together: until all are accepted
                      */
    struct fetch *fetch; /* what the running task waits for, or NULL */
    uint64_t request;    /* its number; grows with each fetch */
    bool fetch_sent;
    struct recovery recovery;
    bool give_back; /* the device was lost, or the store takes nothing: the broker has yet to hear goodbye
                     */
    char lost[ERROR_TEXT_MAX]; /* why it was lost last */
    int64_t store_at;          /* the store took nothing, and is tried again then; 0: it does */
    const char *store_is;      /* while store_at: "full" or "read-only" */
    int64_t store_delay;
    struct letter reopen, stop;
    bool draining;          /* what runs is the last */
    int64_t drain_at;       /* the time limit, INT64_MAX: none */
    bool stopping, stopped; /* LETTER_STOP is out, LETTER_STOPPED is in */
    int64_t leave_at;       /* when stopping: not later than this */
    uint64_t bad_frames;
    uint64_t log_told; /* lines that a heartbeat has told */
    struct health_sensor sensor;
};

/* ---- network_session.c ---- */

/* Makes the socket, or makes it anew: what was on its way is lost. */
MUST_CHECK int network_connect(struct network *network, struct error *err);

/* Sends a message now; false, logged, if it cannot go. Whoever keeps what it tells sends it again
 * later; the rest is only talk. */
bool network_tell(struct network *network, enum wire_type type, const void *body);

/* The id of the store we see, "" if none. Read each time, because the broker that makes the store
 * may start after us. */
void network_read_store(const struct network *network, char id[STORE_ID_BYTES]);

/* Hello with all that is held; from now on a welcome is awaited. */
void network_say_hello(struct network *network, int64_t now);

/* Hello where that is due: to a silent broker, to one that refused us. */
void network_greet_due(struct network *network, int64_t now);

void network_beat(struct network *network);

/* Goodbye returns the leases at once and blames nobody; hello keeps us known. */
void network_give_leases_back(struct network *network, int64_t now);

/* ---- network_results.c ---- */

/* Sends the results that wait for it, and has the files of others brought to the broker first. */
void network_send_results(struct network *network);

/* The end of an upload. An outcome whose task is not ours (any more) is forgotten, unless it was
 * lent to us anew since; what else refuses its files has failed it. */
void network_take_parcel(struct network *network, struct parcel *parcel);

/* ---- network_messages.c ---- */

/* Takes what has come from the broker. */
void network_receive(struct network *network, int64_t now);

/* ---- network.c ---- */

/* Takes no more tasks and gives back what waits; the worker leaves once what runs is delivered. */
void network_drain(struct network *network, const char *why, int64_t now);

#endif
