/* export: which rows, in which form, to where. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/export.h"
#include "cli/jobs.h"
#include "cli/report/report.h"
#include "db/bundles.h"

struct what {
    const char *name;
    const char *statement; /* rows of ?1 = job, or NULL: */
    const char *maker;     /* the statement that writes it, of ?1 = bundle */
    const char *array;     /* rows that `write` makes .npy of; NULL: the same as other formats */
    bool by_stage;         /* ?2 of both is a stage, or NULL: all */
    int (*write)(struct cli *cli, struct database *db, struct statement *rows, int64_t job,
                 const char *output, struct error *err);
};

static int bundle_of(struct database *db, int64_t job, int64_t *bundle, struct error *err)
{
    struct statement *q;
    int rc = database_query(db, "report_job", &q, err);
    if (rc != 0)
        return rc;
    statement_bind_int(q, 1, job);
    rc = statement_step(q, err);
    if (rc > 0)
        *bundle = statement_int(q, 7);
    statement_reset(q);
    return rc < 0 ? rc : 0;
}

/* Vectors of a latent of the job's bundle: 0 but in w+. */
static int vectors_of(struct database *db, int64_t job, uint32_t *vectors, struct error *err)
{
    int64_t id = 0;
    struct bundles_row row = {0};
    struct bundle *bundle = NULL;
    int rc = bundle_of(db, job, &id, err);
    if (rc == 0)
        rc = bundles_get(db, id, &row, err);
    if (rc == 0)
        rc = bundle_parse(row.yaml, strlen(row.yaml), &bundle, err);
    if (rc == 0)
        *vectors =
            bundle->generator.latent.space == BUNDLE_W_PLUS ? bundle->generator.latent.layers : 0;
    bundle_free(&bundle);
    bundles_row_free(&row);
    return rc;
}

static int write_latents(struct cli *cli, struct database *db, struct statement *rows, int64_t job,
                         const char *output, struct error *err)
{
    uint32_t vectors = 0;
    size_t count = 0;
    int rc = vectors_of(db, job, &vectors, err);
    if (rc != 0)
        return rc;
    rc = export_latents(rows, vectors, output, &count, err);
    if (rc == 0)
        fprintf(cli->talk, "facefarm export: %zu latents in %s\n", count, output);
    return rc;
}

static int write_boundaries(struct cli *cli, struct database *db, struct statement *rows,
                            int64_t job, const char *output, struct error *err)
{
    (void)db;
    (void)job;
    size_t count = 0;
    int rc = export_boundaries(rows, output, &count, err);
    if (rc == 0)
        fprintf(cli->talk, "facefarm export: %zu boundaries in %s\n", count, output);
    return rc;
}

static const struct what whats[] = {
    {.name = "labels", .maker = "export_make_labels"},
    {.name = "evaluation", .maker = "export_make_evaluation"},
    {.name = "edits", .maker = "export_make_edits"},
    {.name = "boundaries",
     .statement = "export_boundaries",
     .array = "export_normals",
     .write = write_boundaries},
    {.name = "latents",
     .statement = "export_latents",
     .array = "export_latent_rows",
     .by_stage = true,
     .write = write_latents},
    {.name = NULL},
};

static int find_what(const char *name, const struct what **what, struct error *err)
{
    for (const struct what *w = whats; w->name; w++)
        if (strcmp(w->name, name) == 0) {
            *what = w;
            return 0;
        }
    return error_set(
        err, E_INVALID,
        "--what: found \"%s\", expected labels, evaluation, edits, boundaries or latents", name);
}

/* The job, and the stage where rows are of one. */
static void bind(const struct cli *cli, const struct what *what, struct statement *rows,
                 int64_t job)
{
    const char *stage = cli_text(cli, "stage");
    statement_bind_int(rows, 1, job);
    if (what->by_stage && stage)
        statement_bind_text(rows, 2, stage);
    else if (what->by_stage)
        statement_bind_null(rows, 2);
}

