/*
 * The gate's thread reads ZeroMQ's monitor of the broker's socket: ACCEPTED and DISCONNECTED name a
 * connection by its descriptor, which is ZeroMQ's. It may be closed, and its number given to something else, before we
 * read of it. So a connection is known by its peer's address and port, and before anything is done to it
 * the descriptor is duplicated: what the duplicate is cannot change any more. It takes the number of one that is ours for
 * good, so that this works without a free one.
 *
 * ZeroMQ does not tell whose handshake succeeded. The kernel knows how much of what we have sent the peer has
 * received, and the messages of CurveZMQ have sizes (RFC 26): who has more than greeting, WELCOME and ERROR has our READY.
 *
 * What the thread does not read in time waits in the monitor's queue, and where that is full ZeroMQ waits,
 * too, and accepts nobody meanwhile.
 */
#include "broker/gate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>
#include <zmq.h>

#include "common/limits.h"
#include "common/log.h"

#define GREETING_BYTES 64
#define WELCOME_BYTES (2 + 168)
#define ERROR_BYTES (2 + 6 + 1 + 3) /* with ZAP's code as its reason */

#define DESCRIPTORS_MOST (LIMIT_CONNECTIONS + GATE_DESCRIPTORS)

#define ENDPOINT "inproc://gate"
#define EVENTS (ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_MONITOR_STOPPED)

struct place { /* of the connection with a descriptor */
    struct in6_addr address;
    in_port_t port;
    bool open, waiting, cut;
    struct place *prev, *next; /* of those that wait, the oldest first */
};

struct gate {
    void *events;
    pthread_t thread;
    int hold, nothing; /* the first stands for a connection while it is looked at, otherwise for the second */
    /* ---- the thread's ---- */
    struct place *places; /* by descriptor */
    size_t place_count;
    struct place *waiting;
    size_t waiting_count, leaving; /* cut, and not yet closed */
    size_t handshakes, connections; /* the limits */
    uint64_t proof; /* bytes received by a peer that has proved its key, at least */
    in_port_t port; /* ours */
    /* ---- shared ---- */
    pthread_mutex_t mutex;
    struct gate_counts counts;
    bool told;
    int fd;
};

size_t gate_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FOPEN_MAX;
    const struct rlimit raised = {
        limit.rlim_max < DESCRIPTORS_MOST ? limit.rlim_max : DESCRIPTORS_MOST, limit.rlim_max};
    if (limit.rlim_cur < raised.rlim_cur && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur < DESCRIPTORS_MOST ? limit.rlim_cur : DESCRIPTORS_MOST;
}

/* ---- sockets ---- */

typedef int name_of(int fd, struct sockaddr *address, socklen_t *size);

/* One end of a TCP connection, IPv4 as IPv6 has it; false where it is none. */
static bool end_of(name_of *name, int fd, struct in6_addr *address, in_port_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } found;
    socklen_t size = sizeof found;
    if (name(fd, &found.any, &size) != 0)
        return false;
    *address = (struct in6_addr){0};
    if (found.any.sa_family == AF_INET) {
        address->s6_addr[10] = address->s6_addr[11] = 0xff;
        memcpy(&address->s6_addr[12], &found.four.sin_addr, sizeof found.four.sin_addr);
        *port = found.four.sin_port;
    } else if (found.any.sa_family == AF_INET6) {
        *address = found.six.sin6_addr;
        *port = found.six.sin6_port;
    }
    return found.any.sa_family == AF_INET || found.any.sa_family == AF_INET6;
}

/* Whether the two are one peer's: of IPv6 the network, in which a peer takes any address it likes. */
static bool same_peer(const struct in6_addr *a, const struct in6_addr *b)
{
    return memcmp(a, b, IN6_IS_ADDR_V4MAPPED(a) ? sizeof *a : sizeof *a / 2) == 0;
}

/* Whether the descriptor is still the connection that took the place. */
static bool is_at(const struct gate *gate, const struct place *place, int fd)
{
    struct in6_addr address;
    in_port_t port;
    return end_of(getsockname, fd, &address, &port) && port == gate->port &&
           end_of(getpeername, fd, &address, &port) && port == place->port &&
           memcmp(&address, &place->address, sizeof address) == 0;
}

