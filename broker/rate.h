/*
 * What a connection may cost: a token bucket each. A client's message takes a token, a list twenty; so does what is refused or
 * cannot be read, whoever sends it. What a worker does rightly is free: its credit bounds it.
 *
 * A connection without tokens is refused (E_LIMIT) as long as it is worth an answer, and beyond that is not
 * answered at all, so that a flood costs the reading of it and nothing else.
 */
#ifndef BROKER_RATE_H
#define BROKER_RATE_H

#include "broker/map.h"
#include "common/socket.h"

enum rate_verdict {
    RATE_FINE,
    RATE_REFUSE, /* tell it */
    RATE_DROP,   /* do not */
};

struct rate_bucket;

struct rates {
    struct rate_bucket *buckets; /* map by identity; in the order of first use */
};

/* What becomes of a message of that connection at that time, clock_now(). */
enum rate_verdict rate_look(struct rates *rates, const struct socket_identity *from, int64_t now);
/* Takes tokens. Out of memory takes none. */
void rate_take(struct rates *rates, const struct socket_identity *from, unsigned tokens, int64_t now);
void rates_free(struct rates *rates);

#endif
