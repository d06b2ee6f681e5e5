/* Tables: one loop for all of them. */
#include "cli/report/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TABLE_COLUMNS 32 /* of a table, at most */

static void print_head(struct html *html, const char *class, const struct table_column *columns,
                       size_t count, const bool *shown)
{
    html_print(html, "<div class=\"scroll\"><table class=\"%s\"><thead><tr>", class);
    for (size_t i = 0; i < count; i++)
        if (shown[i])
            html_print(html, "<th class=\"%s%s%s\">%s</th>",
                       columns[i].kind == TABLE_TEXT ? "text" : "", columns[i].class ? " " : "",
                       columns[i].class ? columns[i].class : "", columns[i].title);
    html_raw(html, "</tr></thead><tbody>\n");
}

static void print_value(struct html *html, struct statement *q, int column,
                        const struct table_column *how)
{
    struct figure figure = report_figure(q, column);
    char name[256];
    switch (how->kind) {
    case TABLE_NAME:
        report_name(statement_text(q, column), name, sizeof name);
        html_print(html, "%s", name);
        return;
    case TABLE_TEXT:
        html_print(html, "%s", statement_text(q, column));
        return;
    case TABLE_COUNT:
        if (figure.known)
            html_count(html, statement_int(q, column));
        else
            html_raw(html, "–");
        return;
    case TABLE_NUMBER:
        report_print(html, figure, how->decimals);
        return;
    case TABLE_SIGNED:
        report_signed(html, figure, how->decimals);
        return;
    case TABLE_SHARE:
        figure.value *= 100;
        report_print(html, figure, how->decimals);
        html_raw(html, figure.known ? " %" : "");
        return;
    case TABLE_RANGE:
        report_print(html, figure, how->decimals);
        if (figure.known) {
            html_raw(html, " to ");
            report_print(html, report_figure(q, column + 1), how->decimals);
        }
        return;
    }
}

static void print_cell(struct html *html, struct statement *q, int column,
                       const struct table_column *how, bool first)
{
    char value[40];
    bool is_text = how->kind == TABLE_NAME || how->kind == TABLE_TEXT;
    html_print(html, first ? "<th class=\"%s%s%s\"" : "<td class=\"%s%s%s\"",
               how->kind == TABLE_TEXT ? "text" : "", how->class ? " " : "",
               how->class ? how->class : "");
    if (!is_text && !statement_is_null(q, column)) {
        snprintf(value, sizeof value, " data-v=\"%.15g\"", statement_real(q, column));
        html_raw(html, value);
    }
    html_raw(html, ">");
    print_value(html, q, column, how);
    html_raw(html, first ? "</th>" : "</td>");
}

static int width_of(const struct table_column *column)
{
    return column->kind == TABLE_RANGE ? 2 : 1;
}

/* Which columns any row has something in; text is always shown. */
static int find_shown(struct statement *q, const struct table_column *columns, size_t count,
                      bool *shown, struct error *err)
{
    int rc;
    for (size_t i = 0; i < count; i++)
        shown[i] = columns[i].kind == TABLE_NAME || columns[i].kind == TABLE_TEXT;
    while ((rc = statement_step(q, err)) > 0)
        for (size_t i = 0, at = 0; i < count; at += (size_t)width_of(&columns[i++]))
            shown[i] = shown[i] || !statement_is_null(q, (int)at);
    statement_reset(q);
    return rc;
}

int table_print(struct report *report, struct statement *q, const char *class,
                const struct table_column *columns, size_t count, size_t *rows, struct error *err)
{
    struct html *html = &report->html;
    size_t n = 0;
    bool shown[TABLE_COLUMNS];
    assert(count <= TABLE_COLUMNS);
    int rc = find_shown(q, columns, count, shown, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        int column = 0;
        if (n++ == 0)
            print_head(html, class, columns, count, shown);
        html_raw(html, "<tr>");
        for (size_t i = 0; i < count; i++) {
            if (shown[i])
                print_cell(html, q, column, &columns[i], i == 0);
            column += width_of(&columns[i]);
        }
        html_raw(html, "</tr>\n");
        rc = 0;
    }
    if (n)
        html_raw(html, "</tbody></table></div>\n");
    if (rows)
        *rows = n;
    return rc;
}

int table_query(struct report *report, const char *name, int64_t id, const char *class,
                const struct table_column *columns, size_t count, size_t *rows, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, name, id, &q, err);
    return rc < 0 ? rc : table_print(report, q, class, columns, count, rows, err);
}
