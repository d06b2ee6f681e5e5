/* Sample faces and the sheets of edits. */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report_priv.h"

#define FACES_SHOWN 40

static int is_picture(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".png") == 0;
}

/* Pictures of one folder of the store, in the order of their names. */
static int print_folder(struct report *report, const char *folder, int *shown, struct error *err)
{
    char path[4096];
    struct dirent **entries = NULL;
    if (snprintf(path, sizeof path, "%s/%s", report->store, folder) >= (int)sizeof path)
        return 0;
    int count = scandir(path, &entries, is_picture, alphasort);
    int rc = 0;
    for (int i = 0; i < count; i++) {
        if (rc == 0 && *shown < FACES_SHOWN &&
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path) {
            rc = report_picture(report, path, "", 2, NULL, err);
            ++*shown;
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int print_samples(struct report *report, int *shown, struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_sample_files", report->job, &q, err);
    while (rc == 0 && *shown < FACES_SHOWN && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (strcmp(statement_text(q, 1), "png-folder") == 0)
            rc = print_folder(report, statement_text(q, 0), shown, err);
        else if (strcmp(statement_text(q, 1), "tar") == 0)
            report_tar(report, statement_text(q, 0), FACES_SHOWN, shown);
        else if (strcmp(statement_text(q, 1), "mixing") == 0) {
            rc = report_picture(report, statement_text(q, 0), "styles mixed", 1, NULL, err);
            ++*shown;
        }
    }
    if (rc == 0)
        statement_reset(q);
    return rc;
}

static void print_samples_lead(struct html *html, int64_t faces, int64_t rows)
{
    html_raw(html, "<p class=\"lead\">");
    if (faces > 0) {
        html_raw(html, "The first of ");
        html_count(html, faces);
        html_raw(html, " faces that the generator drew and the store holds.");
    }
    if (rows > 0) {
        html_raw(html, faces > 0 ? " Sheets of mixed styles have " : "Mixed styles: ");
        html_count(html, rows);
        html_raw(html, rows == 1 ? " row" : " rows");
        html_raw(html, ", each with a sample in front; the first row has those whose layers the "
                       "faces below them took.");
    }
    html_raw(html, "</p>\n<div class=\"faces\">");
}

int section_samples(struct report *report, struct error *err)
{
    struct statement *q;
    int64_t faces = 0, rows = 0;
    int shown = 0;
    int rc = report_query(report, "report_sample_count", report->job, &q, err);
    if (rc == 0 && (rc = statement_step(q, err)) > 0) {
        faces = statement_int(q, 0);
        rows = statement_int(q, 1);
        statement_reset(q);
        rc = 0;
    }
    if (rc != 0 || faces + rows == 0)
        return rc;
    struct html *html = &report->html;
    report_open(html, "faces", "Faces", NULL);
    print_samples_lead(html, faces, rows);
    rc = print_samples(report, &shown, err);
    html_raw(html, "</div>\n");
    if (shown == 0)
        html_raw(html, "<p class=\"gone\">None of them is in the store.</p>\n");
    report_close(html);
    return rc;
}

/* ---- sheets ---- */

/* The stage whose sheets are printed, and the distances of its columns. */
struct sheets {
    int64_t stage;
    int stages; /* how many there were so far */
    int steps, photos; /* photos: 1 where they stand in front of the steps */
    double distances[64];
    struct figure identity[64];
    char first[512]; /* what the first column is, in words, where it is no step; else "" */
};

static int read_steps(struct report *report, int64_t stage, struct sheets *sheets,
                      struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_steps", stage, &q, err);
    sheets->stage = stage;
    sheets->stages++;
    sheets->steps = 0;
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        rc = 0;
        if (sheets->steps < 64)
            sheets->distances[sheets->steps++] = statement_real(q, 0);
    }
    sheets->first[0] = '\0';
    if (rc == 0)
        rc = report_query(report, "report_first_column", stage, &q, err);
    if (rc == 0 && (rc = statement_step(q, err)) > 0) {
        snprintf(sheets->first, sizeof sheets->first, "%s", statement_text(q, 0));
        statement_reset(q);
        rc = 0;
    }
    return rc;
}

/* The mean identity of the sheet's columns, where the bundle has a network for it. */
static int read_identity(struct report *report, struct sheets *sheets, int64_t target,
                         int projected, struct error *err)
{
    struct statement *q;
    int step = 0, rc = report_query(report, "report_step_identity", sheets->stage, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 2, target);
    statement_bind_int(q, 3, projected);
    while ((rc = statement_step(q, err)) > 0)
        if (step < sheets->steps)
            sheets->identity[step++] = report_figure(q, 0);
    return rc;
}

/* The columns' distances, and under them what identity is left. */
static void print_steps(struct html *html, const struct sheets *sheets)
{
    html_print(html, "<ol class=\"steps\" style=\"--steps:%d\">", sheets->steps + sheets->photos);
    if (sheets->photos)
        html_raw(html, "<li>photo</li>");
    for (int i = 0; i < sheets->steps; i++) {
        html_raw(html, "<li>");
        if (sheets->distances[i] == 0)
            html_raw(html, "0");
        else
            html_print(html, "%s%g", sheets->distances[i] < 0 ? "−" : "+",
                       sheets->distances[i] < 0 ? -sheets->distances[i] : sheets->distances[i]);
        if (sheets->identity[i].known)
            html_print(html, "<small>%.2f</small>", sheets->identity[i].value);
        html_raw(html, "</li>");
    }
    html_raw(html, "</ol>");
}

/* Where a sheet is copied to below OUTPUT/sheets/: its own name, under the stage's where there are
 * several. */
static void copy_name(const struct sheets *sheets, const char *stage, const char *path, char *name,
                      size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    if (sheets->stages > 1)
        snprintf(name, size, "%s/%s", stage, file);
    else
        snprintf(name, size, "%s", file);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-.+/", *c))
            *c = '_';
    if (name[0] == '.')
        name[0] = '_';
}

/* One sheet of a row; columns path, gain, leak begin at `column`. */
static int print_sheet(struct report *report, struct statement *q, int column,
                       struct sheets *sheets, struct error *err)
{
    char copy[512], alt[256], name[128];
    int projected = column > 3;
    struct html *html = &report->html;
    if (statement_is_null(q, column))
        return 0;
    copy_name(sheets, statement_text(q, 1), statement_text(q, column), copy, sizeof copy);
    report_name(statement_text(q, 2), name, sizeof name);
    snprintf(alt, sizeof alt, "Faces edited along %s%s", name, projected ? ", projected" : "");
    html_print(html, "<figure class=\"sheet p%d\">", projected);
    int rc = report_picture(report, statement_text(q, column), alt, 0, copy, err);
    if (rc == 0)
        rc = read_identity(report, sheets, statement_int(q, 11), projected, err);
    print_steps(html, sheets);
    html_print(html, "<figcaption><b>%s</b> gain ", projected ? "projected" : "plain");
    report_print(html, report_figure(q, column + 1), 2);
    html_raw(html, ", leak ");
    report_print(html, report_figure(q, column + 2), 2);
    if (sheets->steps && sheets->identity[0].known)
        html_raw(html, "; below the distances, the mean cosine to the face’s own identity");
    if (statement_text(q, projected ? 10 : 9)[0])
        html_print(html, "<br>%s", statement_text(q, projected ? 10 : 9));
    if (sheets->first[0])
        html_print(html, "<br>first column: %s", sheets->first);
    html_raw(html, "</figcaption></figure>\n");
    return rc;
}

static void open_sheets(struct report *report, const char *stage)
{
    struct html *html = &report->html;
    report_open(html, "edits", "Edits, left to right", NULL);
    html_raw(html, "<p class=\"lead\">Each row is one face, moved along a boundary’s normal by what "
                   "stands below it: by so much (0 is the face as sampled), or where a caption says "
                   "so, each its own way to a score, a logit or an age. 0 of a photo is what the "
                   "generator makes of its latent.");
    report_conditions(report, stage);
    html_raw(html,
             " <b>Gain</b> is the share of a unit step that still goes where it was meant to; "
             "<b>leak</b> is the largest share that goes along a condition.</p>\n");
}

int section_sheets(struct report *report, struct error *err)
{
    struct statement *q;
    struct sheets sheets = {0};
    int any = 0;
    int rc = report_query(report, "report_sheets", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        char name[128];
        rc = 0;
        if (statement_int(q, 0) != sheets.stage)
            rc = read_steps(report, statement_int(q, 0), &sheets, err);
        sheets.photos = statement_int(q, 12) != 0;
        if (!any++)
            open_sheets(report, statement_text(q, 1));
        report_name(statement_text(q, 2), name, sizeof name);
        html_print(&report->html, "<article class=\"edit\"><h3>%s</h3><div class=\"pair\">", name);
        if (rc == 0)
            rc = print_sheet(report, q, 3, &sheets, err);
        if (rc == 0)
            rc = print_sheet(report, q, 6, &sheets, err);
        html_raw(&report->html, "</div></article>\n");
    }
    if (any)
        report_close(&report->html);
    return rc;
}
