/*
 * What the broker holds in memory: open jobs with their stages' progress, workers and their leases.
 *
 * All of it but the leases can be read back from the database. No sockets, no SQL, no clock of its
 * own: tests drive it with a time they make up. Grows with workers and open jobs, never with
 * samples.
 */
#ifndef BROKER_FARM_H
#define BROKER_FARM_H

#include "broker/heap.h"
#include "broker/map.h"
#include "broker/plan.h"
#include "broker/states.h"
#include "common/digest.h"
#include "common/limits.h"
#include "common/socket.h"
#include "common/spec.h"
#include "common/stage_networks.h"
#include "db/results.h"

struct farm_bundle { /* kept as long as the broker lives: there are few */
    int64_t id;
    char hash[DIGEST_HEX_BYTES];
    const char *name;
    struct bundle *bundle;
    struct results_layout layout;
    const char **boundaries; /* names: the attributes, then the age if there is one */
    size_t boundary_count;
    struct farm_bundle *next;
};

#define FARM_RATE_SECONDS 10

struct farm_rate { /* indices done in each of the last seconds */
    int64_t seconds[FARM_RATE_SECONDS];
    uint64_t counts[FARM_RATE_SECONDS];
    int64_t first; /* the second of the first count, 0: none yet */
};

struct farm_job;
struct reduction;

#define FARM_USER_JOBS LIMIT_OWNER_JOBS /* open jobs of a user, unless somebody says otherwise */
#define FARM_USER_TASKS ((uint64_t)1 << 40) /* queued tasks */

/* The lines in which jobs wait for their next task. */
enum farm_line {
    FARM_BULK,
    FARM_URGENT, /* interactive jobs, which go first */
};
#define FARM_LINES 2

struct farm_user { /* kept as long as the broker lives */
    char name[LIMIT_NAME_BYTES + 1];
    double share;
    uint64_t most_jobs, most_tasks;
    double used;   /* seconds of work by its share, on the farm's clock */
    uint64_t turn; /* of its last task */
    struct heap jobs[FARM_LINES];          /* that may have work */
    struct heap_place place, urgent_place; /* in the farm's lines, where it has such */
    UT_hash_handle by_name;
};

/* What a job follows. */
enum farm_after {
    FARM_AFTER_NOTHING, /* or what it followed is done */
    FARM_AFTER_OPEN,
    FARM_AFTER_ENDED, /* otherwise than done */
};

/*
 * Stages of open jobs with equal needs are a class, so that whether a worker may have their tasks
 * is one bit of it, found once a worker and class. When all numbers are taken, the last one is that
 * of all others, whose needs are compared at each question.
 */
#define FARM_CLASSES 64
#define FARM_CLASS_ANY 0U
#define FARM_CLASS_OTHERS (FARM_CLASSES - 1U)

struct farm_class {
    struct needs needs; /* its labels are the class's own */
    uint32_t stages;    /* 0: the number is free */
};

struct farm_stage {
    int64_t id;
    uint32_t position;
    struct farm_job *job;
    const struct spec_stage *spec;
    struct farm_stage *input; /* what `from` names, or NULL */
    struct farm_stage *mix;   /* whose mix its faces are, or NULL */
    enum states_stage state;
    uint32_t variants;
    struct stage_networks networks;
    struct plan plan;
    uint64_t reducing;           /* the order for what its rows come to (reduce.h), 0: none is out */
    struct reduction *reduction; /* of that order, while it is taken */
    unsigned class;
    struct farm_rate rate;
    double seconds;    /* an index takes, 0: not known */
    int64_t succeeded; /* the worker that did something of it last, 0: none */
    UT_hash_handle by_id;
};

