/* Age before and after: shifts, histograms, the sweep; and what else moved. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/charts.h"
#include "cli/report/report_priv.h"

#define LINES_MAX 160
#define MOVED_MAX 1.0 /* least range of the bars, in standard deviations */

static const char *const variant_names[CHART_SERIES_MAX] = {"before", "after", "after, projected"};

/* The evaluate stage: its gains and leaks, plain and projected, and whether it may be believed. */
struct evaluated {
    int64_t start;
    char stage[128];
    int unseen, two_estimators;
    char target[128];
    struct figure gain[2], leak[2];
    struct figure older[2]; /* share of faces the edit made older */
};

static int read_evaluated(struct report *report, struct evaluated *e, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_evaluate", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    report->evaluate = statement_int(q, 0);
    e->start = statement_int(q, 1);
    snprintf(e->stage, sizeof e->stage, "%s", statement_text(q, 9));
    report_name(statement_text(q, 2), e->target, sizeof e->target);
    for (int i = 0; i < 2; i++) {
        e->gain[i] = report_figure(q, 3 + 2 * i);
        e->leak[i] = report_figure(q, 4 + 2 * i);
    }
    e->unseen = statement_int(q, 7) != 0;
    e->two_estimators = statement_int(q, 8) != 0;
    statement_reset(q);
    rc = report_query(report, "report_age_quality", report->evaluate, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        int64_t variant = statement_int(q, 0);
        rc = 0;
        if (variant == 1 || variant == 2)
            e->older[variant - 1] = report_figure(q, 1);
    }
    return rc;
}

static int read_bars(struct report *report, const char *name, struct chart *chart,
                     struct error *err)
{
    struct statement *q;
    int rc = report_query(report, name, report->evaluate, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        int64_t variant = statement_int(q, 0);
        rc = 0;
        if (variant < 0 || variant >= CHART_SERIES_MAX)
            continue;
        struct chart_series *s = &chart->series[variant];
        s->label = variant_names[variant];
        s->colour = (int)variant;
        if (s->count < CHART_BINS_MAX)
            s->bars[s->count++] =
                (struct chart_bar){(double)statement_int(q, 1), (double)statement_int(q, 2)};
    }
    return rc;
}

static void print_legend(struct html *html, const struct chart *chart, const char *title)
{
    html_print(html, "<figcaption>%s", title);
    for (int i = 0; i < CHART_SERIES_MAX; i++)
        if (chart->series[i].label)
            html_print(html, " <span class=\"nowrap\"><i class=\"key s%d\"></i>%s</span>", i,
                       chart->series[i].label);
    html_raw(html, "</figcaption>");
}

static int print_histogram(struct report *report, const char *query, const char *title,
                           const char *axis, struct error *err)
{
    const struct report_headline *h = &report->headline;
    struct chart *chart = calloc(1, sizeof *chart);
    if (!chart)
        return error_set(err, E_MEMORY, "out of memory");
    int is_shift = strcmp(query, "report_shift_histogram") == 0;
    chart->x_title = axis;
    chart->y_title = "faces";
    chart->bin = 2;
    int rc = read_bars(report, query, chart, err);
    for (int i = 0; i < h->shifts_count; i++) {
        chart->series[0].mean = h->shifts[0].mean_before;
        chart->series[i + 1].mean = is_shift ? h->shifts[i].shift : h->shifts[i].mean_after;
    }
    html_raw(&report->html, "<figure>");
    chart_histogram(&report->html, chart);
    print_legend(&report->html, chart, title);
    html_raw(&report->html, "</figure>\n");
    free(chart);
    return rc;
}

/* ---- the sweep ---- */

/* Faces' lines as they come, and their means over the faces of the same direction. */
struct sweep {
    struct chart_line lines[LINES_MAX];
    size_t count;
};

static struct chart_line *line_of(struct sweep *sweep, int projected, int64_t face, int64_t *last)
{
    int64_t key = face * 2 + projected;
    if (*last != key) {
        if (sweep->count >= LINES_MAX - 2)
            return NULL;
        *last = key;
        sweep->lines[sweep->count++] = (struct chart_line){.colour = projected + 1, .thin = 1};
    }
    return &sweep->lines[sweep->count - 1];
}

/* All faces have the same steps, so that the mean is point by point. */
static void add_mean(struct sweep *sweep, int projected, size_t faces_end)
{
    struct chart_line mean = {.colour = projected + 1};
    size_t n = 0;
    for (size_t k = 0; k < faces_end; k++) {
        const struct chart_line *line = &sweep->lines[k];
        if (line->colour != projected + 1 || (n && line->count != mean.count))
            continue;
        mean.count = line->count;
        n++;
        for (size_t i = 0; i < line->count; i++) {
            mean.points[i].x = line->points[i].x;
            mean.points[i].y += line->points[i].y;
        }
    }
    for (size_t i = 0; i < mean.count; i++)
        mean.points[i].y /= (double)n;
    if (n)
        sweep->lines[sweep->count++] = mean;
}

