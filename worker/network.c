/*
 * One loop: send what is due, poll, take messages and letters. All state is this thread's; a
 * running outcome is lent to the compute thread until its letter comes back.
 */
#include "worker/network.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "common/store_id.h"
#include "worker/device.h"
#include "worker/uploads.h"

#define FIRST_SILENCE (5 * CLOCK_SECOND) /* until a broker has said what it calls silence */
#define FIRST_HEARTBEAT CLOCK_SECOND
#define STOP_GRACE (2 * CLOCK_SECOND) /* for results on their way when we leave */
#define GOODBYE_LINGER_MS 500
#define MESSAGES_A_TURN 1000
#define BATCH_BYTES ((size_t)4 << 20) /* of results that go together; a larger one goes alone */
#define HELLOS_A_SOCKET 4 /* unanswered ones, before the connection itself is doubted */

enum broker_state {
    BROKER_GREETED, /* hello is said, no welcome yet */
    BROKER_KNOWS_US,
};

struct network {
    const struct network_options *options;
    void *context, *socket;
    enum broker_state broker;
    int64_t heartbeat, silence; /* as the last welcome said */
    int64_t heard_at, beat_at;  /* last message in, last heartbeat out */
    int64_t hello_at;           /* last hello out */
    unsigned unanswered;        /* hellos to a silent broker */
    bool refused;               /* the broker does not know us: hello when hello_at allows */
    char refusal[ERROR_TEXT_MAX]; /* what was logged of that last */
    char store[STORE_ID_BYTES]; /* the id that the last hello told, "": none */
    bool travels;               /* the broker's store is another: files go over the wire */
    struct uploads *uploads;    /* NULL until something is to be sent */
    uint64_t parcels;           /* counted up */
    unsigned welcomes;          /* the same */
    struct held held;
    bool one_by_one; /* the broker could not read results that went together: until all are accepted */
    struct fetch *fetch; /* what the running task waits for, or NULL */
    uint64_t request;    /* its number; grows with each fetch */
    bool fetch_sent;
    struct recovery recovery;
    bool give_back;            /* the device was lost, or the store is full: the broker has yet to hear goodbye */
    char lost[ERROR_TEXT_MAX]; /* why it was lost last */
    int64_t store_at;          /* the store was full, and is tried again then; 0: it has room */
    int64_t store_delay;
    struct letter reopen, stop;
    bool draining;          /* what runs is the last */
    int64_t drain_at;       /* the time limit, INT64_MAX: none */
    bool stopping, stopped; /* LETTER_STOP is out, LETTER_STOPPED is in */
    int64_t leave_at;       /* when stopping: not later than this */
    uint64_t bad_frames;
    uint64_t log_told; /* lines that a heartbeat has told */
};

/* ---- sending ---- */

/* A message that cannot go now is sent again later by whoever keeps it; the rest is only talk. */
static bool tell(struct network *network, enum wire_type type, const void *body)
{
    struct error err;
    int failed = socket_send(network->socket, NULL, type, body, &err);
    if (failed)
        log_warning("%s not sent: %s", wire_type_name(type), err.text);
    return !failed;
}

/* Read each time, because the broker that makes the store may start after us. */
static void read_store(const struct network *network, char id[STORE_ID_BYTES])
{
    if (!network->options->store || store_id_read(network->options->store, id, NULL) < 0)
        *id = '\0';
}

static void say_hello(struct network *network, int64_t now)
{
    read_store(network, network->store);
    network->broker = BROKER_GREETED;
    network->refused = false;
    network->hello_at = now;
    struct wire_hello hello = network->options->hello;
    struct wire_held_task held[LIMIT_HELD];
    hello.store = network->store;
    hello.newest = network->held.newest;
    hello.held = WIRE_LIST(held, held_list(&network->held, held, LIMIT_HELD));
    char device[LIMIT_TEXT_BYTES];
    if (network->recovery.state != RECOVERY_READY) {
        snprintf(device, sizeof device, "%.*s (lost)", DEVICE_NAME_MAX, hello.device);
        hello.device = device;
        hello.credit = 0;
    }
    if (network->store_at) {
        snprintf(device, sizeof device, "%.*s (store full)", DEVICE_NAME_MAX, hello.device);
        hello.device = device;
        hello.credit = 0;
    }
    if (network->draining)
        hello.credit = 0;
    tell(network, WIRE_HELLO, &hello);
}

