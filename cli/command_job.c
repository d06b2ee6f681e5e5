/* job list, show, cancel, retry, failures and wait; explain; worker list; bundle add: one request, one
 * answer, printed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/jobs.h"
#include "cli/progress.h"
#include "common/needs.h"

static void print_time(FILE *out, int64_t milliseconds)
{
    char text[32] = "-";
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm local;
    if (milliseconds > 0 && localtime_r(&seconds, &local))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
    fprintf(out, "%-19s", text);
}

/* That the broker is paused, on the side of talk, so that lists stay lists. */
static void print_notice(const struct cli *cli, const char *notice)
{
    if (notice[0])
        fprintf(cli->talk, "facefarm: the broker is %s\n", notice);
}

static void print_jobs(FILE *out, const struct wire_jobs *jobs)
{
    fprintf(out, "%5s  %-9s  %-19s  %6s  %-10s  %s\n", "JOB", "STATE", "SUBMITTED", "DONE", "OWNER",
            "NAME");
    for (size_t i = 0; i < jobs->jobs.count; i++) {
        const struct wire_job_info *job = &WIRE_ITEMS(jobs->jobs, job_info)[i];
        fprintf(out, "%5llu  %-9s  ", (unsigned long long)job->job, job->state);
        print_time(out, job->submitted_ms);
        fprintf(out, "  %4.0f %%  %-10s  %s\n",
                job->total ? 100.0 * (double)job->done / (double)job->total : 0.0, job->owner,
                job->name);
    }
}

static json_t *jobs_json(const struct wire_jobs *jobs)
{
    json_t *list = json_array();
    for (size_t i = 0; i < jobs->jobs.count; i++)
        json_array_append_new(list, jobs_info_json(&WIRE_ITEMS(jobs->jobs, job_info)[i]));
    return json_pack("{s:o, s:s}", "jobs", list, "notice", jobs->notice);
}

int command_job_list(struct cli *cli)
{
    struct error err = {0};
    struct client_reply reply = {0};
    struct wire_job_list body = {.request = 1};
    if (client_once(cli_broker(cli), WIRE_JOB_LIST, &body, WIRE_JOBS, &reply, &err) != 0)
        return cli_fail(cli, &err);
    int code = CLI_OK;
    if (cli_json(cli))
        code = jobs_print_json(cli, jobs_json(WIRE_BODY(&reply.message, jobs)));
    else
        print_jobs(cli->out, WIRE_BODY(&reply.message, jobs));
    print_notice(cli, WIRE_BODY(&reply.message, jobs)->notice);
    client_reply_free(&reply);
    return code;
}

static void print_rank(FILE *out, const struct wire_job_info *job)
{
    if (job->priority)
        fprintf(out, "priority %lld\n", (long long)job->priority);
    if (job->interactive)
        fputs("interactive\n", out);
    if (job->after)
        fprintf(out, "after job %llu\n", (unsigned long long)job->after);
    if (job->deadline_ms) {
        fputs("deadline ", out);
        print_time(out, job->deadline_ms);
        fputc('\n', out);
    }
}

static void print_state(FILE *out, const struct wire_job_state *state)
{
    const struct wire_job_info *job = WIRE_ITEMS(state->job, job_info);
    fprintf(out, "job %llu  %s  %s\nbundle %s\n", (unsigned long long)job->job, job->name,
            job->state, job->bundle);
    print_rank(out, job);
    fputc('\n', out);
    fprintf(out, "%-16s %-9s %-10s %22s %9s %8s %10s\n", "STAGE", "KIND", "STATE", "DONE", "RATE",
            "FAILURES", "SET ASIDE");
    for (size_t i = 0; i < state->stages.count; i++) {
        const struct wire_stage_info *s = &WIRE_ITEMS(state->stages, stage_info)[i];
        char done[48], rate[24] = "-";
        snprintf(done, sizeof done, "%llu/%llu", (unsigned long long)s->done,
                 (unsigned long long)s->total);
        if (s->rate > 0)
            snprintf(rate, sizeof rate, "%.1f/s", s->rate);
        fprintf(out, "%-16s %-9s %-10s %22s %9s %8llu %10llu\n", s->name, s->kind, s->state, done,
                rate, (unsigned long long)s->failures, (unsigned long long)s->poisoned);
    }
    for (size_t i = 0; i < state->stages.count; i++) {
        const struct wire_stage_info *s = &WIRE_ITEMS(state->stages, stage_info)[i];
        if (s->error[0])
            fprintf(out, "\n%s: %s\n", s->name, s->error);
    }
}

/* job show and job cancel: both are answered with the job's state. */
static int ask_state(struct cli *cli, enum wire_type type, const void *body)
{
    struct error err = {0};
    struct client_reply reply = {0};
    if (client_once(cli_broker(cli), type, body, WIRE_JOB_STATE, &reply, &err) != 0)
        return cli_fail(cli, &err);
    const struct wire_job_state *state = WIRE_BODY(&reply.message, job_state);
    int code = CLI_OK;
    if (cli_json(cli) || state->job.count != 1)
        code = jobs_print_json(cli, jobs_state_json(state));
    else
        print_state(cli->out, state);
    print_notice(cli, state->notice);
    client_reply_free(&reply);
    return code;
}

