/* report: writes the page and prints the headline figures. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/jobs.h"
#include "cli/report/compare.h"
#include "cli/report/report.h"

static json_t *figure_json(struct figure figure)
{
    return figure.known ? json_real(figure.value) : json_null();
}

static json_t *shift_json(const struct report_shift *s)
{
    return json_pack("{s:s,s:b,s:f,s:I,s:f,s:f,s:f,s:f,s:f}", "target", s->target, "projected", s->projected, "distance",
                     s->distance, "faces", (json_int_t)s->faces, "mean_before", s->mean_before,
                     "mean_after", s->mean_after, "shift", s->shift, "low", s->low, "high",
                     s->high);
}

static json_t *headline_json(const struct report_headline *h, const char *output)
{
    char path[4096];
    json_t *shifts = json_array();
    for (int i = 0; i < h->shifts_count; i++)
        json_array_append_new(shifts, shift_json(&h->shifts[i]));
    snprintf(path, sizeof path, "%s/index.html", output);
    return json_pack("{s:I,s:s,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "job",
                     (json_int_t)h->job, "report", path, "faces", (json_int_t)h->faces,
                     "boundaries", (json_int_t)h->boundaries, "balanced_accuracy",
                     figure_json(h->balanced_accuracy), "test_accuracy",
                     figure_json(h->test_accuracy), "base_rate", figure_json(h->base_rate), "f1",
                     figure_json(h->f1), "auc", figure_json(h->auc), "age_shifts", shifts,
                     "faces_made", (json_int_t)h->faces_made, "elapsed_ms",
                     (json_int_t)h->elapsed_ms, "workers", (json_int_t)h->workers);
}

static void print_figure(FILE *out, const char *label, struct figure figure)
{
    if (figure.known)
        fprintf(out, "%-30s %.3f\n", label, figure.value);
    else
        fprintf(out, "%-30s -\n", label);
}

static void print_headline(FILE *out, const struct report_headline *h, const char *output)
{
    fprintf(out, "%-30s %lld\n", "job", (long long)h->job);
    fprintf(out, "%-30s %lld\n", "faces labelled", (long long)h->faces);
    fprintf(out, "%-30s %lld\n", "boundaries", (long long)h->boundaries);
    print_figure(out, "mean balanced test accuracy", h->balanced_accuracy);
    print_figure(out, "mean test accuracy", h->test_accuracy);
    print_figure(out, "mean base rate", h->base_rate);
    print_figure(out, "mean F1", h->f1);
    print_figure(out, "mean AUC", h->auc);
    for (int i = 0; i < h->shifts_count; i++) {
        const struct report_shift *s = &h->shifts[i];
        fprintf(out, "%-30s %+.2f years [%+.2f, %+.2f], %.1f -> %.1f, along %s ",
                s->projected ? "age shift, projected" : "age shift", s->shift, s->low, s->high,
                s->mean_before, s->mean_after, s->target);
        if (s->words[0])
            fprintf(out, "%s, %lld faces\n", s->words, (long long)s->faces);
        else
            fprintf(out, "by %g, %lld faces\n", s->distance, (long long)s->faces);
    }
    fprintf(out, "%-30s %lld in %.1f s\n", "faces made", (long long)h->faces_made,
            (double)h->elapsed_ms / 1000);
    fprintf(out, "%-30s %s/index.html\n", "report", output);
}

static int write_report(struct cli *cli, struct database *db, struct error *err)
{
    int64_t job = cli_text(cli, "job") ? (int64_t)cli_uint(cli, "job") : 0;
    struct report_headline headline;
    const char *output = cli_text(cli, "output");
    int rc = report_find_job(db, job, &job, err);
    if (rc == 0)
        rc = report_write(db, cli_text(cli, "store"), output, job, cli->talk, err);
    if (rc == 0)
        rc = report_headline(db, job, &headline, err);
    if (rc != 0)
        return rc;
    if (cli_json(cli))
        return jobs_print_json(cli, headline_json(&headline, output)) == CLI_OK
                   ? 0
                   : error_set(err, E_IO, "stdout cannot be written");
    print_headline(cli->out, &headline, output);
    return 0;
}

static int job_number(const char *text, int64_t *job, struct error *err)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 1)
        return error_set(err, E_INVALID, "\"%s\": expected a job's number", text);
    *job = number;
    return 0;
}

static int compare(struct cli *cli, struct compare_job jobs[2], struct error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++) {
        const char *other = i ? cli_text(cli, "other-db") : NULL;
        jobs[i].path = other ? other : cli_text(cli, "db");
        rc = job_number(cli->operands[i], &jobs[i].id, err);
        if (rc == 0)
            rc = database_open_read_only(jobs[i].path, &jobs[i].db, err);
        if (rc == 0)
            rc = report_find_job(jobs[i].db, jobs[i].id, &jobs[i].id, err);
        if (rc < 0)
            error_prefix(err, rc, "job %s", i ? "B" : "A");
    }
    return rc < 0 ? rc : compare_write(jobs, cli_text(cli, "output"), err);
}

static int command_compare(struct cli *cli)
{
    struct error err = {0};
    struct compare_job jobs[2] = {0};
    int rc = compare(cli, jobs, &err);
    database_close(&jobs[0].db);
    database_close(&jobs[1].db);
    if (rc < 0)
        return cli_fail(cli, &err);
    if (cli_json(cli))
        return jobs_print_json(cli, json_pack("{s:s+,s:s+}", "report", cli_text(cli, "output"),
                                              "/compare.html", "json", cli_text(cli, "output"),
                                              "/compare.json"));
    fprintf(cli->out, "%s/compare.html\n", cli_text(cli, "output"));
    return CLI_OK;
}

int command_report(struct cli *cli)
{
    struct error err = {0};
    unsigned wanted = cli_flag(cli, "compare") ? 2 : 0;
    if (cli->operands_count != wanted) {
        (void)error_set(&err, E_INVALID,
                        wanted ? "--compare takes two jobs, found %u" : "%u operands without --compare",
                        cli->operands_count);
        return cli_fail(cli, &err);
    }
    if (wanted)
        return command_compare(cli);
    struct database *db = NULL;
    int rc = database_open_read_only(cli_text(cli, "db"), &db, &err);
    if (rc == 0)
        rc = write_report(cli, db, &err);
    database_close(&db);
    return rc == 0 ? CLI_OK : cli_fail(cli, &err);
}
