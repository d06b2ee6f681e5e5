/* The gain–leak curve of the user's own boundaries. */
#include <math.h>
#include <string.h>

#include "cli/report/charts.h"
#include "cli/report/table.h"

/* Lines by method; the correlation's one point is drawn as such. */
struct curves {
    struct chart_line lines[4];
    size_t count;
};

static int colour_of(const char *method)
{
    return strcmp(method, "exact") == 0 ? 1 : strcmp(method, "naive") == 0 ? 2 : 0;
}

static int read_curves(struct statement *q, struct curves *curves, struct error *err)
{
    char last[32] = "";
    int rc;
    while ((rc = statement_step(q, err)) > 0) {
        const char *method = statement_text(q, 0);
        if (strcmp(method, last) != 0) {
            if (curves->count == 4)
                continue;
            snprintf(last, sizeof last, "%s", method);
            curves->lines[curves->count++] = (struct chart_line){
                .colour = strcmp(method, "correlation") == 0 ? 3 : colour_of(method)};
        }
        struct chart_line *line = &curves->lines[curves->count - 1];
        if (line->count < 64)
            line->points[line->count++] =
                (struct chart_point){.x = statement_real(q, 3), .y = statement_real(q, 2)};
    }
    return rc;
}

static int print_curve(struct report *report, const char *target, struct error *err)
{
    struct statement *q;
    struct curves curves = {0};
    char name[128];
    int rc = report_query(report, "report_gain_leak", report->job, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_text(q, 2, target);
    rc = read_curves(q, &curves, err);
    if (rc < 0 || curves.count == 0)
        return rc;
    report_name(target, name, sizeof name);
    html_raw(&report->html, "<div class=\"plots\"><figure>");
    chart_lines(&report->html, curves.lines, curves.count, "leak: largest |cosine| to a condition",
                "gain: cosine to the target");
    html_print(
        &report->html,
        "<figcaption>%s: each point a discount. <span class=\"nowrap\"><i class=\"key "
        "s1\"></i>exact, λ 0 to 1</span> <span class=\"nowrap\"><i class=\"key s0\"></i>soft, "
        "μ 0.01 to 100</span> <span class=\"nowrap\"><i class=\"key s2\"></i>naive, as "
        "published code has it</span> <span class=\"nowrap\"><i class=\"key s3\"></i>by "
        "correlation</span></figcaption></figure></div>\n",
        name);
    return 0;
}

int section_curves(struct report *report, struct error *err)
{
    static const struct table_column columns[] = {
        {"target", TABLE_NAME, 0, NULL},
        {"leak, plain", TABLE_NUMBER, 2, NULL},
        {"gain at λ = 0.5", TABLE_NUMBER, 2, "rule"},
        {"leak", TABLE_NUMBER, 2, NULL},
        {"gain at λ = 0.8", TABLE_NUMBER, 2, "rule"},
        {"leak", TABLE_NUMBER, 2, NULL},
        {"gain at λ = 1", TABLE_NUMBER, 2, "rule"},
        {"gain by correlation", TABLE_NUMBER, 2, "rule"},
        {"leak", TABLE_NUMBER, 2, NULL},
        {"gain, naive at λ = 1", TABLE_NUMBER, 2, "rule"},
        {"leak", TABLE_NUMBER, 2, NULL},
    };
    struct statement *q;
    char target[256] = "";
    int rc = report_query(report, "report_gain_leak_targets", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        if (target[0] == '\0' || strcmp(statement_text(q, 0), SPEC_AGE) == 0)
            snprintf(target, sizeof target, "%s", statement_text(q, 0));
        rc = 0;
    }
    if (rc < 0 || target[0] == '\0')
        return rc;
    report_open(
        &report->html, "curves", "Choosing the discount",
        "Before anything is rendered: how much of a unit step still goes where it was meant to "
        "(gain) and how much of it goes along the worst condition (leak), by the share λ of each "
        "condition’s drift that is taken away. All conditions of the stage are held alike.");
    rc = print_curve(report, target, err);
    if (rc == 0)
        rc = table_query(report, "report_gain_leak_targets", report->job, "gains", columns,
                         sizeof columns / sizeof *columns, NULL, err);
    report_close(&report->html);
    return rc;
}
