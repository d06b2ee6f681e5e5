/*
 * What the broker's files share.
 *
 * A round of the loop: read what is readable (bounded), handle each message, commit the one
 * transaction that the handlers wrote into, then send the replies that they left in the outbox,
 * then lease. So nothing is said before it is durable, and many results cost one fsync.
 *
 * Two kinds of failure. A handler returns an error: the peer gets `refused`, nothing has been
 * written. A write fails: broker_doomed() notes it, the transaction is rolled back, nobody was
 * answered, and what is in memory no longer counts. Then the broker ends, or, where the disk is what
 * fails, reads its memory back and is paused (pause.c).
 */
#ifndef BROKER_BROKER_PRIV_H
#define BROKER_BROKER_PRIV_H

#include "broker/access.h"
#include "broker/broker.h"
#include "broker/directions.h"
#include "broker/farm.h"
#include "broker/fleet.h"
#include "broker/gate.h"
#include "broker/metrics.h"
#include "broker/metrics_http.h"
#include "broker/rate.h"
#include "broker/reduce.h"
#include "broker/transfers.h"
#include "common/store_id.h"
#include "common/wire.h"

/* A reply that waits for the commit. What it tells is looked up when it is sent, except what is
 * said here. */
struct reply {
    struct reply *next;
    struct socket_identity to;
    enum wire_type type;
    uint64_t request;
    uint64_t id;                 /* job, stage, worker or session, by type */
    struct wire_task task; /* scores, samples: start and count; revoke: count 0: all; events: since */
    struct wire_task *tasks;     /* accepted: owned */
    size_t task_count, task_room;
    size_t first_column, columns; /* scores: of a row, what is sent */
    int code;                    /* refused */
    char *text;                  /* refused: owned; bundle_added: the name, owned */
    char hash[DIGEST_HEX_BYTES]; /* bundle_added */
};

struct watch {
    struct watch *next;
    struct socket_identity to;
    uint64_t request;
    int64_t job;
    uint64_t version; /* that was told last */
    int64_t told;     /* clock_now() then */
};

/* See pause.c. */
struct pause {
    bool on;
    int code; /* why */
    char text[ERROR_TEXT_MAX]; /* "paused: …" */
    int64_t since, retry_at;
};

/* See cuts.c. */
struct cuts {
    struct gate_counts told; /* last */
    int64_t next;            /* not before then; 0: nothing is to be told */
    int64_t told_at;
};

struct broker {
    struct broker_options options;
    void *context, *socket;
    int signals; /* signalfd */
    void *zap;   /* NULL: plain text */
    struct gate *gate; /* NULL: not TCP */
    struct cuts cuts;
    struct access access;
    struct fleet fleet;
    struct rates rates;
    char store_id[STORE_ID_BYTES];
    struct transfers *transfers;
    struct reducer *reducer;
    struct reduction *to_reduce; /* orders that wait for the commit */
    struct reduction *taking;    /* made, and being written, oldest first */
    uint64_t reductions;         /* asked for so far */
    struct database *db;
    struct farm farm;
    struct reply *outbox, *outbox_last; /* first and last of the list */
    struct follower *followers; /* see journal.c */
    size_t follower_count;
    uint64_t events_told; /* events_inserted() then */
    const char *actor;    /* whose message is being handled: its key's owner, or NULL */
    struct watch *watches;
    size_t watch_count;
    bool follow;                   /* a job has ended that others may follow */
    int64_t next_expiry;           /* no worker is overdue before */
    int64_t stragglers_at;         /* when tasks are looked for that may be lent twice; INT64_MAX: not as it is */
    size_t expected;               /* workers of the broker before that have not said hello yet */
    int64_t expected_until;        /* while there are any, nothing is leased before */
    struct metrics metrics;
    struct metrics_http *http; /* NULL: nobody is told */
    int http_fd;
    uint64_t undecodable, refused, turned_away, dropped; /* counted for the log */
    struct pause pause;
    int doomed; /* a write's error, 0 while all is well; it ends the broker unless that can be paused */
    struct error doom;
};

