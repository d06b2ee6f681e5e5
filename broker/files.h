/*
 * The file thread: everything of transfers that touches a disk, and what a submit has to read of the
 * store, so that the broker's loop never waits for one. A queue of jobs, done one behind the other in the order of asking; each comes back
 * through a mailbox whose descriptor the loop polls. The thread knows files and nothing else; what
 * is allowed has been asked before.
 */
#ifndef BROKER_FILES_H
#define BROKER_FILES_H

#include "broker/incoming.h"
#include "broker/outgoing.h"
#include "common/bundle.h"
#include "common/mailbox.h"
#include "common/socket.h"
#include "common/wire.h"

enum files_kind {
    FILES_LIST,   /* fetch_folder */
    FILES_READ,   /* fetch_chunk */
    FILES_BEGIN,  /* upload, bundle_offer: aim, look, make the temporary */
    FILES_WRITE,  /* upload_chunk */
    FILES_FINISH, /* upload_end: check and sync */
    FILES_SETTLE, /* of a shard that the loop has placed: sync its folder */
    FILES_BUNDLE, /* upload_end of a bundle: check, and put it among the store's */
    FILES_ADD,    /* bundle_add: a folder of this machine */
    FILES_SUBMIT, /* submit: are the spec's photos and latents there */
    FILES_END,    /* an upload is over */
};

struct files_piece {
    const char *name; /* in `data` */
    uint64_t offset;
    const uint8_t *bytes; /* in `data` */
    size_t size;
};

struct files_job { /* whoever has it owns all of it, but for `incoming` */
    struct mail mail;
    enum files_kind kind;
    struct socket_identity to; /* who is answered, */
    uint64_t request;          /* and to what */
    uint64_t upload;
    struct incoming *incoming; /* BEGIN: made, END: ended, the upload's others: borrowed */
    /* what is to be done */
    char folder_kind[LIMIT_NAME_BYTES + 1]; /* LIST, READ */
    char hash[DIGEST_HEX_BYTES];            /* LIST, READ, BUNDLE, SUBMIT; ADD: receives it */
    char path[LIMIT_PATH_BYTES + 1]; /* READ: the name; BEGIN: in the store, "": a bundle's; ADD */
    uint64_t offset, bytes;          /* READ; bytes also BEGIN */
    enum incoming_form form;         /* BEGIN */
    char sha256[DIGEST_HEX_BYTES];   /* BEGIN */
    struct files_piece *pieces;      /* WRITE */
    size_t piece_count;
    struct wire_submit submit; /* SUBMIT */
    /* what came of it */
    int code;
    struct error err;
    uint8_t *data; /* READ: bytes of them; WRITE, SUBMIT: what pieces, texts point into */
    bool there;    /* BEGIN: no bytes are needed */
    struct outgoing list;
    struct bundle *bundle; /* BUNDLE, ADD: what was added; SUBMIT */
    struct buffer yaml;
};

struct files; /* opaque */

/* Removes what a broker before left half-written, and starts the thread. */
MUST_CHECK int files_start(const char *store, struct files **files, struct error *err);
/* Ends it; what is not done is not done any more. NULL is fine. */
void files_stop(struct files **files);

/* An empty job, or NULL. */
struct files_job *files_job_new(enum files_kind kind);
void files_job_free(struct files_job **job);

/* Gives the job away. */
void files_put(struct files *files, struct files_job *job);
/* The next that is done, or NULL. FILES_END does not come back. */
struct files_job *files_take(struct files *files);
/* Readable while there is one. */
int files_fd(const struct files *files);

#endif
