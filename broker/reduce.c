/* The thread owns an order from mailbox to mailbox, and `working` is what it may be interrupted in:
 * under the mutex, as the connection goes with the order. */
#include "broker/reduce.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "broker/helper.h"
#include "broker/judging.h"
#include "db/measures.h"
#include "db/reduction.h"

struct reducer {
    const char *db, *store;
    struct helper *helper;
    pthread_mutex_t mutex;
    struct database *working;
    bool stopping;
};

void reduction_free(struct reduction **reduction)
{
    struct reduction *freed = *reduction;
    if (!freed)
        return;
    *reduction = NULL;
    selection_free(&freed->selection);
    database_close(&freed->made);
    free(freed);
}

/* ---- what is made ---- */

/* The judging estimator's range: where it answers in bins, their first and last year. */
static void age_range(const struct bundle *bundle, double *least, double *most)
{
    int column = bundle_age_column(bundle, BUNDLE_JUDGE);
    const struct bundle_bins *bins =
        column < 0 ? NULL
                   : bundle->age_estimators[(uint32_t)column - bundle->attributes_count].bins;
    *least = bins ? bins->first : NAN;
    *most = bins ? bins->last : NAN;
}

static int measure(struct database *db, const struct farm_stage *stage, struct error *err)
{
    struct measures_order order = {
        .stage = stage->id, .bundle = stage->job->bundle->id, .seed = stage->job->spec->seed};
    age_range(stage->job->bundle->bundle, &order.age_least, &order.age_most);
    return measures_make(db, &order, err);
}

static int find_mix(struct database *db, const struct farm_stage *stage,
                    struct reduction *reduction, struct error *err)
{
    return stage->spec->mix_count > 0 ? selection_find(db, stage, &reduction->selection, err) : 0;
}

/* What is left of it to write. */
static int write_mix(struct database *db, struct farm_stage *stage, struct reduction *reduction,
                     struct error *err)
{
    return stage->spec->mix_count > 0
               ? selection_write(db, stage, &reduction->selection, reduction->text, err)
               : 0;
}

static int make_rows(struct database *db, const char *store, struct farm_stage *stage,
                     struct reduction *reduction, struct error *err)
{
    int rc = 0;
    if (stage->spec->truth)
        rc = judging_make(db, store, stage, reduction->text, err);
    if (rc < 0 || reduction->text[0] != '\0')
        return rc;
    if (stage->variants > 0)
        rc = results_summarise(db, stage->id, stage->job->bundle->id, err);
    if (rc == 0 && stage->spec->kind == SPEC_EVALUATE)
        rc = measure(db, stage, err);
    return rc;
}

int reduce_here(struct database *db, const char *store, struct farm_stage *stage,
                struct reduction *reduction, struct error *err)
{
    int rc = find_mix(db, stage, reduction, err);
    if (rc == 0)
        rc = write_mix(db, stage, reduction, err);
    return rc < 0 || reduction->text[0] != '\0' ? rc : make_rows(db, store, stage, reduction, err);
}

bool reduce_is_small(const struct farm_stage *stage)
{
    return stage->variants == 0 || stage->plan.total <= REDUCE_AT_ONCE / stage->variants;
}

int reduce_take(struct database *db, struct farm_stage *stage, struct reduction *reduction,
                struct error *err)
{
    int rc = write_mix(db, stage, reduction, err);
    return rc < 0 || reduction->text[0] != '\0'
               ? rc
               : reduction_take(reduction->made, db, stage->id, err);
}

/* ---- the thread ---- */

/* The order's connection, or none where the broker ends. */
static int open_order(struct reducer *reducer, struct reduction *order)
{
    int rc = reduction_open(reducer->db, &order->made, &order->err);
    pthread_mutex_lock(&reducer->mutex);
    if (rc == 0 && reducer->stopping)
        rc = error_set(&order->err, E_INTERRUPTED, "the broker ends");
    reducer->working = rc == 0 ? order->made : NULL;
    pthread_mutex_unlock(&reducer->mutex);
    return rc;
}

static void leave(struct reducer *reducer)
{
    pthread_mutex_lock(&reducer->mutex);
    reducer->working = NULL;
    pthread_mutex_unlock(&reducer->mutex);
}

static int work(struct reducer *reducer, struct reduction *order)
{
    struct farm farm = {0};
    struct farm_job *job = NULL;
    struct farm_stage *stage = NULL;
    int rc = open_order(reducer, order);
    if (rc == 0)
        rc = resume_outline(order->made, &farm, order->job, &job, &order->err);
    for (uint32_t i = 0; rc == 0 && i < job->spec->stages_count; i++)
        if (job->stages[i].id == order->stage)
            stage = &job->stages[i];
    if (rc == 0 && !stage)
        rc = error_set(&order->err, E_NOT_FOUND, "job %lld has no stage %lld",
                       (long long)order->job, (long long)order->stage);
    if (rc == 0)
        rc = find_mix(order->made, stage, order, &order->err);
    if (rc == 0)
        rc = make_rows(order->made, reducer->store, stage, order, &order->err);
    leave(reducer);
    farm_free_job(&job);
    farm_free(&farm);
    return rc;
}

static bool work_on(void *state, struct mail *mail)
{
    struct reduction *order = (struct reduction *)mail;
    order->code = work(state, order);
    return true;
}

static void drop(struct mail *mail)
{
    struct reduction *dropped = (struct reduction *)mail;
    reduction_free(&dropped);
}

int reducer_start(const char *db, const char *store, struct reducer **reducer, struct error *err)
{
    struct reducer *started = calloc(1, sizeof *started);
    if (!started)
        return error_set(err, E_MEMORY, "no memory for the reducing thread");
    started->db = db;
    started->store = store;
    pthread_mutex_init(&started->mutex, NULL);
    int rc = helper_start(&(struct helper_task){work_on, drop, started}, &started->helper, err);
    if (rc == 0) {
        *reducer = started;
        return 0;
    }
    pthread_mutex_destroy(&started->mutex);
    free(started);
    return rc;
}

void reducer_stop(struct reducer **reducer)
{
    struct reducer *stopped = *reducer;
    if (!stopped)
        return;
    *reducer = NULL;
    pthread_mutex_lock(&stopped->mutex);
    stopped->stopping = true;
    if (stopped->working)
        reduction_interrupt(stopped->working);
    pthread_mutex_unlock(&stopped->mutex);
    helper_stop(&stopped->helper);
    pthread_mutex_destroy(&stopped->mutex);
    free(stopped);
}

int reducer_fd(const struct reducer *reducer)
{
    return helper_fd(reducer->helper);
}

void reducer_put(struct reducer *reducer, struct reduction *order)
{
    helper_put(reducer->helper, &order->mail);
}

struct reduction *reducer_take(struct reducer *reducer)
{
    return (struct reduction *)helper_take(reducer->helper);
}
