/* ZeroMQ sockets with one wire message in the last frame. */
#include "common/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct socket_frame {
    zmq_msg_t data;
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

int socket_check_endpoint(const char *endpoint, bool keys, struct error *err)
{
    if (strlen(endpoint) >= SOCKET_ENDPOINT_MAX)
        return error_set(err, E_LIMIT, "endpoint of %zu bytes, at most %d are allowed",
                         strlen(endpoint), SOCKET_ENDPOINT_MAX - 1);
    if (begins(endpoint, "ipc://") || begins(endpoint, "tcp://localhost:") ||
        begins(endpoint, "tcp://[::1]:"))
        return 0;
    /* 127.x.y.z with digits only: a host called 127.example.org is not this machine. */
    if (begins(endpoint, "tcp://127.")) {
        const char *address = endpoint + strlen("tcp://");
        if (address[strspn(address, "0123456789.")] == ':')
            return 0;
    }
    if (keys && begins(endpoint, "tcp://"))
        return 0;
    return error_set(
        err, E_INVALID,
        keys ? "endpoint \"%s\": expected ipc://PATH or tcp://HOST:PORT"
             : "endpoint \"%s\": plain text stays on this machine, expected ipc://PATH or "
               "tcp://127.0.0.1:PORT, or keys (facefarm help keygen)",
        endpoint);
}

static int zmq_failed(const char *what, const char *where, struct error *err)
{
    return error_set(err, E_NETWORK, "%s %s: %s", what, where, zmq_strerror(zmq_errno()));
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

/*
 * What bounds a queue is credit and the request–answer rule, so ZeroMQ's own mark is far above
 * both; it is there for peers that do not read, or that send without end: beyond it TCP holds them
 * back, and what is for them is dropped.
 */
static int set_limits(void *socket, const char *endpoint, struct error *err)
{
    int64_t largest = LIMIT_MESSAGE_BYTES;
    if (set_int(socket, ZMQ_LINGER, 0) || set_int(socket, ZMQ_SNDHWM, SOCKET_QUEUE) ||
        set_int(socket, ZMQ_RCVHWM, SOCKET_QUEUE) || set_int(socket, ZMQ_BACKLOG, SOCKET_BACKLOG) ||
        set_int(socket, ZMQ_HANDSHAKE_IVL, SOCKET_HANDSHAKE_MS) ||
        set_int(socket, ZMQ_IPV6, begins(endpoint, "tcp://[")) ||
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest))
        return zmq_failed("cannot set an option of", "a socket", err);
    return 0;
}

static int set_key(void *socket, int option, const char *hex, struct error *err)
{
    unsigned char bytes[KEY_BYTES];
    int rc = key_bytes(hex, bytes, err);
    if (rc == 0 && zmq_setsockopt(socket, option, bytes, sizeof bytes))
        rc = zmq_failed("cannot set a key of", "a socket", err);
    key_forget(bytes);
    return rc;
}

/* A server's connections are let in by the ZAP handler. Were there none, they would have no user,
 * which the broker lets say nothing. */
static int set_keys(void *socket, int type, const struct socket_keys *keys, struct error *err)
{
    static const char domain[] = "facefarm";
    int rc = set_key(socket, ZMQ_CURVE_SECRETKEY, keys->own->secret, err);
    if (rc == 0)
        rc = set_key(socket, ZMQ_CURVE_PUBLICKEY, keys->own->public, err);
    if (rc == 0 && type == ZMQ_DEALER)
        rc = set_key(socket, ZMQ_CURVE_SERVERKEY, keys->broker, err);
    if (rc == 0 && type == ZMQ_ROUTER &&
        (set_int(socket, ZMQ_CURVE_SERVER, 1) ||
         zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1)))
        rc = zmq_failed("cannot set CurveZMQ for", "a socket", err);
    return rc;
}

static int open_socket(void *context, int type, const char *endpoint,
                       const struct socket_keys *keys, void **socket, struct error *err)
{
    int rc = socket_check_endpoint(endpoint, keys != NULL, err);
    if (rc)
        return rc;
    if (keys && !zmq_has("curve"))
        return error_set(err, E_UNSUPPORTED, "this ZeroMQ library was built without CurveZMQ");
    *socket = zmq_socket(context, type);
    if (!*socket)
        return zmq_failed("cannot make a socket for", "ZeroMQ", err);
    rc = set_limits(*socket, endpoint, err);
    if (!rc && keys)
        rc = set_keys(*socket, type, keys, err);
    if (rc)
        socket_close(socket);
    return rc;
}

int socket_make_router(void *context, const char *endpoint, const struct socket_keys *keys,
                       void **socket, struct error *err)
{
    void *made = NULL;
    int rc = open_socket(context, ZMQ_ROUTER, endpoint, keys, &made, err);
    if (rc)
        return rc;
    /* A peer whose machine is gone closes nothing: after two minutes its connection is none. */
    if (set_int(made, ZMQ_ROUTER_MANDATORY, 1) || set_int(made, ZMQ_TCP_KEEPALIVE, 1) ||
        set_int(made, ZMQ_TCP_KEEPALIVE_IDLE, 60) || set_int(made, ZMQ_TCP_KEEPALIVE_INTVL, 15) ||
        set_int(made, ZMQ_TCP_KEEPALIVE_CNT, 4)) {
        rc = zmq_failed("cannot set an option of", "a socket", err);
        socket_close(&made);
        return rc;
    }
    *socket = made;
    return 0;
}

int socket_listen(void *socket, const char *endpoint, char bound[SOCKET_ENDPOINT_MAX], struct error *err)
{
    size_t size = SOCKET_ENDPOINT_MAX;
    if (zmq_bind(socket, endpoint) || zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size))
        return zmq_failed("cannot listen on", endpoint, err);
    return 0;
}