static int connect_anew(struct network *network, struct error *err)
{
    const struct key_client *keys = network->options->keys;
    bool on = keys && keys->on;
    const struct socket_keys curve = {on ? &keys->own : NULL, on ? keys->broker : NULL};
    socket_close(&network->socket);
    return socket_connect_dealer(network->context, network->options->endpoint, on ? &curve : NULL,
                                 &network->socket, err);
}

static void note_sent(struct outcome *outcome, bool sent, bool together)
{
    outcome->sent = sent;
    outcome->sent_together = together;
    outcome->sent_epoch = outcome->assignment->task.epoch;
}

/* A result that cannot be encoded (too large for a message) becomes a failure, or it would stay
 * forever. */
static void send_outcome(struct network *network, struct outcome *outcome)
{
    struct error err;
    if (outcome->code == 0) {
        struct wire_result result;
        outcome_result(outcome, &result);
        int failed = socket_send(network->socket, NULL, WIRE_RESULT, &result, &err);
        note_sent(outcome, !failed, false);
        if (failed && failed != E_NETWORK) {
            outcome_clear(outcome);
            outcome->code = failed;
            snprintf(outcome->text, sizeof outcome->text, "%s", err.text);
        }
    }
    if (outcome->code) {
        struct wire_failed failed;
        outcome_failed(outcome, &failed);
        note_sent(outcome, tell(network, WIRE_FAILED, &failed), false);
    }
}

/* Results that go together in one message. */
struct batch {
    struct outcome *outcomes[LIMIT_BATCH];
    struct wire_result results[LIMIT_BATCH];
    size_t count, bytes;
};

static void send_batch(struct network *network, struct batch *batch)
{
    struct error err;
    const struct wire_results body = {WIRE_LIST(batch->results, batch->count)};
    bool together =
        batch->count > 1 && socket_send(network->socket, NULL, WIRE_RESULTS, &body, &err) == 0;
    for (size_t i = 0; i < batch->count; i++)
        if (together)
            note_sent(batch->outcomes[i], true, true);
        else
            send_outcome(network, batch->outcomes[i]);
    batch->count = batch->bytes = 0;
}

/* Has the files of an outcome brought to the broker, unless they are on their way. What fails for
 * want of memory is tried at the next turn. */
static void send_files(struct network *network, struct outcome *outcome)
{
    struct error err;
    const struct network_options *options = network->options;
    const struct uploads_options uploads = {.endpoint = options->endpoint,
                                            .keys = options->keys,
                                            .session = options->hello.session,
                                            .reports = options->reports};
    if (outcome->parcel)
        return;
    if (!network->uploads && uploads_start(&uploads, &network->uploads, &err)) {
        log_error("files cannot be sent: %s", err.text);
        return;
    }
    uploads_welcomed(network->uploads, network->welcomes);
    struct parcel *parcel = parcel_new(outcome);
    if (!parcel)
        return;
    outcome->parcel = parcel->number = ++network->parcels;
    uploads_put(network->uploads, parcel);
}

/* Few and small things go together: rows, files; vectors and failures go alone. */
static void send_outcomes(struct network *network)
{
    struct batch batch;
    batch.count = batch.bytes = 0;
    for (struct outcome *outcome = network->held.outcomes; outcome; outcome = outcome->next) {
        if (!outcome->sent && outcome_waits(outcome))
            send_files(network, outcome);
        if (outcome->sent || outcome_waits(outcome))
            continue;
        struct wire_result *result = &batch.results[batch.count];
        outcome_result(outcome, result);
        size_t bytes = result->scores.size + result->moves.size;
        if (outcome->code || network->one_by_one || outcome->fitted_count ||
            outcome->boundary_count || bytes > BATCH_BYTES - batch.bytes) {
            send_batch(network, &batch); /* in the order in which they were finished */
            send_outcome(network, outcome);
            continue;
        }
        batch.outcomes[batch.count++] = outcome;
        batch.bytes += bytes;
        if (batch.count == LIMIT_BATCH)
            send_batch(network, &batch);
    }
    send_batch(network, &batch);
}

static void send_fetch(struct network *network)
{
    const struct fetch *fetch = network->fetch;
    const struct wire_fetch_directions directions = {.request = network->request,
                                                     .stage = fetch->stage};
    const struct wire_fetch_scores scores = {.request = network->request,
                                             .stage = fetch->stage,
                                             .start = fetch->start,
                                             .count = fetch->count,
                                             .first_column = fetch->first_column,
                                             .columns = fetch->columns};
    network->fetch_sent = fetch->directions ? tell(network, WIRE_FETCH_DIRECTIONS, &directions)
                                            : tell(network, WIRE_FETCH_SCORES, &scores);
}

