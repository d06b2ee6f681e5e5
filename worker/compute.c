/*
 * The compute thread, and the one that finishes files beside it. While a task waits for an answer the network thread sends nothing but that
 * answer or LETTER_STOP, so waiting is taking the next letter.
 */
#include "worker/compute.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "worker/finisher.h"

struct compute {
    struct compute_options options;
    struct inputs inputs;
    struct transfer_options transfer;
    struct runner *runner;
    struct finisher *finisher;
    pthread_t thread;
    struct letter ahead;
    struct fetch fetch;
    struct opening opening;
    struct letter stopped;
    bool stop; /* LETTER_STOP came while a task waited for an answer */
};

/* ---- asking the broker ---- */

static int ask(struct compute *compute, struct answer **answer, struct error *err)
{
    if (compute->stop)
        return error_set(err, E_INTERRUPTED, "the worker is leaving");
    compute->fetch.letter.kind = LETTER_FETCH;
    mailbox_put(compute->options.reports, &compute->fetch.letter.mail);
    struct letter *letter = (struct letter *)mailbox_wait(compute->options.orders);
    if (letter->kind == LETTER_STOP) {
        compute->stop = true;
        return error_set(err, E_INTERRUPTED, "the worker is leaving");
    }
    assert(letter->kind == LETTER_ANSWER);
    *answer = (struct answer *)letter;
    return 0;
}

/* An answer of another type than expected is the broker's refusal, or its mistake. */
static int check_type(const struct answer *answer, enum wire_type expected, struct error *err)
{
    if (answer->message.type == expected)
        return 0;
    if (answer->message.type == WIRE_REFUSED) {
        const struct wire_refused *refused = WIRE_BODY(&answer->message, refused);
        return error_set(err, E_NOT_FOUND, "the broker refused: %s (%s)", refused->text,
                         refused->code);
    }
    return error_set(err, E_INVALID, "the broker answered %s, expected %s",
                     wire_type_name(answer->message.type), wire_type_name(expected));
}

static int copy_scores(const struct wire_scores *scores, const struct fetch *fetch, size_t columns,
                       float *rows, struct error *err)
{
    size_t expected = fetch->count * columns * sizeof(float);
    if (scores->start != fetch->start || scores->count != fetch->count ||
        scores->columns != columns || scores->scores.size != expected)
        return error_set(err, E_INVALID,
                         "the broker sent scores %llu+%llu of %llu columns in %zu bytes, expected "
                         "%llu+%llu of %zu in %zu",
                         (unsigned long long)scores->start, (unsigned long long)scores->count,
                         (unsigned long long)scores->columns, scores->scores.size,
                         (unsigned long long)fetch->start, (unsigned long long)fetch->count,
                         columns, expected);
    memcpy(rows, scores->scores.data, expected);
    return 0;
}

static int fetch_scores(void *state, uint64_t stage, uint64_t start, uint64_t count, size_t first,
                        size_t columns, float *rows, struct error *err)
{
    struct compute *compute = state;
    struct answer *answer = NULL;
    compute->fetch = (struct fetch){.what = FETCH_SCORES,
                                    .stage = stage,
                                    .start = start,
                                    .count = count,
                                    .first_column = first,
                                    .columns = columns};
    int failed = ask(compute, &answer, err);
    if (failed)
        return failed;
    failed = check_type(answer, WIRE_SCORES, err);
    if (!failed)
        failed =
            copy_scores(WIRE_BODY(&answer->message, scores), &compute->fetch, columns, rows, err);
    answer_free(&answer);
    return failed;
}

static int copy_samples(const struct wire_samples *answer, const struct fetch *fetch,
                        uint64_t *samples, struct error *err)
{
    size_t expected = fetch->count * sizeof *samples;
    if (answer->start != fetch->start || answer->count != fetch->count ||
        answer->samples.size != expected)
        return error_set(
            err, E_INVALID,
            "the broker sent samples %llu+%llu in %zu bytes, expected %llu+%llu in %zu",
            (unsigned long long)answer->start, (unsigned long long)answer->count,
            answer->samples.size, (unsigned long long)fetch->start,
            (unsigned long long)fetch->count, expected);
    memcpy(samples, answer->samples.data, expected);
    return 0;
}

static int fetch_samples(void *state, uint64_t stage, uint64_t start, uint64_t count,
                         uint64_t *samples, struct error *err)
{
    struct compute *compute = state;
    struct answer *answer = NULL;
    compute->fetch =
        (struct fetch){.what = FETCH_SAMPLES, .stage = stage, .start = start, .count = count};
    int failed = ask(compute, &answer, err);
    if (failed)
        return failed;
    failed = check_type(answer, WIRE_SAMPLES, err);
    if (!failed)
        failed = copy_samples(WIRE_BODY(&answer->message, samples), &compute->fetch, samples, err);
    answer_free(&answer);
    return failed;
}