int socket_bind_router(void *context, const char *endpoint, const struct socket_keys *keys,
                       void **socket, char bound[SOCKET_ENDPOINT_MAX], struct error *err)
{
    void *made = NULL;
    int rc = socket_make_router(context, endpoint, keys, &made, err);
    if (rc == 0)
        rc = socket_listen(made, endpoint, bound, err);
    if (rc == 0)
        *socket = made;
    else
        socket_close(&made);
    return rc;
}

int socket_connect_dealer(void *context, const char *endpoint, const struct socket_keys *keys,
                          void **socket, struct error *err)
{
    void *made = NULL;
    int rc = open_socket(context, ZMQ_DEALER, endpoint, keys, &made, err);
    if (rc)
        return rc;
    if (set_int(made, ZMQ_RECONNECT_IVL, 50) || set_int(made, ZMQ_RECONNECT_IVL_MAX, 1000) ||
        zmq_connect(made, endpoint)) {
        rc = zmq_failed("cannot connect to", endpoint, err);
        socket_close(&made);
        return rc;
    }
    *socket = made;
    return 0;
}

void socket_close(void **socket)
{
    if (*socket)
        zmq_close(*socket);
    *socket = NULL;
}

/* The frame is made before the identity goes: between the two parts nothing may fail, or the next
 * message would go on where this one broke off. */
static int send_parts(void *socket, const struct socket_identity *to, const struct buffer *data)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, data->size))
        return -1;
    memcpy(zmq_msg_data(&frame), data->data, data->size);
    int rc = to ? zmq_send(socket, to->bytes, to->size, ZMQ_SNDMORE | ZMQ_DONTWAIT) : 0;
    if (rc >= 0)
        rc = zmq_msg_send(&frame, socket, ZMQ_DONTWAIT);
    int why = errno;
    zmq_msg_close(&frame); /* empty, where it was sent */
    errno = why;
    return rc < 0 ? -1 : 0;
}

int socket_send(void *socket, const struct socket_identity *to, enum wire_type type,
                const void *body, struct error *err)
{
    struct buffer frame;
    buffer_init(&frame, LIMIT_MESSAGE_BYTES);
    int rc = wire_encode(type, body, &frame, err);
    if (!rc && send_parts(socket, to, &frame) < 0)
        rc = zmq_failed("cannot send", wire_type_name(type), err);
    buffer_free(&frame);
    return rc;
}

static bool is_router(void *socket)
{
    int type = 0;
    size_t size = sizeof type;
    return zmq_getsockopt(socket, ZMQ_TYPE, &type, &size) == 0 && type == ZMQ_ROUTER;
}

/* Receives one part; 1, or 0 where nothing waits. */
static int receive_part(void *socket, zmq_msg_t *part, struct error *err)
{
    zmq_msg_init(part);
    while (zmq_msg_recv(part, socket, ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() == EINTR)
            continue;
        int nothing = zmq_errno() == EAGAIN;
        zmq_msg_close(part);
        return nothing ? 0 : zmq_failed("cannot receive from", "a socket", err);
    }
    return 1;
}

/* The key that ZAP let the connection in with. */
static void receive_user(const zmq_msg_t *part, struct socket_identity *from)
{
    const char *user = zmq_msg_gets(part, "User-Id");
    from->user[0] = '\0';
    if (user && strlen(user) == KEY_HEX_BYTES - 1)
        memcpy(from->user, user, KEY_HEX_BYTES);
}

static int receive_identity(void *socket, struct socket_identity *from, struct error *err)
{
    zmq_msg_t part;
    int rc = receive_part(socket, &part, err);
    if (rc <= 0)
        return rc;
    size_t size = zmq_msg_size(&part);
    from->size = size < sizeof from->bytes ? size : sizeof from->bytes;
    memcpy(from->bytes, zmq_msg_data(&part), from->size);
    zmq_msg_close(&part);
    return 1;
}

/* Drops the parts behind the one we decode; true if there were any. */
static bool drop_rest(void *socket, zmq_msg_t *last)
{
    bool more = zmq_msg_more(last), any = more;
    while (more) {
        zmq_msg_t part;
        if (receive_part(socket, &part, NULL) <= 0)
            break;
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    return any;
}

static int decode_part(void *socket, struct socket_frame *frame, struct wire_message *message,
                       struct error *err)
{
    if (drop_rest(socket, &frame->data))
        return error_set(err, E_PARSE, "message has several parts, expected one");
    return wire_decode(zmq_msg_data(&frame->data), zmq_msg_size(&frame->data), message, err);
}

int socket_receive(void *socket, struct socket_identity *from, struct wire_message *message,
                   struct socket_frame **frame, struct error *err)
{
    struct socket_identity ignored;
    struct socket_frame *received = calloc(1, sizeof *received);
    if (!received)
        return error_set(err, E_MEMORY, "no memory for a message");
    int rc = is_router(socket) ? receive_identity(socket, from ? from : &ignored, err) : 1;
    if (rc > 0)
        rc = receive_part(socket, &received->data, err);
    if (rc > 0 && from)
        receive_user(&received->data, from);
    if (rc <= 0) {
        free(received);
        return rc;
    }
    rc = decode_part(socket, received, message, err);
    if (rc) {
        zmq_msg_close(&received->data);
        free(received);
        return rc;
    }
    *frame = received;
    return 1;
}

void socket_frame_free(struct socket_frame **frame, struct wire_message *message)
{
    if (!*frame)
        return;
    wire_message_free(message);
    zmq_msg_close(&(*frame)->data);
    free(*frame);
    *frame = NULL;
}
