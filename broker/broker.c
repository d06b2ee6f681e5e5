/* The broker's loop: see broker_priv.h for what a round is. One thread. */
#include "broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/broker_priv.h"
#include "broker/dispatch.h"
#include "broker/zap.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "db/events.h"
#include "db/jobs.h"
#include "version.h"

/* What one round reads at most, so that a flood delays nobody's reply for long. */
#define ROUND_MESSAGES 256

int broker_write(struct broker *b, struct error *err)
{
    return database_in_transaction(b->db) ? 0 : database_begin(b->db, err);
}

int broker_doomed(struct broker *b, int rc, const struct error *err)
{
    if (!b->doomed) {
        b->doomed = rc;
        b->doom = *err;
    }
    return rc;
}

/* ---- messages ---- */

/* E_NOT_FOUND where the message is about a job that its sender may not see: as if there were none,
 * so that numbers tell nothing. */
static int check_job(struct broker *b, const struct socket_identity *from,
                     const struct wire_message *m, const char *field, struct error *err)
{
    uint64_t id;
    struct wire_job_info *info = NULL;
    size_t count = 0;
    if (access_is_local(&b->access, from) || !wire_find_uint(m, field, &id) ||
        id == 0)
        return 0;
    const struct farm_job *job = farm_find_job(&b->farm, (int64_t)id);
    if (job && access_sees(&b->access, from, job->owner))
        return 0;
    int rc = jobs_list(b->db, (int64_t)id, 1, NULL, &info, &count, err);
    if (rc == 0 && (count == 0 || info->job != id || !access_sees(&b->access, from, info->owner)))
        rc = error_set(err, E_NOT_FOUND, "there is no job %llu", (unsigned long long)id);
    jobs_info_free(info, count);
    return rc;
}

/* All that is asked before a message is handled. */
static int admit(struct broker *b, const struct socket_identity *from, const struct wire_message *m,
                 uint64_t *request, struct error *err)
{
    int rc = dispatch_admit(b, from, m->type, err);
    if (rc == 0)
        rc = check_job(b, from, m, "job", err);
    if (rc == 0)
        rc = check_job(b, from, m, "after", err);
    if (rc < 0 && !wire_find_uint(m, "request", request))
        *request = 0;
    return rc;
}

static int limited(struct error *err)
{
    return error_set(err, E_LIMIT, "more than %d messages a second of one connection (LIMIT_RATE)",
                     LIMIT_RATE);
}

/* Handles what was received, or refuses it for the sender's rate. */
static int take(struct broker *b, const struct socket_identity *from, const struct wire_message *m,
                bool fine, uint64_t *request, struct error *err)
{
    int rc;
    if (!fine) {
        if (!wire_find_uint(m, "request", request))
            *request = 0;
        rc = limited(err);
    } else {
        const struct key_entry *entry = access_entry(&b->access, from);
        b->actor = entry ? entry->owner : NULL;
        rc = admit(b, from, m, request, err);
        if (rc == 0)
            rc = dispatch(b, from, m, request, err);
        b->actor = NULL;
    }
    rate_take(&b->rates, from, dispatch_cost(m->type, rc), clock_now());
    return rc;
}

/* Reads and handles one message: false where there is none. */
static bool receive(struct broker *b)
{
    struct error err = {0};
    struct socket_identity from = {0};
    struct wire_message message;
    struct socket_frame *frame = NULL;
    uint64_t request = 0;
    int rc = socket_receive(b->socket, &from, &message, &frame, &err);
    if (rc == 0)
        return false;
    b->metrics.messages++;
    enum rate_verdict verdict = rate_look(&b->rates, &from, clock_now());
    if (rc < 0) {
        b->undecodable++;
        rate_take(&b->rates, &from, 1, clock_now());
        log_debug("undecodable message number %llu: %s", (unsigned long long)b->undecodable,
                  err.text);
    } else {
        if (verdict != RATE_DROP)
            rc = take(b, &from, &message, verdict == RATE_FINE, &request, &err);
        else
            rate_take(&b->rates, &from, 1, clock_now());
        socket_frame_free(&frame, &message);
    }
    if (verdict == RATE_DROP)
        b->dropped++;
    else if (rc < 0 && (!b->doomed || request) && from.size)
        outbox_refuse(b, &from, request, rc, err.text);
    return true;
}

