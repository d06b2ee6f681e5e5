/*
 * The thread that sends the files of results to a broker whose store is elsewhere, one result after
 * the other, while the device goes on with the next task. It takes parcels and gives them back
 * through the network thread's mailbox, which then delivers the result, or what became of it.
 *
 * A broker that is away, busy, or out of room is tried again, for as long as it takes. After each
 * welcome what is under way begins anew, as the broker may be another.
 */
#ifndef WORKER_UPLOADS_H
#define WORKER_UPLOADS_H

#include "worker/outcome.h"

struct parcel { /* a copy, because the outcome may go before its files have */
    struct letter letter; /* LETTER_UPLOAD, LETTER_UPLOADED */
    uint64_t number;      /* outcome->parcel */
    uint64_t stage;
    struct wire_task task;
    struct wire_file *files; /* owned, with their texts */
    size_t file_count;
    const char *outbox; /* folder that their paths begin in; borrowed */
    unsigned welcome;   /* the welcome it was sent under */
    int code;           /* 0: they are in the broker's store */
    char text[ERROR_TEXT_MAX];
};

/* A parcel of the outcome's files. NULL where memory is out. */
struct parcel *parcel_new(const struct outcome *outcome);
void parcel_free(struct parcel **parcel);

struct uploads; /* opaque */

struct uploads_options {
    const char *endpoint;
    const struct key_client *keys; /* or NULL */
    uint64_t session;
    struct mailbox *reports; /* where parcels come back */
};

/* The options' pointers outlive it. */
MUST_CHECK int uploads_start(const struct uploads_options *options, struct uploads **uploads,
                             struct error *err);
/* Ends the thread; parcels that it has not begun are freed, others come back. NULL is fine. */
void uploads_stop(struct uploads **uploads);

/* Gives the parcel away. */
void uploads_put(struct uploads *uploads, struct parcel *parcel);
/* The broker has said welcome: what is under way begins anew. */
void uploads_welcomed(struct uploads *uploads, unsigned welcome);

#endif
