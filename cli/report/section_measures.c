/* What an evaluation's measures say: of whom, how evenly, along the sweep; whether projection
 * helps; and the effect of every boundary on every attribute. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/charts.h"
#include "cli/report/charts_matrix.h"
#include "cli/report/table.h"

/* ---- whose age, and how evenly ---- */

int measures_parts(struct report *report, struct error *err)
{
    static const struct table_column parts[] = {
        {"faces", TABLE_TEXT, 0, NULL},         {"count", TABLE_COUNT, 0, NULL},
        {"plain", TABLE_SIGNED, 2, "rule"},     {"95 %", TABLE_RANGE, 2, NULL},
        {"projected", TABLE_SIGNED, 2, "rule"}, {"95 %", TABLE_RANGE, 2, NULL},
    };
    static const struct table_column spread[] = {
        {"years", TABLE_TEXT, 0, NULL},
        {"5 %", TABLE_NUMBER, 1, NULL},
        {"25 %", TABLE_NUMBER, 1, NULL},
        {"median", TABLE_NUMBER, 1, NULL},
        {"75 %", TABLE_NUMBER, 1, NULL},
        {"95 %", TABLE_NUMBER, 1, NULL},
        {"std. dev.", TABLE_NUMBER, 2, NULL},
        {"at the lowest age", TABLE_SHARE, 1, "rule"},
        {"at the highest age", TABLE_SHARE, 1, NULL},
    };
    struct html *html = &report->html;
    html_raw(html,
             "<h3>Of whom, and how evenly</h3>\n<p class=\"lead\">Mean shift in years with its "
             "paired bootstrap interval, by sex and by the age before; then quantiles over faces, "
             "and how many ages lie within half a year of an end of what the estimator can "
             "say.</p>\n");
    int rc = table_query(report, "report_parts", report->evaluate, "parts", parts,
                         sizeof parts / sizeof *parts, NULL, err);
    if (rc == 0)
        rc = table_query(report, "report_spread", report->evaluate, "spread", spread,
                         sizeof spread / sizeof *spread, NULL, err);
    return rc;
}

/* ---- the sweep ---- */

/* The stage that the figures are of; 0: the job has none. */
struct sweep_stage {
    int64_t id, faces;
};

static int find_sweep(struct report *report, struct sweep_stage *stage, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_sweep_stage", report->job, &q, err);
    *stage = (struct sweep_stage){0};
    if (rc == 0 && (rc = statement_step(q, err)) > 0) {
        *stage = (struct sweep_stage){statement_int(q, 0), statement_int(q, 2)};
        statement_reset(q);
        rc = 0;
    }
    return rc;
}

/* Points of rows (projected, x, y, low, high); `origin` adds the face as sampled where x passes 0.
 */
static int read_lines(struct statement *q, struct chart_line lines[2], const double *origin,
                      struct error *err)
{
    int rc;
    lines[0] = (struct chart_line){.colour = 1, .whiskers = 1};
    lines[1] = (struct chart_line){.colour = 2, .whiskers = 1};
    while ((rc = statement_step(q, err)) > 0) {
        struct chart_line *line = &lines[statement_int(q, 0) != 0];
        double x = statement_real(q, 1), y = statement_real(q, 2);
        struct chart_point point = {x, y, statement_is_null(q, 3) ? y : statement_real(q, 3),
                                    statement_is_null(q, 4) ? y : statement_real(q, 4)};
        bool passes = origin && x > 0 && (line->count == 0 || line->points[line->count - 1].x < 0);
        if (passes && line->count < 62)
            line->points[line->count++] = (struct chart_point){0, *origin, *origin, *origin};
        if (line->count < 63)
            line->points[line->count++] = point;
    }
    return rc;
}