/* Goodbye returns the leases at once and blames nobody; hello keeps us known. */
static void give_leases_back(struct network *network, int64_t now)
{
    const struct wire_goodbye goodbye = {.session = network->options->hello.session};
    network->give_back = !tell(network, WIRE_GOODBYE, &goodbye); /* or at the next turn */
    if (!network->give_back)
        say_hello(network, now);
}

static void beat(struct network *network)
{
    const struct network_options *options = network->options;
    char log[LOG_KEPT_BYTES + 1] = "";
    uint64_t logged = log_count();
    if (logged != network->log_told)
        log_tail(log, sizeof log);
    text_scrub(log);
    const struct wire_worker_stats stats = {
        .busy_us = options->health ? health_busy_us(options->health) : 0,
        .mflop = options->health ? (uint64_t)atomic_load(&options->health->mflop) : 0,
        .millikelvin = health_millikelvin(HEALTH_HWMON, options->device_kind),
        .log = log,
    };
    const struct wire_heartbeat heartbeat = {options->hello.session,
                                             WIRE_LIST(&stats, options->health ? 1 : 0)};
    if (tell(network, WIRE_HEARTBEAT, &heartbeat))
        network->log_told = logged;
}

/* What a broker that knows us should hear now. */
static void send_due(struct network *network, int64_t now)
{
    if (network->held.outcomes)
        send_outcomes(network);
    else
        network->one_by_one = false;
    if (network->fetch && !network->fetch_sent)
        send_fetch(network);
    if (now >= network->beat_at + network->heartbeat) {
        network->beat_at = now;
        beat(network);
    }
    /* Last, because what failed must be told before. (Who leaves says goodbye anyway.) */
    if (network->give_back && !network->stopping)
        give_leases_back(network, now);
}

static void greet_silent(struct network *network, int64_t now)
{
    struct error err;
    if (network->broker == BROKER_KNOWS_US)
        log_warning("the broker at %s is silent; tasks go on, trying to reach it",
                    network->options->endpoint);
    if (++network->unanswered % HELLOS_A_SOCKET == 0 && connect_anew(network, &err))
        log_error("%s", err.text); /* tried again after as many silences */
    network->hello_at = now;
    if (network->socket)
        say_hello(network, now);
}

/* Says hello where that is due: to a silent broker, to one that refused us. */
static void greet_due(struct network *network, int64_t now)
{
    int64_t last = network->heard_at > network->hello_at ? network->heard_at : network->hello_at;
    if (now >= last + network->silence) {
        greet_silent(network, now);
    } else if (network->refused && now >= network->hello_at + network->heartbeat) {
        say_hello(network, now);
    }
}

/* ---- receiving ---- */

static int64_t milliseconds(uint64_t ms, uint64_t least)
{
    uint64_t most = 3600 * 1000;
    return (int64_t)(ms < least ? least : ms > most ? most : ms) * CLOCK_MILLISECOND;
}

/* Whether files travel. A broker that tells no id knows no other way than a shared store. */
static void compare_stores(struct network *network, const char *id)
{
    const char *store = network->options->store;
    bool travels = !store || (*id && strcmp(id, network->store) != 0);
    if (travels && !network->travels && store)
        log_warning("%s is not the store of the broker at %s: files go over the wire", store,
                    network->options->endpoint);
    network->travels = travels;
}

static void on_welcome(struct network *network, const struct wire_welcome *welcome, int64_t now)
{
    char store[STORE_ID_BYTES];
    read_store(network, store);
    if (strcmp(store, network->store) != 0) { /* it was made meanwhile: the broker must hear */
        say_hello(network, now);
        return;
    }
    compare_stores(network, welcome->store);
    if (network->broker != BROKER_KNOWS_US)
        log_info("worker %llu of the broker at %s", (unsigned long long)welcome->worker,
                 network->options->endpoint);
    network->broker = BROKER_KNOWS_US;
    network->refused = false;
    network->unanswered = 0;
    network->heartbeat = milliseconds(welcome->heartbeat_ms, 1);
    network->silence = milliseconds(welcome->silence_ms, 2 * welcome->heartbeat_ms + 2);
    network->beat_at = now;
    network->fetch_sent = false;
    network->welcomes++;
    if (network->uploads)
        uploads_welcomed(network->uploads, network->welcomes);
    held_unsend(&network->held);
}

