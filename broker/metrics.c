/* The page is made from what the broker holds in memory at that moment: no query, no lock. */
#include "broker/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "db/events.h"
#include "version.h"

static const double commit_bounds[EXPOSITION_BUCKETS] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                                                         0.05,   0.1,   0.2,   0.5,   1,    5};
static const double lease_bounds[EXPOSITION_BUCKETS] = {0.01, 0.05, 0.1, 0.5, 1,   2,
                                                        5,    10,   30,  60,  300, 1800};

#define CODE_NAME(name, number, text) #name,
static const char *const code_names[] = {ERROR_LIST(CODE_NAME) "other"};

void metrics_init(struct metrics *metrics)
{
    metrics->commits.bounds = commit_bounds;
    metrics->leases.bounds = lease_bounds;
}

void metrics_result(struct metrics *metrics, enum spec_kind kind, uint64_t count,
                    const struct wire_stage_metrics *said, double seconds)
{
    struct metrics_kind *counts = &metrics->kinds[kind];
    counts->tasks++;
    counts->indices += count;
    counts->faces += said->faces;
    metrics->bytes += said->bytes;
    if (seconds >= 0)
        histogram_add(&metrics->leases, seconds);
}

void metrics_failure(struct metrics *metrics, const char *code, enum plan_verdict verdict,
                     uint64_t count)
{
    size_t i = 0;
    while (i < METRICS_CODES && strcmp(code, code_names[i]) != 0)
        i++;
    metrics->failures[i]++;
    if (verdict == PLAN_SPENT)
        metrics->poisoned += count;
    else
        metrics->retries++;
}

/* ---- jobs ---- */

struct queue { /* of a stage kind */
    uint64_t waiting, leased, indices;
};

static void count_stage(const struct farm_stage *stage, struct queue *queue)
{
    const struct plan *plan = &stage->plan;
    uint64_t left = plan->total - plan->done_count - plan->leased_count - plan->poisoned_count;
    if (stage->state != STATES_STAGE_RUNNING)
        return;
    queue->waiting += (left + plan->size - 1) / plan->size;
    queue->indices += left;
}

static void count_leases(const struct farm *farm, struct queue *queues, int64_t *oldest_ms)
{
    for (const struct farm_worker *w = farm->sessions; w; w = w->by_session.next)
        for (const struct farm_lease *lease = w->leases; lease; lease = lease->next) {
            queues[lease->stage->spec->kind].leased++;
            if (lease->leased_ms < *oldest_ms)
                *oldest_ms = lease->leased_ms;
        }
}

static void write_by_kind(struct exposition *e, const char *name, const char *type,
                          const char *help, const uint64_t *first, size_t stride)
{
    exposition_family(e, name, type, help);
    for (int kind = 0; kind < SPEC_KINDS; kind++) {
        const struct exposition_label label = {"kind", spec_kind_name((enum spec_kind)kind)};
        exposition_count(e, &label, 1, first[(size_t)kind * stride]);
    }
}

static void write_jobs(struct exposition *e, const struct farm *farm)
{
    uint64_t running = 0, paused = 0;
    const struct exposition_label states[] = {{"state", "running"}, {"state", "paused"}};
    for (const struct farm_job *job = farm->jobs; job; job = job->by_id.next) {
        running += job->state == STATES_JOB_RUNNING;
        paused += job->state == STATES_JOB_PAUSED;
    }
    exposition_family(e, "facefarm_jobs", "gauge", "Open jobs by state.");
    exposition_count(e, &states[0], 1, running);
    exposition_count(e, &states[1], 1, paused);
}

static void write_queue(struct exposition *e, const struct farm *farm)
{
    struct queue queues[SPEC_KINDS] = {{0}};
    int64_t now = clock_wall_ms(), oldest = now;
    const size_t stride = sizeof *queues / sizeof(uint64_t);
    for (const struct farm_job *job = farm->jobs; job; job = job->by_id.next)
        for (uint32_t i = 0; i < job->spec->stages_count; i++)
            count_stage(&job->stages[i], &queues[job->stages[i].spec->kind]);
    count_leases(farm, queues, &oldest);
    write_by_kind(e, "facefarm_queued_tasks", "gauge",
                  "Tasks of running stages that nobody has, at the planner's size, by stage kind.",
                  &queues[0].waiting, stride);
    write_by_kind(
        e, "facefarm_queued_indices", "gauge",
        "Samples, boundaries or targets of running stages that nobody has, by stage kind.",
        &queues[0].indices, stride);
    write_by_kind(e, "facefarm_leased_tasks", "gauge", "Tasks that workers have, by stage kind.",
                  &queues[0].leased, stride);
    exposition_family(e, "facefarm_oldest_lease_age_seconds", "gauge",
                      "Age of the oldest lease, 0 where there is none.");
    exposition_real(e, NULL, 0, (double)(now - oldest) / 1000);
}

