/* What makes a figure weaker than it looks: first thing below the headline. */
#include <math.h>

#include "cli/report/report_priv.h"

#define HEAD "<section id=\"warnings\" class=\"warnings\"><h2>Read with care</h2>\n<ul>\n"

static void print_drift(struct html *html, const struct matrices_drift *drift, const char *among,
                        int *any)
{
    char name[96];
    if (fabs(drift->z) <= MATRICES_DRIFT)
        return;
    if (!(*any)++)
        html_raw(html, HEAD);
    report_name(drift->attribute, name, sizeof name);
    html_print(
        html,
        "<li class=\"drift\">The labels drift between %s: %s of %s is %.1f standard errors away "
        "from all faces’, further than chance explains.</li>\n",
        among, name, drift->group, fabs(drift->z));
}

int section_warnings(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    int any = 0;
    int rc = report_query(report, "report_warnings", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (!any++)
            html_raw(html, HEAD);
        html_print(html, "<li class=\"%s\">%s</li>\n", statement_text(q, 0), statement_text(q, 1));
    }
    print_drift(html, &report->matrices.parts, "parts of the stage", &any);
    print_drift(html, &report->matrices.workers, "workers", &any);
    if (any)
        html_raw(html, "</ul></section>\n");
    return rc;
}