/* Begins the round's transaction, if no handler has yet. */
MUST_CHECK int broker_write(struct broker *b, struct error *err);
/* Notes that a write failed; returns `rc`. */
int broker_doomed(struct broker *b, int rc, const struct error *err);

/* ---- pause.c ---- */

/* Pauses a doomed broker where its error may pass: true, and it is doomed no more. False: it ends. */
bool pause_begin(struct broker *b);
/* A paused broker tries whether it can go on, when that is due. */
void pause_tend(struct broker *b, int64_t now);
/* When that is, INT64_MAX where it is not paused. */
int64_t pause_deadline(const struct broker *b);
/* What is told of it, "" where it is not paused. */
const char *pause_notice(const struct broker *b);

/* Notes in the audit what happens to the broker, in the round's transaction; a failure dooms. */
void broker_remark(struct broker *b, const char *event, const char *text);
/* The same in a transaction of its own. */
MUST_CHECK int broker_note(struct broker *b, const char *event, struct error *err);
/* Advances and commits what the broker before left waiting. An error dooms. */
void broker_advance_all(struct broker *b);

/* ---- cuts.c ---- */

/* Connections were cut: that is to be told soon. */
void cuts_notice(struct broker *b, int64_t now);
/* Tells it, when that is due. */
void cuts_tell(struct broker *b, int64_t now);
/* When that is, INT64_MAX where there is nothing to tell. */
int64_t cuts_deadline(const struct broker *b);

/* ---- outbox.c ---- */

/* Leaves a reply; `text` (may be NULL) is copied. Out of memory dooms the broker. */
void outbox_put(struct broker *b, const struct reply *reply, const char *text);
/* Leaves `accepted` for a task, in one message with those of the same stage that the peer was left just before. */
void outbox_accept(struct broker *b, const struct socket_identity *to, uint64_t stage,
                   const struct wire_task *task);
void outbox_refuse(struct broker *b, const struct socket_identity *to, uint64_t request, int code,
                   const char *text);
/* Sends everything; the transaction is committed. */
void outbox_flush(struct broker *b);
/* What was to be told was not committed: clients are refused with `code`, others hear nothing. */
void outbox_withdraw(struct broker *b, int code, const char *text);
void outbox_free(struct broker *b);

/* ---- answers.c: replies that are read from the database when they are sent ---- */

MUST_CHECK int answer_job(struct broker *b, const struct socket_identity *to, uint64_t request,
                          int64_t job, struct error *err);
MUST_CHECK int answer_jobs(struct broker *b, const struct reply *reply, struct error *err);
MUST_CHECK int answer_users(struct broker *b, const struct reply *reply, struct error *err);
MUST_CHECK int answer_failures(struct broker *b, const struct reply *reply, struct error *err);
MUST_CHECK int answer_explanation(struct broker *b, const struct reply *reply, struct error *err);
MUST_CHECK int answer_workers(struct broker *b, const struct reply *reply, struct error *err);
MUST_CHECK int answer_scores(struct broker *b, const struct reply *reply, struct error *err);
MUST_CHECK int answer_samples(struct broker *b, const struct reply *reply, struct error *err);
MUST_CHECK int answer_directions(struct broker *b, const struct reply *reply, struct error *err);

/* ---- journal.c ---- */

struct events_row;
/* Notes a change of a state in the round's transaction, with the present time. A failure dooms. */
MUST_CHECK int journal(struct broker *b, const struct events_row *event, struct error *err);
MUST_CHECK int client_event_list(struct broker *b, const struct socket_identity *from,
                                 const struct wire_event_list *list, struct error *err);
MUST_CHECK int answer_events(struct broker *b, const struct reply *reply, struct error *err);
/* Sends what is new to those who follow; what they are told is committed. */
void journal_tell(struct broker *b);
/* Whether one of them has to be told more in the next round, whatever happens. */
bool journal_is_behind(const struct broker *b);
void journal_free(struct broker *b);

