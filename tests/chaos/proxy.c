/*
 * The proxy. A link is a worker's connection with the broker's; each direction is a queue of what
 * was read and has not been written yet, with the time at which it may be. All of it is the
 * thread's own but `order`, which comes through a pipe, a byte an order.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define CHUNK_BYTES 65536
#define QUEUE_BYTES (8u << 20)  /* that wait, before no more is read */
#define RECORD_BYTES (4u << 20) /* that can be said again */
#define DELAY (50 * CLOCK_MILLISECOND)
#define GHOST_BYTES 200 /* that a later connection has said before a ghost talks */
#define LINKS_MOST 64

struct chunk {
    struct chunk *next;
    int64_t due;
    size_t size, written;
    uint8_t data[];
};

struct queue {
    struct chunk *first, **end;
    size_t bytes;
};

struct link {
    int worker, broker; /* −1: closed */
    struct queue to_broker, to_worker;
    uint8_t *record; /* what the worker has said */
    size_t recorded;
    bool ghost;
    bool lossy; /* something of it is lost, so nothing may follow: TCP has no holes */
};

struct proxy {
    pthread_t thread;
    int listener, orders[2];
    uint16_t to;
    enum proxy_order mode; /* STALL, LOSE, DELAY or HEAL */
    struct link *links[LINKS_MOST];
    size_t count;
};

