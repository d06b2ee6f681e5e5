/* Results on their way to the broker: together where they are small, after their files where those
 * travel, and again after each welcome until they are accepted. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "worker/network_priv.h"

#define BATCH_BYTES ((size_t)4 << 20) /* of results that go together; a larger one goes alone */
#define BATCH_RESULTS 512             /* fewer than LIMIT_BATCH: they are told from the stack */
_Static_assert(BATCH_RESULTS <= LIMIT_BATCH, "they fit into one message");

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
        note_sent(outcome, network_tell(network, WIRE_FAILED, &failed), false);
    }
}

/* Results that go together in one message. */
struct batch {
    struct outcome *outcomes[BATCH_RESULTS];
    struct wire_result results[BATCH_RESULTS];
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
void network_send_results(struct network *network)
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
        if (batch.count == BATCH_RESULTS)
            send_batch(network, &batch);
    }
    send_batch(network, &batch);
}

void network_take_parcel(struct network *network, struct parcel *parcel)
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
