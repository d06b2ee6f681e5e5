/* The boundary table in the study's form, and the class distribution. */
#include <math.h>

#include "cli/report/charts.h"
#include "cli/report/report_priv.h"

static void cell(struct html *html, struct statement *q, int column, const char *class)
{
    html_print(html, "<td class=\"%s\">", class);
    report_print(html, report_figure(q, column), 3);
    html_raw(html, "</td>");
}

static void cell_count(struct html *html, struct statement *q, int column)
{
    html_raw(html, "<td>");
    html_count(html, statement_int(q, column));
    html_raw(html, "</td>");
}

static void print_boundary(struct html *html, struct statement *q)
{
    char name[128];
    int baseline = statement_int(q, 10) != 0, small = statement_int(q, 11) != 0;
    report_name(statement_text(q, 0), name, sizeof name);
    html_print(html, "<tr><th>%s</th>", name);
    cell_count(html, q, 1);
    cell(html, q, 3, "");
    cell(html, q, 4, "");
    cell(html, q, 5, "");
    cell(html, q, 6, "rule");
    cell(html, q, 7, "");
    cell(html, q, 8, "");
    html_raw(html, "<td class=\"chart\">");
    if (!statement_is_null(q, 7))
        chart_dot(html, statement_real(q, 7), statement_real(q, 6), 0.5);
    html_raw(html, "</td>");
    cell_count(html, q, 2);
    html_raw(html, "<td class=\"flags\">");
    if (baseline)
        html_raw(html, "<span title=\"Always answering with the majority scores more\">majority wins</span>");
    html_raw(html, baseline && small ? ", " : "");
    if (small)
        html_raw(html, "<span title=\"Fewer training faces than four times the dimensions\">few faces</span>");
    html_raw(html, "</td></tr>\n");
}

static void print_means(struct html *html, const struct report_headline *h)
{
    html_raw(html, "<tr><th>mean of attributes</th><td></td><td></td><td>");
    report_print(html, h->test_accuracy, 3);
    html_raw(html, "</td><td>");
    report_print(html, h->f1, 3);
    html_raw(html, "</td><td class=\"rule\">");
    report_print(html, h->base_rate, 3);
    html_raw(html, "</td><td>");
    report_print(html, h->balanced_accuracy, 3);
    html_raw(html, "</td><td>");
    report_print(html, h->auc, 3);
    html_print(
        html,
        "</td><td></td><td></td><td></td></tr>\n<tr class=\"study\"><th>the study’s mean</th>"
        "<td></td><td></td><td>%.3f</td><td>%.3f</td><td class=\"rule\">–</td><td>–</td><td>–</td>"
        "<td></td><td></td><td></td></tr>\n",
        STUDY_TEST_ACCURACY, STUDY_F1);
}

int section_boundaries(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    if (report->headline.boundaries == 0)
        return 0;
    report_open(html, "boundaries", "Boundaries", NULL);
    html_raw(
        html,
        "<p class=\"lead\">A hyperplane in latent space for each attribute, and for age above its median. "
        "Accuracy beside the <b>base rate</b>, what always answering with the majority scores on "
        "the same test faces: where a fit lets both classes weigh alike, a rare attribute can lose to it "
        "and still be found; <b>balanced accuracy</b> (the dot; the tick is the base rate) is the "
        "mean over both classes, and chance is one half.</p>\n"
        "<div class=\"scroll\"><table class=\"boundaries\"><thead><tr><th>attribute</th><th>data size</th>"
        "<th>training accuracy</th><th>testing accuracy</th><th>F1</th><th class=\"rule\">base rate</th>"
        "<th>balanced accuracy</th><th>AUC</th><th class=\"chart\">0.5&emsp;–&emsp;1</th>"
        "<th>positives</th><th></th></tr></thead><tbody>\n");
    int rc = report_query(report, "report_boundaries", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        print_boundary(html, q);
    }
    html_raw(html, "</tbody><tfoot>");
    print_means(html, &report->headline);
    html_raw(html, "</tfoot></table></div>\n");
    report_close(html);
    return rc;
}

/* ---- class distribution ---- */

static void print_share(struct html *html, struct statement *q, double most)
{
    char name[128];
    double share = statement_real(q, 3), low = statement_real(q, 4), high = statement_real(q, 5);
    report_name(statement_text(q, 0), name, sizeof name);
    html_print(html, "<li><span>%s</span>", name);
    chart_bar(html, share, low, high, most);
    html_print(html, "<b>%.1f %%</b><small>± %.1f</small></li>\n", 100 * share, 50 * (high - low));
}

int section_distribution(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    int any = 0;
    double most = 1;
    int rc = report_query(report, "report_distribution", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (!any++) {
            most = fmin(1, ceil(statement_real(q, 5) * 10) / 10);
            report_open(html, "distribution", "Class distribution", NULL);
            html_raw(html, "<p class=\"lead\">Share of the ");
            html_count(html, statement_int(q, 2));
            html_print(
                html,
                " labelled faces that the classifier gives each attribute, with Wilson’s 95 %% "
                "interval. Bars end at %.0f %%.</p>\n<ol class=\"shares\">\n",
                100 * most);
        }
        print_share(html, q, most);
    }
    if (any) {
        html_raw(html, "</ol>\n");
        report_close(html);
    }
    return rc;
}
