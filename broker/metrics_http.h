/*
 * The metrics page over HTTP, served from the broker's own loop by libmicrohttpd: GET /metrics, and
 * nothing else. Connections, their time and memory are bounded, and a page is made at most every
 * METRICS_INTERVAL, so that whoever asks too often gets the same one again.
 */
#ifndef BROKER_METRICS_HTTP_H
#define BROKER_METRICS_HTTP_H

#include "common/buffer.h"

#define METRICS_INTERVAL (200 * CLOCK_MILLISECOND)
#define METRICS_PAGE_BYTES (16u << 20)

struct metrics_http; /* opaque */

/* Makes a page; an error is answered with 503 and its sentence. */
typedef int metrics_page(void *context, struct buffer *page, struct error *err);

/* Listens on ADDRESS:PORT, [ADDRESS]:PORT or PORT (of 127.0.0.1); port 0 takes a free one.
 * E_INVALID, E_NETWORK. *fd becomes readable when metrics_http_serve has something to do. */
#define METRICS_ENDPOINT_BYTES 80
MUST_CHECK int metrics_http_open(const char *listen, metrics_page *make, void *context,
                                 struct metrics_http **http, int *fd,
                                 char bound[METRICS_ENDPOINT_BYTES], struct error *err);
/* Answers what is to be answered; never waits. */
void metrics_http_serve(struct metrics_http *http);
/* When it has to be served next though nothing is readable (a connection's time runs out), by
 * clock_now(); INT64_MAX: never. */
int64_t metrics_http_deadline(const struct metrics_http *http);
void metrics_http_close(struct metrics_http **http);

#endif