static bool has_proved(const struct gate *gate, int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_bytes_acked >= gate->proof;
}

/* ---- who waits ---- */

static void settle(struct gate *gate, struct place *place)
{
    if (!place->waiting)
        return;
    place->waiting = false;
    DL_DELETE(gate->waiting, place);
    gate->waiting_count--;
}

static void leave(struct gate *gate, struct place *place)
{
    if (!place->open)
        return;
    settle(gate, place);
    gate->leaving -= place->cut;
    place->open = place->cut = false;
    pthread_mutex_lock(&gate->mutex);
    gate->counts.open--;
    pthread_mutex_unlock(&gate->mutex);
}

/* The newest is the last. */
static struct place *choose(struct gate *gate)
{
    struct place *newest = gate->waiting->prev, *place;
    size_t count = 0;
    DL_FOREACH (gate->waiting, place)
        count += same_peer(&place->address, &newest->address);
    place = gate->waiting;
    while (count > gate->handshakes / GATE_SHARE && !same_peer(&place->address, &newest->address))
        place = place->next;
    return place;
}

static void tell(struct gate *gate, const struct place *place, bool full)
{
    pthread_mutex_lock(&gate->mutex);
    *(full ? &gate->counts.full : &gate->counts.crowded) += 1;
    if (IN6_IS_ADDR_V4MAPPED(&place->address))
        inet_ntop(AF_INET, &place->address.s6_addr[12], gate->counts.address, GATE_ADDRESS_BYTES);
    else
        inet_ntop(AF_INET6, &place->address, gate->counts.address, GATE_ADDRESS_BYTES);
    if (!gate->told) {
        ssize_t written = write(gate->fd, &(uint64_t){1}, sizeof(uint64_t));
        assert(written == sizeof(uint64_t));
    }
    gate->told = true;
    pthread_mutex_unlock(&gate->mutex);
}

/* Cuts the connection, unless it has proved its key or is gone. Either way it waits no more. */
static void judge(struct gate *gate, struct place *place, bool full)
{
    int fd = (int)(place - gate->places);
    settle(gate, place);
    if (dup3(fd, gate->hold, O_CLOEXEC) < 0)
        return; /* closed: we shall read of it */
    if (is_at(gate, place, gate->hold) && !has_proved(gate, gate->hold) &&
        shutdown(gate->hold, SHUT_RDWR) == 0) {
        place->cut = true;
        gate->leaving++;
        tell(gate, place, full);
    }
    dup3(gate->nothing, gate->hold, O_CLOEXEC);
}

static bool is_full(const struct gate *gate)
{
    return gate->counts.open - gate->leaving > gate->connections; /* only we write it */
}

static void make_room(struct gate *gate)
{
    while (gate->waiting && (gate->waiting_count > gate->handshakes || is_full(gate)))
        judge(gate, choose(gate), is_full(gate));
}

/* ---- the thread ---- */

static void accepted(struct gate *gate, int fd)
{
    struct place *place = &gate->places[fd];
    leave(gate, place); /* where nobody told that it was closed */
    if (!end_of(getpeername, fd, &place->address, &place->port))
        return; /* it is closed already */
    place->open = place->waiting = true;
    DL_APPEND(gate->waiting, place);
    gate->waiting_count++;
    pthread_mutex_lock(&gate->mutex);
    gate->counts.open++;
    pthread_mutex_unlock(&gate->mutex);
    make_room(gate);
}

static void follow(struct gate *gate, uint16_t event, int fd)
{
    struct in6_addr any;
    if (fd < 0 || (size_t)fd >= gate->place_count)
        return;
    if (event == ZMQ_EVENT_LISTENING && !end_of(getsockname, fd, &any, &gate->port))
        log_error("the socket that listens has no port: connections are not limited");
    else if (event == ZMQ_EVENT_ACCEPTED)
        accepted(gate, fd);
    else if (event == ZMQ_EVENT_DISCONNECTED)
        leave(gate, &gate->places[fd]);
}