static int read_sweep(struct report *report, struct sweep *sweep, struct error *err)
{
    struct statement *q;
    int64_t last = -1;
    int rc = report_query(report, "report_dose", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        struct chart_line *line =
            line_of(sweep, statement_int(q, 0) == 1, statement_int(q, 1), &last);
        if (line && line->count < 64)
            line->points[line->count++] =
                (struct chart_point){.x = statement_real(q, 2), .y = statement_real(q, 3)};
    }
    size_t faces_end = sweep->count;
    add_mean(sweep, 0, faces_end);
    add_mean(sweep, 1, faces_end);
    return rc;
}

static int print_sweep(struct report *report, struct error *err)
{
    struct sweep *sweep = calloc(1, sizeof *sweep);
    if (!sweep)
        return error_set(err, E_MEMORY, "out of memory");
    int rc = read_sweep(report, sweep, err);
    if (rc == 0 && sweep->count) {
        html_raw(&report->html, "<figure>");
        chart_lines(&report->html, sweep->lines, sweep->count, "distance along the age boundary",
                    "age in years");
        html_raw(&report->html,
                 "<figcaption>Dose and response: the sheets’ faces (thin) and their mean. "
                 "<span class=\"nowrap\"><i class=\"key s1\"></i>plain</span>");
        if (sweep->lines[sweep->count - 1].colour == 2) /* their mean comes last */
            html_raw(&report->html, " <span class=\"nowrap\"><i class=\"key s2\"></i>projected, as on "
                                    "the sheet</span>");
        html_raw(&report->html, "</figcaption></figure>\n");
    }
    free(sweep);
    return rc;
}

/* ---- shift by starting age ---- */

static int print_by_age(struct report *report, struct error *err)
{
    struct statement *q;
    struct chart_line lines[2] = {{.colour = 1}, {.colour = 2}};
    int rc = report_query(report, "report_shift_by_age", report->evaluate, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        int64_t projected = statement_int(q, 0);
        rc = 0;
        if (projected < 0 || projected > 1 || lines[projected].count == 64)
            continue;
        struct chart_line *line = &lines[projected];
        line->points[line->count++] =
            (struct chart_point){.x = (double)statement_int(q, 1), .y = statement_real(q, 2)};
    }
    if (lines[0].count > 1) {
        html_raw(&report->html, "<figure>");
        chart_lines(&report->html, lines, 2, "age before, in tens of years", "mean shift in years");
        html_raw(
            &report->html,
            "<figcaption>Who ages by how much. <span class=\"nowrap\"><i class=\"key s1\"></i>plain</span>");
        if (lines[1].count)
            html_raw(&report->html, " <span class=\"nowrap\"><i class=\"key s2\"></i>projected</span>");
        html_raw(&report->html, "</figcaption></figure>\n");
    }
    return rc;
}

/* ---- the table ---- */

static void print_shift_row(struct html *html, const struct report_shift *s,
                            const struct evaluated *e)
{
    int i = s->projected != 0;
    html_print(html, "<tr><th><i class=\"key s%d\"></i>%s</th><td>%.1f → %.1f</td><td><b>", i + 1,
               i ? "projected" : "plain", s->mean_before, s->mean_after);
    report_signed(html, (struct figure){true, s->shift}, 2);
    html_raw(html, "</b></td><td>");
    report_signed(html, (struct figure){true, s->low}, 2);
    html_raw(html, " to ");
    report_signed(html, (struct figure){true, s->high}, 2);
    html_raw(html, "</td><td>");
    if (e->older[i].known)
        html_print(html, "%.1f %%", 100 * e->older[i].value);
    html_raw(html, "</td><td>");
    report_print(html, e->gain[i], 2);
    html_raw(html, "</td><td>");
    report_print(html, e->leak[i], 2);
    html_raw(html, "</td></tr>\n");
}

static void print_shift_table(struct report *report, const struct evaluated *e)
{
    struct html *html = &report->html;
    html_raw(html,
             "<div class=\"scroll\"><table class=\"shifts\"><thead><tr><th></th><th>mean age</th>"
             "<th>shift, years</th><th>95 % interval</th><th>older</th><th>gain</th><th>leak</th>"
             "</tr></thead><tbody>\n");
    for (int i = 0; i < report->headline.shifts_count; i++)
        print_shift_row(html, &report->headline.shifts[i], e);
    html_print(html,
               "<tr class=\"study\"><th>the study</th><td>%d → %d</td><td>+%.1f</td><td>–</td>"
               "<td>–</td><td>–</td><td>–</td></tr></tbody></table></div>\n",
               STUDY_AGE_BEFORE, STUDY_AGE_AFTER, STUDY_AGE_SHIFT);
}