static void write_done(struct exposition *e, const struct metrics *m)
{
    const size_t stride = sizeof *m->kinds / sizeof(uint64_t);
    write_by_kind(e, "facefarm_tasks_done_total", "counter", "Results committed, by stage kind.",
                  &m->kinds[0].tasks, stride);
    write_by_kind(e, "facefarm_indices_done_total", "counter",
                  "Samples, boundaries or targets done, by stage kind.", &m->kinds[0].indices,
                  stride);
    write_by_kind(e, "facefarm_faces_made_total", "counter",
                  "Faces that generators made for committed results, by stage kind.",
                  &m->kinds[0].faces, stride);
    exposition_one(e, "facefarm_store_written_bytes_total", "counter",
                   "Bytes of files in committed results.", m->bytes);
    exposition_histogram(e, "facefarm_lease_duration_seconds",
                         "Time from a task's lease to its result.", &m->leases);
}

static void write_failures(struct exposition *e, const struct metrics *m)
{
    exposition_family(e, "facefarm_attempts_failed_total", "counter",
                      "Failed attempts at tasks, by error code.");
    for (size_t i = 0; i <= METRICS_CODES; i++) {
        const struct exposition_label label = {"code", code_names[i]};
        exposition_count(e, &label, 1, m->failures[i]);
    }
    exposition_one(e, "facefarm_retries_total", "counter",
                   "Failed ranges that are tried again, whole or in halves.", m->retries);
    exposition_one(e, "facefarm_poisoned_indices_total", "counter",
                   "Indices set aside after max_attempts.", m->poisoned);
    exposition_one(e, "facefarm_second_leases_total", "counter",
                   "Leases of ranges that another worker had, near a stage's end.", m->second);
    exposition_one(e, "facefarm_determinism_faults_total", "counter",
                   "Results that differed from the first of their range.", m->faults);
}

/* ---- the broker ---- */

/* None of a socket that is not TCP's. */
static void write_connections(struct exposition *e, const struct broker *b)
{
    const struct gate_counts counts = b->gate ? gate_look(b->gate) : (struct gate_counts){0};
    const struct exposition_label crowded = {"why", "handshakes"}, full = {"why", "descriptors"};
    exposition_one(e, "facefarm_connections", "gauge", "Open connections, with those in their handshake.",
                   counts.open);
    exposition_family(e, "facefarm_connections_cut_total", "counter",
                      "Connections cut before they had proved a key: too many at once, or no descriptor left for them.");
    exposition_count(e, &crowded, 1, counts.crowded);
    exposition_count(e, &full, 1, counts.full);
    exposition_one(e, "facefarm_connections_turned_away_total", "counter",
                   "Connections without an authorized key.", b->turned_away);
}

static void write_messages(struct exposition *e, const struct broker *b)
{
    exposition_one(e, "facefarm_paused", "gauge",
                   "1 while the disk takes nothing and the broker waits for it.", b->pause.on);
    exposition_one(e, "facefarm_messages_received_total", "counter", "Messages received.",
                   b->metrics.messages);
    exposition_one(e, "facefarm_messages_refused_total", "counter", "Messages answered by refused.",
                   b->refused);
    exposition_one(e, "facefarm_messages_dropped_total", "counter",
                   "Messages dropped for their connection's rate.", b->dropped);
    exposition_one(e, "facefarm_messages_undecodable_total", "counter",
                   "Frames that are no message.", b->undecodable);
    exposition_one(e, "facefarm_events_total", "counter", "Events written into the journal.",
                   events_inserted(b->db));
    exposition_histogram(e, "facefarm_commit_duration_seconds",
                         "Time of a database transaction's commit.", &b->metrics.commits);
}

static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in && fscanf(in, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    if (in)
        fclose(in);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Under the names that Prometheus's own clients use. */
static void write_process(struct exposition *e)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    exposition_family(e, "process_cpu_seconds_total", "counter", "CPU time of the broker.");
    exposition_real(e, NULL, 0, seconds);
    exposition_one(e, "process_resident_memory_bytes", "gauge", "Resident memory of the broker.",
                   resident_bytes());
    const struct exposition_label version = {"version", FACEFARM_VERSION};
    exposition_family(e, "facefarm_build_info", "gauge", "The broker's version; always 1.");
    exposition_count(e, &version, 1, 1);
}

/* ---- workers ---- */

static const char *const worker_states[] = {"idle", "busy", "draining", "aside", "lost", "gone"};
#define WORKER_STATES (sizeof worker_states / sizeof *worker_states)

