/* report.json: every list of the page as objects by the columns' names, numbers unrounded. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli/export.h"
#include "cli/report/report_priv.h"
#include "version.h"

static const char *const lists[] = {
    "stages",           "class_distribution",
    "boundaries",       "directions",
    "gain_leak",        "age_shift",
    "measures",         "rescoring",
    "throughput",       "failures",
    "poison",           "determinism_faults",
    "boundary_quality", "boundary_methods",
    "boundary_folds",   "boundary_costs",
    "learning_curve",   "linear_separability",
    "edit_ends",        "boundary_layers",
    "photos",
    "classifier_quality",
};

static json_t *object(struct statement *q)
{
    json_t *row = json_object();
    for (int i = 0; i < statement_columns(q); i++) {
        json_t *value = export_json(q, i);
        json_object_set_new(row, statement_column_name(q, i), value ? value : json_null());
    }
    return row;
}

/* The statement's rows; NULL and the error's code where it fails. */
static json_t *rows(struct report *report, const char *name, int *rc, struct error *err)
{
    struct statement *q;
    json_t *list = json_array();
    *rc = report_query(report, name, report->job, &q, err);
    while (*rc == 0 && (*rc = statement_step(q, err)) > 0) {
        json_array_append_new(list, object(q));
        *rc = 0;
    }
    return list;
}

static json_t *matrix(const struct matrices_square *square)
{
    json_t *names = json_array(), *values = json_array();
    for (size_t i = 0; i < square->count && square->values; i++) {
        json_t *row = json_array();
        json_array_append_new(names, json_string(square->names[i]));
        for (size_t k = 0; k < square->count; k++) {
            double x = square->values[i * square->count + k];
            json_array_append_new(row, isfinite(x) ? json_real(x) : json_null());
        }
        json_array_append_new(values, row);
    }
    return json_pack("{s:o,s:o}", "names", names, "values", values);
}

static json_t *distances(const struct report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->distances_count; i++) {
        const struct report_distance *d = &report->distances[i];
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:I,s:I,s:b,s:f,s:f,s:f,s:f}", "stage", d->stage, "network",
                            d->network[0] ? d->network : "logits", "dimension",
                            (json_int_t)d->width, "faces", (json_int_t)d->faces, "projected",
                            d->projected, "frechet", d->frechet, "frechet_extrapolated",
                            d->unbiased, "kernel", d->kernel, "sliced_wasserstein", d->sliced));
    }
    return list;
}

static json_t *drift(const struct matrices *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->group_count; i++) {
        const struct matrices_group *g = &m->groups[i];
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:I,s:s,s:f,s:f,s:f,s:f}", "among",
                            g->worker ? "workers" : "parts", "group", g->name, "faces",
                            (json_int_t)g->faces, "attribute", g->attribute, "difference",
                            g->difference, "low", g->low, "high", g->high, "z", g->z));
    }
    return list;
}

static int add_lists(struct report *report, json_t *page, struct error *err)
{
    char name[64];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof lists / sizeof *lists; i++) {
        snprintf(name, sizeof name, "report_json_%s", lists[i]);
        json_object_set_new(page, lists[i], rows(report, name, &rc, err));
    }
    if (rc == 0)
        json_object_set_new(page, "warnings", rows(report, "report_warnings", &rc, err));
    return rc;
}

static int add_job(struct report *report, json_t *page, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_job", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    json_object_set_new(page, "job",
                        json_pack("{s:I,s:s,s:s,s:I,s:s,s:s,s:I,s:s}", "id",
                                  (json_int_t)report->job, "name", statement_text(q, 0), "state",
                                  statement_text(q, 2), "seed", (json_int_t)statement_int(q, 3),
                                  "bundle", statement_text(q, 8), "bundle_hash",
                                  statement_text(q, 9), "dimension",
                                  (json_int_t)statement_int(q, 10), "spec", statement_text(q, 4)));
    statement_reset(q);
    return 0;
}

int report_json(struct report *report, struct error *err)
{
    char path[4096];
    json_t *page = json_object();
    json_object_set_new(page, "facefarm", json_string(FACEFARM_VERSION));
    int rc = add_job(report, page, err);
    if (rc == 0)
        rc = add_lists(report, page, err);
    json_object_set_new(page, "drift", drift(&report->matrices));
    json_object_set_new(page, "distances", distances(report));
    json_object_set_new(page, "boundary_cosines", matrix(&report->matrices.cosine));
    json_object_set_new(page, "label_correlations", matrix(&report->matrices.labels));
    json_object_set_new(page, "logit_correlations", matrix(&report->matrices.logits));
    char *text = rc == 0 ? json_dumps(page, JSON_INDENT(1)) : NULL;
    json_decref(page);
    if (rc == 0 && !text)
        rc = error_set(err, E_MEMORY, "report.json cannot be written");
    if (rc == 0 &&
        snprintf(path, sizeof path, "%s/report.json", report->output) >= (int)sizeof path)
        rc = error_set(err, E_LIMIT, "the output's path has %zu bytes", strlen(report->output));
    if (rc == 0)
        rc = buffer_write_file(path, text, strlen(text), err);
    free(text);
    return rc;
}
