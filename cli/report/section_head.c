/* The opening: a headline made of the figures, tiles, and the SQL behind them; then what went
 * wrong. */
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "cli/progress.h"
#include "cli/report/report_priv.h"

static void format_time(int64_t milliseconds, char *text, size_t size)
{
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm utc;
    snprintf(text, size, "–");
    if (milliseconds > 0 && gmtime_r(&seconds, &utc))
        strftime(text, size, "%Y-%m-%d %H:%M UTC", &utc);
}

/* Whether what the job labelled are photographs, and nothing else. */
static bool labels_photos(const struct spec *spec)
{
    bool any = false;
    for (uint32_t i = 0; spec && i < spec->stages_count; i++) {
        if (spec->stages[i].kind == SPEC_LABEL && !spec->stages[i].images)
            return false;
        any = any || spec->stages[i].kind == SPEC_LABEL;
    }
    return any;
}

/* "20 000 faces labelled, 40 boundaries fitted, age moved by +26.1 years." */
static void print_claim(struct report *report)
{
    struct html *html = &report->html;
    const struct report_headline *h = &report->headline;
    html_raw(html, "<h1>");
    html_count(html, h->faces);
    html_raw(html, labels_photos(report->spec) ? " photos labelled" : " faces labelled");
    if (h->boundaries > 0) {
        html_raw(html, ", ");
        html_count(html, h->boundaries);
        html_raw(html, " boundaries fitted");
    }
    if (h->shifts_count) {
        html_raw(html, ", age moved by <span class=\"accent\">");
        report_years(html, h->shifts[0].shift);
        html_raw(html, " years</span>");
        if (strcmp(h->shifts[0].target, SPEC_AGE) != 0) {
            char name[128];
            report_name(h->shifts[0].target, name, sizeof name);
            html_print(html, " along %s", name);
        }
    }
    html_raw(html, "</h1>\n");
}

/* The first row of the first sheet, cut out by CSS. */
static int print_banner(struct report *report, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_banner", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    report->has_sheets = true;
    char alt[256], name[96];
    report_name(statement_text(q, 0), name, sizeof name);
    name[0] = (char)tolower((unsigned char)name[0]);
    snprintf(alt, sizeof alt, "%s edited along its %s boundary from distance %s%g to %g",
             statement_int(q, 5) ? "A photo, and what the generator gives back," : "One face,", name,
             statement_real(q, 2) < 0 ? "−" : "", fabs(statement_real(q, 2)), statement_real(q, 3));
    html_print(&report->html, "<figure class=\"banner\"><div style=\"--steps:%d\">",
               (int)statement_int(q, 4));
    rc = report_picture(report, statement_text(q, 1), alt, 0, NULL, err);
    html_print(&report->html, "</div><figcaption>%s.</figcaption></figure>\n", alt);
    statement_reset(q);
    return rc;
}

static void open_tile(struct html *html, const char *label, const char *traits)
{
    html_print(html, "<div class=\"tile%s\"><dt>%s</dt><dd><b>", traits, label);
}

static void tile_shift(struct html *html, const struct report_shift *s)
{
    char name[128];
    open_tile(html, s->projected ? "Age shift, projected" : "Age shift",
              s->projected ? " t2" : " t1");
    report_years(html, s->shift);
    html_raw(html, " <small>years</small></b><span>95 %: ");
    report_print(html, (struct figure){true, s->low}, 2);
    html_raw(html, " to ");
    report_print(html, (struct figure){true, s->high}, 2);
    html_raw(html, "</span><span>");
    html_count(html, s->faces);
    if (s->words[0])
        html_print(html, " faces, %s", s->words);
    else
        html_print(html, " faces, distance %g", s->distance);
    if (strcmp(s->target, SPEC_AGE) == 0) {
        html_print(html, "</span><span>the study: +%.1f</span></dd></div>\n", STUDY_AGE_SHIFT);
        return;
    }
    report_name(s->target, name, sizeof name);
    html_print(html, "</span><span>along %s</span></dd></div>\n", name);
}