static void on_lease(struct network *network, const struct wire_lease *lease)
{
    struct error err;
    if (network->stopping || network->store_at || network->recovery.state != RECOVERY_READY)
        return; /* goodbye, said or on its way, returns it */
    if (network->draining) {
        for (size_t i = 0; i < lease->tasks.count; i++)
            if (WIRE_ITEMS(lease->tasks, task)[i].epoch > network->held.newest)
                network->held.newest = WIRE_ITEMS(lease->tasks, task)[i].epoch;
        say_hello(network, clock_now()); /* without it, which gives it back */
        return;
    }
    if (held_lease(&network->held, lease, &err))
        log_warning("a lease of stage %llu: %s", (unsigned long long)lease->stage, err.text);
}

/* Hands message and frame over to the compute thread if they answer its fetch. True if taken. */
static bool on_answer(struct network *network, uint64_t request, struct wire_message *message,
                      struct socket_frame **frame)
{
    if (!network->fetch || request != network->request)
        return false;
    struct answer *answer = calloc(1, sizeof *answer);
    if (!answer) {
        network->fetch_sent = false; /* asked again */
        return false;
    }
    answer->letter.kind = LETTER_ANSWER;
    answer->message = *message;
    answer->frame = *frame;
    *frame = NULL;
    network->fetch = NULL;
    mailbox_put(network->options->orders, &answer->letter.mail);
    return true;
}

static bool about_content(const char *code)
{
    const int codes[] = {E_INVALID, E_LIMIT, E_PARSE, E_VERSION};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, error_name(codes[i])) == 0)
            return true;
    return false;
}

/*
 * A refusal without a request number. One of a message's content can only mean the oldest result on
 * its way (hello and heartbeat are ours to get right): that task has failed then, rather than to be
 * sent for ever. Where it went together with others, each is sent again by itself first, to find
 * out which it is. Any other says that the broker does not know us.
 */
static void on_refused(struct network *network, const struct wire_refused *refused)
{
    struct outcome *oldest = held_oldest_result(&network->held);
    bool known = network->broker == BROKER_KNOWS_US;
    if (known && oldest && about_content(refused->code) && oldest->sent_together) {
        log_warning("the broker refused results, which are sent one by one: %s", refused->text);
        network->one_by_one = true;
        held_unsend(&network->held);
        return;
    }
    if (known && oldest && about_content(refused->code)) {
        log_warning("the broker refused a result: %s", refused->text);
        outcome_clear(oldest);
        oldest->code = E_INVALID;
        snprintf(oldest->text, sizeof oldest->text, "the broker refused the result: %.900s",
                 refused->text);
        return;
    }
    if (known)
        log_info("the broker does not know this worker (%s): hello again", refused->text);
    else if (strcmp(refused->code, error_name(E_STATE)) != 0 && /* which answers older messages */
             strcmp(refused->text, network->refusal) != 0)
        log_warning("the broker refused hello, which is said again: %s (%s)", refused->text, refused->code);
    snprintf(network->refusal, sizeof network->refusal, "%s", known ? "" : refused->text);
    network->broker = BROKER_GREETED;
    network->refused = true;
}

static void on_revoke(struct network *network, const struct wire_revoke *revoke)
{
    held_revoke(&network->held, revoke->stage, WIRE_ITEMS(revoke->tasks, task),
                revoke->tasks.count);
    if (network->held.device.revoked)
        atomic_store(network->options->cancelled, true);
}

/* Hello without what waits gives that back, and a credit of 0 keeps more from coming. */
static void begin_draining(struct network *network, const char *why, int64_t now)
{
    if (network->draining)
        return;
    network->draining = true;
    size_t dropped = held_drop_waiting(&network->held);
    log_info("%s drains: %s; %zu tasks are given back", network->options->hello.name, why, dropped);
    say_hello(network, now);
}

