/*
 * ZeroMQ sockets that carry wire messages. A socket belongs to one thread.
 *
 * Plain text stays on this machine: endpoints other than ipc:// and tcp:// on loopback are refused
 * until keys are configured.
 */
#ifndef COMMON_SOCKET_H
#define COMMON_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

#define SOCKET_IDENTITY_MAX 64
#define SOCKET_ENDPOINT_MAX 256
#define SOCKET_DEFAULT_ENDPOINT "tcp://127.0.0.1:7117"

struct socket_identity { /* the peer's ROUTER identity */
    size_t size;
    uint8_t bytes[SOCKET_IDENTITY_MAX];
};

/* E_INVALID with a reason unless `endpoint` is ipc://… or tcp://127.…, tcp://localhost, tcp://[::1]. */
MUST_CHECK int socket_check_endpoint(const char *endpoint, struct error *err);

/* A ROUTER bound to `endpoint` ("tcp://127.0.0.1:*" takes a free port); `bound` receives the endpoint to
 * connect to. Mandatory routing, linger 0, high-water marks 0 off, messages above
 * LIMIT_MESSAGE_BYTES are cut off by ZeroMQ. `context` is a zmq context. */
MUST_CHECK int socket_bind_router(void *context, const char *endpoint, void **socket,
                                  char bound[SOCKET_ENDPOINT_MAX], struct error *err);
/* A DEALER connected to `endpoint`. ZeroMQ reconnects by itself. */
MUST_CHECK int socket_connect_dealer(void *context, const char *endpoint, void **socket,
                                     struct error *err);
void socket_close(void **socket);

/* Sends a message; `to` is the peer on a ROUTER, NULL on a DEALER. E_NETWORK where the peer is gone or
 * cannot take it now; never blocks. */
MUST_CHECK int socket_send(void *socket, const struct socket_identity *to, enum wire_type type,
                           const void *body, struct error *err);

struct socket_frame; /* opaque: a received frame with its decoded message */

/* Receives one message if there is one: 1, 0 where there is none, or an error (of decoding: `from` is
 * set then, so that the peer can be told). Never blocks. `from` may be NULL on a DEALER. The caller frees
 * the frame; message->body lives as long. */
MUST_CHECK int socket_receive(void *socket, struct socket_identity *from,
                              struct wire_message *message, struct socket_frame **frame,
                              struct error *err);
void socket_frame_free(struct socket_frame **frame, struct wire_message *message);

#endif
