/*
 * One loop: send what is due, poll, take messages and letters.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "common/log.h"
#include "worker/network_priv.h"

#define FIRST_SILENCE (5 * CLOCK_SECOND) /* until a broker has said what it calls silence */
#define FIRST_HEARTBEAT CLOCK_SECOND
#define STOP_GRACE (2 * CLOCK_SECOND) /* for results on their way when we leave */
#define GOODBYE_LINGER_MS 500

/* ---- sending ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void send_fetch(struct network *network)
{
    const struct fetch *fetch = network->fetch;
    const struct wire_fetch_directions directions = {network->request, fetch->stage};
    const struct wire_fetch_samples samples = {network->request, fetch->stage, fetch->start,
                                               fetch->count};
    const struct wire_fetch_scores scores = {.request = network->request,
                                             .stage = fetch->stage,
                                             .start = fetch->start,
                                             .count = fetch->count,
                                             .first_column = fetch->first_column,
                                             .columns = fetch->columns};
    switch (fetch->what) {
    case FETCH_SCORES:
        network->fetch_sent = network_tell(network, WIRE_FETCH_SCORES, &scores);
        return;
    case FETCH_SAMPLES:
        network->fetch_sent = network_tell(network, WIRE_FETCH_SAMPLES, &samples);
        return;
    case FETCH_DIRECTIONS:
        network->fetch_sent = network_tell(network, WIRE_FETCH_DIRECTIONS, &directions);
        return;
    }
}

/* What a broker that knows us should hear now. */
static void send_due(struct network *network, int64_t now)
{
    if (network->held.outcomes)
        network_send_results(network);
    else
        network->one_by_one = false;
    if (network->fetch && !network->fetch_sent)
        send_fetch(network);
    if (now >= network->beat_at + network->heartbeat) {
        network->beat_at = now;
        network_beat(network);
    }
    /* Last, because what failed must be told before. (Who leaves says goodbye anyway.) */
    if (network->give_back && !network->stopping)
        network_give_leases_back(network, now);
}

/* ---- the compute thread ---- */

/* After recovery_lost. */
static void tell_loss(struct network *network, const char *why, int64_t now)
{
    const struct recovery *recovery = &network->recovery;
    snprintf(network->lost, sizeof network->lost, "%s", why);
    if (recovery->state == RECOVERY_AWAY)
        log_warning("%s: %s is lost, it is opened again in %.1f s (try %u of %u): %s",
                    network->options->hello.name, network->options->hello.device,
                    (double)(recovery->due_at - now) / (double)CLOCK_SECOND, recovery->losses,
                    recovery->options.tries, why);
}

/* No task has failed by it, and none can be done: all go back, and more are asked for later. */
static void store_fails(struct network *network, const struct outcome *outcome, int64_t now)
{
    const struct recovery_options *delays = &network->options->recovery;
    int64_t delay = network->store_delay ? 2 * network->store_delay : delays->first_delay;
    network->store_delay = earlier(delay, delays->most_delay);
    network->store_at = now + network->store_delay;
    network->store_is = outcome->code == E_FULL ? "full" : "read-only";
    log_warning("%s: the store is %s, what is held goes back and more is asked for in %.0f s: %s",
                network->options->hello.name, network->store_is,
                (double)network->store_delay / (double)CLOCK_SECOND, outcome->text);
    held_drop_waiting(&network->held);
    network->give_back = true;
}

/* What is dropped here has not failed: goodbye returns its lease. */
static void take_outcome(struct network *network, struct outcome *outcome, int64_t now)
{
    held_finish(&network->held, outcome);
    if (outcome->code == E_INTERRUPTED) { /* we leave, or nobody wants it */
        held_drop_newest(&network->held);
    } else if (outcome->code == E_FULL || outcome->code == E_READONLY) {
        store_fails(network, outcome, now);
        held_drop_newest(&network->held);
    } else if (outcome->device_lost) {
        recovery_lost(&network->recovery, now);
        tell_loss(network, outcome->text, now);
        held_drop_waiting(&network->held);
        network->give_back = true;
    } else if (outcome->code == 0) {
        recovery_worked(&network->recovery);
        if (outcome->file_count > 0)
            network->store_delay = 0;
    }
}