static void die(const char *what)
{
    fprintf(stderr, "chaos: proxy: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- queues ---- */

static void put(struct queue *queue, const void *data, size_t size, int64_t due)
{
    struct chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        die("malloc");
    *chunk = (struct chunk){.due = due, .size = size};
    memcpy(chunk->data, data, size);
    *queue->end = chunk;
    queue->end = &chunk->next;
    queue->bytes += size;
}

static void drop_first(struct queue *queue)
{
    struct chunk *chunk = queue->first;
    queue->bytes -= chunk->size;
    queue->first = chunk->next;
    if (!queue->first)
        queue->end = &queue->first;
    free(chunk);
}

static void clear(struct queue *queue)
{
    while (queue->first)
        drop_first(queue);
}

/* Writes what is due: false where the connection has failed. */
static bool flush(struct queue *queue, int fd, int64_t now)
{
    while (queue->first && queue->first->due <= now) {
        struct chunk *chunk = queue->first;
        ssize_t sent = send(fd, chunk->data + chunk->written, chunk->size - chunk->written,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        chunk->written += (size_t)sent;
        if (chunk->written == chunk->size)
            drop_first(queue);
    }
    return true;
}

/* ---- links ---- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        close_end(&fd); /* the broker is away: so is the connection */
    else
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

/* `worker` −1: a link of the proxy's own. Closes it where there is no room or no broker. */
static struct link *add_link(struct proxy *proxy, int worker)
{
    int broker = proxy->count < LINKS_MOST ? connect_to(proxy->to) : -1;
    struct link *link = broker >= 0 ? calloc(1, sizeof *link) : NULL;
    if (!link) {
        close_end(&worker);
        close_end(&broker);
        return NULL;
    }
    link->worker = worker;
    link->broker = broker;
    link->to_broker.end = &link->to_broker.first;
    link->to_worker.end = &link->to_worker.first;
    link->record = malloc(RECORD_BYTES);
    if (!link->record)
        die("malloc");
    proxy->links[proxy->count++] = link;
    return link;
}

static void cut(struct link *link)
{
    close_end(&link->worker);
    close_end(&link->broker);
}

static void free_link(struct link *link)
{
    cut(link);
    clear(&link->to_broker);
    clear(&link->to_worker);
    free(link->record);
    free(link);
}

static void sweep(struct proxy *proxy)
{
    size_t kept = 0;
    for (size_t i = 0; i < proxy->count; i++) {
        struct link *link = proxy->links[i];
        if (link->worker < 0 && link->broker < 0)
            free_link(link);
        else
            proxy->links[kept++] = link;
    }
    proxy->count = kept;
}

static void take_in(struct proxy *proxy, struct link *link, bool from_worker, int64_t now)
{
    uint8_t data[CHUNK_BYTES];
    int *fd = from_worker ? &link->worker : &link->broker;
    ssize_t got = recv(*fd, data, sizeof data, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        if (!link->ghost)
            cut(link);
        close_end(fd);
        return;
    }
    link->lossy = link->lossy || proxy->mode == PROXY_LOSE;
    if (link->lossy)
        return;
    size_t size = (size_t)got;
    if (from_worker && link->recorded + size <= RECORD_BYTES) {
        memcpy(link->record + link->recorded, data, size);
        link->recorded += size;
    }
    if (from_worker || link->worker >= 0)
        put(from_worker ? &link->to_broker : &link->to_worker, data, size,
            proxy->mode == PROXY_DELAY ? now + DELAY : now);
}

/* Whether a connection that came after this one has talked. */
static bool is_outlived(const struct proxy *proxy, const struct link *ghost)
{
    bool after = false;
    for (size_t i = 0; i < proxy->count; i++) {
        if (after && !proxy->links[i]->ghost && proxy->links[i]->recorded > GHOST_BYTES)
            return true;
        after = after || proxy->links[i] == ghost;
    }
    return false;
}

static void pass_on(struct proxy *proxy, struct link *link, int64_t now)
{
    if (proxy->mode == PROXY_STALL)
        return;
    if (link->ghost) {
        if (link->broker < 0 || !is_outlived(proxy, link))
            return;
        if (!flush(&link->to_broker, link->broker, now) || !link->to_broker.first)
            cut(link);
        return;
    }
    if ((link->broker >= 0 && !flush(&link->to_broker, link->broker, now)) ||
        (link->worker >= 0 && !flush(&link->to_worker, link->worker, now)))
        cut(link);
}

/* ---- orders ---- */

static void make_ghost(struct link *link)
{
    if (link->worker < 0)
        return;
    link->ghost = true;
    close_end(&link->worker);
    clear(&link->to_worker);
}

static void replay(struct proxy *proxy, const struct link *link)
{
    struct link *again = link->worker >= 0 ? add_link(proxy, -1) : NULL;
    if (again)
        put(&again->to_broker, link->record, link->recorded, 0);
}

static void obey(struct proxy *proxy, enum proxy_order order)
{
    size_t count = proxy->count;
    for (size_t i = 0; i < count; i++) {
        if (order == PROXY_CUT || (order == PROXY_HEAL && proxy->links[i]->lossy))
            cut(proxy->links[i]);
        else if (order == PROXY_GHOST)
            make_ghost(proxy->links[i]);
        else if (order == PROXY_REPLAY)
            replay(proxy, proxy->links[i]);
    }
    if (order == PROXY_STALL || order == PROXY_LOSE || order == PROXY_DELAY || order == PROXY_HEAL)
        proxy->mode = order;
}

/* ---- the thread ---- */

static int64_t next_due(const struct queue *queue, int64_t next)
{
    return queue->first && queue->first->due < next ? queue->first->due : next;
}

static int wait_ms(const struct proxy *proxy)
{
    int64_t next = INT64_MAX, now = clock_now();
    for (size_t i = 0; proxy->mode != PROXY_STALL && i < proxy->count; i++)
        if (!proxy->links[i]->ghost)
            next =
                next_due(&proxy->links[i]->to_broker, next_due(&proxy->links[i]->to_worker, next));
    if (next == INT64_MAX)
        return -1;
    return next <= now ? 1 : (int)((next - now) / CLOCK_MILLISECOND) + 1;
}

/* What is to be polled of an end whose words go into `queue`: none where none are to be read. */
static struct pollfd reader(const struct proxy *proxy, int fd, const struct queue *queue)
{
    bool reads = proxy->mode != PROXY_STALL && queue->bytes < QUEUE_BYTES;
    return (struct pollfd){.fd = reads ? fd : -1, .events = POLLIN};
}

/* True where it is to end. */
static bool turn(struct proxy *proxy)
{
    struct pollfd fds[2 + 2 * LINKS_MOST];
    size_t count = proxy->count;
    unsigned char order;
    fds[0] = (struct pollfd){.fd = proxy->orders[0], .events = POLLIN};
    fds[1] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        struct link *link = proxy->links[i];
        fds[2 + 2 * i] = reader(proxy, link->worker, &link->to_broker);
        fds[3 + 2 * i] = reader(proxy, link->broker, &link->to_worker);
    }
    if (poll(fds, 2 + 2 * count, wait_ms(proxy)) < 0 && errno != EINTR)
        die("poll");
    int64_t now = clock_now();
    for (size_t i = 0; i < count; i++) {
        struct link *link = proxy->links[i];
        if (fds[2 + 2 * i].revents && link->worker >= 0)
            take_in(proxy, link, true, now);
        if (fds[3 + 2 * i].revents && link->broker >= 0)
            take_in(proxy, link, false, now);
    }
    if (fds[1].revents & POLLIN) {
        int worker = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
        if (worker >= 0)
            add_link(proxy, worker);
    }
    while (read(proxy->orders[0], &order, 1) == 1) {
        if (order == UINT8_MAX)
            return true;
        obey(proxy, (enum proxy_order)order);
    }
    for (size_t i = 0; i < proxy->count; i++)
        pass_on(proxy, proxy->links[i], now);
    sweep(proxy);
    return false;
}

static void *run(void *state)
{
    while (!turn(state))
        ;
    return NULL;
}

struct proxy *proxy_start(uint16_t to, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    struct proxy *proxy = calloc(1, sizeof *proxy);
    if (!proxy)
        die("calloc");
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->to = to;
    proxy->mode = PROXY_HEAL;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 || bind(proxy->listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(proxy->listener, 16) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&at, &size) != 0 ||
        pipe2(proxy->orders, O_CLOEXEC | O_NONBLOCK) != 0 ||
        pthread_create(&proxy->thread, NULL, run, proxy) != 0)
        die("cannot be started");
    *port = ntohs(at.sin_port);
    return proxy;
}

static void say(struct proxy *proxy, unsigned char order)
{
    if (write(proxy->orders[1], &order, 1) != 1)
        die("order");
}

void proxy_order(struct proxy *proxy, enum proxy_order order)
{
    say(proxy, (unsigned char)order);
}

void proxy_stop(struct proxy **proxy)
{
    struct proxy *old = *proxy;
    if (!old)
        return;
    say(old, UINT8_MAX);
    pthread_join(old->thread, NULL);
    for (size_t i = 0; i < old->count; i++)
        free_link(old->links[i]);
    close(old->listener);
    close(old->orders[0]);
    close(old->orders[1]);
    free(old);
    *proxy = NULL;
}
