/*
 * The gate: how many connections there may be at once, and how many of them that have not proved a
 * key yet. ZeroMQ accepts whoever connects, and knows neither limit.
 *
 * A thread follows what ZeroMQ tells of the broker's socket and cuts connections beyond the limits, but
 * none that has proved its key. Of the others it is the oldest: one that has a key is through in
 * milliseconds, so that whoever wants to keep it out has to fill all places in that time, again and
 * again. And an address that takes more than a quarter of the places makes room itself.
 *
 * For TCP only: who reaches the socket of ipc:// is a matter of its file.
 */
#ifndef BROKER_GATE_H
#define BROKER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* Descriptors that connections leave to the broker: its database, the metrics page's 32 connections, files that 32
 * connections send or fetch, and what was accepted before the thread could look. */
#define GATE_DESCRIPTORS 256
#define GATE_SHARE 4 /* the part of the places that one address has for itself */
#define GATE_ADDRESS_BYTES 46

struct gate_limits {
    size_t handshakes;  /* connections without a proved key */
    size_t descriptors; /* of the process; connections get what is left of them */
    bool keys;          /* the socket speaks CurveZMQ: plain text proves nothing, and is let in for saying hello */
};

struct gate_counts {
    uint64_t open;     /* connections */
    uint64_t crowded;  /* cut so far for the limit of handshakes */
    uint64_t full;     /* and for descriptors */
    char address[GATE_ADDRESS_BYTES]; /* the last of them came from there */
};

struct gate; /* opaque */

/* Raises the process's soft limit of descriptors as far as connections can use it and the hard one lets it; returns the limit. */
size_t gate_descriptors(void);

/* `socket` is one of `context` that does not listen yet, so that no connection is missed. */
MUST_CHECK int gate_open(void *context, void *socket, const struct gate_limits *limits, struct gate **gate,
                         struct error *err);
/* Before `socket` is closed. */
void gate_close(struct gate **gate, void *socket);

/* Becomes readable by the first connection that is cut after a gate_look(); gate_hear() makes it unreadable. */
int gate_fd(const struct gate *gate);
void gate_hear(struct gate *gate);
/* What there is and was until now. */
struct gate_counts gate_look(struct gate *gate);

#endif
