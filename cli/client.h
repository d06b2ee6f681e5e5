/*
 * A connection of the command to a broker: requests and their answers.
 *
 * The broker answers every request with the request's number. No answer in time is E_TIMEOUT with a
 * sentence that names the endpoint; a refusal is the error the broker names.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdint.h>

#include "common/clock.h"
#include "common/socket.h"
#include "common/wire.h"

/* Variables of the environment that name one's key pair and the broker's key; --secret and --broker-key set them. Both
 * or none: then it is plain text. */
#define CLIENT_SECRET "FACEFARM_SECRET"
#define CLIENT_BROKER_KEY "FACEFARM_BROKER_KEY"

#define CLIENT_PATIENCE (10 * CLOCK_SECOND) /* for the answer to a request */

struct client; /* opaque */

struct client_reply {
    struct wire_message message;
    struct socket_frame *frame;
};

/* ZeroMQ connects in the background: a broker that is not there shows at the first call. */
MUST_CHECK int client_open(const char *endpoint, struct client **client, struct error *err);
void client_close(struct client **client);

/* A fresh request number. */
uint64_t client_request(struct client *client);

/* Sends `body` (a struct wire_<type> with that request number) and waits at most `patience` for the
 * answer, which must be of type `expected`. The caller frees the reply. */
MUST_CHECK int client_call(struct client *client, enum wire_type type, const void *body,
                           uint64_t request, enum wire_type expected, int64_t patience,
                           struct client_reply *reply, struct error *err);

/* Sends without waiting. */
MUST_CHECK int client_send(struct client *client, enum wire_type type, const void *body,
                           struct error *err);

/* Waits at most `patience` for an answer to `request`: 1 with a reply, 0 without one, or an error
 * (E_INTERRUPTED where `interrupt_fd`, if ≥ 0, became readable; a refusal as in client_call). */
MUST_CHECK int client_await(struct client *client, uint64_t request, enum wire_type expected,
                            int interrupt_fd, int64_t patience, struct client_reply *reply,
                            struct error *err);
void client_reply_free(struct client_reply *reply);

/* One request as commands make it: opens, calls, closes. `body`'s request number must be 1. */
MUST_CHECK int client_once(const char *endpoint, enum wire_type type, const void *body,
                           enum wire_type expected, struct client_reply *reply, struct error *err);

#endif