/* ---- watch.c ---- */

MUST_CHECK int watch_add(struct broker *b, const struct socket_identity *to, uint64_t request,
                         int64_t job, struct error *err);
/* Tells the watchers what is due. */
void watch_tell(struct broker *b, int64_t now);
/* When something is due next, INT64_MAX if nothing. */
int64_t watch_deadline(const struct broker *b);
/* All are to be told again: it is no longer as they were told. */
void watch_renew(struct broker *b);
void watch_free(struct broker *b);

/* ---- clients.c, peers.c, deliveries.c, leases.c: one handler a message; an error is answered by
 * `refused` ---- */

MUST_CHECK int client_submit(struct broker *b, const struct socket_identity *from,
                             const struct wire_submit *submit, struct error *err);
/* The same when what the spec names is in the store: whatever else has changed since is asked again. */
MUST_CHECK int client_submit_checked(struct broker *b, const struct socket_identity *from,
                                     const struct wire_submit *submit, struct error *err);
MUST_CHECK int client_bundle_add(struct broker *b, const struct socket_identity *from,
                                 const struct wire_bundle_add *add, struct error *err);
MUST_CHECK int client_job_cancel(struct broker *b, const struct socket_identity *from,
                                 const struct wire_job_cancel *cancel, struct error *err);
MUST_CHECK int client_job_order(struct broker *b, const struct socket_identity *from,
                                const struct wire_job_order *order, struct error *err);
MUST_CHECK int client_user_set(struct broker *b, const struct socket_identity *from,
                               const struct wire_user_set *set, struct error *err);
MUST_CHECK int client_job_retry(struct broker *b, const struct socket_identity *from,
                                const struct wire_job_retry *retry, struct error *err);

MUST_CHECK int peer_hello(struct broker *b, const struct socket_identity *from,
                          const struct wire_hello *hello, struct error *err);
MUST_CHECK int peer_heartbeat(struct broker *b, const struct socket_identity *from,
                              const struct wire_heartbeat *heartbeat, struct error *err);
MUST_CHECK int peer_goodbye(struct broker *b, const struct socket_identity *from,
                            const struct wire_goodbye *goodbye, struct error *err);
MUST_CHECK int peer_result(struct broker *b, const struct socket_identity *from,
                           const struct wire_result *result, struct error *err);
/* Several, each judged by itself; E_INVALID where one is none, and then none of them is taken. */
MUST_CHECK int peer_results(struct broker *b, const struct socket_identity *from,
                            const struct wire_results *results, struct error *err);
MUST_CHECK int peer_failed(struct broker *b, const struct socket_identity *from,
                           const struct wire_failed *failed, struct error *err);
MUST_CHECK int peer_fetch_scores(struct broker *b, const struct socket_identity *from,
                                 const struct wire_fetch_scores *fetch, struct error *err);
MUST_CHECK int peer_fetch_samples(struct broker *b, const struct socket_identity *from,
                                  const struct wire_fetch_samples *fetch, struct error *err);
MUST_CHECK int peer_fetch_directions(struct broker *b, const struct socket_identity *from,
                                     const struct wire_fetch_directions *fetch, struct error *err);
/* Ends the sessions of workers whose keys are no longer authorized: their leases go back and blame nobody. */
void peer_dismiss_revoked(struct broker *b);
/* A worker said something: it is alive. */
void peer_seen(struct broker *b, struct farm_worker *worker);
/* Takes back what silent workers hold. */
void peer_expire(struct broker *b, int64_t now);
/* Hands out tasks to everyone with credit. */
void peer_lease_all(struct broker *b);

/* ---- reconcile.c ---- */

/* Brings our leases and what a hello lists together. An error is one of memory, and dooms. */
MUST_CHECK int reconcile(struct broker *b, struct farm_worker *worker,
                         const struct wire_hello *hello, bool same_connection, struct error *err);

