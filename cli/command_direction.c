/* direction: what an edit would do, from its boundaries alone. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/directions.h"
#include "cli/jobs.h"
#include "cli/report/report.h"
#include "common/conditions.h"
#include "common/npy.h"

struct row { /* a condition */
    const char *name;
    double weight, before, after; /* after: cosine to the direction */
};

struct work {
    struct spec_stage stage;
    struct boundaries boundaries;
    const char *target;
    struct projection projection;
    size_t *which;                            /* [k] */
    double *plain, *vectors, *weights, *edit; /* owned: what the projection borrows; u */
    struct projection_result result;
    struct row *rows; /* [k], largest natural drift first */
    struct projection_point points[PROJECTION_POINTS];
    size_t points_count;
};

static void free_work(struct work *w)
{
    directions_free_stage(&w->stage);
    boundaries_free(&w->boundaries);
    free(w->which);
    free(w->plain);
    free(w->vectors);
    free(w->weights);
    free(w->edit);
    free(w->rows);
}

static int take_boundaries(struct cli *cli, struct work *w, struct error *err)
{
    const char *folder = cli_text(cli, "boundaries");
    struct database *db = NULL;
    uint64_t wanted = 0;
    int64_t job = 0;
    if (folder)
        return boundaries_of_folder(folder, &w->boundaries, err);
    int rc = cli->operands_count ? cli_job(cli, 0, &wanted, err) : 0;
    if (!rc)
        rc = database_open_read_only(cli_text(cli, "db"), &db, err);
    if (!rc)
        rc = report_find_job(db, (int64_t)wanted, &job, err);
    if (!rc)
        rc = boundaries_of_job(db, job, cli_text(cli, "stage"), &w->boundaries, err);
    database_close(&db);
    return rc;
}

static double dot(const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

static int make_room(struct work *w, struct error *err)
{
    size_t n = w->boundaries.count, d = w->boundaries.dimension;
    w->which = calloc(n, sizeof *w->which);
    w->plain = calloc(d, sizeof *w->plain);
    w->vectors = calloc(n * d, sizeof *w->vectors);
    w->weights = calloc(n, sizeof *w->weights);
    w->edit = calloc(d, sizeof *w->edit);
    w->rows = calloc(n, sizeof *w->rows);
    if (w->which && w->plain && w->vectors && w->weights && w->edit && w->rows)
        return 0;
    return error_set(err, E_MEMORY, "no memory for %zu boundaries", n);
}

/* Target and conditions out of the boundaries. */
static int find_projection(struct work *w, struct error *err)
{
    const struct boundaries *b = &w->boundaries;
    const char *const *names = (const char *const *)b->names;
    struct conditions conditions;
    size_t k = 0, d = b->dimension;
    int rc = conditions_open(&w->stage, names, b->count, &conditions, err);
    if (rc)
        return rc;
    rc = conditions_of(&conditions, w->target, w->which, &k, err);
    for (size_t i = 0; !rc && i < k; i++) {
        memcpy(w->vectors + i * d, b->normals + w->which[i] * d, d * sizeof(double));
        w->weights[i] = conditions.weights[w->which[i]];
    }
    conditions_close(&conditions);
    if (!rc)
        rc = projection_direction(w->target, names, b->count, b->normals, d, w->plain, err);
    w->projection =
        (struct projection){w->stage.projection, d, k, w->plain, w->vectors, w->weights};
    return rc;
}

static int by_drift(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    double difference = fabs(y->before) - fabs(x->before);
    return difference ? (difference > 0) - (difference < 0) : strcmp(x->name, y->name);
}

static void fill_rows(struct work *w)
{
    const struct projection *p = &w->projection;
    for (size_t i = 0; i < p->k; i++) {
        const double *c = w->vectors + i * p->d;
        double norm = sqrt(dot(c, c, p->d)), before = dot(c, w->plain, p->d) / norm;
        w->rows[i] = (struct row){
            .name = w->boundaries.names[w->which[i]],
            .weight = p->method == PROJECTION_CORRELATION ? 1 - fabs(before) : w->weights[i],
            .before = before,
            .after = dot(c, w->edit, p->d) / norm,
        };
    }
}

static int solve(struct cli *cli, struct work *w, struct error *err)
{
    int rc = make_room(w, err);
    if (!rc)
        rc = find_projection(w, err);
    if (!rc && cli_flag(cli, "sweep"))
        rc = projection_curve(&w->projection, w->points, &w->points_count, err);
    if (!rc)
        rc = projection_solve(&w->projection, w->edit, &w->result, err);
    if (rc)
        return rc;
    fill_rows(w);
    w->result.leaking = w->projection.k ? w->which[w->result.leaking] : 0;
    qsort(w->rows, w->projection.k, sizeof *w->rows, by_drift);
    return 0;
}

/* ---- telling it ---- */

static const char *weight_word(enum projection_method method)
{
    return method == PROJECTION_SOFT ? "strength" : "discount";
}

static void print_sweep(struct cli *cli, const struct work *w)
{
    if (!cli_flag(cli, "sweep"))
        return;
    fprintf(cli->out, "\n%-12s %-9s %9s %8s %8s\n", "projection", "by", "", "gain", "leak");
    for (size_t i = 0; i < w->points_count; i++) {
        const struct projection_point *p = &w->points[i];
        if (p->method == PROJECTION_CORRELATION)
            fprintf(cli->out, "%-12s %-19s", projection_method_name(p->method), "the cosines");
        else
            fprintf(cli->out, "%-12s %-9s %9.4g", projection_method_name(p->method),
                    weight_word(p->method), p->weight);
        fprintf(cli->out, " %8.3f %8.3f%s\n", p->gain, p->leak,
                p->method == PROJECTION_NAIVE ? "  for comparison only" : "");
    }
}

static void print_rows(struct cli *cli, const struct work *w)
{
    if (w->projection.k == 0)
        return;
    fprintf(cli->out, "\n%-24s %9s %8s %8s\n", "condition", weight_word(w->projection.method),
            "plain", "edit");
    for (size_t i = 0; i < w->projection.k; i++)
        fprintf(cli->out, "%-24s %9.4g %8.3f %8.3f\n", w->rows[i].name, w->rows[i].weight,
                w->rows[i].before, w->rows[i].after);
}

static int print_text(struct cli *cli, const struct work *w, const char *description)
{
    const struct projection_result *r = &w->result;
    fprintf(cli->out, "%s\n", description);
    fprintf(cli->out, "%zu boundaries of %zu dimensions, %zu of them conditions\n",
            w->boundaries.count, w->boundaries.dimension, w->projection.k);
    fprintf(cli->out, "gain %7.3f   ", r->gain);
    if (r->gain > 0)
        fprintf(cli->out, "for the same score of the target the step is %.2f times as long\n",
                1 / r->gain);
    else
        fprintf(cli->out, "the edit went round: it moves away from its target\n");
    fprintf(cli->out, "leak %7.3f   ", r->leak);
    fprintf(cli->out, "%s\n", r->leak > 0 ? w->boundaries.names[r->leaking] : "");
    if (r->residual > 1e-6)
        fprintf(cli->out,
                "discounts of dependent conditions contradict each other: missed by %.3g\n",
                r->residual);
    print_rows(cli, w);
    print_sweep(cli, w);
    return CLI_OK;
}

static int print_json(struct cli *cli, const struct work *w, const char *description)
{
    json_t *conditions = json_array(), *curve = json_array();
    for (size_t i = 0; i < w->projection.k; i++)
        json_array_append_new(conditions, json_pack("{s:s,s:f,s:f,s:f}", "name", w->rows[i].name,
                                                    "weight", w->rows[i].weight, "plain",
                                                    w->rows[i].before, "edit", w->rows[i].after));
    for (size_t i = 0; i < w->points_count; i++)
        json_array_append_new(curve, json_pack("{s:s,s:f,s:f,s:f}", "projection",
                                               projection_method_name(w->points[i].method),
                                               "weight", w->points[i].weight, "gain",
                                               w->points[i].gain, "leak", w->points[i].leak));
    json_t *json = json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:f,s:f,s:f,s:o,s:o}", "target", w->target, "projection",
        projection_method_name(w->stage.projection), "description", description, "boundaries",
        (json_int_t)w->boundaries.count, "dimension", (json_int_t)w->boundaries.dimension, "gain",
        w->result.gain, "leak", w->result.leak, "residual", w->result.residual, "conditions",
        conditions, "curve", curve);
    return jobs_print_json(cli, json);
}

