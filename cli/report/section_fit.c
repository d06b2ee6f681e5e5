/* How good each boundary is: intervals, stability, methods, costs, the learning curve. */
#include <math.h>

#include "cli/report/charts.h"
#include "cli/report/table.h"

static int print_quality(struct report *report, size_t *rows, struct error *err)
{
    static const struct table_column columns[] = {
        {"attribute", TABLE_NAME, 0, NULL},
        {"positives", TABLE_COUNT, 0, NULL},
        {"training set", TABLE_COUNT, 0, NULL},
        {"test positives", TABLE_COUNT, 0, NULL},
        {"test accuracy", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"base rate", TABLE_NUMBER, 3, NULL},
        {"balanced accuracy", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"precision", TABLE_NUMBER, 3, "rule"},
        {"recall", TABLE_NUMBER, 3, NULL},
        {"F1", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"AUC", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"MCC", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"cosine of folds, mean", TABLE_NUMBER, 3, "rule"},
        {"least", TABLE_NUMBER, 3, NULL},
        {"cosine to the truth, estimated", TABLE_NUMBER, 3, "rule"},
        {"faces for 0.99", TABLE_COUNT, 0, NULL},
    };
    return table_query(report, "report_quality", report->job, "quality", columns,
                       sizeof columns / sizeof *columns, rows, err);
}

static int print_methods(struct report *report, struct error *err)
{
    static const struct table_column means[] = {
        {"method", TABLE_TEXT, 0, NULL},
        {"attributes", TABLE_COUNT, 0, NULL},
        {"training accuracy", TABLE_NUMBER, 3, NULL},
        {"test accuracy", TABLE_NUMBER, 3, NULL},
        {"balanced accuracy", TABLE_NUMBER, 3, NULL},
        {"F1", TABLE_NUMBER, 3, NULL},
        {"AUC", TABLE_NUMBER, 3, NULL},
        {"MCC", TABLE_NUMBER, 3, NULL},
        {"cosine to the boundary, mean", TABLE_NUMBER, 3, "rule"},
        {"least", TABLE_NUMBER, 3, NULL},
    };
    static const struct table_column each[] = {
        {"attribute", TABLE_NAME, 0, NULL},
        {"method", TABLE_TEXT, 0, NULL},
        {"test accuracy", TABLE_NUMBER, 3, NULL},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"balanced accuracy", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"F1", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"AUC", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"cosine", TABLE_NUMBER, 3, "rule"},
    };
    struct html *html = &report->html;
    size_t rows = 0;
    int rc = table_query(report, "report_methods", report->job, "methods", means,
                         sizeof means / sizeof *means, &rows, err);
    if (rc < 0 || rows == 0)
        return rc;
    html_raw(html, "<details><summary>The methods, attribute by attribute</summary>\n");
    rc = table_query(report, "report_methods_rows", report->job, "methods", each,
                     sizeof each / sizeof *each, NULL, err);
    html_raw(html, "</details>\n");
    return rc;
}

static int print_costs(struct report *report, struct error *err)
{
    static const struct table_column columns[] = {
        {"cost C", TABLE_NUMBER, 4, NULL},
        {"attributes", TABLE_COUNT, 0, NULL},
        {"accuracy, cross-validated", TABLE_NUMBER, 3, NULL},
        {"balanced accuracy", TABLE_NUMBER, 3, NULL},
        {"AUC", TABLE_NUMBER, 3, NULL},
    };
    return table_query(report, "report_costs", report->job, "costs", columns,
                       sizeof columns / sizeof *columns, NULL, err);
}

/* Which layers carry the attributes. */
static int print_layers(struct report *report, struct error *err)
{
    static const struct table_column means[] = {
        {"layer", TABLE_COUNT, 0, NULL},
        {"attributes", TABLE_COUNT, 0, NULL},
        {"test accuracy, mean", TABLE_NUMBER, 3, NULL},
        {"balanced accuracy, mean", TABLE_NUMBER, 3, NULL},
        {"AUC, mean", TABLE_NUMBER, 3, NULL},
        {"AUC, best", TABLE_NUMBER, 3, NULL},
        {"attributes that it carries best", TABLE_COUNT, 0, NULL},
    };
    static const struct table_column each[] = {
        {"attribute", TABLE_NAME, 0, NULL},
        {"layer", TABLE_COUNT, 0, NULL},
        {"test accuracy", TABLE_NUMBER, 3, NULL},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"base rate", TABLE_NUMBER, 3, NULL},
        {"balanced accuracy", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"AUC", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"weight in the boundary", TABLE_NUMBER, 3, "rule"},
    };
    struct html *html = &report->html;
    size_t rows = 0;
    int rc = table_query(report, "report_layers", report->job, "layers", means,
                         sizeof means / sizeof *means, &rows, err);
    if (rc < 0 || rows == 0)
        return rc;
    html_raw(html, "<details><summary>Each layer’s own boundary, attribute by attribute</summary>\n");
    rc = table_query(report, "report_layers_rows", report->job, "layers", each,
                     sizeof each / sizeof *each, NULL, err);
    html_raw(html, "</details>\n");
    return rc;
}

static int print_curve(struct report *report, const char *name, const char *title,
                       const char *caption, struct error *err)
{
    struct statement *q;
    struct chart_line line = {.colour = 1};
    int rc = report_query(report, name, report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (line.count < 63)
            line.points[line.count++] =
                (struct chart_point){.x = statement_real(q, 1), .y = statement_real(q, 2)};
    }
    if (rc == 0 && line.count > 1) {
        html_raw(&report->html, "<figure>");
        chart_lines(&report->html, &line, 1, "faces that the boundary is fitted on", title);
        html_print(&report->html, "<figcaption>%s</figcaption></figure>\n", caption);
    }
    return rc;
}

static int print_lead(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    html_raw(
        html,
        "<p class=\"lead\">Each figure with its 95 % interval: Wilson’s of shares, a seeded "
        "bootstrap’s of the others. Boundaries that folds of the faces agree on have cosines near "
        "1; "
        "the estimate of the cosine to the truth, and of the faces that would bring it to 0.99, "
        "assumes normal latents.");
    int rc = report_query(report, "report_separability", report->job, &q, err);
    if (rc == 0 && (rc = statement_step(q, err)) > 0) {
        html_print(html,
                   " Linear separability of the space over %lld attributes (2 to the sum of "
                   "H(class | verdict), as StyleGAN’s paper has it): <b>%.2f</b>.",
                   (long long)statement_int(q, 1), statement_real(q, 3));
        statement_reset(q);
        rc = 0;
    }
    html_raw(html, "</p>\n");
    return rc;
}

int section_fit(struct report *report, struct error *err)
{
    struct html *html = &report->html;
    struct statement *q;
    int rc = report_query(report, "report_quality", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    statement_reset(q);
    report_open(html, "quality", "How good each boundary is", NULL);
    rc = print_lead(report, err);
    if (rc == 0)
        rc = print_methods(report, err);
    if (rc == 0)
        rc = print_layers(report, err);
    if (rc == 0)
        rc = print_costs(report, err);
    html_raw(html, "<div class=\"plots\">\n");
    if (rc == 0)
        rc = print_curve(report, "report_learning", "balanced accuracy, mean",
                         "Learning curve, mean over the attributes.", err);
    if (rc == 0)
        rc = print_curve(report, "report_learning_cosine", "cosine to the boundary, mean",
                         "How soon the direction is found.", err);
    html_raw(html, "</div>\n");
    if (rc == 0)
        rc = print_quality(report, NULL, err);
    report_close(html);
    return rc;
}