static void take_opening(struct network *network, const struct opening *opening, int64_t now)
{
    recovery_opened(&network->recovery, opening->code == 0, now);
    if (opening->code) {
        tell_loss(network, opening->text, now);
        return;
    }
    log_info("%s: %s is back", network->options->hello.name, network->options->hello.device);
    if (!network->stopping)
        network_say_hello(network, now);
}

static void take_letters(struct network *network, int64_t now)
{
    struct mail *mail;
    while ((mail = mailbox_take(network->options->reports))) {
        struct letter *letter = (struct letter *)mail;
        switch (letter->kind) {
        case LETTER_AHEAD:
            held_free_device(&network->held);
            break;
        case LETTER_DONE:
            take_outcome(network, (struct outcome *)letter, now);
            break;
        case LETTER_OPENED:
            take_opening(network, (struct opening *)letter, now);
            break;
        case LETTER_FETCH:
            network->fetch = network->stopping ? NULL : (struct fetch *)letter;
            network->request++;
            network->fetch_sent = false;
            break;
        case LETTER_STOPPED:
            network->stopped = true;
            break;
        case LETTER_UPLOADED: {
            struct parcel *parcel = (struct parcel *)letter;
            network_take_parcel(network, parcel);
            parcel_free(&parcel);
            break;
        }
        case LETTER_UPLOAD:
        case LETTER_RUN:
        case LETTER_ANSWER:
        case LETTER_REOPEN:
        case LETTER_STOP:
            assert(!"a letter for the other side");
        }
    }
}

static void begin_task(struct network *network)
{
    bool ready = network->recovery.state == RECOVERY_READY && !network->stopping;
    struct outcome *outcome = ready ? held_begin(&network->held) : NULL;
    if (!outcome)
        return;
    atomic_store(network->options->cancelled, false); /* it was the last one that was revoked */
    outcome->assignment->travels = network->travels;
    outcome->letter.kind = LETTER_RUN;
    mailbox_put(network->options->orders, &outcome->letter.mail);
}

void network_drain(struct network *network, const char *why, int64_t now)
{
    if (network->draining)
        return;
    network->draining = true;
    size_t dropped = held_drop_waiting(&network->held);
    log_info("%s drains: %s; %zu tasks are given back", network->options->hello.name, why, dropped);
    network_say_hello(network, now);
}

static void begin_stopping(struct network *network, int64_t now)
{
    network->stopping = true;
    network->leave_at = now + STOP_GRACE;
    network->fetch = NULL; /* LETTER_STOP answers it */
    held_drop_waiting(&network->held);
    atomic_store(network->options->cancelled, true);
    network->stop.kind = LETTER_STOP;
    mailbox_put(network->options->orders, &network->stop.mail);
}

/* Asks for the lost device when its time has come; leaves where it never comes back. */
static void tend_device(struct network *network, int64_t now)
{
    if (network->stopping)
        return;
    if (network->recovery.state == RECOVERY_GIVEN_UP)
        begin_stopping(network, now);
    else if (recovery_due(&network->recovery, now)) {
        network->reopen.kind = LETTER_REOPEN;
        mailbox_put(network->options->orders, &network->reopen.mail);
    }
}

static void tend_store(struct network *network, int64_t now)
{
    if (!network->store_at || now < network->store_at || network->stopping)
        return;
    network->store_at = 0;
    network_say_hello(network, now);
}

/* Drains at the time limit; leaves when nothing is left of a drained worker's work. */
static void tend_end(struct network *network, int64_t now)
{
    if (network->stopping)
        return;
    if (now >= network->drain_at)
        network_drain(network, "its time limit has come", now);
    if (network->draining && !held_is_running(&network->held) && !network->held.outcomes)
        begin_stopping(network, now);
}

/* ---- the loop ---- */