/* ---- the loop ---- */

static void commit(struct broker *b)
{
    struct error err;
    if (b->doomed || !database_in_transaction(b->db))
        return;
    int64_t begun = clock_now();
    int rc = database_commit(b->db, &err);
    if (rc == 0)
        lifecycle_send_reductions(b);
    histogram_add(&b->metrics.commits, (double)(clock_now() - begun) / (double)CLOCK_SECOND);
    if (rc < 0)
        broker_doomed(b, rc, &err);
}

static void serve_round(struct broker *b)
{
    int read = 0;
    while (read < ROUND_MESSAGES && !b->doomed && receive(b))
        read++;
    /* A worker is silent only if nothing of it waits to be read. Where a flood keeps us reading,
     * whoever has not had its turn in twice the time is silent, too: ZeroMQ takes from all
     * connections in turn. */
    int64_t grace = read < ROUND_MESSAGES ? 0 : b->options.silence_ms * CLOCK_MILLISECOND;
    if (!b->doomed)
        peer_expire(b, clock_now() - grace);
    lifecycle_follow(b);
    if (!b->doomed)
        transfers_take(b);
    lifecycle_take_reductions(b);
    transfers_expire(b, clock_now());
    cuts_tell(b, clock_now());
    commit(b);
    pause_tend(b, clock_now());
    if (b->doomed && !pause_begin(b))
        return;
    watch_tell(b, clock_now());
    journal_tell(b);
    outbox_flush(b);
    if (!b->pause.on)
        peer_lease_all(b);
}

static long poll_timeout(const struct broker *b)
{
    int64_t deadline = watch_deadline(b), transfers = transfers_deadline(b);
    if (transfers < deadline)
        deadline = transfers;
    if (b->next_expiry < deadline)
        deadline = b->next_expiry;
    if (pause_deadline(b) < deadline)
        deadline = pause_deadline(b);
    if (cuts_deadline(b) < deadline)
        deadline = cuts_deadline(b);
    if (b->stragglers_at < deadline)
        deadline = b->stragglers_at;
    if (b->expected && !b->pause.on && b->expected_until < deadline)
        deadline = b->expected_until;
    if (b->http && metrics_http_deadline(b->http) < deadline)
        deadline = metrics_http_deadline(b->http);
    if (journal_is_behind(b) || b->taking)
        return 0;
    if (deadline == INT64_MAX)
        return -1;
    int64_t wait = deadline - clock_now();
    return wait <= 0 ? 0 : (long)(wait / CLOCK_MILLISECOND) + 1;
}

void broker_remark(struct broker *b, const char *event, const char *text)
{
    struct error err;
    (void)!journal(b, &(struct events_row){.event = event, .text = text}, &err);
}

static void reload_fleet(struct broker *b)
{
    struct error err;
    struct fleet fleet = {0};
    char text[48];
    if (fleet_read(b->options.fleet, &fleet, &err) < 0) {
        log_error("the classes of workers stay as they were: %s", err.text);
        text_scrub(err.text);
        broker_remark(b, "fleet_refused", err.text);
        return;
    }
    fleet_free(&b->fleet);
    b->fleet = fleet;
    log_info("%s: %zu classes of workers", b->options.fleet, b->fleet.count);
    snprintf(text, sizeof text, "%zu classes of workers", b->fleet.count);
    broker_remark(b, "fleet_reloaded", text);
}

