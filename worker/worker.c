/* Puts the two threads together. */
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/compute.h"
#include "worker/network.h"

#define DEVICES_MAX 64

/* ---- which device ---- */

static bool matches(const struct device_info *info, const char *wanted)
{
    if (!wanted)
        return true;
    if (strcasecmp(wanted, "cpu") == 0)
        return info->kind == DEVICE_CPU;
    if (strcasecmp(wanted, "gpu") == 0)
        return info->kind == DEVICE_GPU;
    if (*wanted && strspn(wanted, "0123456789") == strlen(wanted))
        return info->index == atoi(wanted);
    return strcasestr(info->name, wanted) != NULL;
}

static bool better(const struct device_info *a, const struct device_info *b)
{
    if ((a->kind == DEVICE_GPU) != (b->kind == DEVICE_GPU))
        return a->kind == DEVICE_GPU;
    return a->compute_units > b->compute_units;
}

int worker_choose_device(const char *wanted, int *index, struct error *err)
{
    struct device_info list[DEVICES_MAX];
    size_t count = 0;
    int failed = device_list(list, DEVICES_MAX, &count, err);
    if (failed)
        return failed;
    const struct device_info *best = NULL;
    for (size_t i = 0; i < count && i < DEVICES_MAX; i++)
        if (matches(&list[i], wanted) && (!best || better(&list[i], best)))
            best = &list[i];
    if (!best && count == 0)
        return error_set(err, E_NOT_FOUND, "no OpenCL device (for cores: install pocl-opencl-icd)");
    if (!best)
        return error_set(err, E_NOT_FOUND, "none of %zu OpenCL devices is \"%s\"", count, wanted);
    *index = best->index;
    return 0;
}

/* ---- the worker ---- */

static const char *kind_name(enum device_kind kind)
{
    switch (kind) {
    case DEVICE_CPU:
        return "cpu";
    case DEVICE_GPU:
        return "gpu";
    case DEVICE_OTHER:
        break;
    }
    return "other";
}

static int draw_session(uint64_t *session, struct error *err)
{
    if (getrandom(session, sizeof *session, 0) != sizeof *session)
        return error_set(err, E_IO, "getrandom gives no session number");
    *session &= INT64_MAX;
    return 0;
}

struct running {
    struct mailbox *orders, *reports;
    struct compute *compute;
    atomic_bool cancelled;
};

static int run_network(const struct worker_options *options, const struct device_info *info,
                       uint64_t session, struct running *running, struct error *err)
{
    char host[LIMIT_NAME_BYTES] = "localhost", name[LIMIT_NAME_BYTES];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "%.40s-%ld", host, (long)getpid());
    const struct network_options network = {
        .endpoint = options->endpoint,
        .hello = {.session = session,
                  .name = options->name ? options->name : name,
                  .host = host,
                  .device = info->name,
                  .driver = info->driver,
                  .device_kind = kind_name(info->kind),
                  .compute_units = info->compute_units,
                  .memory = info->memory_bytes & INT64_MAX,
                  .credit = WORKER_CREDIT},
        .orders = running->orders,
        .reports = running->reports,
        .stop_fd = options->stop_fd,
        .cancelled = &running->cancelled,
    };
    log_info("%s on %s (%s)", network.hello.name, info->name, info->driver);
    return network_run(&network, err);
}

int worker_run(const struct worker_options *options, struct error *err)
{
    struct running running = {0};
    struct device_info info;
    uint64_t session = 0;
    int failed = draw_session(&session, err);
    if (!failed)
        failed = mailbox_open(&running.orders, err);
    if (!failed)
        failed = mailbox_open(&running.reports, err);
    const struct compute_options compute = {options->runner, running.orders, running.reports,
                                            &running.cancelled};
    if (!failed)
        failed = compute_start(&compute, &info, &running.compute, err);
    if (!failed)
        failed = run_network(options, &info, session, &running, err);
    compute_join(&running.compute);
    mailbox_close(&running.orders);
    mailbox_close(&running.reports);
    return failed;
}