int command_job_show(struct cli *cli)
{
    struct error err = {0};
    struct wire_job_show body = {.request = 1};
    if (cli_job(cli, 0, &body.job, &err) != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    return ask_state(cli, WIRE_JOB_SHOW, &body);
}

int command_job_cancel(struct cli *cli)
{
    struct error err = {0};
    struct wire_job_cancel body = {.request = 1};
    if (cli_job(cli, 0, &body.job, &err) != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    return ask_state(cli, WIRE_JOB_CANCEL, &body);
}

static int order(struct cli *cli, const char *what, int64_t value)
{
    struct error err = {0};
    struct wire_job_order body = {.request = 1, .order = what, .value = value};
    if (cli_job(cli, 0, &body.job, &err) != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    return ask_state(cli, WIRE_JOB_ORDER, &body);
}

int command_job_pause(struct cli *cli)
{
    return order(cli, "pause", 0);
}

int command_job_resume(struct cli *cli)
{
    return order(cli, "resume", 0);
}

int command_job_priority(struct cli *cli)
{
    struct error err = {0};
    double wanted = cli_real(cli, "to");
    int64_t value = (int64_t)wanted;
    if ((double)value < wanted || (double)value > wanted) {
        error_set(&err, E_INVALID, "--to: %g, expected a whole number", wanted);
        return (void)cli_fail(cli, &err), CLI_USAGE;
    }
    return order(cli, "priority", value);
}

int command_job_retry(struct cli *cli)
{
    struct error err = {0};
    struct wire_job_retry body = {.request = 1};
    int rc = cli_job(cli, 0, &body.job, &err);
    if (rc == 0 && !cli_flag(cli, "failed"))
        rc = error_set(&err, E_INVALID, "job retry: --failed is missing: what to try again");
    if (rc != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    return ask_state(cli, WIRE_JOB_RETRY, &body);
}

static json_t *failures_json(const struct wire_failures *failures)
{
    json_t *list = json_array();
    for (size_t i = 0; i < failures->failures.count; i++) {
        const struct wire_failure_info *f = &WIRE_ITEMS(failures->failures, failure_info)[i];
        json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:I}",
                                              "stage", f->stage, "start", (json_int_t)f->start,
                                              "count", (json_int_t)f->count, "code", f->code,
                                              "text", f->text, "log", f->log, "worker", f->worker,
                                              "host", f->host, "device", f->device, "set_aside",
                                              (int)f->set_aside, "at_ms", (json_int_t)f->at_ms));
    }
    return json_pack("{s:o}", "failures", list);
}

static void print_failures(FILE *out, const struct wire_failures *failures, bool log)
{
    for (size_t i = 0; i < failures->failures.count; i++) {
        const struct wire_failure_info *f = &WIRE_ITEMS(failures->failures, failure_info)[i];
        print_time(out, f->at_ms);
        fprintf(out, "  %s, %llu + %llu%s, worker %s on %s, %s\n    %s: %s\n", f->stage,
                (unsigned long long)f->start, (unsigned long long)f->count,
                f->set_aside ? " (set aside)" : "", f->worker, f->host, f->device, f->code,
                f->text);
        for (const char *line = f->log, *end; log && *line; line = end + (*end == '\n')) {
            end = line + strcspn(line, "\n");
            fprintf(out, "    | %.*s\n", (int)(end - line), line);
        }
    }
}

int command_job_failures(struct cli *cli)
{
    struct error err = {0};
    struct client_reply reply = {0};
    struct wire_job_failures body = {.request = 1};
    if (cli_job(cli, 0, &body.job, &err) != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    if (client_once(cli_broker(cli), WIRE_JOB_FAILURES, &body, WIRE_FAILURES, &reply, &err) != 0)
        return cli_fail(cli, &err);
    int code = CLI_OK;
    if (cli_json(cli))
        code = jobs_print_json(cli, failures_json(WIRE_BODY(&reply.message, failures)));
    else
        print_failures(cli->out, WIRE_BODY(&reply.message, failures), cli_flag(cli, "log"));
    client_reply_free(&reply);
    return code;
}

static json_t *explanation_json(const struct wire_explanation *told)
{
    json_t *list = json_array();
    for (size_t i = 0; i < told->reasons.count; i++) {
        const struct wire_reason *r = &WIRE_ITEMS(told->reasons, reason)[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "stage", r->stage, "state",
                                              r->state, "code", r->code, "text", r->text));
    }
    json_t *json = told->job.count == 1 ? jobs_info_json(WIRE_ITEMS(told->job, job_info)) : NULL;
    return json && json_object_set_new(json, "reasons", list) == 0 ? json : NULL;
}

/* A stage's first reason stands beside its name, the others below. */
static void print_explanation(FILE *out, const struct wire_explanation *told)
{
    const char *stage = "";
    for (size_t i = 0; i < told->job.count; i++) {
        const struct wire_job_info *job = &WIRE_ITEMS(told->job, job_info)[i];
        fprintf(out, "job %llu  %s  %s\n\n", (unsigned long long)job->job, job->name, job->state);
    }
    for (size_t i = 0; i < told->reasons.count; i++) {
        const struct wire_reason *r = &WIRE_ITEMS(told->reasons, reason)[i];
        bool first = strcmp(stage, r->stage) != 0;
        fprintf(out, "%-16s %-9s  %s\n", first ? r->stage : "", first ? r->state : "", r->text);
        stage = r->stage;
    }
}

int command_explain(struct cli *cli)
{
    struct error err = {0};
    struct client_reply reply = {0};
    struct wire_job_explain body = {.request = 1};
    if (cli_job(cli, 0, &body.job, &err) != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    if (client_once(cli_broker(cli), WIRE_JOB_EXPLAIN, &body, WIRE_EXPLANATION, &reply, &err) != 0)
        return cli_fail(cli, &err);
    int code = CLI_OK;
    if (cli_json(cli))
        code = jobs_print_json(cli, explanation_json(WIRE_BODY(&reply.message, explanation)));
    else
        print_explanation(cli->out, WIRE_BODY(&reply.message, explanation));
    client_reply_free(&reply);
    return code;
}

int command_job_wait(struct cli *cli)
{
    struct error err = {0};
    uint64_t job;
    if (cli_job(cli, 0, &job, &err) != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    return jobs_wait(cli, job);
}

static json_t *labels_json(const char *labels)
{
    json_t *object = json_object();
    size_t size;
    for (const char *label; (label = labels_next(&labels, &size));) {
        size_t key = strcspn(label, "=");
        json_object_setn_new(object, label, key, json_stringn(label + key + 1, size - key - 1));
    }
    return object;
}

static json_t *worker_json(const struct wire_worker_info *w)
{
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:I,s:o,s:s,s:s,s:I,s:I,s:I,s:I}", "worker",
                     (json_int_t)w->worker, "name", w->name, "host", w->host, "device", w->device,
                     "device_kind", w->device_kind, "memory", (json_int_t)w->memory, "labels",
                     labels_json(w->labels), "state", w->state, "reason", w->reason, "leased",
                     (json_int_t)w->leased, "tasks_done", (json_int_t)w->tasks_done,
                     "tasks_failed", (json_int_t)w->tasks_failed, "last_seen_ms",
                     (json_int_t)w->last_seen_ms);
}

static json_t *workers_json(const struct wire_workers *workers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < workers->workers.count; i++)
        json_array_append_new(list, worker_json(&WIRE_ITEMS(workers->workers, worker_info)[i]));
    return json_pack("{s:o, s:s}", "workers", list, "notice", workers->notice);
}