static void reload_keys(struct broker *b)
{
    struct error err;
    char text[32];
    if (access_reload(&b->access, &err) < 0) {
        log_error("the keys stay as they were: %s", err.text);
        text_scrub(err.text);
        broker_remark(b, "keys_refused", err.text);
        return;
    }
    log_info("%s: %zu keys are authorized", b->access.path, b->access.keys.count);
    snprintf(text, sizeof text, "%zu keys", b->access.keys.count);
    broker_remark(b, "keys_reloaded", text);
    peer_dismiss_revoked(b);
}

/* True where a signal says that we end. */
static bool take_signals(struct broker *b)
{
    struct signalfd_siginfo signal;
    while (read(b->signals, &signal, sizeof signal) == sizeof signal) {
        if (signal.ssi_signo != SIGHUP)
            return true;
        if (b->options.keys)
            reload_keys(b);
        if (b->options.fleet)
            reload_fleet(b);
    }
    return false;
}

static int serve(struct broker *b, struct error *err)
{
    zmq_pollitem_t items[7] = {{.socket = b->socket, .events = ZMQ_POLLIN},
                               {.fd = b->signals, .events = ZMQ_POLLIN},
                               {.fd = transfers_fd(b->transfers), .events = ZMQ_POLLIN},
                               {.fd = reducer_fd(b->reducer), .events = ZMQ_POLLIN}};
    int count = 4;
    if (b->zap)
        items[count++] = (zmq_pollitem_t){.socket = b->zap, .events = ZMQ_POLLIN};
    const zmq_pollitem_t *cut = b->gate ? &items[count] : NULL;
    if (b->gate)
        items[count++] = (zmq_pollitem_t){.fd = gate_fd(b->gate), .events = ZMQ_POLLIN};
    if (b->http)
        items[count++] = (zmq_pollitem_t){.fd = b->http_fd, .events = ZMQ_POLLIN};
    while (!b->doomed) {
        if (zmq_poll(items, count, poll_timeout(b)) < 0 && zmq_errno() != EINTR)
            return error_set(err, E_NETWORK, "zmq_poll: %s", zmq_strerror(zmq_errno()));
        if ((items[1].revents & ZMQ_POLLIN) && take_signals(b)) {
            broker_remark(b, "broker_stop", NULL);
            commit(b);
            return 0; /* also where the disk does not take that */
        }
        if (cut && cut->revents)
            cuts_notice(b, clock_now());
        if (b->zap)
            b->turned_away += zap_serve(b->zap, &b->access);
        if (b->http && (items[count - 1].revents || metrics_http_deadline(b->http) <= clock_now()))
            metrics_http_serve(b->http);
        serve_round(b);
    }
    *err = b->doom;
    return b->doomed;
}

/* ---- start and end ---- */

