/*
 * Puts the threads together: a unit is a device's compute thread, its network thread and the
 * mailboxes between them. Units share nothing but the options and stop_fd, which nobody reads.
 */
#include "worker/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/log.h"
#include "common/text.h"
#include "worker/compute.h"
#include "worker/network.h"
#include "worker/outbox.h"

int worker_choose_devices(const char *wanted, unsigned threads, struct device_choice *choices,
                          size_t *count, struct error *err)
{
    struct device_info list[DEVICE_CHOICES_MAX];
    size_t found = 0;
    int failed = device_list(list, DEVICE_CHOICES_MAX, &found, err);
    return failed ? failed : device_select(list, found, wanted, threads, choices, count, err);
}

struct unit {
    const struct worker_options *options;
    char name[LIMIT_NAME_BYTES + 1], host[LIMIT_NAME_BYTES];
    uint64_t session;
    struct device_info info;
    struct mailbox *orders, *reports;
    struct compute *compute;
    struct cache *cache;   /* NULL: there is no place for one */
    struct outbox *outbox; /* the same */
    atomic_bool cancelled;
    struct health health;
    pthread_t thread; /* of the network, if it runs */
    bool runs;
    int failed;
    struct error error;
};

/* ---- one device ---- */

static int draw_session(uint64_t *session, struct error *err)
{
    if (getrandom(session, sizeof *session, 0) != sizeof *session)
        return error_set(err, E_IO, "getrandom gives no session number");
    *session &= INT64_MAX;
    return 0;
}

static void name_unit(struct unit *unit, size_t number)
{
    const struct worker_options *options = unit->options;
    char name[LIMIT_NAME_BYTES + 1];
    strcpy(unit->host, "localhost");
    gethostname(unit->host, sizeof unit->host - 1);
    if (options->name)
        snprintf(name, sizeof name, "%s", options->name);
    else
        snprintf(name, sizeof name, "%.40s-%ld", unit->host, (long)getpid());
    if (options->device_count > 1)
        snprintf(unit->name, sizeof unit->name, "%.*s.%u", LIMIT_NAME_BYTES - 3, name,
                 (unsigned)(number % DEVICE_CHOICES_MAX));
    else
        strcpy(unit->name, name);
    text_scrub_line(unit->name); /* messages carry no control characters */
    text_scrub_line(unit->host);
}

/* What tasks may count on: the device's memory, or what --memory leaves of it. */
static uint64_t usable_memory(const struct unit *unit)
{
    uint64_t most = unit->options->runner.memory, all = unit->info.memory_bytes & INT64_MAX;
    return most && most < all ? most : all;
}

static void *network_thread(void *state)
{
    struct unit *unit = state;
    const struct device_info *info = &unit->info;
    const struct network_options network = {
        .endpoint = unit->options->endpoint,
        .keys = &unit->options->keys,
        .hello = {.session = unit->session,
                  .name = unit->name,
                  .host = unit->host,
                  .device = info->name,
                  .driver = info->driver,
                  .device_kind = device_kind_name(info->kind),
                  .compute_units = info->compute_units,
                  .memory = usable_memory(unit),
                  .labels = unit->options->labels ? unit->options->labels : "",
                  .credit = WORKER_CREDIT},
        .orders = unit->orders,
        .reports = unit->reports,
        .stop_fd = unit->options->stop_fd,
        .cancelled = &unit->cancelled,
        .health = &unit->health,
        .device_kind = info->kind,
        .recovery = unit->options->recovery,
        .store = unit->options->runner.store,
        .time_limit = unit->options->time_limit,
    };
    log_info("%s on device %d, %s (%s; %u compute units)", unit->name, info->index, info->name,
             info->driver, info->compute_units);
    unit->failed = network_run(&network, &unit->error);
    if (unit->failed)
        log_error("%s: %s", unit->name, unit->error.text);
    return NULL;
}