/* ---- worker_orders.c ---- */

struct attempt {
    struct wire_task task;
    struct farm_worker *worker;
    const char *code, *text, *log;
};
MUST_CHECK int client_worker_order(struct broker *b, const struct socket_identity *from,
                                   const struct wire_worker_order *order, struct error *err);
/* Counts what failed on a worker, and sets it aside when that is all it does. */
void worker_failed(struct broker *b, struct farm_worker *worker, const struct farm_stage *stage,
                   const struct attempt *attempt);
void worker_succeeded(struct farm_worker *worker, struct farm_stage *stage);

/* ---- lifecycle.c: writes, so an error dooms ---- */

/* What an edit or evaluate stage's directions and boundaries are made of; `layers` is
 * order->layers. */
MUST_CHECK int lifecycle_directions(const struct farm_stage *stage, bool layers[LIMIT_LAYERS],
                                    struct directions_order *order, struct error *err);

/* Starts, completes and fails a job's stages as their inputs and progress say, and ends the job.
 * The job may be freed: false then. */
bool lifecycle_advance(struct broker *b, struct farm_job *job);
/* Gives the reducing thread what is to be reduced; it is committed. */
void lifecycle_send_reductions(struct broker *b);
/* It was not committed; nor is what was being written of others known to be. */
void lifecycle_drop_reductions(struct broker *b);
/* Ends the stages that the thread has reduced; of mixes it writes a piece at each turn, until it has written all. */
void lifecycle_take_reductions(struct broker *b);
/* Cancels what has not ended; the job is freed. */
void lifecycle_cancel(struct broker *b, struct farm_job *job);
/* Pauses a running job, whose tasks go back, or resumes a paused one. E_STATE, and nothing is done.
 */
MUST_CHECK int lifecycle_order(struct broker *b, struct farm_job *job, enum states_job_event event,
                               struct error *err);
/* Starts, or fails, the jobs that follow one that has ended. */
void lifecycle_follow(struct broker *b);
/* A failed attempt of a range that nobody holds any more: it is tried again, halved, or set aside.
 * The stage's job may be freed. */
void lifecycle_attempt(struct broker *b, struct farm_stage *stage, const struct attempt *attempt);
/* Tries again what was set aside, of a job that is in the farm or of one that has failed and is
 * added to it; false where there is nothing to try. The job may be freed. */
bool lifecycle_retry(struct broker *b, struct farm_job *job, bool failed);

/* ---- bundles.c ---- */

/* The bundle of that hash or name, from memory or the database. */
MUST_CHECK int bundles_take(struct broker *b, const char *hash_or_name, struct farm_bundle **bundle,
                            struct error *err);
/* The bundle of that id, into `farm`, by any connection. */
MUST_CHECK int bundles_read(struct database *db, struct farm *farm, int64_t id,
                            struct farm_bundle **bundle, struct error *err);
/* Registers what is in the store now, and leaves the answer. */
MUST_CHECK int bundles_added(struct broker *b, const struct socket_identity *to, uint64_t request,
                             const struct bundle *bundle, const char *hash,
                             const struct buffer *yaml, struct error *err);

/* ---- resume.c ---- */

/* Reads open jobs and known workers back from the database. */
MUST_CHECK int resume(struct broker *b, struct error *err);
/* Reads one job back, open or not, as it stands in the database; it is not in the farm, and its
 * state is STATES_JOB_RUNNING. E_NOT_FOUND. */
MUST_CHECK int resume_job(struct broker *b, int64_t id, struct farm_job **job, struct error *err);
/* The same without what of it is done, and without the broker: by any connection, with its bundle in
 * `farm`, which must outlive it. */
MUST_CHECK int resume_outline(struct database *db, struct farm *farm, int64_t id,
                              struct farm_job **job, struct error *err);

#endif