static void print_curve(struct html *html, const struct chart_line lines[2], const char *x_title,
                        const char *y_title, const char *caption)
{
    html_raw(html, "<figure>");
    chart_lines(html, lines, 2, x_title, y_title);
    html_print(html, "<figcaption>%s <span class=\"nowrap\"><i class=\"key s1\"></i>plain</span>",
               caption);
    if (lines[1].count)
        html_raw(html, " <span class=\"nowrap\"><i class=\"key s2\"></i>projected</span>");
    html_raw(html, "</figcaption></figure>\n");
}

static int print_over_distance(struct report *report, int64_t stage, const char *measure,
                               double origin, const char *y_title, const char *caption,
                               struct error *err)
{
    struct statement *q;
    struct chart_line lines[2];
    int rc = report_query(report, "report_sweep", stage, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_text(q, 2, measure);
    rc = read_lines(q, lines, &origin, err);
    if (rc == 0 && lines[0].count > 1)
        print_curve(&report->html, lines, "distance along the direction", y_title, caption);
    return rc;
}

static int print_pair(struct report *report, int64_t stage, const char *x, const char *y,
                      const char *x_title, const char *y_title, const char *caption,
                      struct error *err)
{
    struct statement *q;
    struct chart_line lines[2];
    double one = 1;
    int rc = report_query(report, "report_sweep_pairs", stage, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_text(q, 2, x);
    statement_bind_text(q, 3, y);
    rc = read_lines(q, lines, &one, err);
    if (rc == 0 && lines[0].count > 2)
        print_curve(&report->html, lines, x_title, y_title, caption);
    return rc;
}

static int print_shape(struct report *report, int64_t stage, struct error *err)
{
    static const struct table_column columns[] = {
        {"edit", TABLE_TEXT, 0, NULL},
        {"faces that rise at every step", TABLE_SHARE, 1, NULL},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"area under D over T", TABLE_NUMBER, 3, "rule"},
        {"T reached", TABLE_NUMBER, 3, NULL},
        {"faces", TABLE_COUNT, 0, NULL},
    };
    return table_query(report, "report_sweep_shape", stage, "shape", columns,
                       sizeof columns / sizeof *columns, NULL, err);
}

int measures_sweep(struct report *report, bool *there, struct error *err)
{
    struct html *html = &report->html;
    struct sweep_stage stage;
    int rc = find_sweep(report, &stage, err);
    *there = rc == 0 && stage.id != 0;
    if (!*there)
        return rc;
    html_raw(html, "<h3>Dose and response</h3>\n<p class=\"lead\">");
    html_count(html, stage.faces);
    html_raw(html, " faces at every distance of the sweep, with 95 % bootstrap intervals.</p>\n"
                   "<div class=\"plots\">\n");
    rc = print_over_distance(report, stage.id, "age_shift", 0, "mean age shift in years",
                             "How much older by how long a step.", err);
    if (rc == 0)
        rc = print_over_distance(report, stage.id, "dependency", 0, "mean |change|, std. dev.",
                                 "What else moves: StyleSpace’s attribute dependency.", err);
    if (rc == 0)
        rc = print_pair(report, stage.id, "age_shift", "identity", "mean age shift in years",
                        "cosine of the embeddings", "Identity against the age it costs.", err);
    if (rc == 0)
        rc = print_pair(report, stage.id, "age_shift", "likeness", "mean age shift in years",
                        "cosine of the logits",
                        "Likeness (a proxy: of the classifier’s logits) against age.", err);
    if (rc == 0)
        rc = print_pair(report, stage.id, "transformation", "disentanglement",
                        "T: the target’s change in probability", "D: 1 − the others’ change",
                        "IALS’s disentanglement–transformation curve; higher is better.", err);
    html_raw(html, "</div>\n");
    return rc < 0 ? rc : print_shape(report, stage.id, err);
}

/* ---- plain against projected ---- */

int section_projection(struct report *report, struct error *err)
{
    static const struct table_column columns[] = {
        {"mean over faces", TABLE_TEXT, 0, NULL}, {"plain", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},           {"projected", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},           {"difference", TABLE_SIGNED, 3, "rule"},
        {"95 %, paired", TABLE_RANGE, 3, NULL},   {"projected has", TABLE_TEXT, 0, NULL},
    };
    if (!report->evaluate || report->headline.shifts_count < 2)
        return 0;
    report_open(
        &report->html, "projection", "Does projection help?",
        "Both edits of the same faces by the same distance. It costs what the age shift and the "
        "target lose; it helps where all else moves less for a unit of the target, and where "
        "identity or likeness is kept. Differences are paired by face, their intervals by "
        "bootstrap.");
    int rc = table_query(report, "report_projection", report->evaluate, "help", columns,
                         sizeof columns / sizeof *columns, NULL, err);
    report_close(&report->html);
    return rc;
}

/* ---- the same person ---- */

/* The stage's network for identity; "": it has none, and likeness stands in for it. */
static int find_judge(struct report *report, char network[LIMIT_NAME_BYTES + 1], struct error *err)
{
    struct statement *q;
    network[0] = '\0';
    int rc = report_query(report, "report_identity_network", report->evaluate, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    snprintf(network, LIMIT_NAME_BYTES + 1, "%s", statement_text(q, 0));
    statement_reset(q);
    return 0;
}

int section_identity(struct report *report, struct error *err)
{
    static const struct table_column columns[] = {
        {"edit", TABLE_NAME, 0, NULL},       {"plain", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},      {"projected", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},      {"difference", TABLE_SIGNED, 3, "rule"},
        {"95 %, paired", TABLE_RANGE, 3, NULL},
    };
    char network[LIMIT_NAME_BYTES + 1];
    struct html *html = &report->html;
    if (!report->evaluate)
        return 0;
    int rc = find_judge(report, network, err);
    if (rc < 0)
        return rc;
    report_open(html, "identity", "Is it still the same person?", NULL);
    if (network[0])
        html_print(html,
                   "<p class=\"lead\">Cosine between the face before and after in the embedding of "
                   "network <b>%s</b>: 1 is the same picture. Means over faces with bootstrap "
                   "intervals, at the stage’s own distance.</p>\n",
                   network);
    else
        html_raw(html, "<p class=\"lead\"><b>A proxy</b>: the bundle has no network for identity, so "
                       "this is the cosine of the classifier’s standardised logits before and "
                       "after. It tells whether the face reads alike, not whether it is the same "
                       "person.</p>\n");
    struct statement *q;
    rc = report_query(report, "report_identity", report->evaluate, &q, err);
    if (rc == 0) {
        statement_bind_text(q, 2, network[0] ? "identity" : "likeness");
        rc = table_print(report, q, "identities", columns, sizeof columns / sizeof *columns, NULL,
                         err);
    }
    report_distances(report);
    report_close(html);
    return rc;
}

/* ---- every boundary on every attribute ---- */

#define TARGETS_MAX 64
#define ATTRIBUTES_MAX 64

struct rescoring {
    size_t targets, attributes;
    char names[2][TARGETS_MAX][72]; /* of targets, of attributes */
    const char *pointers[2][TARGETS_MAX];
    double values[TARGETS_MAX * ATTRIBUTES_MAX];
};

static int read_rescoring(struct report *report, int64_t stage, int projected, struct rescoring *r,
                          struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_rescoring", stage, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 2, projected);
    while ((rc = statement_step(q, err)) > 0) {
        size_t t = (size_t)statement_int(q, 0), k = (size_t)statement_int(q, 1);
        if (t >= TARGETS_MAX || k >= ATTRIBUTES_MAX)
            continue;
        snprintf(r->names[0][t], sizeof r->names[0][t], "%s", statement_text(q, 2));
        snprintf(r->names[1][k], sizeof r->names[1][k], "%s", statement_text(q, 3));
        r->targets = t + 1 > r->targets ? t + 1 : r->targets;
        r->attributes = k + 1 > r->attributes ? k + 1 : r->attributes;
        r->values[t * ATTRIBUTES_MAX + k] = statement_is_null(q, 4) ? NAN : statement_real(q, 4);
    }
    return rc;
}

static int print_rescoring(struct report *report, int64_t stage, int projected, struct error *err)
{
    struct rescoring *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, E_MEMORY, "out of memory");
    int rc = read_rescoring(report, stage, projected, r, err);
    if (rc == 0 && r->targets) {
        for (size_t t = 1; t < r->targets; t++) /* pack the rows */
            memmove(r->values + t * r->attributes, r->values + t * ATTRIBUTES_MAX,
                    r->attributes * sizeof(double));
        for (size_t i = 0; i < TARGETS_MAX; i++)
            for (size_t k = 0; k < 2; k++)
                r->pointers[k][i] = r->names[k][i];
        html_raw(&report->html, "<figure>");
        chart_matrix(&report->html, &(struct chart_matrix){.title = "re-scoring matrix",
                                                           .rows = r->targets,
                                                           .columns = r->attributes,
                                                           .row_names = r->pointers[0],
                                                           .column_names = r->pointers[1],
                                                           .values = r->values,
                                                           .most = 1});
        html_print(&report->html,
                   "<figcaption>%s: rows are edits, columns the attributes’ logits; full colour is "
                   "one standard deviation a unit step. <span class=\"nowrap\"><i class=\"key "
                   "s1\"></i>more</span> <span class=\"nowrap\"><i class=\"key "
                   "s2\"></i>less</span></figcaption></figure>\n",
                   projected ? "Projected" : "Plain");
    }
    free(r);
    return rc;
}

static int print_effects_lead(struct report *report, int64_t stage, int64_t faces, double distance,
                              struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    html_raw(html, "<p class=\"lead\">Each boundary’s edit on ");
    html_count(html, faces);
    html_print(html,
               " faces by distance %g: how far its own attribute went, and how much all "
               "others moved for a unit of it.",
               distance);
    int rc = report_query(report, "report_effects_count", stage, &q, err);
    if (rc == 0 && (rc = statement_step(q, err)) > 0) {
        if (statement_int(q, 2) > 0)
            html_print(
                html,
                " Of %lld edits, projection lessens that ratio for <b>%lld</b> and raises it for "
                "<b>%lld</b>; the rest cannot be told from no difference.",
                (long long)statement_int(q, 2), (long long)statement_int(q, 0),
                (long long)statement_int(q, 1));
        statement_reset(q);
        rc = 0;
    }
    html_raw(html, "</p>\n");
    return rc;
}

int section_effects(struct report *report, struct error *err)
{
    static const struct table_column columns[] = {
        {"edit", TABLE_NAME, 0, NULL},
        {"gain when projected", TABLE_NUMBER, 2, NULL},
        {"target, plain", TABLE_SIGNED, 2, "rule"},
        {"projected", TABLE_SIGNED, 2, NULL},
        {"others for a unit, plain", TABLE_NUMBER, 2, "rule"},
        {"95 %", TABLE_RANGE, 2, NULL},
        {"projected", TABLE_NUMBER, 2, NULL},
        {"95 %", TABLE_RANGE, 2, NULL},
        {"difference", TABLE_SIGNED, 2, "rule"},
        {"95 %, paired", TABLE_RANGE, 2, NULL},
    };
    struct statement *q;
    int rc = report_query(report, "report_effects_stage", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    int64_t stage = statement_int(q, 0), faces = statement_int(q, 2);
    double distance = statement_real(q, 5);
    char name[128];
    snprintf(name, sizeof name, "%s", statement_text(q, 1));
    statement_reset(q);
    report_open(&report->html, "effects", "Every edit on every attribute", NULL);
    rc = print_effects_lead(report, stage, faces, distance, err);
    html_raw(&report->html, "<div class=\"plots matrices\">\n");
    for (int projected = 0; rc == 0 && projected < 2; projected++)
        rc = print_rescoring(report, stage, projected, err);
    html_raw(&report->html, "</div>\n");
    if (rc == 0)
        rc = table_query(report, "report_effects", stage, "effects", columns,
                         sizeof columns / sizeof *columns, NULL, err);
    report_close(&report->html);
    return rc;
}