static int write_npy(const char *path, const struct work *w, struct error *err)
{
    size_t d = w->projection.d;
    float *narrow = malloc(d * sizeof *narrow);
    if (!narrow)
        return error_set(err, E_MEMORY, "no memory for a direction");
    for (size_t i = 0; i < d; i++)
        narrow[i] = (float)w->edit[i];
    int rc = npy_write(path, narrow, 2, (const uint64_t[]){1, d}, err);
    free(narrow);
    return rc;
}

static int tell(struct cli *cli, const struct work *w, struct error *err)
{
    struct buffer text;
    buffer_init(&text, 1 << 20);
    int rc = buffer_printf(&text, err, "%s, ", w->target);
    if (!rc)
        rc = spec_describe_conditions(&w->stage, &text, err);
    if (!rc && cli_text(cli, "output"))
        rc = write_npy(cli_text(cli, "output"), w, err);
    int status = CLI_OK;
    if (!rc)
        status = cli_json(cli) ? print_json(cli, w, (const char *)text.data)
                               : print_text(cli, w, (const char *)text.data);
    buffer_free(&text);
    return rc ? cli_fail(cli, err) : status;
}

int command_direction(struct cli *cli)
{
    struct error err = {0};
    struct work w = {.target = cli_text(cli, "target")};
    int rc = directions_stage(cli_text(cli, "conditions"), cli_text(cli, "projection"),
                              cli_real(cli, "discount"), cli_real(cli, "strength"), &w.stage, &err);
    int status = rc ? ((void)cli_fail(cli, &err), CLI_USAGE) : CLI_OK;
    if (!rc)
        rc = take_boundaries(cli, &w, &err);
    if (!rc)
        rc = solve(cli, &w, &err);
    if (!status)
        status = rc ? cli_fail(cli, &err) : tell(cli, &w, &err);
    free_work(&w);
    return status;
}