static int open_rows(const struct cli *cli, struct database *db, const struct what *what,
                     int64_t job, struct statement **rows, struct error *err)
{
    int64_t bundle = 0;
    int rc;
    if (what->statement) {
        rc = database_query(db, what->statement, rows, err);
    } else {
        rc = bundle_of(db, job, &bundle, err);
        if (rc == 0)
            rc = database_made(db, what->maker, bundle, 0, rows, err);
    }
    if (rc == 0)
        bind(cli, what, *rows, job);
    return rc;
}

static int write_rows(struct cli *cli, struct statement *rows, enum export_format format,
                      const char *output, struct error *err)
{
    if (!output || strcmp(output, "-") == 0)
        return export_rows(rows, format, cli->out, err);
    FILE *file = fopen(output, "w");
    if (!file)
        return error_set(err, E_IO, "%s: %s", output, strerror(errno));
    int rc = export_rows(rows, format, file, err);
    if (fclose(file) != 0 && rc == 0)
        rc = error_set(err, E_IO, "%s: %s", output, strerror(errno));
    return rc;
}

static int write_npy(struct cli *cli, struct database *db, const struct what *what, int64_t job,
                     const char *output, struct error *err)
{
    struct statement *rows;
    int rc;
    if (!output || strcmp(output, "-") == 0)
        return error_set(err, E_INVALID, "--format npy needs --output");
    if (!what->array) {
        rc = open_rows(cli, db, what, job, &rows, err);
        return rc != 0 ? rc : export_npy(rows, output, err);
    }
    rc = database_query(db, what->array, &rows, err);
    if (rc != 0)
        return rc;
    bind(cli, what, rows, job);
    return what->write(cli, db, rows, job, output, err);
}

static int export_job(struct cli *cli, struct database *db, const struct what *what,
                      struct error *err)
{
    struct statement *rows;
    const char *format = cli_text(cli, "format");
    const char *output = cli_text(cli, "output");
    int64_t job = cli_text(cli, "job") ? (int64_t)cli_uint(cli, "job") : 0;
    if (cli_text(cli, "stage") && !what->by_stage)
        return error_set(err, E_INVALID, "--stage: says which latents, --what is %s", what->name);
    int rc = report_find_job(db, job, &job, err);
    if (rc != 0)
        return rc;
    if (strcmp(format, "npy") == 0)
        return write_npy(cli, db, what, job, output, err);
    rc = open_rows(cli, db, what, job, &rows, err);
    if (rc != 0)
        return rc;
    return write_rows(cli, rows, strcmp(format, "csv") == 0 ? EXPORT_CSV : EXPORT_JSONL, output,
                      err);
}

/* With --json and a file as output, what was written is told on stdout. */
static int tell(struct cli *cli)
{
    const char *output = cli_text(cli, "output");
    if (!cli_json(cli) || !output || strcmp(output, "-") == 0)
        return CLI_OK;
    return jobs_print_json(cli, json_pack("{s:s,s:s,s:s}", "what", cli_text(cli, "what"), "format",
                                          cli_text(cli, "format"), "output", output));
}

int command_export(struct cli *cli)
{
    struct error err = {0};
    struct database *db = NULL;
    const struct what *what = NULL;
    const char *format = cli_text(cli, "format");
    if (find_what(cli_text(cli, "what"), &what, &err) != 0)
        return (void)cli_fail(cli, &err), CLI_USAGE;
    if (strcmp(format, "csv") && strcmp(format, "jsonl") && strcmp(format, "npy")) {
        error_set(&err, E_INVALID, "--format: found \"%s\", expected csv, jsonl or npy", format);
        return (void)cli_fail(cli, &err), CLI_USAGE;
    }
    int rc = database_open_read_only(cli_text(cli, "db"), &db, &err);
    if (rc == 0)
        rc = export_job(cli, db, what, &err);
    database_close(&db);
    return rc == 0 ? tell(cli) : cli_fail(cli, &err);
}