struct farm_job {
    int64_t id;
    enum states_job state;
    struct farm_bundle *bundle;
    struct spec *spec;
    char *text; /* the spec as YAML */
    char owner[LIMIT_NAME_BYTES + 1];
    struct farm_stage *stages;
    uint64_t version; /* grows with every change that a watcher would see */
    struct farm_user *user;
    int32_t priority;
    bool interactive;
    int64_t deadline_ms; /* 0: none */
    int64_t after;       /* a job, 0: none */
    enum farm_after after_state;
    uint64_t turn;   /* of its last task */
    struct heap_place place; /* among its user's jobs that may have work */
    int line;                /* in which it stands there */
    struct farm_job *passed; /* while a task is cut: the next that had none for the worker */
    UT_hash_handle by_id;
};

enum farm_worker_state {
    FARM_ALIVE,
    FARM_LOST, /* silent for too long */
    FARM_GONE, /* said goodbye */
};

struct farm_worker;

struct farm_lease {
    struct farm_stage *stage;
    uint64_t start; /* with the stage the key of the worker's map */
    uint64_t count, epoch;
    int64_t leased_ms; /* wall clock; of an adopted one, when it was adopted */
    bool fresh;        /* not sent yet */
    bool urgent;       /* of an interactive job: does not count against the credit for others */
    bool tried;        /* it had a twin that ended without a result: it gets no other */
    struct farm_worker *worker;
    struct farm_lease *twin; /* of the same range, at another worker, or NULL */
    struct farm_lease *next, *before; /* of the same worker */
    UT_hash_handle by_range;
};

struct farm_health { /* as the last heartbeat told, see messages.def */
    uint64_t busy_us, mflop, millikelvin;
};

#define FARM_PACES 8

struct farm_pace { /* of a worker in a stage */
    int64_t stage, bundle; /* stage 0: unused */
    enum spec_kind kind;
    uint32_t variants;
    bool photos;
    double seconds; /* an index */
};

struct farm_worker {
    int64_t id;
    uint64_t session;
    char *name, *host, *device, *device_kind, *labels;
    uint64_t memory;
    uint64_t classes; /* a bit for each that it meets */
    struct farm_health health;
    char *log; /* the last lines that it logged, as far as it told; NULL: none */
    enum farm_worker_state state;
    struct socket_identity identity; /* size 0: not connected; its user is the last that was */
    uint32_t credit, held;
    uint32_t urgent; /* of the held, beside the others: they have a credit of their own */
    struct farm_lease *leases; /* newest first */
    struct farm_lease *ranges; /* the same as a map by stage and start */
    struct farm *farm;
    struct farm_worker *hungry_next, *hungry_before; /* both NULL: it is not in the farm's ring */
    struct farm_worker *served; /* while tasks are handed out: the next that got some */
    int64_t last_seen;    /* clock_now() */
    int64_t last_seen_ms; /* wall clock */
    int64_t delivered_ms; /* wall clock, of its last result or failure, 0: none */
    uint64_t tasks_done, tasks_failed;
    struct farm_pace paces[FARM_PACES]; /* in the stages it worked in last */
    unsigned newest_pace;
    bool draining;        /* gets no more */
    bool shares_store;    /* what it writes is in the store; else its files travel */
    bool expected;        /* was alive when the broker that we follow ended, and has not come yet */
    char *aside;          /* why it gets no more, NULL: it does */
    uint32_t streak;      /* failures in a row that look like its own fault */
    int64_t streak_stage; /* the last of them */
    uint64_t streak_start, streak_end;
    UT_hash_handle by_session, by_identity;
};

struct farm {
    struct farm_bundle *bundles;
    struct farm_job *jobs;          /* map by id */
    struct farm_stage *stages;      /* map by id */
    struct farm_user *users;        /* map by name */
    double clock;                   /* of fair shares: where the task leased last began */
    uint64_t turns;                 /* counted up */
    struct heap waiting[FARM_LINES]; /* users with jobs that may have work */
    size_t interactive;             /* open jobs that are */
    struct farm_class classes[FARM_CLASSES];
    struct farm_worker *sessions;   /* map by session: every worker known */
    struct farm_worker *identities; /* map by identity: connected workers */
    struct farm_worker *hungry;     /* ring of those that may want tasks; its first */
    size_t hungry_count;
    uint64_t slots;                 /* credit of the usable, 0: to be counted anew */
    bool passed_over;               /* some with credit were taken out, as no work was for them */
    uint64_t epoch;                 /* of the last lease */
    size_t lent;                    /* leases there are */
};

