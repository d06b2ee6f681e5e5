/* A cell is a rectangle whose opacity says its size; colours come from the page's CSS. */
#include "cli/report/charts_matrix.h"

#include <math.h>
#include <string.h>

#include "cli/report/report_priv.h"

#define CELL 14.0
#define LETTER 5.6 /* of a label, on average, and a little more */
#define LABELS_MOST 132.0
#define LARGEST 1.7 /* of a few cells: no larger than so many pixels a unit */
#define FAINT 0.03  /* of `most`: not drawn */

static void print_label(struct html *html, const char *attribute, double x, double y, int upright)
{
    char name[96];
    report_name(attribute, name, sizeof name);
    if (upright)
        html_print(html, "<text transform=\"translate(%.1f %.1f) rotate(-90)\">%s</text>", x, y,
                   name);
    else
        html_print(html, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>", x, y, name);
}

/* Room for the longest of the names. */
static double room_for(const char *const *names, size_t count)
{
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    return fmin(LETTER * (double)longest + 12, LABELS_MOST);
}

struct corner { /* of the first cell */
    double x, y;
};

static void print_square(struct html *html, const struct chart_matrix *m, struct corner at,
                         size_t row, size_t column)
{
    char names[2][96];
    double value = m->values[row * m->columns + column];
    double share = fmin(fabs(value) / m->most, 1);
    if (isnan(value) || share < FAINT)
        return;
    report_name(m->row_names[row], names[0], sizeof names[0]);
    report_name(m->column_names[column], names[1], sizeof names[1]);
    html_print(html, "<rect class=\"s%d\" x=\"%g\" y=\"%g\" fill-opacity=\"%.2f\">",
               value < 0 ? 2 : 1, at.x + CELL * (double)column, at.y + CELL * (double)row, share);
    html_print(html, "<title>%s, %s: %s%.2f</title></rect>", names[0], names[1],
               value < 0 ? "−" : "+", fabs(value));
}

void chart_matrix(struct html *html, const struct chart_matrix *m)
{
    const struct corner at = {room_for(m->row_names, m->rows),
                              room_for(m->column_names, m->columns)};
    double width = at.x + CELL * (double)m->columns + 2;
    double height = at.y + CELL * (double)m->rows + 2;
    html_print(html, "<svg class=\"matrix\" viewBox=\"0 0 %g %g\" style=\"max-width:%gpx\" ", width,
               height, LARGEST * width);
    html_print(html, "role=\"img\" aria-label=\"%s\">", m->title);
    html_print(html, "<rect class=\"track\" x=\"%g\" y=\"%g\" style=\"width:%gpx;height:%gpx\"/>",
               at.x, at.y, CELL * (double)m->columns, CELL * (double)m->rows);
    for (size_t i = 0; i < m->rows; i++)
        print_label(html, m->row_names[i], at.x - 5, at.y + CELL * ((double)i + 0.75), 0);
    for (size_t k = 0; k < m->columns; k++)
        print_label(html, m->column_names[k], at.x + CELL * ((double)k + 0.75), at.y - 5, 1);
    for (size_t i = 0; i < m->rows; i++)
        for (size_t k = 0; k < m->columns; k++)
            print_square(html, m, at, i, k);
    html_raw(html, "</svg>");
}
