/* The page as a whole, and what its sections share. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report_priv.h"
#include "common/embedded.h"

#define PAGE_MAX ((size_t)512 << 20)

extern const struct embedded_file report_assets[];

int report_query(struct report *report, const char *name, int64_t id, struct statement **statement,
                 struct error *err)
{
    int rc = database_query(report->db, name, statement, err);
    if (rc == 0)
        statement_bind_int(*statement, 1, id);
    return rc;
}

struct figure report_figure(struct statement *statement, int column)
{
    return (struct figure){!statement_is_null(statement, column),
                           statement_real(statement, column)};
}

/* What rounding leaves nothing of has no sign: an interval does not begin at −0.000. */
static void print_figure(struct html *html, struct figure figure, int decimals, const char *plus)
{
    char text[64];
    snprintf(text, sizeof text, "%.*f", decimals, fabs(figure.value));
    bool zero = strspn(text, "0.") == strlen(text);
    if (figure.known && !zero)
        html_raw(html, figure.value < 0 ? "−" : plus);
    html_raw(html, figure.known ? text : "–");
}

void report_print(struct html *html, struct figure figure, int decimals)
{
    print_figure(html, figure, decimals, "");
}

void report_signed(struct html *html, struct figure figure, int decimals)
{
    print_figure(html, figure, decimals, "+");
}

void report_years(struct html *html, double years)
{
    report_signed(html, (struct figure){true, years}, fabs(years) < 1 ? 2 : 1);
}

void report_name(const char *attribute, char *text, size_t size)
{
    snprintf(text, size, "%s", attribute);
    text[0] = (char)toupper((unsigned char)text[0]);
    for (char *c = text; *c; c++) {
        if (*c == '_')
            *c = ' ';
        if (c > text && c[-1] == ' ')
            *c = (char)tolower((unsigned char)*c);
    }
}

void report_conditions(struct report *report, const char *stage)
{
    struct html *html = &report->html;
    int at = report->spec ? spec_find(report->spec, stage) : -1;
    if (at < 0 || report->spec->stages[at].conditions_count == 0)
        return;
    const struct spec_stage *s = &report->spec->stages[at];
    html_raw(html, " The <b>projected</b> edit holds ");
    if (strcmp(s->conditions[0], SPEC_ALL) == 0)
        html_raw(html, "every other boundary");
    for (uint32_t i = 0; i < s->conditions_count && strcmp(s->conditions[0], SPEC_ALL) != 0; i++) {
        char name[128];
        report_name(s->conditions[i], name, sizeof name);
        html_raw(html, i == 0 ? "" : i + 1 == s->conditions_count ? " and " : ", ");
        html_print(html, "<b>%s</b>", name);
    }
    if (s->discount < 1)
        html_print(html, ", with a discount of %g: each keeps %g of its drift", s->discount,
                   1 - s->discount);
    html_raw(html, ".");
}

void report_open(struct html *html, const char *id, const char *title, const char *lead)
{
    html_print(html, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
    if (lead)
        html_print(html, "<p class=\"lead\">%s</p>\n", lead);
}

void report_close(struct html *html)
{
    html_raw(html, "</section>\n");
}

static int open_page(struct report *report, struct error *err)
{
    struct statement *q;
    const struct embedded_file *css = embedded_find(report_assets, "report.css");
    int rc = report_query(report, "report_job", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc < 0
                   ? rc
                   : error_set(err, E_NOT_FOUND, "job %lld is not there", (long long)report->job);
    html_print(&report->html,
               "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<meta name=\"color-scheme\" content=\"light dark\">\n"
               "<title>%s · job %lld · facefarm</title>\n<style>\n",
               statement_text(q, 0), (long long)report->job);
    html_raw(&report->html, css ? css->text : "");
    html_raw(&report->html, "</style>\n</head>\n<body>\n<main>\n");
    const char *yaml = statement_text(q, 4);
    if (spec_parse(yaml, strlen(yaml), &report->spec, NULL) != 0)
        report->spec = NULL; /* the page says less, and prints it all the same */
    statement_reset(q);
    return 0;
}

static int write_sections(struct report *report, struct error *err)
{
    /* The gallery of sheets is long: it comes behind what can be taken in at a glance. */
    static int (*const sections[])(struct report *, struct error *) = {
        section_head,       section_warnings, section_problems,   section_samples, section_photos, section_classifier,
        section_ages,       section_projection, section_identity, section_moved,    section_effects,
        section_boundaries, section_fit, section_curves,   section_matrices,   section_distribution,
        section_ends,       section_sheets,     section_grids,    section_run,      section_sources,
    };
    int rc = open_page(report, err);
    for (size_t i = 0; rc == 0 && i < sizeof sections / sizeof *sections; i++)
        rc = sections[i](report, err);
    const struct embedded_file *script = embedded_find(report_assets, "report.js");
    html_raw(&report->html, "</main>\n<script>\n");
    html_raw(&report->html, script ? script->text : "");
    html_raw(&report->html, "</script>\n</body>\n</html>\n");
    if (rc == 0 && report->html.rc != 0) {
        rc = report->html.rc;
        if (err)
            *err = report->html.err;
    }
    return rc;
}

int report_write(struct database *db, const char *store, const char *output, int64_t job,
                 FILE *talk, struct error *err)
{
    char path[4096];
    struct buffer page;
    struct report report = {
        .db = db, .store = store, .output = output, .job = job, .talk = talk, .html.out = &page};
    buffer_init(&page, PAGE_MAX);
    int rc = 0;
    if (snprintf(path, sizeof path, "%s/index.html", output) >= (int)sizeof path)
        rc = error_set(err, E_LIMIT, "the output's path has %zu bytes", strlen(output));
    if (rc == 0)
        rc = report_headline(db, job, &report.headline, err);
    if (rc == 0)
        rc = buffer_make_folders(output, err);
    if (rc == 0)
        rc = matrices_make(db, job, &report.matrices, err);
    if (rc == 0)
        rc = report_make_distances(&report, err);
    if (rc == 0)
        rc = write_sections(&report, err);
    if (rc == 0)
        rc = report_json(&report, err);
    if (rc == 0)
        rc = buffer_write_file(path, page.data, page.size, err);
    if (rc == 0 && report.missing)
        fprintf(talk, "facefarm report: %d pictures are not in the store %s\n", report.missing,
                store);
    matrices_free(&report.matrices);
    free(report.distances);
    spec_free(&report.spec);
    buffer_free(&page);
    return rc;
}
