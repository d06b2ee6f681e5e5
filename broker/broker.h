/* The broker as a whole: made, run until a signal, freed. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdint.h>

#include "common/error.h"

struct broker_options {
    const char *listen; /* endpoint */
    const char *db;     /* file */
    const char *store;  /* folder */
    const char *secret; /* file of the broker's key pair, NULL: plain text */
    const char *keys;   /* file of authorized keys, NULL: plain text */
    const char *fleet;  /* file of the classes of workers there can be, NULL: anything may come */
    int heartbeat_ms;   /* how often a worker says something */
    int silence_ms;     /* after this silence it is thought lost */
    const char *metrics; /* where the metrics page is served, NULL: nowhere */
    int events_kept;     /* how many events the journal keeps, 0: EVENTS_KEPT */
    int handshakes;      /* connections that have not proved a key, at once */
};

/* SIGHUP reads the files of authorized keys and of classes again; an error in one leaves what it had said
 * as it is. Without either, SIGHUP ends the process as it does any other.
 *
 * Opens the database, takes up its open jobs, listens, prints "listening on ENDPOINT" to stdout,
 * and serves until SIGTERM or SIGINT (0) or an error that it cannot go on with: then nothing that
 * was not committed has been acknowledged, and a new broker on the same database resumes. A disk
 * that is full, fails, or is held by another program is none: see pause.c. */
MUST_CHECK int broker_run(const struct broker_options *options, struct error *err);

#endif
