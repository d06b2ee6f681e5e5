/* Two jobs side by side, also of two databases: rows are paired by their labels. */
#include "cli/report/compare.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report_priv.h"
#include "common/embedded.h"

extern const struct embedded_file report_assets[];

#define PAGE_MAX ((size_t)64 << 20)

struct row {
    char label[200];
    struct figure value, low, high;
};

struct rows {
    struct row *items;
    size_t count;
};

/* A part of the page: a statement of report_compare.sql. */
struct part {
    const char *statement, *key, *title, *lead;
    int decimals;
};

static const struct part parts[] = {
    {"compare_figures", "figures", "In a few figures", NULL, 3},
    {"compare_measures", "measures", "What the edits did",
     "Means over faces with their bootstrap intervals. Intervals that do not meet tell of a "
     "difference; "
     "such that meet do not prove that there is none.",
     3},
    {"compare_boundaries", "boundaries", "Balanced accuracy of the boundaries", NULL, 3},
    {"compare_rescoring", "rescoring", "What the first edit moved",
     "Change of each attribute’s logit in its standard deviations.", 2},
};

static int read_rows(struct database *db, int64_t job, const char *name, struct rows *rows,
                     struct error *err)
{
    struct statement *q;
    int rc = database_query(db, name, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, job);
    while ((rc = statement_step(q, err)) > 0) {
        struct row *grown = realloc(rows->items, (rows->count + 1) * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "out of memory");
        rows->items = grown;
        struct row *row = &grown[rows->count++];
        snprintf(row->label, sizeof row->label, "%s", statement_text(q, 0));
        row->value = report_figure(q, 1);
        row->low = report_figure(q, 2);
        row->high = report_figure(q, 3);
    }
    return rc;
}

static const struct row *find_row(const struct rows *rows, const char *label)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->items[i].label, label) == 0)
            return &rows->items[i];
    return NULL;
}

static const char *verdict(const struct row *a, const struct row *b)
{
    if (!a || !b || !a->low.known || !b->low.known)
        return "";
    return b->low.value > a->high.value   ? "more"
           : b->high.value < a->low.value ? "less"
                                          : "intervals meet";
}

/* ---- the page ---- */

static void print_side(struct html *html, const struct row *row, int decimals)
{
    char value[40] = "";
    if (row && row->value.known)
        snprintf(value, sizeof value, " data-v=\"%.15g\"", row->value.value);
    html_raw(html, "<td class=\"rule\"");
    html_raw(html, value);
    html_raw(html, ">");
    if (row && fabs(row->value.value) >= 100)
        decimals = 0;
    report_print(html, row ? row->value : (struct figure){0}, decimals);
    html_raw(html, "</td><td>");
    if (row && row->low.known) {
        report_print(html, row->low, decimals);
        html_raw(html, " to ");
        report_print(html, row->high, decimals);
    }
    html_raw(html, "</td>");
}

static void print_pair(struct html *html, const char *label, const struct row *a,
                       const struct row *b, int decimals)
{
    bool both = a && b && a->value.known && b->value.known;
    html_print(html, "<tr><th>%s</th>", label);
    print_side(html, a, decimals);
    print_side(html, b, decimals);
    html_raw(html, "<td class=\"rule\">");
    report_signed(html, (struct figure){both, both ? b->value.value - a->value.value : 0},
                  decimals);
    html_print(html, "</td><td class=\"text\">%s</td></tr>\n", verdict(a, b));
}

static void print_part(struct html *html, const struct part *part, const struct rows *a,
                       const struct rows *b)
{
    if (a->count + b->count == 0)
        return;
    report_open(html, part->key, part->title, part->lead);
    html_print(
        html,
        "<div class=\"scroll\"><table class=\"%s\"><thead><tr><th></th><th class=\"rule\">A</th>"
        "<th>95 %%</th><th class=\"rule\">B</th><th>95 %%</th><th class=\"rule\">B − A</th>"
        "<th class=\"text\">B has</th></tr></thead><tbody>\n",
        part->key);
    for (size_t i = 0; i < a->count; i++)
        print_pair(html, a->items[i].label, &a->items[i], find_row(b, a->items[i].label),
                   part->decimals);
    for (size_t i = 0; i < b->count; i++)
        if (!find_row(a, b->items[i].label))
            print_pair(html, b->items[i].label, NULL, &b->items[i], part->decimals);
    html_raw(html, "</tbody></table></div>\n");
    report_close(html);
}