void farm_free(struct farm *farm);

/* ---- bundles ---- */

/* Takes over a parsed bundle. */
MUST_CHECK int farm_add_bundle(struct farm *farm, int64_t id, const char *hash,
                               struct bundle **bundle, struct farm_bundle **added,
                               struct error *err);
struct farm_bundle *farm_find_bundle(struct farm *farm, int64_t id);

/* ---- jobs ---- */

/* Makes a job with its stages waiting and their plans, not yet in the maps (no ids). Takes the
 * spec, and copies `text`. */
MUST_CHECK int farm_make_job(struct farm_bundle *bundle, struct spec **spec, const char *text,
                             struct farm_job **job, struct error *err);
/* Puts a job, whose ids, stages' ids and owner are set now, last in the order. */
MUST_CHECK int farm_add_job(struct farm *farm, struct farm_job *job, struct error *err);
/* Takes it out, without its leases: see farm_drop_leases. NULL pointers are fine in farm_free_job.
 */
void farm_remove_job(struct farm *farm, struct farm_job *job);
void farm_free_job(struct farm_job **job);
struct farm_job *farm_find_job(struct farm *farm, int64_t id);
struct farm_stage *farm_find_stage(struct farm *farm, int64_t id);

void farm_rate_add(struct farm_rate *rate, int64_t now, uint64_t count);
double farm_rate_of(const struct farm_rate *rate, int64_t now); /* indices a second */

/* ---- workers ---- */

/* The worker of that session, made if it is new (then without id and identity). Forgets the one
 * lost or gone the longest where LIMIT_WORKERS are known; E_LIMIT where all of them are alive. */
MUST_CHECK int farm_add_worker(struct farm *farm, uint64_t session, struct farm_worker **worker,
                               struct error *err);
struct farm_description {
    const char *name, *host, *device, *device_kind, *labels; /* labels: joined, see needs.h */
    uint64_t memory;
};
/* What a worker says of itself, copied; E_INVALID where the labels are none. */
MUST_CHECK int farm_describe_worker(struct farm *farm, struct farm_worker *worker,
                                    const struct farm_description *description, struct error *err);
/* With its leases; it stands in none of the farm's maps any more. */
void farm_free_worker(struct farm_worker *worker);
struct farm_worker *farm_find_session(struct farm *farm, uint64_t session);
/* The worker that said hello over that connection, with that key. */
struct farm_worker *farm_find_identity(struct farm *farm, const struct socket_identity *identity);
/* Connects a worker; whoever had the identity before is no longer connected. NULL: disconnects. */
void farm_connect(struct farm *farm, struct farm_worker *worker,
                  const struct socket_identity *identity);

/* ---- schedule.c: whose task is next ---- */

/* The user of that name, made if it is new. */
MUST_CHECK int farm_user(struct farm *farm, const char *name, struct farm_user **user,
                         struct error *err);
uint64_t farm_user_jobs(const struct farm *farm, const struct farm_user *user);  /* open */
uint64_t farm_user_tasks(const struct farm *farm, const struct farm_user *user); /* queued */
uint64_t farm_job_tasks(const struct farm_job *job);                             /* queued */
/* Seconds that so many indices take, as far as is known. */
double farm_seconds(const struct farm_stage *stage, uint64_t count);
/* Notes what a task took. */
void farm_took(struct farm_stage *stage, uint64_t count, double seconds);
/* Seconds that a worker takes for an index of a stage, by its last tasks there; where it has done none, by those of
 * the newest stage that is like it: of the same kind, on the same bundle, with as many variants, of photos or not. 0:
 * not known. */
double farm_pace(const struct farm_worker *worker, const struct farm_stage *stage);
void farm_paced(struct farm_worker *worker, const struct farm_stage *stage, uint64_t count,
                double seconds);
