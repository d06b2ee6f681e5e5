/* A DEALER, its context and a counter of requests. Belongs to one thread; answers to requests that
 * nobody waits for any more are dropped. */
#include "cli/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct client {
    void *context, *socket;
    struct key_client keys;
    uint64_t last_request;
    char endpoint[SOCKET_ENDPOINT_MAX];
};

int client_open(const char *endpoint, struct client **client, struct error *err)
{
    int rc = 0;
    if (strlen(endpoint) >= SOCKET_ENDPOINT_MAX)
        return error_set(err, E_LIMIT, "the endpoint has %zu characters, the limit is %d",
                         strlen(endpoint), SOCKET_ENDPOINT_MAX - 1);
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, E_MEMORY, "out of memory");
    memcpy(c->endpoint, endpoint, strlen(endpoint) + 1);
    c->context = zmq_ctx_new();
    if (!c->context) {
        rc = error_set(err, E_MEMORY, "zmq_ctx_new: %s", zmq_strerror(errno));
        goto out;
    }
    rc = key_client_read(getenv(CLIENT_SECRET), getenv(CLIENT_BROKER_KEY), &c->keys, err);
    const struct socket_keys curve = {&c->keys.own, c->keys.broker};
    if (rc == 0)
        rc = socket_connect_dealer(c->context, endpoint, c->keys.on ? &curve : NULL, &c->socket, err);
out:
    if (rc != 0)
        client_close(&c);
    else
        *client = c;
    return rc;
}

void client_close(struct client **client)
{
    struct client *c = *client;
    if (!c)
        return;
    if (c->socket)
        socket_close(&c->socket);
    if (c->context)
        zmq_ctx_term(c->context);
    key_pair_forget(&c->keys.own);
    free(c);
    *client = NULL;
}

uint64_t client_request(struct client *client)
{
    return ++client->last_request;
}

/* The request number of an answer; UINT64_MAX for what is no answer to a client. */
static uint64_t answered(const struct wire_message *message)
{
    uint64_t request = 0;
    return wire_find_uint(message, "request", &request) ? request : UINT64_MAX;
}

static int refusal(const struct wire_message *message, struct error *err)
{
    const struct wire_refused *refused = WIRE_BODY(message, refused);
    int code = error_find(refused->code);
    /* These two would be read as "no broker answers". */
    if (code == E_TIMEOUT || code == E_NETWORK)
        code = E_STATE;
    return error_set(err, code, "%s", refused->text);
}

/* Looks at one received message: 1 where it is the awaited answer, 0 where it is none, or an error.
 */
static int examine(struct client_reply *reply, uint64_t request, enum wire_type expected,
                   struct error *err)
{
    uint64_t number = answered(&reply->message);
    if (reply->message.type == WIRE_REFUSED && (number == request || number == 0))
        return refusal(&reply->message, err);
    if (number != request)
        return 0;
    if (reply->message.type != expected)
        return error_set(err, E_INVALID, "the broker answered with %s, expected %s",
                         wire_type_name(reply->message.type), wire_type_name(expected));
    return 1;
}

/* Waits until something can be received: 1, 0 at the time-out, or an error. */
static int wait_readable(struct client *client, int interrupt_fd, int64_t patience,
                         struct error *err)
{
    zmq_pollitem_t items[2] = {
        {.socket = client->socket, .events = ZMQ_POLLIN},
        {.fd = interrupt_fd, .events = ZMQ_POLLIN},
    };
    long milliseconds = (long)((patience + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND);
    int ready = zmq_poll(items, interrupt_fd >= 0 ? 2 : 1, milliseconds);
    if (ready < 0 && errno != EINTR)
        return error_set(err, E_IO, "zmq_poll: %s", zmq_strerror(errno));
    if (interrupt_fd >= 0 && items[1].revents)
        return error_set(err, E_INTERRUPTED, "interrupted");
    return ready > 0;
}

int client_await(struct client *client, uint64_t request, enum wire_type expected, int interrupt_fd,
                 int64_t patience, struct client_reply *reply, struct error *err)
{
    int64_t deadline = clock_now() + patience;
    for (;;) {
        struct client_reply received = {0};
        int rc = socket_receive(client->socket, NULL, &received.message, &received.frame, err);
        if (rc < 0)
            return error_prefix(err, rc, "an answer of the broker at %s", client->endpoint);
        if (rc == 1) {
            rc = examine(&received, request, expected, err);
            if (rc == 1) {
                *reply = received;
                return 1;
            }
            client_reply_free(&received);
            if (rc < 0)
                return rc;
            continue;
        }
        int64_t left = deadline - clock_now();
        if (left <= 0)
            return 0;
        rc = wait_readable(client, interrupt_fd, left, err);
        if (rc < 0)
            return rc;
    }
}

int client_send(struct client *client, enum wire_type type, const void *body, struct error *err)
{
    return socket_send(client->socket, NULL, type, body, err);
}

int client_call(struct client *client, enum wire_type type, const void *body, uint64_t request,
                enum wire_type expected, int64_t patience, struct client_reply *reply,
                struct error *err)
{
    int rc = client_send(client, type, body, err);
    if (rc != 0)
        return rc;
    rc = client_await(client, request, expected, -1, patience, reply, err);
    if (rc == 0)
        return error_set(
            err, E_TIMEOUT,
            "no broker answers at %s within %d s (%s)",
            client->endpoint, (int)(patience / CLOCK_SECOND),
            client->keys.on ? "is it running? does it know this key, and is the broker's key right?"
                            : "is it running? facefarm up starts one");
    return rc < 0 ? rc : 0;
}

void client_reply_free(struct client_reply *reply)
{
    if (reply->frame)
        socket_frame_free(&reply->frame, &reply->message);
}

int client_once(const char *endpoint, enum wire_type type, const void *body,
                enum wire_type expected, struct client_reply *reply, struct error *err)
{
    struct client *client = NULL;
    int rc = client_open(endpoint, &client, err);
    if (rc != 0)
        return rc;
    rc = client_call(client, type, body, 1, expected, CLIENT_PATIENCE, reply, err);
    client_close(&client);
    return rc;
}