/* For what travels. A worker with a store may do without. */
static int open_cache(struct unit *unit, struct error *err)
{
    const struct worker_options *options = unit->options;
    char folder[LIMIT_PATH_BYTES];
    int failed = 0;
    if (options->cache)
        snprintf(folder, sizeof folder, "%s", options->cache);
    else
        failed = folder_cache("", folder, sizeof folder, err);
    if (!failed)
        failed = cache_open(folder, options->cache_size ? options->cache_size : CACHE_BYTES,
                            &unit->cache, err);
    if (!failed)
        failed = outbox_open(folder, &unit->outbox, err);
    if (failed && options->runner.store) {
        log_debug("no cache: %s", err->text);
        failed = 0;
    }
    return failed;
}

static int start_compute(struct unit *unit, size_t number, struct error *err)
{
    struct compute_options compute = {.runner = unit->options->runner,
                                      .cancelled = &unit->cancelled,
                                      .health = &unit->health};
    int failed = draw_session(&unit->session, err);
    if (!failed)
        failed = mailbox_open(&unit->orders, err);
    if (!failed)
        failed = mailbox_open(&unit->reports, err);
    if (!failed)
        failed = open_cache(unit, err);
    compute.runner.cache = unit->cache;
    compute.runner.outbox = unit->outbox ? outbox_path(unit->outbox) : NULL;
    compute.endpoint = unit->options->endpoint;
    compute.keys = &unit->options->keys;
    compute.runner.device = unit->options->devices[number];
    compute.keep_programs = unit->options->device_count == 1;
    compute.orders = unit->orders;
    compute.reports = unit->reports;
    return failed ? failed : compute_start(&compute, &unit->info, &unit->compute, err);
}

/* Ends a compute thread that no network thread looks after. */
static void stop_compute(struct unit *unit)
{
    struct letter stop = {.kind = LETTER_STOP};
    mailbox_put(unit->orders, &stop.mail);
    (void)mailbox_wait(unit->reports); /* LETTER_STOPPED: nothing else ran */
}

static int start_unit(struct unit *unit, const struct worker_options *options, size_t number,
                      struct error *err)
{
    unit->options = options;
    name_unit(unit, number);
    int failed = start_compute(unit, number, err);
    if (failed)
        return failed;
    int code = pthread_create(&unit->thread, NULL, network_thread, unit);
    if (code) {
        stop_compute(unit);
        return error_set(err, E_MEMORY, "pthread_create: %s", strerror(code));
    }
    unit->runs = true;
    return 0;
}

static void end_unit(struct unit *unit)
{
    if (unit->runs)
        pthread_join(unit->thread, NULL);
    compute_join(&unit->compute);
    mailbox_close(&unit->orders);
    mailbox_close(&unit->reports);
    outbox_close(&unit->outbox);
    cache_close(&unit->cache);
}

/* ---- all of them ---- */

static void start_units(struct unit *units, const struct worker_options *options)
{
    for (size_t i = 0; i < options->device_count; i++) {
        struct unit *unit = &units[i];
        int failed = start_unit(unit, options, i, &unit->error);
        if (!failed)
            continue; /* from here on `failed` and `error` are its thread's */
        unit->failed = failed;
        if (options->device_count > 1)
            log_error("%s does without device %d: %s", unit->name, options->devices[i].index,
                      unit->error.text);
    }
}

int worker_run(const struct worker_options *options, struct error *err)
{
    size_t count = options->device_count, ended_well = 0;
    struct unit *units = calloc(count, sizeof *units);
    if (!units)
        return error_set(err, E_MEMORY, "no memory for %zu devices", count);
    start_units(units, options);
    for (size_t i = 0; i < count; i++) {
        end_unit(&units[i]);
        ended_well += units[i].failed == 0;
    }
    int failed = 0;
    if (ended_well == 0)
        failed = error_set(err, units[0].failed, "%s", units[0].error.text);
    free(units);
    return failed;
}
