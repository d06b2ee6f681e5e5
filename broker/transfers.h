/*
 * Files that travel, as the loop sees them: who may fetch or send what, how much at once, and what
 * becomes of it. The work itself is the file thread's (files.h).
 *
 * Fetching has no state here but a connection's slot, of which there are LIMIT_TRANSFERS, each with
 * at most LIMIT_WINDOW requests under way: that bounds what waits for slow peers. Who gets no slot
 * is told to come again (E_STATE).
 *
 * An upload is begun for a file of a task, by the key and the session that hold its lease; it ends
 * when it is placed, at its first error, when its connection is silent for TRANSFERS_SILENCE, and
 * with the session. A file that is placed waits as `staged` for the result that tells of it, which
 * is taken only if all of its files are there with the digests that it says.
 */
#ifndef BROKER_TRANSFERS_H
#define BROKER_TRANSFERS_H

#include "broker/farm.h"
#include "broker/files.h"
#include "common/clock.h"

#define TRANSFERS_SILENCE (30 * CLOCK_SECOND) /* of a connection with uploads */
#define TRANSFERS_SLOT (2 * CLOCK_SECOND)     /* a slot is kept for one that asks nothing */

struct broker;
struct transfers; /* opaque */

/* Starts the file thread. */
MUST_CHECK int transfers_start(const char *store, struct transfers **transfers, struct error *err);
void transfers_stop(struct transfers **transfers);
/* Readable while the file thread has done something. */
int transfers_fd(const struct transfers *transfers);

/* Handlers; an error is answered by `refused`. */
MUST_CHECK int transfers_fetch_folder(struct broker *b, const struct socket_identity *from,
                                      const struct wire_fetch_folder *fetch, struct error *err);
MUST_CHECK int transfers_fetch_chunk(struct broker *b, const struct socket_identity *from,
                                     const struct wire_fetch_chunk *fetch, struct error *err);
MUST_CHECK int transfers_upload(struct broker *b, const struct socket_identity *from,
                                const struct wire_upload *upload, struct error *err);
MUST_CHECK int transfers_bundle_offer(struct broker *b, const struct socket_identity *from,
                                      const struct wire_bundle_offer *offer, struct error *err);
MUST_CHECK int transfers_chunk(struct broker *b, const struct socket_identity *from,
                               const struct wire_upload_chunk *chunk, struct error *err);
MUST_CHECK int transfers_end(struct broker *b, const struct socket_identity *from,
                             const struct wire_upload_end *end, struct error *err);
MUST_CHECK int transfers_add_folder(struct broker *b, const struct socket_identity *from,
                                    const struct wire_bundle_add *add, struct error *err);

/* Has the photos and latents that a submit names looked for in the store; client_submit_checked goes on
 * with it. It takes no slot: LIMIT_CHECKED at once, E_LIMIT beyond. `bundle` is a hash. */
MUST_CHECK int transfers_check_submit(struct broker *b, const struct socket_identity *from,
                                      const struct wire_submit *submit, const char *bundle,
                                      struct error *err);

/* Answers what the file thread has done, a bounded number. */
void transfers_take(struct broker *b);

/* Ends the uploads of a worker whose session is over. */
void transfers_drop_session(struct broker *b, uint64_t session);
/* Ends those of silent connections; when that is due next, INT64_MAX if never. */
void transfers_expire(struct broker *b, int64_t now);
int64_t transfers_deadline(const struct broker *b);

/* Whether all files of a result, of a worker that shares no store, are there: E_NOT_FOUND names
 * the one that is not, E_DIGEST one with another content. */
MUST_CHECK int transfers_check_files(struct broker *b, const struct wire_result *result,
                                     struct error *err);
/* A stage is over. */
void transfers_stage_over(struct broker *b, int64_t stage);
/* The result is taken. */
void transfers_forget_files(struct broker *b, const struct wire_result *result);

#endif
