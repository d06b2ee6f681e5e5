/*
 * A TCP proxy between a worker and the broker that breaks the network in between: one thread, one
 * worker's connections. Orders take effect at once; what they do to connections that come later is
 * said at each.
 */
#ifndef TESTS_CHAOS_PROXY_H
#define TESTS_CHAOS_PROXY_H

#include <stdint.h>

struct proxy; /* opaque */

enum proxy_order {
    PROXY_CUT,    /* closes all connections; new ones are as ever */
    PROXY_STALL,  /* nothing passes, in any connection, until PROXY_HEAL; then all of it, late */
    PROXY_LOSE,   /* what is sent is lost, in any connection, and those are cut by PROXY_HEAL */
    PROXY_DELAY,  /* everything passes 50 ms later, until PROXY_HEAL */
    PROXY_GHOST,  /* closes the worker's side only: what the broker has not read yet of these
                     connections  reaches it when a later connection has talked already */
    PROXY_REPLAY, /* all that the present connections have said to the broker is said once more,
                     over new connections of the proxy's own, as if the worker had said it twice */
    PROXY_HEAL,
};

/* Listens on a free port of 127.0.0.1, which is *port, for a broker at `to`; ends the process where
 * that cannot be. */
struct proxy *proxy_start(uint16_t to, uint16_t *port);
void proxy_order(struct proxy *proxy, enum proxy_order order);
void proxy_stop(struct proxy **proxy);

#endif