/* Tasks that are under way when every usable worker holds what it may. */
uint64_t farm_slots(struct farm *farm);
/* A job in the farm may have work again: it was added, a stage began, a range came back, it was
 * resumed. */
MUST_CHECK int farm_wake(struct farm *farm, struct farm_job *job, struct error *err);
/* What a job is ordered by (priority, deadline, interactive) has changed. */
MUST_CHECK int farm_rank(struct farm *farm, struct farm_job *job, struct error *err);
/* It leaves the farm. */
void farm_sleep(struct farm *farm, struct farm_job *job);
/* Whether any job has a task to lease, to whomever. */
bool farm_has_work(struct farm *farm);
/* Cuts the next task for a worker: 1, or 0 where no job has work for it. What failed last on it is
 * left to others, if there are any. */
MUST_CHECK int farm_cut(struct farm *farm, const struct farm_worker *worker, bool only_interactive,
                        struct farm_stage **stage, struct interval *range, struct error *err);

/* ---- classes.c: which workers may have a stage's tasks ---- */

/* Numbers the needs of a job's stages, or gives the numbers back. */
void farm_take_classes(struct farm *farm, struct farm_job *job);
void farm_return_classes(struct farm *farm, struct farm_job *job);
/* Finds out anew which classes a worker meets. */
void farm_classify(const struct farm *farm, struct farm_worker *worker);
struct needs_offer farm_offer(const struct farm_worker *worker);
bool farm_matches(const struct farm_worker *worker, const struct farm_stage *stage);

/* ---- leases ---- */

/* Whether a worker has credit left, for bulk or for interactive work. */
bool farm_wants(const struct farm *farm, const struct farm_worker *worker);
/* It may want tasks (again): it is connected, got credit, a lease ended, it is usable again. Puts
 * it last in the ring, where it stays until farm_sated. */
void farm_hungry(struct farm_worker *worker);
void farm_sated(struct farm_worker *worker); /* takes it out; fine where it is not in it */
/* It would take tasks, but there are none for it: it is out of the ring until farm_stir. */
void farm_pass_over(struct farm_worker *worker);
/* There may be work for those who were passed over: new work, or workers that it was left to are
 * gone. */
void farm_stir(struct farm *farm);
/* Cuts a task for a worker that has credit left: 1 and *lease, or 0 where no job has work for it.
 */
MUST_CHECK int farm_lease(struct farm *farm, struct farm_worker *worker, int64_t now_ms,
                          struct farm_lease **lease, struct error *err);
/* Lends a worker the range of another one's lease, which has no twin: 1 and *lease. See stragglers.h. */
MUST_CHECK int farm_lend_again(struct farm *farm, struct farm_worker *worker,
                               struct farm_lease *first, int64_t now_ms, struct farm_lease **lease,
                               struct error *err);
/* Lends a worker a range that it holds already: 1, or 0 where it is not free, or is none. */
MUST_CHECK int farm_adopt(struct farm *farm, struct farm_worker *worker, struct farm_stage *stage,
                          const struct wire_held_task *held, int64_t now_ms, struct error *err);
/* idle, busy, draining, aside, lost, gone */
const char *farm_worker_state(const struct farm_worker *worker);
/* Whether it may have tasks at all. */
bool farm_is_usable(const struct farm_worker *worker);
/* Whether nobody else could be lent a task of that stage. */
bool farm_is_alone(const struct farm *farm, const struct farm_worker *worker,
                   const struct farm_stage *stage);
/* The lease a worker holds of that range, or NULL. */
struct farm_lease *farm_find_lease(struct farm_worker *worker, const struct farm_stage *stage,
                                   uint64_t start, uint64_t count);
/* Frees a lease. Its range, unless it is done or lent to another worker as well, goes back to the
 * queue. */
MUST_CHECK int farm_release(struct farm_worker *worker, struct farm_lease *lease,
                            struct error *err);
/* Frees all of a worker's leases of one job's ended stages; true if there were any of `stage`. */
bool farm_drop_leases(struct farm_worker *worker, const struct farm_stage *stage);

#endif
