/*
 * Submitting and watching.
 *
 * Waiting outlives the broker. It is asked to tell of changes (job_watch); where nothing was heard
 * for a while the job is asked for (job_show, under the same number), which works as well with a
 * broker that was started again and knows of no watch. A second job_watch would be a second watch.
 */
#include "cli/jobs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/progress.h"

#define WATCH_SILENCE (2 * CLOCK_SECOND)   /* then the job is asked for */
#define WATCH_PATIENCE (60 * CLOCK_SECOND) /* then the broker is given up */

json_t *jobs_info_json(const struct wire_job_info *job)
{
    json_t *json = json_pack("{s:I,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "job", (json_int_t)job->job, "name",
                     job->name, "owner", job->owner, "state", job->state, "bundle", job->bundle, "submitted_ms",
                     (json_int_t)job->submitted_ms, "ended_ms", (json_int_t)job->ended_ms, "total",
                     (json_int_t)job->total, "done", (json_int_t)job->done);
    json_t *rank = json_pack("{s:I,s:b,s:I,s:I}", "priority", (json_int_t)job->priority,
                             "interactive", (int)job->interactive, "after", (json_int_t)job->after,
                             "deadline_ms", (json_int_t)job->deadline_ms);
    json_object_update(json, rank);
    json_decref(rank);
    return json;
}

static json_t *stage_json(const struct wire_stage_info *stage)
{
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:f,s:s}", "name", stage->name, "kind",
                     stage->kind, "state", stage->state, "total", (json_int_t)stage->total, "done",
                     (json_int_t)stage->done, "leased", (json_int_t)stage->leased, "poisoned",
                     (json_int_t)stage->poisoned, "failures", (json_int_t)stage->failures, "rate",
                     stage->rate, "error", stage->error);
}

json_t *jobs_state_json(const struct wire_job_state *state)
{
    if (state->job.count != 1)
        return NULL;
    json_t *json = jobs_info_json(WIRE_ITEMS(state->job, job_info));
    json_t *stages = json_array();
    for (size_t i = 0; i < state->stages.count; i++)
        json_array_append_new(stages, stage_json(&WIRE_ITEMS(state->stages, stage_info)[i]));
    json_object_set_new(json, "stages", stages);
    json_object_set_new(json, "notice", json_string(state->notice));
    return json;
}

int jobs_print_json(const struct cli *cli, json_t *json)
{
    struct error err = {0};
    int code = CLI_OK;
    if (!json || json_dumpf(json, cli->out, JSON_INDENT(2)) != 0) {
        error_set(&err, E_MEMORY, "the answer cannot be printed as JSON");
        code = cli_fail(cli, &err);
    } else {
        fputc('\n', cli->out);
    }
    json_decref(json);
    return code;
}

static bool is_open(const char *state)
{
    return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0;
}

static bool is_over(const struct wire_job_state *state)
{
    return state->job.count == 1 && !is_open(WIRE_ITEMS(state->job, job_info)->state);
}

/* A descriptor that becomes readable at Ctrl-C, so that the wait can say that the job goes on. */
static int open_interrupt(sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, before);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Receives states until one is final, which is left in `last`. */
static int watch(struct client *client, uint64_t job, int interrupt, struct progress *progress,
                 struct client_reply *last, struct error *err)
{
    struct wire_job_watch body = {.request = client_request(client), .job = job};
    struct wire_job_show again = {.request = body.request, .job = job};
    int64_t heard = clock_now();
    int rc = client_send(client, WIRE_JOB_WATCH, &body, err);
    while (rc == 0) {
        struct client_reply reply = {0};
        rc = client_await(client, body.request, WIRE_JOB_STATE, interrupt, WATCH_SILENCE, &reply,
                          err);
        if (rc == 1) {
            heard = clock_now();
            client_reply_free(last);
            *last = reply;
            if (is_over(WIRE_BODY(&last->message, job_state)))
                return 0;
            progress_update(progress, WIRE_BODY(&last->message, job_state));
            rc = 0;
        } else if (rc == 0 &&
                   clock_now() - heard >= (last->frame ? WATCH_PATIENCE : CLIENT_PATIENCE)) {
            rc = error_set(err, E_TIMEOUT, "no broker answers for %d s; job %llu is as it was left",
                           (int)((clock_now() - heard) / CLOCK_SECOND), (unsigned long long)job);
        } else if (rc == 0) {
            rc = client_send(client, WIRE_JOB_SHOW, &again, err);
            if (rc == E_NETWORK)
                rc = 0; /* no room for it now; asked again after the next silence */
        }
    }
    return rc;
}