static int print_job(struct html *html, const struct compare_job *job, const char *letter,
                     struct error *err)
{
    struct statement *q;
    int rc = database_query(job->db, "report_job", &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, job->id);
    rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    html_print(html, "<article><h3>%s: job %lld, <em>%s</em></h3>\n", letter, (long long)job->id,
               statement_text(q, 0));
    html_print(html, "<p class=\"facts\">%s · %s · bundle %s <code>%s</code>", job->path,
               statement_text(q, 2), statement_text(q, 8), statement_text(q, 9));
    html_print(
        html,
        " · seed %lld</p>\n<details><summary>Its specification</summary><pre>%s</pre></details>"
        "</article>\n",
        (long long)statement_int(q, 3), statement_text(q, 4));
    statement_reset(q);
    return 0;
}

static int open_page(struct html *html, const struct compare_job jobs[2], struct error *err)
{
    const struct embedded_file *css = embedded_find(report_assets, "report.css");
    html_raw(html, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n"
                   "<title>Two jobs · facefarm</title>\n<style>\n");
    html_raw(html, css ? css->text : "");
    html_raw(html,
             "</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"eyebrow\">facefarm</p>\n"
             "<h1>Two jobs side by side</h1>\n<div class=\"pair\">\n");
    int rc = print_job(html, &jobs[0], "A", err);
    if (rc == 0)
        rc = print_job(html, &jobs[1], "B", err);
    html_raw(html, "</div></header>\n");
    return rc;
}

static void close_page(struct html *html)
{
    const struct embedded_file *script = embedded_find(report_assets, "report.js");
    html_raw(html, "</main>\n<script>\n");
    html_raw(html, script ? script->text : "");
    html_raw(html, "</script>\n</body>\n</html>\n");
}

/* ---- compare.json ---- */

static json_t *figure_json(const struct row *row, struct figure figure)
{
    return row && figure.known && isfinite(figure.value) ? json_real(figure.value) : json_null();
}

static json_t *row_json(const char *label, const struct row *a, const struct row *b)
{
    const struct row none = {.label = ""};
    const struct row *x = a ? a : &none, *y = b ? b : &none;
    return json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "label", label, "a", figure_json(a, x->value), "a_low",
        figure_json(a, x->low), "a_high", figure_json(a, x->high), "b", figure_json(b, y->value),
        "b_low", figure_json(b, y->low), "b_high", figure_json(b, y->high), "b_has", verdict(a, b));
}

static json_t *part_json(const struct rows *a, const struct rows *b)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->count; i++)
        json_array_append_new(
            list, row_json(a->items[i].label, &a->items[i], find_row(b, a->items[i].label)));
    for (size_t i = 0; i < b->count; i++)
        if (!find_row(a, b->items[i].label))
            json_array_append_new(list, row_json(b->items[i].label, NULL, &b->items[i]));
    return list;
}

/* ---- both ---- */

static int write_parts(const struct compare_job jobs[2], struct html *html, json_t *json,
                       struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++) {
        struct rows a = {0}, b = {0};
        rc = read_rows(jobs[0].db, jobs[0].id, parts[i].statement, &a, err);
        if (rc == 0)
            rc = read_rows(jobs[1].db, jobs[1].id, parts[i].statement, &b, err);
        if (rc == 0) {
            print_part(html, &parts[i], &a, &b);
            json_object_set_new(json, parts[i].key, part_json(&a, &b));
        }
        free(a.items);
        free(b.items);
    }
    return rc;
}

static int write_file(const char *output, const char *name, const void *data, size_t size,
                      struct error *err)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", output, name) >= (int)sizeof path)
        return error_set(err, E_LIMIT, "the output's path has %zu bytes", strlen(output));
    return buffer_write_file(path, data, size, err);
}

int compare_write(const struct compare_job jobs[2], const char *output, struct error *err)
{
    struct buffer page;
    struct html html = {.out = &page};
    json_t *json = json_object();
    buffer_init(&page, PAGE_MAX);
    int rc = open_page(&html, jobs, err);
    if (rc == 0)
        rc = write_parts(jobs, &html, json, err);
    close_page(&html);
    if (rc == 0 && html.rc != 0) {
        rc = html.rc;
        *err = html.err;
    }
    char *text = rc == 0 ? json_dumps(json, JSON_INDENT(1)) : NULL;
    if (rc == 0 && !text)
        rc = error_set(err, E_MEMORY, "compare.json cannot be written");
    if (rc == 0)
        rc = buffer_make_folders(output, err);
    if (rc == 0)
        rc = write_file(output, "compare.html", page.data, page.size, err);
    if (rc == 0)
        rc = write_file(output, "compare.json", text, strlen(text), err);
    free(text);
    json_decref(json);
    buffer_free(&page);
    return rc;
}
