/* libmicrohttpd with its epoll descriptor in our poll, and no thread of its own. */
#include "broker/metrics_http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "broker/exposition.h"

#define CONNECTIONS_MOST 32
#define CONNECTION_SECONDS 10 /* for a request, however busy it is: libmicrohttpd's own limit is one of silence */
#define CONNECTION_BYTES 16384

struct connection { /* a request of it, or the time until the next */
    int fd;         /* −1: none */
    int64_t begun;
};

struct metrics_http {
    struct MHD_Daemon *daemon;
    struct connection connections[CONNECTIONS_MOST];
    metrics_page *make;
    void *context;
    struct buffer page;
    int code; /* of the page, or the error below */
    struct error err;
    bool made;
    bool closed; /* a connection, since this was last looked at */
    int64_t made_at;
};

/* ---- answering ---- */

static void make_page(struct metrics_http *http)
{
    if (http->made && clock_now() - http->made_at < METRICS_INTERVAL)
        return;
    buffer_clear(&http->page);
    http->code = http->make(http->context, &http->page, &http->err);
    http->made = true;
    http->made_at = clock_now();
}

static enum MHD_Result send_page(struct MHD_Connection *connection, unsigned status,
                                 const void *text, size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    enum MHD_Result done = MHD_add_response_header(
        response, MHD_HTTP_HEADER_CONTENT_TYPE,
        status == MHD_HTTP_OK ? EXPOSITION_TYPE : "text/plain; charset=utf-8");
    if (done == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
        done = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (done == MHD_YES)
        done = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return done;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *text)
{
    return send_page(connection, status, text, strlen(text));
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *body,
                              size_t *body_size, void **state)
{
    static int begun;
    struct metrics_http *http = context;
    (void)version;
    (void)body;
    if (!*state) { /* the head has come; the answer is for the second call */
        *state = &begun;
        return MHD_YES;
    }
    if (*body_size > 0) { /* what nobody asked for is dropped */
        *body_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "expected GET\n");
    if (strcmp(url, "/metrics") != 0)
        return send_text(connection, MHD_HTTP_NOT_FOUND, "expected /metrics\n");
    make_page(http);
    if (http->code < 0)
        return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, http->err.text);
    return send_page(connection, MHD_HTTP_OK, http->page.data, http->page.size);
}

/* ---- connections ---- */

static void note_connection(void *context, struct MHD_Connection *connection, void **place,
                            enum MHD_ConnectionNotificationCode what)
{
    struct metrics_http *http = context;
    struct connection *found = *place;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (found)
            found->fd = -1;
        http->closed = true;
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    for (size_t i = 0; info && i < CONNECTIONS_MOST && !*place; i++)
        if (http->connections[i].fd < 0) {
            http->connections[i] = (struct connection){info->connect_fd, clock_now()};
            *place = &http->connections[i];
        }
}

static void note_completed(void *context, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode why)
{
    (void)context;
    (void)state;
    (void)why;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *place = info ? info->socket_context : NULL;
    if (place)
        place->begun = clock_now();
}

static int64_t due(const struct connection *connection)
{
    return connection->fd < 0 ? INT64_MAX : connection->begun + CONNECTION_SECONDS * CLOCK_SECOND;
}

/* libmicrohttpd closes them when it reads of their end. */
static void end_slow(struct metrics_http *http, int64_t now)
{
    for (size_t i = 0; i < CONNECTIONS_MOST; i++)
        if (due(&http->connections[i]) <= now) {
            shutdown(http->connections[i].fd, SHUT_RDWR);
            http->connections[i].begun = now;
        }
}

/* ---- listening ---- */

static int invalid(const char *listen, struct error *err)
{
    return error_set(err, E_INVALID,
                     "--metrics: \"%.80s\", expected PORT, ADDRESS:PORT or [ADDRESS]:PORT", listen);
}