/* Before any thread is made, so that all of them leave these signals to the descriptor. */
static int open_signals(struct broker *b, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (b->options.keys || b->options.fleet)
        sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (b->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return error_set(err, E_IO, "signalfd: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
    return 0;
}

int broker_note(struct broker *b, const char *event, struct error *err)
{
    int rc = database_begin(b->db, err);
    if (rc == 0)
        rc = journal(b, &(struct events_row){.event = event, .text = FACEFARM_VERSION}, err);
    return rc < 0 ? rc : database_commit(b->db, err);
}

/* A job whose last result was committed has been advanced with it; this is for what is left
 * waiting. */
void broker_advance_all(struct broker *b)
{
    struct farm_job *job, *next;
    HASH_ITER (by_id, b->farm.jobs, job, next)
        lifecycle_advance(b, job);
    b->follow = true; /* a job may have ended just before the end of the broker before */
    lifecycle_follow(b);
    commit(b);
}

/* Where the disk does not let us, we begin paused. */
static int take_up(struct broker *b, struct error *err)
{
    int rc = broker_note(b, "broker_start", err);
    if (rc < 0)
        broker_doomed(b, rc, err);
    else
        broker_advance_all(b);
    if (!b->doomed || pause_begin(b))
        return 0;
    *err = b->doom;
    return b->doomed;
}

static int listen_on(struct broker *b, char bound[SOCKET_ENDPOINT_MAX], struct error *err)
{
    const struct socket_keys keys = {&b->access.own, NULL};
    const struct gate_limits limits = {b->options.handshakes, gate_descriptors(), b->access.on};
    int rc = b->access.on ? zap_open(b->context, &b->zap, err) : 0;
    if (rc == 0)
        rc = socket_make_router(b->context, b->options.listen, b->access.on ? &keys : NULL, &b->socket, err);
    if (rc == 0 && strncmp(b->options.listen, "tcp://", strlen("tcp://")) == 0)
        rc = gate_open(b->context, b->socket, &limits, &b->gate, err);
    return rc < 0 ? rc : socket_listen(b->socket, b->options.listen, bound, err);
}

static int start(struct broker *b, struct error *err)
{
    char metrics[METRICS_ENDPOINT_BYTES];
    char bound[SOCKET_ENDPOINT_MAX];
    int rc = open_signals(b, err);
    if (rc == 0)
        rc = access_open(&b->access, b->options.secret, b->options.keys, err);
    if (rc == 0 && b->options.fleet)
        rc = fleet_read(b->options.fleet, &b->fleet, err);
    if (rc == 0)
        rc = socket_check_endpoint(b->options.listen, b->access.on, err);
    if (rc == 0)
        rc = buffer_make_folders(b->options.store, err);
    if (rc == 0)
        rc = store_id_make(b->options.store, b->store_id, err);
    if (rc == 0)
        rc = transfers_start(b->options.store, &b->transfers, err);
    if (rc == 0)
        rc = database_open(b->options.db, &b->db, err);
    if (rc == 0)
        rc = reducer_start(b->options.db, b->options.store, &b->reducer, err);
    if (rc == 0 && b->options.events_kept)
        events_keep(b->db, b->options.events_kept);
    if (rc == 0)
        rc = resume(b, err);
    if (rc == 0)
        rc = take_up(b, err);
    if (rc == 0 && !(b->context = zmq_ctx_new()))
        rc = error_set(err, E_NETWORK, "zmq_ctx_new: %s", zmq_strerror(zmq_errno()));
    if (rc == 0)
        rc = listen_on(b, bound, err);
    if (rc == 0 && b->options.metrics)
        rc = metrics_http_open(b->options.metrics, metrics_write, b, &b->http, &b->http_fd, metrics,
                               err);
    if (rc < 0)
        return rc;
    printf("listening on %s\n", bound);
    if (b->http)
        printf("metrics on %s\n", metrics);
    fflush(stdout);
    log_info("listening on %s, database %s, store %s", bound, b->options.db, b->options.store);
    return 0;
}

static void stop(struct broker *b)
{
    transfers_stop(&b->transfers);
    lifecycle_drop_reductions(b);
    reducer_stop(&b->reducer);
    metrics_http_close(&b->http);
    watch_free(b);
    journal_free(b);
    outbox_free(b);
    farm_free(&b->farm);
    fleet_free(&b->fleet);
    rates_free(&b->rates);
    database_close(&b->db);
    gate_close(&b->gate, b->socket);
    socket_close(&b->socket);
    socket_close(&b->zap);
    access_close(&b->access);
    if (b->context)
        zmq_ctx_term(b->context);
    if (b->signals >= 0)
        close(b->signals);
}

int broker_run(const struct broker_options *options, struct error *err)
{
    struct broker b = {.options = *options, .signals = -1, .next_expiry = INT64_MAX, .stragglers_at = INT64_MAX};
    metrics_init(&b.metrics);
    int rc = start(&b, err);
    if (rc == 0)
        rc = serve(&b, err);
    log_info("ends; %llu messages were refused, %llu dropped for their rate, %llu undecodable; "
             "%llu connections were "
             "turned away",
             (unsigned long long)b.refused, (unsigned long long)b.dropped,
             (unsigned long long)b.undecodable, (unsigned long long)b.turned_away);
    stop(&b);
    return rc;
}
