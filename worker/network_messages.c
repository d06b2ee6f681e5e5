/* What the broker says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/network_priv.h"

#define MESSAGES_A_TURN 1000

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
    network_read_store(network, store);
    if (strcmp(store, network->store) != 0) { /* it was made meanwhile: the broker must hear */
        network_say_hello(network, now);
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
        network_say_hello(network, clock_now()); /* without it, which gives it back */
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
        log_warning("the broker refused hello, which is said again: %s (%s)", refused->text,
                    refused->code);
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
            network_drain(network, "the broker asks for it", now);
        break;
    case WIRE_SCORES:
        on_answer(network, WIRE_BODY(message, scores)->request, message, frame);
        break;
    case WIRE_SAMPLES:
        on_answer(network, WIRE_BODY(message, samples)->request, message, frame);
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

void network_receive(struct network *network, int64_t now)
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