static void print_workers(FILE *out, const struct wire_workers *workers)
{
    fprintf(out, "%6s  %-8s  %5s  %9s  %7s  %-19s  %s\n", "WORKER", "STATE", "HOLDS", "DONE",
            "FAILED", "LAST SEEN", "NAME, HOST, DEVICE");
    for (size_t i = 0; i < workers->workers.count; i++) {
        const struct wire_worker_info *w = &WIRE_ITEMS(workers->workers, worker_info)[i];
        fprintf(out, "%6llu  %-8s  %5llu  %9llu  %7llu  ", (unsigned long long)w->worker, w->state,
                (unsigned long long)w->leased, (unsigned long long)w->tasks_done,
                (unsigned long long)w->tasks_failed);
        print_time(out, w->last_seen_ms);
        fprintf(out, "  %s, %s, %s (%s, %.1f GiB)%s%s\n", w->name, w->host, w->device,
                w->device_kind, (double)w->memory / (1 << 30), w->labels[0] ? ", " : "", w->labels);
        if (w->reason[0])
            fprintf(out, "        %s\n", w->reason);
    }
}

/* All of them are answered with the list of workers. */
static int ask_workers(struct cli *cli, enum wire_type type, const void *body)
{
    struct error err = {0};
    struct client_reply reply = {0};
    if (client_once(cli_broker(cli), type, body, WIRE_WORKERS, &reply, &err) != 0)
        return cli_fail(cli, &err);
    int code = CLI_OK;
    if (cli_json(cli))
        code = jobs_print_json(cli, workers_json(WIRE_BODY(&reply.message, workers)));
    else
        print_workers(cli->out, WIRE_BODY(&reply.message, workers));
    print_notice(cli, WIRE_BODY(&reply.message, workers)->notice);
    client_reply_free(&reply);
    return code;
}

int command_worker_list(struct cli *cli)
{
    return ask_workers(cli, WIRE_WORKER_LIST, &(struct wire_worker_list){.request = 1});
}

int command_worker_drain(struct cli *cli)
{
    struct wire_worker_order body = {.request = 1, .worker = cli->operands[0], .order = "drain"};
    return ask_workers(cli, WIRE_WORKER_ORDER, &body);
}

int command_worker_restore(struct cli *cli)
{
    struct wire_worker_order body = {.request = 1, .worker = cli->operands[0], .order = "restore"};
    return ask_workers(cli, WIRE_WORKER_ORDER, &body);
}