static void print_ages_lead(struct report *report, const struct evaluated *e)
{
    struct html *html = &report->html;
    int at = report->spec ? spec_find(report->spec, e->stage) : -1;
    html_raw(html, "<p class=\"lead\">");
    html_count(html, report->headline.shifts[0].faces);
    if (at >= 0 && report->spec->stages[at].photos) {
        html_print(html, " photos of stage %s, as the generator gives them back", report->spec->stages[at].photos);
    } else {
        html_raw(html, e->unseen ? " faces that no boundary has seen"
                                 : " faces, some of which the boundaries "
                                   "were fitted on");
        html_raw(html, ", sample ");
        html_count(html, e->start);
        html_raw(html, " and on");
    }
    html_raw(html, ", each ");
    if (report->headline.shifts[0].words[0])
        html_print(html, "%s", report->headline.shifts[0].words);
    else
        html_print(html, "moved by distance %g", report->headline.shifts[0].distance);
    html_print(html, " along <b>%s</b> and judged by ", e->target);
    html_raw(html, e->two_estimators
                       ? "an age estimator that no boundary was fitted with."
                       : "<b>the same age estimator that the boundary was fitted with</b>: the "
                         "bundle has no other.");
    report_conditions(report, e->stage);
    html_raw(html, "</p>\n");
}

int section_ages(struct report *report, struct error *err)
{
    struct evaluated e = {0};
    struct html *html = &report->html;
    bool swept;
    int rc = read_evaluated(report, &e, err);
    if (rc != 0 || report->headline.shifts_count == 0)
        return rc;
    report_open(html, "ages", "Age before and after", NULL);
    print_ages_lead(report, &e);
    print_shift_table(report, &e);
    html_raw(html, "<div class=\"plots\">\n");
    rc = print_histogram(report, "report_age_histogram", "Ages, lines at the means.",
                         "age in years, bins of two", err);
    if (rc == 0)
        rc = print_histogram(report, "report_shift_histogram", "Shifts of single faces.",
                             "years older, bins of two", err);
    if (rc == 0)
        rc = print_by_age(report, err);
    if (rc == 0)
        rc = print_sweep(report, err);
    html_raw(html, "</div>\n");
    if (rc == 0)
        rc = measures_parts(report, err);
    if (rc == 0)
        rc = measures_sweep(report, &swept, err);
    report_close(html);
    return rc;
}

/* ---- what else moved ---- */

static void print_moved_row(struct html *html, struct statement *q, double most)
{
    char name[128];
    double changes[2] = {statement_is_null(q, 1) ? NAN : statement_real(q, 1),
                         statement_is_null(q, 2) ? NAN : statement_real(q, 2)};
    report_name(statement_text(q, 0), name, sizeof name);
    html_print(html, "<tr><th>%s</th><td class=\"chart\">", name);
    chart_diverging(html, changes, 2, most);
    html_raw(html, "</td><td>");
    report_signed(html, report_figure(q, 1), 2);
    html_raw(html, "</td><td>");
    report_signed(html, report_figure(q, 2), 2);
    for (int column = 3; column < 6; column++) {
        html_raw(html, column == 3 ? "</td><td class=\"rule\">" : "</td><td>");
        if (statement_is_null(q, column))
            html_raw(html, "–");
        else
            html_print(html, "%.1f", 100 * statement_real(q, column));
    }
    html_raw(html, "</td><td class=\"rule\">");
    report_signed(html, report_figure(q, 6), 2);
    html_raw(html, "</td><td>");
    report_print(html, report_figure(q, 7), 2);
    if (!statement_is_null(q, 7)) {
        html_raw(html, " to ");
        report_print(html, report_figure(q, 8), 2);
    }
    html_raw(html, "</td></tr>\n");
}

static int print_moved_rows(struct report *report, struct error *err)
{
    struct statement *q;
    double most = 0;
    int rc = report_query(report, "report_moved", report->evaluate, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (most == 0)
            most = fmax(fmax(fabs(statement_real(q, 1)), fabs(statement_real(q, 2))), MOVED_MAX);
        print_moved_row(&report->html, q, most);
    }
    return rc;
}

static int print_moved_lead(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    int rc = report_query(report, "report_moved_mean", report->evaluate, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    html_raw(
        html,
        "<p class=\"lead\">Mean change of each attribute’s score under the same edits, in standard "
        "deviations of that score, largest first; the share of faces that have it, in per "
        "cent; and how the projected edit differs from the plain one, paired by face. Over all attributes the score moved by ");
    report_print(html, report_figure(q, 0), 2);
    html_raw(html, " in the mean");
    if (!statement_is_null(q, 1)) {
        html_raw(html, ", projected by ");
        report_print(html, report_figure(q, 1), 2);
    }
    html_raw(html, ".</p>\n");
    statement_reset(q);
    return 0;
}

int section_moved(struct report *report, struct error *err)
{
    struct html *html = &report->html;
    if (!report->evaluate)
        return 0;
    report_open(html, "moved", "What else moved", NULL);
    int rc = print_moved_lead(report, err);
    html_raw(html,
             "<div class=\"scroll\"><table class=\"moved\"><thead><tr><th>attribute</th>"
             "<th class=\"chart\">less&emsp;–&emsp;more</th><th><i class=\"key s1\"></i>plain</th>"
             "<th><i class=\"key s2\"></i>projected</th><th class=\"rule\">before</th>"
             "<th>plain</th><th>projected</th><th class=\"rule\">difference</th>"
             "<th>95 %, paired</th></tr></thead><tbody>\n");
    if (rc == 0)
        rc = print_moved_rows(report, err);
    html_raw(html, "</tbody></table></div>\n");
    report_close(html);
    return rc;
}