/* Numbers only: a name would be looked up, and may be anything. */
static int resolve(const char *listen, struct addrinfo **found, struct error *err)
{
    char host[64] = "127.0.0.1";
    const char *port = strrchr(listen, ':');
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    if (port) {
        bool brackets = listen[0] == '[' && port > listen && port[-1] == ']';
        const char *from = listen + brackets;
        size_t size = (size_t)(port - from) - brackets;
        if (size == 0 || size >= sizeof host || (!brackets && memchr(from, ':', size)))
            return invalid(listen, err);
        snprintf(host, sizeof host, "%.*s", (int)size, from);
        port++;
    } else {
        port = listen;
    }
    if (strspn(port, "0123456789") != strlen(port) || !*port || strlen(port) > 5 ||
        atoi(port) > UINT16_MAX || getaddrinfo(host, port, &hints, found) != 0)
        return invalid(listen, err);
    return 0;
}

static void print_bound(const struct metrics_http *http, const struct sockaddr *address,
                        char bound[METRICS_ENDPOINT_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";
    bool six = address->sa_family == AF_INET6;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    const void *bytes = six ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    inet_ntop(address->sa_family, bytes, host, sizeof host);
    snprintf(bound, METRICS_ENDPOINT_BYTES, "http://%s%s%s:%u/metrics", six ? "[" : "", host,
             six ? "]" : "", info ? info->port : 0);
}

static int start(struct metrics_http *http, const struct addrinfo *address, const char *listen,
                 int *fd, struct error *err)
{
    unsigned flags = MHD_USE_EPOLL | (address->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, http, MHD_OPTION_SOCK_ADDR, address->ai_addr,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_SECONDS, MHD_OPTION_NOTIFY_CONNECTION, note_connection, http,
        MHD_OPTION_NOTIFY_COMPLETED, note_completed, http, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        http->daemon ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return error_set(err, E_NETWORK, "--metrics: nothing can listen on %s: %m", listen);
    *fd = info->epoll_fd;
    return 0;
}

int metrics_http_open(const char *listen, metrics_page *make, void *context,
                      struct metrics_http **http, int *fd, char bound[METRICS_ENDPOINT_BYTES],
                      struct error *err)
{
    struct addrinfo *address = NULL;
    struct metrics_http *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for the metrics");
    made->make = make;
    made->context = context;
    for (size_t i = 0; i < CONNECTIONS_MOST; i++)
        made->connections[i].fd = -1;
    buffer_init(&made->page, METRICS_PAGE_BYTES);
    int rc = resolve(listen, &address, err);
    if (rc == 0)
        rc = start(made, address, listen, fd, err);
    if (rc == 0)
        print_bound(made, address->ai_addr, bound);
    if (address)
        freeaddrinfo(address);
    if (rc < 0)
        metrics_http_close(&made);
    *http = made;
    return rc;
}

void metrics_http_serve(struct metrics_http *http)
{
    end_slow(http, clock_now());
    do { /* again after a close: a full house listens only from the next run on */
        http->closed = false;
        (void)!MHD_run(http->daemon); /* it has no errors but of its own making */
    } while (http->closed);
}

int64_t metrics_http_deadline(const struct metrics_http *http)
{
    MHD_UNSIGNED_LONG_LONG milliseconds = 0;
    int64_t first = INT64_MAX;
    if (MHD_get_timeout(http->daemon, &milliseconds) == MHD_YES)
        first = clock_now() + (int64_t)milliseconds * CLOCK_MILLISECOND;
    for (size_t i = 0; i < CONNECTIONS_MOST; i++)
        if (due(&http->connections[i]) < first)
            first = due(&http->connections[i]);
    return first;
}

void metrics_http_close(struct metrics_http **http)
{
    struct metrics_http *old = *http;
    if (!old)
        return;
    if (old->daemon)
        MHD_stop_daemon(old->daemon);
    buffer_free(&old->page);
    free(old);
    *http = NULL;
}
