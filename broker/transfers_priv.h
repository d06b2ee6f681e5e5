/* What the files of transfers share: the tables of the loop. */
#ifndef BROKER_TRANSFERS_PRIV_H
#define BROKER_TRANSFERS_PRIV_H

#include "broker/broker_priv.h"
#include "broker/staged.h"

struct slot {
    struct socket_identity of; /* size 0: free */
    int64_t last;              /* clock_now() of its last request */
    uint32_t under_way;
};

struct upload {
    uint64_t number;
    struct socket_identity from;
    uint64_t session; /* of a worker; 0: a bundle's */
    int64_t stage;
    struct wire_task task;
    char path[LIMIT_PATH_BYTES + 1];  /* "": a bundle's */
    char sha256[DIGEST_HEX_BYTES];    /* of the file; the bundle's hash */
    uint64_t next;                    /* number of the chunk that must follow */
    bool ended;                       /* upload_end has come */
    struct incoming *incoming;        /* NULL until the file thread has begun it */
    struct upload *following;
};

struct transfers {
    struct files *files;
    struct slot slots[LIMIT_TRANSFERS];
    struct upload *uploads;
    uint64_t number; /* of the last upload */
    size_t checked;  /* submits that are with the file thread */
    struct staged staged;
};

/* ---- transfers.c ---- */

bool transfers_same(const struct socket_identity *a, const struct socket_identity *b);
struct slot *transfers_slot(struct transfers *t, const struct socket_identity *of); /* or NULL */

/* A job of a connection that has a slot, which it takes: E_LIMIT beyond its window, E_STATE where
 * all slots are taken. */
MUST_CHECK int transfers_job(struct broker *b, enum files_kind kind,
                             const struct socket_identity *from, uint64_t request,
                             struct files_job **job, struct error *err);
/* One request of that connection is answered. */
void transfers_leave(struct transfers *t, const struct socket_identity *from);

/* ---- uploads.c ---- */

/* Ends it. What its incoming is and has goes to the file thread, behind what is asked of it. */
void upload_drop(struct transfers *t, struct upload *dropped);
/* Answers what the file thread has done for an upload: 1 where the job is to go back, for what is
 * left to do; an error is the answer. */
MUST_CHECK int upload_take(struct broker *b, struct files_job *job, struct error *err);

#endif