/* An event is 16 bits, its value 32, and another frame with our own address. */
static void *gate_thread(void *state)
{
    struct gate *gate = state;
    for (;;) {
        char head[6], address[1];
        uint16_t event = 0;
        int32_t value = 0;
        int got = zmq_recv(gate->events, head, sizeof head, 0);
        if (got < 0 && zmq_errno() == EINTR)
            continue;
        if (got < 0)
            break;
        if (got == sizeof head) {
            memcpy(&event, head, sizeof event);
            memcpy(&value, head + sizeof event, sizeof value);
        }
        while (zmq_recv(gate->events, address, sizeof address, 0) < 0 && zmq_errno() == EINTR)
            continue;
        if (event == ZMQ_EVENT_MONITOR_STOPPED)
            break;
        follow(gate, event, value);
    }
    return NULL;
}

/* ---- opening and closing ---- */

static void release(struct gate *gate)
{
    const int fds[] = {gate->hold, gate->nothing, gate->fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (gate->events)
        zmq_close(gate->events);
    pthread_mutex_destroy(&gate->mutex);
    free(gate->places);
    free(gate);
}

static void set_limits(struct gate *gate, const struct gate_limits *limits)
{
    size_t half = limits->descriptors / 2;
    gate->connections = limits->descriptors - (half < GATE_DESCRIPTORS ? half : GATE_DESCRIPTORS);
    gate->handshakes = limits->handshakes < gate->connections ? limits->handshakes : gate->connections;
    gate->place_count = limits->descriptors;
    /* The kernel may count the SYN as a byte. */
    gate->proof = GREETING_BYTES + (limits->keys ? WELCOME_BYTES + ERROR_BYTES : 0) + 2;
}

static int open_descriptors(struct gate *gate, struct error *err)
{
    gate->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    gate->hold = open("/dev/null", O_RDONLY | O_CLOEXEC);
    gate->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (gate->nothing < 0 || gate->hold < 0 || gate->fd < 0)
        return error_set(err, E_IO, "cannot limit connections: %s", strerror(errno));
    return 0;
}

/* It reads all events that come: ZeroMQ waits where its queue is full. */
static int open_events(struct gate *gate, void *context, void *socket, struct error *err)
{
    int linger = 0;
    if (!(gate->events = zmq_socket(context, ZMQ_PAIR)) ||
        zmq_setsockopt(gate->events, ZMQ_LINGER, &linger, sizeof linger) ||
        zmq_socket_monitor(socket, ENDPOINT, EVENTS) || zmq_connect(gate->events, ENDPOINT))
        return error_set(err, E_NETWORK, "cannot limit connections: %s", zmq_strerror(zmq_errno()));
    return 0;
}

int gate_open(void *context, void *socket, const struct gate_limits *limits, struct gate **gate,
              struct error *err)
{
    struct gate *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for the gate");
    pthread_mutex_init(&made->mutex, NULL);
    set_limits(made, limits);
    int rc = open_descriptors(made, err);
    if (rc == 0 && !(made->places = calloc(made->place_count, sizeof *made->places)))
        rc = error_set(err, E_MEMORY, "no memory for %zu connections", made->place_count);
    if (rc == 0)
        rc = open_events(made, context, socket, err);
    int code = rc == 0 ? pthread_create(&made->thread, NULL, gate_thread, made) : 0;
    if (code)
        rc = error_set(err, E_MEMORY, "pthread_create: %s", strerror(code));
    if (rc < 0) {
        zmq_socket_monitor(socket, NULL, 0);
        release(made);
        return rc;
    }
    *gate = made;
    return 0;
}

void gate_close(struct gate **gate, void *socket)
{
    struct gate *closed = *gate;
    if (!closed)
        return;
    *gate = NULL;
    zmq_socket_monitor(socket, NULL, 0); /* the thread's last event */
    pthread_join(closed->thread, NULL);
    release(closed);
}

int gate_fd(const struct gate *gate)
{
    return gate->fd;
}

void gate_hear(struct gate *gate)
{
    uint64_t count;
    (void)!read(gate->fd, &count, sizeof count); /* there may be nothing */
}

struct gate_counts gate_look(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    struct gate_counts counts = gate->counts;
    gate->told = false;
    pthread_mutex_unlock(&gate->mutex);
    return counts;
}
