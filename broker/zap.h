/*
 * The ZAP handler (ZeroMQ RFC 27): ZeroMQ asks it of every connection that has proved to have a key
 * whether to let it in. It runs in the broker's loop, a bounded number of questions a round, so
 * that a storm of connections delays nobody's work for long.
 */
#ifndef BROKER_ZAP_H
#define BROKER_ZAP_H

#include "broker/access.h"

#define ZAP_ROUND 64 /* questions answered a round */

/* Must be called before a socket of the context listens with keys. *zap is a socket to poll for
 * reading; the caller closes it with socket_close. */
MUST_CHECK int zap_open(void *context, void **zap, struct error *err);

/* Answers what waits: lets in the keys of the file, under the key itself as "User-Id". Returns how
 * many were turned away. */
unsigned zap_serve(void *zap, const struct access *access);

#endif
