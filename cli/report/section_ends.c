/* Where edits ended that differ from face to face, and grids of two edits. */
#include <stdio.h>
#include <string.h>

#include "cli/report/table.h"

int section_ends(struct report *report, struct error *err)
{
    static const struct table_column columns[] = {
        {"stage", TABLE_TEXT, 0, NULL},   {"target", TABLE_TEXT, 0, NULL},
        {"edit", TABLE_TEXT, 0, NULL},    {"ended", TABLE_TEXT, 0, "rule"},
        {"because", TABLE_TEXT, 0, NULL}, {"faces", TABLE_COUNT, 0, NULL},
        {"share", TABLE_SHARE, 1, NULL},  {"mean α", TABLE_SIGNED, 2, "rule"},
        {"faces judged on the way", TABLE_NUMBER, 1, NULL},
    };
    struct statement *q;
    int64_t count = 0;
    int rc = report_query(report, "report_ends_count", report->job, &q, err);
    if (rc == 0)
        rc = statement_run_int(q, &count, err);
    if (rc != 0 || count == 0)
        return rc;
    report_open(&report->html, "ends", "Where the edits ended",
                "Faces that go each its own way, to a score, a logit, an age or until a rule stops them: "
                "how many got there, how far along the edit’s direction (α), and why the others "
                "did not. Those stand where what was asked was missed by least.");
    rc = table_query(report, "report_ends", report->job, "ends", columns,
                     sizeof columns / sizeof *columns, NULL, err);
    report_close(&report->html);
    return rc;
}

/* ---- grids ---- */

static int print_grid(struct report *report, struct statement *q, struct error *err)
{
    char copy[256], alt[512];
    const char *path = statement_text(q, 1), *slash = strrchr(path, '/');
    struct html *html = &report->html;
    snprintf(copy, sizeof copy, "grids/%.200s", slash ? slash + 1 : path);
    snprintf(alt, sizeof alt, "A face edited along %.200s and %.200s", statement_text(q, 3),
             statement_text(q, 4));
    html_raw(html, "<figure class=\"sheet\">");
    int rc = report_picture(report, path, alt, 0, copy, err);
    html_print(html, "<figcaption><b>%s</b> sample %lld; columns: %g to %g along %s, rows: %g to %g along %s",
               statement_int(q, 2) ? "projected" : "plain", (long long)statement_int(q, 5),
               statement_real(q, 6), statement_real(q, 7), statement_text(q, 3),
               statement_real(q, 8), statement_real(q, 9), statement_text(q, 4));
    html_print(html, "<br>first cell: %s</figcaption></figure>\n", statement_text(q, 10));
    return rc;
}

int section_grids(struct report *report, struct error *err)
{
    struct statement *q;
    bool any = false;
    int rc = report_query(report, "report_grids", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        if (!any)
            report_open(&report->html, "grids", "Two edits at once",
                        "A face a grid: from left to right along the first target, from top to bottom "
                        "along the second.");
        any = true;
        rc = print_grid(report, q, err);
    }
    if (any)
        report_close(&report->html);
    return rc;
}