static int fetch_directions(void *state, uint64_t stage, size_t dimension,
                            struct directions **directions, struct error *err)
{
    struct compute *compute = state;
    struct answer *answer = NULL;
    compute->fetch = (struct fetch){.what = FETCH_DIRECTIONS, .stage = stage};
    int failed = ask(compute, &answer, err);
    if (failed)
        return failed;
    failed = check_type(answer, WIRE_DIRECTIONS, err);
    if (!failed)
        failed =
            directions_copy(WIRE_BODY(&answer->message, directions), dimension, directions, err);
    answer_free(&answer);
    return failed;
}

/* ---- the thread ---- */

/* Of the connection that bundles come over. */
static bool cancelled(void *state)
{
    const struct compute *compute = state;
    return atomic_load(compute->options.cancelled);
}

/* Files that remain to be finished are so beside the next task. */
static void run(struct compute *compute, struct outcome *outcome)
{
    health_begin(compute->options.health);
    runner_begin(compute->runner, outcome);
    health_end(compute->options.health, runner_take_operations(compute->runner));
    if (outcome->finish) {
        finisher_wait(compute->finisher);
        compute->ahead.kind = LETTER_AHEAD; /* the last one was taken before this task came */
        mailbox_put(compute->options.reports, &compute->ahead.mail);
        finisher_give(compute->finisher, outcome);
    } else {
        outcome_log(outcome);
        outcome->letter.kind = LETTER_DONE;
        mailbox_put(compute->options.reports, &outcome->letter.mail);
    }
}

static void reopen(struct compute *compute)
{
    struct error err = {0};
    compute->opening = (struct opening){.letter.kind = LETTER_OPENED};
    compute->opening.code = runner_reopen(compute->runner, &err);
    memcpy(compute->opening.text, err.text, sizeof compute->opening.text);
    mailbox_put(compute->options.reports, &compute->opening.letter.mail);
}

/* The next order. While there is none, compiled kernels are kept on disk. */
static struct letter *next_order(struct compute *compute)
{
    struct mail *mail = mailbox_take(compute->options.orders);
    while (!mail && compute->options.keep_programs && runner_keep_program(compute->runner))
        mail = mailbox_take(compute->options.orders);
    return (struct letter *)(mail ? mail : mailbox_wait(compute->options.orders));
}

static void *compute_thread(void *state)
{
    struct compute *compute = state;
    while (!compute->stop) {
        struct letter *letter = next_order(compute);
        switch (letter->kind) {
        case LETTER_RUN:
            run(compute, (struct outcome *)letter);
            break;
        case LETTER_REOPEN:
            reopen(compute);
            break;
        case LETTER_STOP:
            compute->stop = true;
            break;
        case LETTER_ANSWER:
        case LETTER_AHEAD:
        case LETTER_DONE:
        case LETTER_FETCH:
        case LETTER_OPENED:
        case LETTER_STOPPED:
        case LETTER_UPLOAD:
        case LETTER_UPLOADED:
            assert(!"a letter that nobody asked for");
        }
    }
    finisher_end(&compute->finisher);
    runner_close(&compute->runner);
    transfer_close(&compute->inputs.transfer);
    compute->stopped.kind = LETTER_STOPPED;
    mailbox_put(compute->options.reports, &compute->stopped.mail);
    return NULL;
}

int compute_start(const struct compute_options *options, struct device_info *info,
                  struct compute **compute, struct error *err)
{
    struct compute *started = calloc(1, sizeof *started);
    if (!started)
        return error_set(err, E_MEMORY, "no memory for the compute thread");
    started->options = *options;
    started->options.runner.device.options.cached = true;
    started->inputs = (struct inputs){.state = started,
                                      .scores = fetch_scores,
                                      .samples = fetch_samples,
                                      .directions = fetch_directions};
    started->transfer = (struct transfer_options){.endpoint = options->endpoint,
                                                  .keys = options->keys,
                                                  .stop = cancelled,
                                                  .state = started};
    int failed = options->endpoint
                     ? transfer_open(&started->transfer, &started->inputs.transfer, err)
                     : 0;
    if (!failed)
        failed = runner_open(&started->options.runner, &started->inputs, options->cancelled,
                             &started->runner, err);
    if (!failed)
        failed = finisher_begin(options->reports, &started->finisher, err);
    if (failed) {
        runner_close(&started->runner);
        transfer_close(&started->inputs.transfer);
        free(started);
        return failed;
    }
    *info = *runner_device(started->runner);
    int code = pthread_create(&started->thread, NULL, compute_thread, started);
    if (code) {
        finisher_end(&started->finisher);
        runner_close(&started->runner);
        transfer_close(&started->inputs.transfer);
        free(started);
        return error_set(err, E_MEMORY, "pthread_create: %s", strerror(code));
    }
    *compute = started;
    return 0;
}

void compute_join(struct compute **compute)
{
    if (!*compute)
        return;
    pthread_join((*compute)->thread, NULL);
    free(*compute);
    *compute = NULL;
}