static void on_message(struct network *network, struct wire_message *message,
                       struct socket_frame **frame, int64_t now)
{
    const struct wire_refused *refused = NULL;
    network->heard_at = now;
    switch ((int)message->type) { /* what is not listed is not for a worker */
    case WIRE_WELCOME:
        on_welcome(network, WIRE_BODY(message, welcome), now);
        break;
    case WIRE_HEARTBEAT:
        break;
    case WIRE_LEASE:
        on_lease(network, WIRE_BODY(message, lease));
        break;
    case WIRE_ACCEPTED: {
        const struct wire_accepted *accepted = WIRE_BODY(message, accepted);
        for (size_t i = 0; i < accepted->task.count; i++)
            held_accept(&network->held, accepted->stage, &WIRE_ITEMS(accepted->task, task)[i]);
        break;
    }
    case WIRE_REVOKE:
        on_revoke(network, WIRE_BODY(message, revoke));
        break;
    case WIRE_DRAIN:
        if (WIRE_BODY(message, drain)->session == network->options->hello.session)
            begin_draining(network, "the broker asks for it", now);
        break;
    case WIRE_SCORES:
        on_answer(network, WIRE_BODY(message, scores)->request, message, frame);
        break;
    case WIRE_DIRECTIONS:
        on_answer(network, WIRE_BODY(message, directions)->request, message, frame);
        break;
    case WIRE_REFUSED:
        refused = WIRE_BODY(message, refused);
        if (!on_answer(network, refused->request, message, frame) && refused->request == 0)
            on_refused(network, refused);
        break;
    default:
        log_warning("a %s is no message for a worker", wire_type_name(message->type));
    }
}

static void receive_all(struct network *network, int64_t now)
{
    for (int i = 0; network->socket && i < MESSAGES_A_TURN; i++) {
        struct wire_message message;
        struct socket_frame *frame = NULL;
        struct error err;
        int received = socket_receive(network->socket, NULL, &message, &frame, &err);
        if (received == 0)
            return;
        if (received < 0) {
            if (network->bad_frames++ % 1000 == 0)
                log_warning("bad message number %llu from the broker: %s",
                            (unsigned long long)network->bad_frames, err.text);
            continue;
        }
        on_message(network, &message, &frame, now);
        if (frame)
            socket_frame_free(&frame, &message);
    }
}

/* ---- the compute thread ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

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
static void store_full(struct network *network, const char *why, int64_t now)
{
    const struct recovery_options *delays = &network->options->recovery;
    int64_t delay = network->store_delay ? 2 * network->store_delay : delays->first_delay;
    network->store_delay = earlier(delay, delays->most_delay);
    network->store_at = now + network->store_delay;
    log_warning("%s: the store is full, what is held goes back and more is asked for in %.0f s: %s",
                network->options->hello.name,
                (double)network->store_delay / (double)CLOCK_SECOND, why);
    held_drop_waiting(&network->held);
    network->give_back = true;
}

/* What is dropped here has not failed: goodbye returns its lease. */
static void take_outcome(struct network *network, struct outcome *outcome, int64_t now)
{
    held_finish(&network->held, outcome);
    if (outcome->code == E_INTERRUPTED) { /* we leave, or nobody wants it */
        held_drop_newest(&network->held);
    } else if (outcome->code == E_FULL) {
        store_full(network, outcome->text, now);
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

/* An outcome whose task is not ours (any more) is forgotten, unless it was lent to us anew since;
 * what else refuses its files has failed it. */
static void take_parcel(struct network *network, struct parcel *parcel)
{
    struct outcome *outcome = held_find_parcel(&network->held, parcel->number);
    if (!outcome)
        return;
    outcome->parcel = 0;
    switch (parcel->code) {
    case 0:
        outcome->uploaded = parcel->welcome == network->welcomes;
        break;
    case E_INTERRUPTED:
        break;
    case E_DENIED:
        if (outcome->assignment->task.epoch != parcel->task.epoch)
            break;
        log_warning("%s: the result is dropped", parcel->text);
        held_drop(&network->held, outcome);
        break;
    default:
        log_warning("%s", parcel->text);
        outcome_clear(outcome);
        outcome->code = parcel->code;
        memcpy(outcome->text, parcel->text, sizeof outcome->text);
        break;
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
        say_hello(network, now);
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
            take_parcel(network, parcel);
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
    say_hello(network, now);
}

/* Drains at the time limit; leaves when nothing is left of a drained worker's work. */
static void tend_end(struct network *network, int64_t now)
{
    if (network->stopping)
        return;
    if (now >= network->drain_at)
        begin_draining(network, "its time limit has come", now);
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
    tell(network, WIRE_GOODBYE, &(struct wire_goodbye){.session = network->options->hello.session});
    zmq_setsockopt(network->socket, ZMQ_LINGER, &linger, sizeof linger);
}

static void loop(struct network *network)
{
    int64_t now = clock_now();
    network->heard_at = now;
    say_hello(network, now);
    while (!finished(network, now)) {
        greet_due(network, now);
        if (network->broker == BROKER_KNOWS_US)
            send_due(network, now);
        wait_for_events(network, now);
        now = clock_now();
        receive_all(network, now);
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
    int failed = network.context ? connect_anew(&network, err)
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
