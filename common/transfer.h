/*
 * Files over the wire, as the one who asks sees it: a worker or a command with a connection of its
 * own to the broker, beside the one that leases or requests go over, so that those never wait
 * behind files.
 *
 * All that is under way at once is a window of LIMIT_WINDOW chunks; the next is sent when the
 * oldest is answered. Calls block, one thread a transfer. Errors: E_TIMEOUT where the broker does
 * not answer (the connection is made anew at the next call), E_STATE where it wants to be asked
 * again later, E_INTERRUPTED where `stop` says so; any other is the broker's refusal or what is
 * wrong with the files. After an error an upload is over; a new one begins it again.
 */
#ifndef COMMON_TRANSFER_H
#define COMMON_TRANSFER_H

#include "common/digest.h"
#include "common/socket.h"

struct transfer; /* opaque */

struct transfer_options {
    const char *endpoint;
    const struct key_client *keys; /* or NULL: plain text */
    int64_t patience;              /* for an answer; 0: TRANSFER_PATIENCE */
    bool (*stop)(void *state);     /* asked several times a second while waiting; NULL: never */
    void *state;
};

#define TRANSFER_PATIENCE_MS 10000

/* The options and what they point to outlive it. Nothing is connected yet. */
MUST_CHECK int transfer_open(const struct transfer_options *options, struct transfer **transfer,
                             struct error *err);
void transfer_close(struct transfer **transfer);

/* The next request's number: what goes into the body of transfer_ask. */
uint64_t transfer_request(struct transfer *transfer);

struct transfer_answer {
    struct wire_message message;
    struct socket_frame *frame;
};
void transfer_answer_free(struct transfer_answer *answer);

/* Sends a message with that request number and waits for its answer, of type `expected`. */
MUST_CHECK int transfer_ask(struct transfer *transfer, enum wire_type type, const void *body,
                            uint64_t request, enum wire_type expected,
                            struct transfer_answer *answer, struct error *err);

/* Whether an error passes with time: the broker is not there, or busy. */
bool transfer_passes(int code);

/* Waits; E_INTERRUPTED where `stop` says so. For who tries again after E_STATE or E_TIMEOUT. */
MUST_CHECK int transfer_pause(struct transfer *transfer, int64_t time, struct error *err);

/* Fetches a file of the store's folder `kind`/`hash` into `fd` (at its offset 0), and checks size
 * and digest: E_DIGEST. */
MUST_CHECK int transfer_fetch(struct transfer *transfer, const char *kind, const char *hash,
                              const struct wire_part *part, int fd, struct error *err);

/* Reads a whole file of such a folder, of at most the buffer's maximum, into an empty buffer, with
 * a NUL behind that size does not count, and checks its digest. Waits as long as the broker is away
 * or busy. E_LIMIT, E_DIGEST, E_NOT_FOUND. */
MUST_CHECK int transfer_read(struct transfer *transfer, const char *kind, const char *hash,
                             const char *name, const char *sha256, struct buffer *into,
                             struct error *err);

/*
 * Sends an upload that the broker is ready for: transfer_put for each file in the order of their
 * names (name "" where the upload is one file), then transfer_finish, whose answer, of type
 * `expected`, is the caller's to free.
 */
MUST_CHECK int transfer_begin(struct transfer *transfer, uint64_t upload, struct error *err);
MUST_CHECK int transfer_put(struct transfer *transfer, const char *name, int fd,
                            struct error *err);
MUST_CHECK int transfer_finish(struct transfer *transfer, enum wire_type expected,
                               struct transfer_answer *answer, struct error *err);

#endif
