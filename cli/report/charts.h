/* Charts as inline SVG. Colours come from the page's CSS by class: s0 (before), s1 (plain), s2
 * (projected). */
#ifndef CLI_REPORT_CHARTS_H
#define CLI_REPORT_CHARTS_H

#include <stddef.h>

#include "cli/report/html.h"

#define CHART_SERIES_MAX 3
#define CHART_BINS_MAX 128

struct chart_bar {
    double x; /* left edge */
    double value;
};

struct chart_series {
    const char *label; /* in the legend; NULL: not drawn */
    int colour;        /* of s0, s1, s2 */
    double mean;       /* a marked x */
    size_t count;
    struct chart_bar bars[CHART_BINS_MAX];
};

struct chart {
    const char *x_title, *y_title;
    double bin; /* width of a bar of a histogram */
    struct chart_series series[CHART_SERIES_MAX];
};

/* Series as outlines of bars over one another, their means as vertical lines. */
void chart_histogram(struct html *html, const struct chart *chart);

struct chart_point {
    double x, y;
    double low, high; /* of lines with whiskers */
};

struct chart_line {
    int colour;
    int thin; /* one face; else a mean, with points marked */
    int whiskers;
    size_t count;
    struct chart_point points[64];
};

/* Lines over x. */
void chart_lines(struct html *html, const struct chart_line *lines, size_t count,
                 const char *x_title, const char *y_title);

/* A horizontal bar of `share` (0…1) with a whisker from low to high, as wide as its box. */
void chart_bar(struct html *html, double share, double low, double high, double most);

/* Bars of values from a middle line, one above the other; `most` fills a half. values that are NAN
 * are left out. */
void chart_diverging(struct html *html, const double *values, size_t count, double most);

/* A dot at `value` and a tick at `base`, both between `least` and 1. */
void chart_dot(struct html *html, double value, double base, double least);

#endif