static int64_t next_deadline(const struct network *network, int64_t now)
{
    int64_t last = network->heard_at > network->hello_at ? network->heard_at : network->hello_at;
    int64_t next = last + network->silence;
    if (network->broker == BROKER_KNOWS_US)
        next = earlier(next, network->beat_at + network->heartbeat);
    if (network->refused)
        next = earlier(next, network->hello_at + network->heartbeat);
    if (network->recovery.state == RECOVERY_AWAY && !network->stopping)
        next = earlier(next, network->recovery.due_at);
    if (network->store_at && !network->stopping)
        next = earlier(next, network->store_at);
    if (!network->draining && !network->stopping)
        next = earlier(next, network->drain_at);
    /* Past the grace only the compute thread's last letter counts, which wakes us anyway. */
    bool grace = network->stopping && network->leave_at > now;
    return grace ? earlier(next, network->leave_at) : next;
}

static bool finished(const struct network *network, int64_t now)
{
    if (!network->stopping || !network->stopped)
        return false;
    return !network->held.outcomes || network->broker != BROKER_KNOWS_US ||
           now >= network->leave_at;
}

static void wait_for_events(struct network *network, int64_t now)
{
    zmq_pollitem_t items[3];
    int count = 0;
    int64_t left = next_deadline(network, now) - now;
    long ms = left > 0 ? (long)((left + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND) : 0;
    items[count++] =
        (zmq_pollitem_t){.fd = mailbox_fd(network->options->reports), .events = ZMQ_POLLIN};
    if (network->socket)
        items[count++] = (zmq_pollitem_t){.socket = network->socket, .events = ZMQ_POLLIN};
    if (!network->stopping)
        items[count++] = (zmq_pollitem_t){.fd = network->options->stop_fd, .events = ZMQ_POLLIN};
    int ready = zmq_poll(items, count, ms);
    if (ready > 0 && !network->stopping && items[count - 1].revents)
        begin_stopping(network, clock_now());
}

static void say_goodbye(struct network *network)
{
    int linger = GOODBYE_LINGER_MS;
    if (!network->socket)
        return;
    network_tell(network, WIRE_GOODBYE,
                 &(struct wire_goodbye){.session = network->options->hello.session});
    zmq_setsockopt(network->socket, ZMQ_LINGER, &linger, sizeof linger);
}

static void loop(struct network *network)
{
    int64_t now = clock_now();
    network->heard_at = now;
    network_say_hello(network, now);
    while (!finished(network, now)) {
        network_greet_due(network, now);
        if (network->broker == BROKER_KNOWS_US)
            send_due(network, now);
        wait_for_events(network, now);
        now = clock_now();
        network_receive(network, now);
        take_letters(network, now);
        tend_device(network, now);
        tend_store(network, now);
        tend_end(network, now);
        begin_task(network);
    }
    say_goodbye(network);
}

/* The compute thread has ended, so that only parcels may still come. */
static void end_uploads(struct network *network)
{
    struct mail *mail;
    uploads_stop(&network->uploads);
    while ((mail = mailbox_take(network->options->reports))) {
        struct parcel *parcel = (struct parcel *)mail;
        parcel_free(&parcel);
    }
}

/* Ends the compute thread where the loop never ran. */
static void stop_compute(struct network *network)
{
    begin_stopping(network, clock_now());
    while (!network->stopped) {
        struct letter *letter = (struct letter *)mailbox_wait(network->options->reports);
        network->stopped = letter->kind == LETTER_STOPPED;
    }
}

int network_run(const struct network_options *options, struct error *err)
{
    struct network network = {
        .options = options,
        .heartbeat = FIRST_HEARTBEAT,
        .silence = FIRST_SILENCE,
        .recovery.options = options->recovery,
        .drain_at = options->time_limit ? clock_now() + options->time_limit : INT64_MAX,
    };
    network.context = zmq_ctx_new();
    int failed = network.context ? network_connect(&network, err)
                                 : error_set(err, E_MEMORY, "no memory for ZeroMQ");
    if (failed)
        stop_compute(&network);
    else
        loop(&network);
    end_uploads(&network);
    socket_close(&network.socket);
    if (network.context)
        zmq_ctx_term(network.context);
    held_free(&network.held);
    if (!failed && network.recovery.state == RECOVERY_GIVEN_UP)
        failed = error_set(err, E_LOST, "%s is given up after %u losses: %.800s",
                           options->hello.device, network.recovery.losses, network.lost);
    return failed;
}
