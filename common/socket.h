/*
 * ZeroMQ sockets that carry wire messages. A socket belongs to one thread.
 *
 * With keys a socket speaks CurveZMQ and nothing else: both sides prove who they are and all is
 * encrypted. Without keys it is plain text, which stays on this machine: endpoints other than
 * ipc:// and tcp:// on loopback are refused.
 */
#ifndef COMMON_SOCKET_H
#define COMMON_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/keys.h"
#include "common/wire.h"

#define SOCKET_IDENTITY_MAX 64
#define SOCKET_ENDPOINT_MAX 256
#define SOCKET_DEFAULT_ENDPOINT "tcp://127.0.0.1:7117"

#define SOCKET_HANDSHAKE_MS 5000 /* a connection that has not said who it is by then is closed */
#define SOCKET_QUEUE 1000        /* messages that wait for one peer, each way; see socket_send */
#define SOCKET_BACKLOG 256       /* connections that the system has not given to us yet */

struct socket_identity { /* who a message is from */
    size_t size;
    uint8_t bytes[SOCKET_IDENTITY_MAX]; /* the connection's ROUTER identity */
    char user[KEY_HEX_BYTES]; /* the public key that the connection proved to have; "" where it is
                                 plain */
};

struct socket_keys {
    const struct key_pair *own;
    const char *broker; /* a DEALER's: the broker's public key, in hexadecimal digits */
};

/* E_INVALID with a reason unless `endpoint` is ipc://… or tcp://127.…, tcp://localhost,
 * tcp://[::1]; with keys any tcp://… will do. */
MUST_CHECK int socket_check_endpoint(const char *endpoint, bool keys, struct error *err);

/* A ROUTER bound to `endpoint` ("tcp://127.0.0.1:*" takes a free port); `bound` receives the
 * endpoint to connect to. Mandatory routing, linger 0; a peer that does not answer TCP's own questions for two
 * minutes is gone, and one that sends more than LIMIT_MESSAGE_BYTES at once is cut off by ZeroMQ. `context` is a zmq context. With `keys` (NULL:
 * plain text) every connection has to pass the context's ZAP handler (see broker/zap.h), which must
 * be there before. */
MUST_CHECK int socket_bind_router(void *context, const char *endpoint,
                                  const struct socket_keys *keys, void **socket,
                                  char bound[SOCKET_ENDPOINT_MAX], struct error *err);
/* The two halves of it, for whoever has to know the socket before anybody can connect. */
MUST_CHECK int socket_make_router(void *context, const char *endpoint, const struct socket_keys *keys,
                                  void **socket, struct error *err);
MUST_CHECK int socket_listen(void *socket, const char *endpoint, char bound[SOCKET_ENDPOINT_MAX],
                             struct error *err);
/* A DEALER connected to `endpoint`. ZeroMQ reconnects by itself. With `keys` the broker has to
 * prove that it has keys->broker. */
MUST_CHECK int socket_connect_dealer(void *context, const char *endpoint,
                                     const struct socket_keys *keys, void **socket,
                                     struct error *err);
void socket_close(void **socket);

/* Sends a message; `to` is the peer on a ROUTER, NULL on a DEALER. E_NETWORK where the peer is gone
 * or cannot take it now, as SOCKET_QUEUE messages wait for it already; never blocks. */
MUST_CHECK int socket_send(void *socket, const struct socket_identity *to, enum wire_type type,
                           const void *body, struct error *err);

struct socket_frame; /* opaque: a received frame with its decoded message */

/* Receives one message if there is one: 1, 0 where there is none, or an error (of decoding: `from`
 * is set then, so that the peer can be told). Never blocks. `from` may be NULL on a DEALER. The
 * caller frees the frame; message->body lives as long. */
MUST_CHECK int socket_receive(void *socket, struct socket_identity *from,
                              struct wire_message *message, struct socket_frame **frame,
                              struct error *err);
void socket_frame_free(struct socket_frame **frame, struct wire_message *message);

#endif
