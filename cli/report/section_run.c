/* What ran where and how fast; the specification; the versions. */
#include <string.h>

#include "cli/report/report_priv.h"
#include "version.h"

static const char *const phases[] = {"latents", "generate", "label", "solve", "encode"};
#define PHASES 5

/* Where the busy time went, as a stacked bar; what is left is the rest of the task. */
static void print_phases(struct html *html, struct statement *q, int first, double busy)
{
    double x = 0;
    html_raw(html,
             "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\" "
             "aria-label=\"phases\"><rect class=\"track\" width=\"100\" height=\"10\"/>");
    for (int i = 0; i < PHASES && busy > 0; i++) {
        double width = 100 * statement_real(q, first + i) / busy;
        html_print(
            html,
            "<rect class=\"ph%d\" x=\"%.2f\" width=\"%.2f\" height=\"10\"><title>%s %.0f ms</title></rect>",
            i, x, width, phases[i], statement_real(q, first + i));
        x += width;
    }
    html_raw(html, "</svg>");
}

static void print_throughput_row(struct html *html, struct statement *q)
{
    double busy = statement_real(q, 14);
    html_print(html, "<tr><th>%s</th><td class=\"text\">%s</td><td class=\"text\">%s, %s</td><td>",
               statement_text(q, 0), statement_text(q, 1), statement_text(q, 2),
               statement_text(q, 4));
    html_count(html, statement_int(q, 5));
    html_raw(html, "</td><td>");
    html_count(html, statement_int(q, 6));
    html_raw(html, "</td><td>");
    html_count(html, statement_int(q, 7));
    html_print(html, "</td><td>%.1f</td><td>", busy / 1000);
    report_print(html, (struct figure){statement_int(q, 7) > 0, statement_real(q, 15)}, 0);
    html_print(html, "</td><td>%.1f</td><td class=\"chart\">", (double)statement_int(q, 8) / 1e6);
    print_phases(html, q, 9, busy);
    html_raw(html, "</td></tr>\n");
}

static int print_throughput(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    html_raw(html, "<p class=\"lead\">Time is the workers’ own, from lease to result:");
    for (int i = 0; i < PHASES; i++)
        html_print(html, " <span class=\"nowrap\"><i class=\"key ph%d\"></i>%s</span>", i,
                   phases[i]);
    html_raw(
        html,
        ". Attempts beyond the tasks are leases that ended without a result.</p>\n"
        "<div class=\"scroll\"><table class=\"run\"><thead><tr><th>stage</th><th class=\"text\">kind</th>"
        "<th class=\"text\">worker, device</th><th>tasks</th><th>attempts</th><th>faces</th>"
        "<th>busy, s</th><th>faces/s</th><th>MB</th><th class=\"chart\">phases</th></tr></thead><tbody>\n");
    int rc = report_query(report, "report_throughput", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        print_throughput_row(html, q);
    }
    html_raw(html, "</tbody></table></div>\n");
    return rc;
}

static int print_stages(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    html_raw(
        html,
        "<div class=\"scroll\"><table class=\"run\"><thead><tr><th>stage</th><th class=\"text\">kind</th>"
        "<th class=\"text\">state</th><th>done</th><th>of</th><th>took, s</th><th class=\"text\">samples</th></tr>"
        "</thead><tbody>\n");
    int rc = report_query(report, "report_stages", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        struct figure took = {!statement_is_null(q, 5) && !statement_is_null(q, 6),
                              (double)(statement_int(q, 6) - statement_int(q, 5)) / 1000};
        rc = 0;
        html_print(html, "<tr><th>%s</th><td class=\"text\">%s</td><td class=\"text\">%s</td><td>",
                   statement_text(q, 0), statement_text(q, 1), statement_text(q, 2));
        html_count(html, statement_int(q, 4));
        html_raw(html, "</td><td>");
        html_count(html, statement_int(q, 3));
        html_raw(html, "</td><td>");
        report_print(html, took, 1);
        html_print(html, "</td><td class=\"text\">%s</td></tr>\n", statement_text(q, 8));
    }
    html_raw(html, "</tbody></table></div>\n");
    return rc;
}

/* Nothing without a stage that looks for a mix. */
static int print_mix(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    bool any = false;
    int rc = report_query(report, "report_mix", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (!any)
            html_raw(html, "<ul class=\"mix\">\n");
        any = true;
        html_print(html,
                   "<li>mix of stage %s, %s: %lld of %lld faces found among the first %lld</li>\n",
                   statement_text(q, 0), statement_text(q, 1), (long long)statement_int(q, 2),
                   (long long)statement_int(q, 3), (long long)statement_int(q, 4));
    }
    if (any)
        html_raw(html, "</ul>\n");
    return rc;
}

static int print_workers(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    html_raw(html, "<ul class=\"workers\">\n");
    int rc = report_query(report, "report_workers", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        html_print(html, "<li><b>%s</b> on %s: %s, %s; ", statement_text(q, 0),
                   statement_text(q, 1), statement_text(q, 2), statement_text(q, 3));
        html_print(html, "%s, %lld compute units, %.1f GB</li>\n", statement_text(q, 4),
                   (long long)statement_int(q, 5), (double)statement_int(q, 6) / 1e9);
    }
    html_raw(html, "</ul>\n");
    return rc;
}

int section_run(struct report *report, struct error *err)
{
    report_open(&report->html, "run", "What ran where, and how fast", NULL);
    int rc = print_throughput(report, err);
    if (rc == 0)
        rc = print_stages(report, err);
    if (rc == 0)
        rc = print_mix(report, err);
    if (rc == 0)
        rc = print_workers(report, err);
    report_close(&report->html);
    return rc;
}

int section_sources(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    int rc = report_query(report, "report_job", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    report_open(html, "sources", "The job, to run it again", NULL);
    html_print(html, "<pre class=\"spec\">%s</pre>\n", statement_text(q, 4));
    html_print(html, "<p class=\"facts\">bundle %s <code>%s</code>, %lld latent dimensions",
               statement_text(q, 8), statement_text(q, 9), (long long)statement_int(q, 10));
    statement_reset(q);
    rc = database_query(report->db, "report_versions", &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc > 0) {
        html_print(html, " · report by facefarm %s · schema %lld · SQLite %s", FACEFARM_VERSION,
                   (long long)statement_int(q, 0), statement_text(q, 1));
        statement_reset(q);
        rc = 0;
    }
    html_raw(html, "</p>\n");
    report_close(html);
    return rc;
}