static void print_tiles(struct html *html, const struct report_headline *h)
{
    html_raw(html, "<dl class=\"tiles\">\n");
    for (int i = 0; i < h->shifts_count; i++)
        tile_shift(html, &h->shifts[i]);
    if (h->boundaries) {
        open_tile(html, "Balanced accuracy", "");
        report_print(html, h->balanced_accuracy, 3);
        html_print(html,
                   "</b><span>%lld boundaries, test</span><span>chance: 0.500</span></dd></div>\n",
                   (long long)h->boundaries);
        open_tile(html, "Test accuracy", "");
        report_print(html, h->test_accuracy, 3);
        html_raw(html, "</b><span>base rate: ");
        report_print(html, h->base_rate, 3);
        html_print(html, "</span><span>the study: %.3f</span></dd></div>\n", STUDY_TEST_ACCURACY);
        open_tile(html, "F1", "");
        report_print(html, h->f1, 3);
        html_raw(html, "</b><span>AUC ");
        report_print(html, h->auc, 3);
        html_print(html, "</span><span>the study: %.3f</span></dd></div>\n", STUDY_F1);
    }
    if (h->elapsed_ms > 0) {
        open_tile(html, "Faces made", "");
        html_count(html, h->faces_made);
        html_print(
            html,
            "</b><span>%.0f a second over all</span><span>%lld worker%s, %.0f s</span></dd></div>\n",
            1000.0 * (double)h->faces_made / (double)h->elapsed_ms, (long long)h->workers,
            h->workers == 1 ? "" : "s", (double)h->elapsed_ms / 1000);
    }
    html_raw(html, "</dl>\n");
}

static int print_queries(struct report *report, struct error *err)
{
    static const struct {
        const char *label, *name;
    } queries[] = {
        {"Faces labelled", "report_headline_faces"},
        {"Boundaries", "report_headline_boundaries"},
        {"Mean balanced test accuracy", "report_headline_balanced_accuracy"},
        {"Mean test accuracy", "report_headline_test_accuracy"},
        {"Mean base rate", "report_headline_base_rate"},
        {"Mean F1", "report_headline_f1"},
        {"Mean AUC", "report_headline_auc"},
        {"Age shift", "report_headline_age_shift"},
        {"Faces made, milliseconds, workers", "report_headline_throughput"},
    };
    html_raw(&report->html,
             "<details><summary>Ask the database yourself: the SQL of these figures"
             "</summary>\n<p>Every figure of this page is a query of the job's file; "
             "type these in <code>sqlite3 farm.db</code>.</p>\n");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof queries / sizeof *queries; i++) {
        struct buffer sql;
        buffer_init(&sql, 64 << 10);
        rc = report_sql(queries[i].name, report->job, &sql, err);
        if (rc == 0)
            html_print(&report->html, "<h4>%s</h4><pre class=\"sql\">%s</pre>\n", queries[i].label,
                       (const char *)sql.data);
        buffer_free(&sql);
    }
    html_raw(&report->html, "</details>\n");
    return rc;
}