static void write_worker_states(struct exposition *e, const struct farm *farm)
{
    uint64_t counts[WORKER_STATES] = {0};
    for (const struct farm_worker *w = farm->sessions; w; w = w->by_session.next)
        for (size_t i = 0; i < WORKER_STATES; i++)
            counts[i] += strcmp(farm_worker_state(w), worker_states[i]) == 0;
    exposition_family(e, "facefarm_workers", "gauge", "Workers known, by state.");
    for (size_t i = 0; i < WORKER_STATES; i++) {
        const struct exposition_label label = {"state", worker_states[i]};
        exposition_count(e, &label, 1, counts[i]);
    }
}

enum worker_series {
    SERIES_INFO,
    SERIES_BUSY,
    SERIES_OPERATIONS,
    SERIES_TEMPERATURE,
    SERIES_LEASES,
    SERIES_DONE,
    SERIES_FAILED,
    SERIES_COUNT,
};

static void write_sample(struct exposition *e, enum worker_series series,
                         const struct farm_worker *w)
{
    char id[24];
    snprintf(id, sizeof id, "%" PRId64, w->id);
    const struct exposition_label labels[] = {{"worker", w->name},
                                              {"id", id},
                                              {"host", w->host},
                                              {"device", w->device},
                                              {"kind", w->device_kind}};
    const struct farm_health *health = &w->health;
    switch (series) {
    case SERIES_INFO:
        exposition_count(e, labels, 5, 1);
        break;
    case SERIES_BUSY:
        exposition_real(e, labels, 2, (double)health->busy_us * 1e-6);
        break;
    case SERIES_OPERATIONS:
        exposition_real(e, labels, 2, (double)health->mflop * 1e6);
        break;
    case SERIES_TEMPERATURE:
        if (health->millikelvin)
            exposition_real(e, labels, 2, ((double)health->millikelvin - 273150) / 1000);
        break;
    case SERIES_LEASES:
        exposition_count(e, labels, 2, w->held);
        break;
    case SERIES_DONE:
        exposition_count(e, labels, 2, w->tasks_done);
        break;
    case SERIES_FAILED:
        exposition_count(e, labels, 2, w->tasks_failed);
        break;
    case SERIES_COUNT:
        break;
    }
}

static const struct {
    const char *name, *type, *help;
} series_heads[SERIES_COUNT] = {
    [SERIES_INFO] = {"facefarm_worker_info", "gauge", "What a connected worker is; always 1."},
    [SERIES_BUSY] = {"facefarm_worker_busy_seconds_total", "counter",
                     "Time that the device had a task, since the worker's start; its rate is the "
                     "utilisation."},
    [SERIES_OPERATIONS] = {"facefarm_worker_floating_point_operations_total", "counter",
                           "Operations of the networks run, since the worker's start; a "
                           "multiply-add is two."},
    [SERIES_TEMPERATURE] = {"facefarm_worker_temperature_celsius", "gauge",
                            "Temperature of the device, where it tells."},
    [SERIES_LEASES] = {"facefarm_worker_leased_tasks", "gauge", "Tasks that the worker has."},
    [SERIES_DONE] = {"facefarm_worker_tasks_done_total", "counter",
                     "Results of the worker committed."},
    [SERIES_FAILED] = {"facefarm_worker_tasks_failed_total", "counter",
                       "Failed attempts of the worker."},
};

static void write_workers(struct exposition *e, const struct farm *farm)
{
    size_t connected = HASH_CNT(by_identity, farm->identities);
    exposition_one(e, "facefarm_workers_unlisted", "gauge",
                   "Connected workers beyond those that have series of their own.",
                   connected > METRICS_WORKERS ? connected - METRICS_WORKERS : 0);
    for (int series = 0; series < SERIES_COUNT; series++) {
        size_t n = 0;
        exposition_family(e, series_heads[series].name, series_heads[series].type,
                          series_heads[series].help);
        for (const struct farm_worker *w = farm->identities; w && n < METRICS_WORKERS;
             w = w->by_identity.next, n++)
            write_sample(e, (enum worker_series)series, w);
    }
}

int metrics_write(void *broker, struct buffer *page, struct error *err)
{
    const struct broker *b = broker;
    struct exposition e = {.out = page};
    write_jobs(&e, &b->farm);
    write_queue(&e, &b->farm);
    write_done(&e, &b->metrics);
    write_failures(&e, &b->metrics);
    write_connections(&e, b);
    write_messages(&e, b);
    write_worker_states(&e, &b->farm);
    write_workers(&e, &b->farm);
    write_process(&e);
    if (e.code < 0)
        *err = e.err;
    return e.code;
}
