/* Heat maps as inline SVG. */
#ifndef CLI_REPORT_CHARTS_MATRIX_H
#define CLI_REPORT_CHARTS_MATRIX_H

#include <stddef.h>

#include "cli/report/html.h"

struct chart_matrix {
    const char *title; /* for those who do not see it */
    size_t rows, columns;
    const char *const *row_names, *const *column_names;
    const double *values; /* [rows][columns]; NAN: no cell */
    double most;          /* this size, or more, is the full colour */
};

/* Cells from −most (class s2) over white to +most (class s1), each with its value as a tooltip. */
void chart_matrix(struct html *html, const struct chart_matrix *matrix);

#endif
