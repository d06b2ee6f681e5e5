/*
 * The network thread: the worker's side of the protocol (docs/protocol.md).
 *
 * hello -> welcome, then heartbeats both ways. A broker that is silent for longer than it promised
 * hears hello again, under the same session; so does one that refuses us as unknown, which is what
 * a restarted broker does. ZeroMQ reconnects by itself, and as long as its connection lives nothing
 * on it is lost, so the socket is kept; only after several unanswered hellos it is made anew. Tasks
 * go on meanwhile. After each welcome all that was not accepted is sent again. Nothing here takes
 * long, so heartbeats are never late.
 *
 * Draining (the broker's message, or the time limit): what runs is finished and delivered, what
 * waits is given back by a hello that does not list it, and then the worker leaves.
 *
 * While its device is lost the worker stays known but wants nothing: it tells the failure of the
 * task that ran, gives the leases back by goodbye, and says hello with a credit of 0 and "(lost)"
 * behind the device's name; with its own credit again once the device works (recovery.h says when
 * that is tried).
 */
#ifndef WORKER_NETWORK_H
#define WORKER_NETWORK_H

#include <stdatomic.h>

#include "worker/health.h"
#include "worker/held.h"
#include "worker/recovery.h"

struct network_options {
    const char *endpoint;
    const struct key_client *keys; /* or NULL: plain text */
    struct wire_hello hello;       /* what we say; its texts must outlive the call */
    struct mailbox *orders;        /* letters to the compute thread */
    struct mailbox *reports;       /* letters from it */
    int stop_fd;                   /* readable: leave */
    atomic_bool *cancelled;        /* set when leaving, and while a task runs that was revoked */
    const struct health *health;   /* of the device, told in heartbeats; NULL: not */
    enum device_kind device_kind;  /* whose temperature is told */
    struct recovery_options recovery;
    const char *store;  /* a folder that may be the broker's store, or NULL */
    int64_t time_limit; /* drains so long after the start, in nanoseconds; 0: never */
};

/* Runs until stop_fd is readable and the compute thread has stopped: then says goodbye and returns
 * 0. An error is one of the endpoint or of ZeroMQ itself, before anything was said, or E_LOST after
 * the device was given up; the compute thread has been stopped then, too. */
MUST_CHECK int network_run(const struct network_options *options, struct error *err);

#endif