static int finish(struct cli *cli, const struct wire_job_state *state)
{
    bool done = strcmp(WIRE_ITEMS(state->job, job_info)->state, "done") == 0;
    int code = CLI_OK;
    if (cli_json(cli))
        code = jobs_print_json(cli, jobs_state_json(state));
    return code != CLI_OK ? code : done ? CLI_OK : CLI_JOB_ENDED;
}

static int wait_with(struct cli *cli, struct client *client, uint64_t job)
{
    struct error err = {0};
    struct progress progress;
    struct client_reply last = {0};
    sigset_t before;
    progress_open(&progress, cli->talk);
    int interrupt = open_interrupt(&before);
    int rc = watch(client, job, interrupt, &progress, &last, &err);
    int code;
    if (rc == 0) {
        progress_end(&progress, WIRE_BODY(&last.message, job_state));
        code = finish(cli, WIRE_BODY(&last.message, job_state));
    } else {
        if (rc == E_INTERRUPTED)
            error_set(&err, E_INTERRUPTED,
                      "job %llu goes on; facefarm job wait %llu waits for it again",
                      (unsigned long long)job, (unsigned long long)job);
        code = cli_fail(cli, &err);
    }
    client_reply_free(&last);
    if (interrupt >= 0) {
        struct signalfd_siginfo info;
        while (read(interrupt, &info, sizeof info) > 0)
            ; /* told already: it is not to end us when it is let through again */
        close(interrupt);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}

int jobs_wait(struct cli *cli, uint64_t job)
{
    struct error err = {0};
    struct client *client = NULL;
    if (client_open(cli_broker(cli), &client, &err) != 0)
        return cli_fail(cli, &err);
    int code = wait_with(cli, client, job);
    client_close(&client);
    return code;
}

static const char *owner_name(void)
{
    const char *user = getenv("USER");
    return user && *user && strlen(user) <= LIMIT_NAME_BYTES ? user : "anonymous";
}

int jobs_deadline(const char *text, int64_t now_ms, int64_t *deadline_ms, struct error *err)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end = NULL;
    struct tm local = {.tm_isdst = -1};
    long number = strtol(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end != text && end[0] == units[i].unit && end[1] == '\0' && number > 0 &&
            number <= 1000000) {
            *deadline_ms = now_ms + number * units[i].seconds * 1000;
            return 0;
        }
    end = strptime(text, "%Y-%m-%dT%H:%M", &local);
    time_t at = end && *end == '\0' ? mktime(&local) : (time_t)-1;
    if (at == (time_t)-1)
        return error_set(err, E_INVALID,
                         "--deadline: \"%s\", expected 30m, 2h, 1d, or 2026-12-24T18:00", text);
    *deadline_ms = (int64_t)at * 1000;
    return 0;
}

static int take_rank(const struct cli *cli, struct wire_submit *body, struct error *err)
{
    const char *after = cli_text(cli, "after"), *deadline = cli_text(cli, "deadline");
    double priority = cli_real(cli, "priority");
    body->priority = (int64_t)priority;
    body->interactive = cli_flag(cli, "interactive");
    body->after = after ? cli_uint(cli, "after") : 0;
    if ((double)body->priority < priority || (double)body->priority > priority)
        return error_set(err, E_INVALID, "--priority: %g, expected a whole number", priority);
    return deadline ? jobs_deadline(deadline, clock_wall_ms(), &body->deadline_ms, err) : 0;
}

int jobs_submit(struct cli *cli, const char *yaml, bool wait)
{
    struct error err = {0};
    struct client *client = NULL;
    struct client_reply reply = {0};
    int code;
    if (client_open(cli_broker(cli), &client, &err) != 0)
        return cli_fail(cli, &err);
    struct wire_submit body = {
        .request = client_request(client), .owner = owner_name(), .spec = yaml};
    if (take_rank(cli, &body, &err) != 0) {
        code = ((void)cli_fail(cli, &err), CLI_USAGE);
        goto out;
    }
    if (client_call(client, WIRE_SUBMIT, &body, body.request, WIRE_SUBMITTED, CLIENT_PATIENCE,
                    &reply, &err) != 0) {
        code = cli_fail(cli, &err);
        goto out;
    }
    uint64_t job = WIRE_BODY(&reply.message, submitted)->job;
    code = CLI_OK;
    if (!cli_json(cli))
        fprintf(cli->out, "%llu\n", (unsigned long long)job);
    else if (!wait)
        code = jobs_print_json(cli, json_pack("{s:I}", "job", (json_int_t)job));
    fflush(cli->out);
    if (wait)
        code = wait_with(cli, client, job);
out:
    client_reply_free(&reply);
    client_close(&client);
    return code;
}