static int print_facts(struct report *report, struct error *err)
{
    struct statement *q;
    char begun[40], took[32] = "";
    int rc = report_query(report, "report_job", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    format_time(statement_int(q, 5), begun, sizeof begun);
    if (!statement_is_null(q, 6))
        progress_duration((double)(statement_int(q, 6) - statement_int(q, 5)) / 1000, took,
                          sizeof took);
    html_print(&report->html, "<p class=\"facts\">Job %lld, <em>%s</em> · %s%s%s",
               (long long)report->job, statement_text(q, 0), statement_text(q, 2),
               took[0] ? " after " : "", took);
    html_print(&report->html, " · bundle %s · seed %lld · %s</p>\n", statement_text(q, 8),
               (long long)statement_int(q, 3), begun);
    statement_reset(q);
    return 0;
}

static bool reads_photos(const struct spec *spec)
{
    for (uint32_t i = 0; spec && i < spec->stages_count; i++)
        if (spec_stage_reads_photos(&spec->stages[i]))
            return true;
    return false;
}

static bool knows_photos(const struct spec *spec)
{
    for (uint32_t i = 0; spec && i < spec->stages_count; i++)
        if (spec->stages[i].truth)
            return true;
    return false;
}

/* Links to the sections that will follow. */
static void print_contents(struct report *report)
{
    const struct report_headline *h = &report->headline;
    const struct {
        bool there;
        const char *id, *label;
    } links[] = {
        {reads_photos(report->spec), "photos", "Photos"},
        {knows_photos(report->spec), "classifier", "The classifier"},
        {h->shifts_count > 0, "ages", "Age before and after"},
        {h->shifts_count > 1, "projection", "Does projection help?"},
        {h->shifts_count > 0, "identity", "The same person?"},
        {h->shifts_count > 0, "moved", "What else moved"},
        {h->boundaries > 0, "boundaries", "Boundaries"},
        {report->matrices.cosine.count > 0, "matrices", "What goes with what"},
        {h->faces > 0, "distribution", "Class distribution"},
        {report->has_sheets, "edits", "Edits"},
        {true, "run", "What ran where"},
        {true, "sources", "The job"},
    };
    html_raw(&report->html, "<nav>");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (links[i].there)
            html_print(&report->html, "<a href=\"#%s\">%s</a> ", links[i].id, links[i].label);
    html_raw(&report->html, "</nav>\n");
}

int section_head(struct report *report, struct error *err)
{
    struct html *html = &report->html;
    html_raw(html, "<header>\n<p class=\"eyebrow\">facefarm</p>\n");
    print_claim(report);
    int rc = print_facts(report, err);
    if (rc == 0)
        rc = print_banner(report, err);
    print_tiles(html, &report->headline);
    print_contents(report);
    if (rc == 0)
        rc = print_queries(report, err);
    html_raw(html, "</header>\n");
    return rc;
}

/* ---- what went wrong ---- */

static void problem(struct html *html, int *any, const char *class)
{
    if (!*any)
        html_raw(
            html,
            "<section id=\"problems\" class=\"problems\"><h2>Not as it should be</h2>\n<ul>\n");
    *any = 1;
    html_print(html, "<li class=\"%s\">", class);
}

static int print_states(struct report *report, int *any, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_stages", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (strcmp(statement_text(q, 2), "done") == 0 && statement_text(q, 7)[0] == '\0')
            continue;
        problem(&report->html, any, "state");
        html_print(&report->html, "Stage %s is %s", statement_text(q, 0), statement_text(q, 2));
        html_print(&report->html, ": %lld of %lld. %s</li>\n", (long long)statement_int(q, 4),
                   (long long)statement_int(q, 3), statement_text(q, 7));
    }
    return rc;
}

static int print_poison(struct report *report, int *any, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_poison", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        problem(&report->html, any, "poison");
        html_print(
            &report->html, "Set aside after its last attempt: stage %s, %lld from %lld.</li>\n",
            statement_text(q, 0), (long long)statement_int(q, 2), (long long)statement_int(q, 1));
    }
    return rc;
}

static int print_failures(struct report *report, int *any, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_failures", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        problem(&report->html, any, "failure");
        html_print(&report->html, "Failed attempt%s: stage %s, %lld from %lld",
                   statement_int(q, 5) > 1 ? "s" : "", statement_text(q, 0),
                   (long long)statement_int(q, 2), (long long)statement_int(q, 1));
        html_print(&report->html, ", %lld time%s, %s %s: %s</li>\n", (long long)statement_int(q, 5),
                   statement_int(q, 5) > 1 ? "s" : "", statement_text(q, 6), statement_text(q, 3),
                   statement_text(q, 4));
    }
    return rc;
}

static int print_faults(struct report *report, int *any, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_faults", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        problem(&report->html, any, "fault");
        html_print(&report->html,
                   "Not deterministic: stage %s, %lld from %lld on %s gave <code>%s</code>",
                   statement_text(q, 0), (long long)statement_int(q, 2),
                   (long long)statement_int(q, 1), statement_text(q, 3), statement_text(q, 5));
        html_print(&report->html, " after <code>%s</code>.</li>\n", statement_text(q, 4));
    }
    return rc;
}

int section_problems(struct report *report, struct error *err)
{
    int any = 0;
    int rc = print_states(report, &any, err);
    if (rc == 0)
        rc = print_poison(report, &any, err);
    if (rc == 0)
        rc = print_failures(report, &any, err);
    if (rc == 0)
        rc = print_faults(report, &any, err);
    if (any)
        html_raw(&report->html, "</ul></section>\n");
    return rc;
}
