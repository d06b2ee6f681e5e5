/* Plots in a box of fixed coordinates that CSS scales. */
#include "cli/report/charts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 540.0
#define HEIGHT 300.0
#define LEFT 50.0 /* at least; wide numbers on the y axis take more, beside its title */
#define TITLE 28.0
#define DIGIT 7.0
#define RIGHT 14.0
#define TOP 14.0
#define BOTTOM 44.0

struct frame { /* what the axes show, and where they begin */
    double x0, x1, y0, y1, left;
};

static double at_x(const struct frame *f, double x)
{
    return f->left + (x - f->x0) / (f->x1 - f->x0) * (WIDTH - f->left - RIGHT);
}

static double at_y(const struct frame *f, double y)
{
    return HEIGHT - BOTTOM - (y - f->y0) / (f->y1 - f->y0) * (HEIGHT - TOP - BOTTOM);
}

/* A step of 1, 2 or 5 times a power of ten that cuts the span in at most `pieces`. */
static double nice_step(double span, int pieces)
{
    double unit = pow(10, floor(log10(span / pieces)));
    double ratio = span / pieces / unit; /* 1 … 10 */
    return unit * (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
}

/* Ranges that are not empty, and room for the longest number on the y axis. */
static void settle(struct frame *f)
{
    if (!(f->x1 > f->x0))
        f->x1 = f->x0 + 1;
    if (!(f->y1 > f->y0))
        f->y1 = f->y0 + 1;
    f->left = LEFT;
    double step = nice_step(f->y1 - f->y0, 5);
    for (double y = ceil(f->y0 / step - 1e-9) * step; y <= f->y1 + 1e-9 * step; y += step) {
        int letters = snprintf(NULL, 0, "%g", fabs(y) < step / 1e6 ? 0.0 : y);
        f->left = fmax(f->left, TITLE + DIGIT * letters);
    }
}

static void open_plot(struct html *html, const struct frame *f, const char *x_title,
                      const char *y_title)
{
    html_print(html,
               "<svg class=\"plot\" viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s by %s\">",
               WIDTH, HEIGHT, y_title, x_title);
    double step = nice_step(f->y1 - f->y0, 5);
    for (double y = ceil(f->y0 / step - 1e-9) * step; y <= f->y1 + 1e-9 * step; y += step)
        html_print(html,
                   "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>"
                   "<text class=\"end\" x=\"%g\" y=\"%.1f\">%s%g</text>",
                   f->left, WIDTH - RIGHT, at_y(f, y), at_y(f, y), f->left - 7, at_y(f, y) + 4,
                   y < -step / 1e6 ? "−" : "", fabs(y) < step / 1e6 ? 0.0 : fabs(y));
    step = nice_step(f->x1 - f->x0, 8);
    for (double x = ceil(f->x0 / step - 1e-9) * step; x <= f->x1 + 1e-9 * step; x += step)
        html_print(html, "<text class=\"mid\" x=\"%.1f\" y=\"%g\">%s%g</text>", at_x(f, x),
                   HEIGHT - BOTTOM + 17, x < -step / 1e6 ? "−" : "",
                   fabs(x) < step / 1e6 ? 0.0 : fabs(x));
    html_print(html, "<line class=\"axis\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>", f->left,
               WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    html_print(html, "<text class=\"mid title\" x=\"%g\" y=\"%g\">%s</text>",
               (f->left + WIDTH - RIGHT) / 2, HEIGHT - 6, x_title);
    html_print(html,
               "<text class=\"mid title\" transform=\"translate(12 %g) rotate(-90)\">%s</text>",
               (TOP + HEIGHT - BOTTOM) / 2, y_title);
}

static void draw_bars(struct html *html, const struct frame *f, const struct chart_series *s,
                      double bin)
{
    html_print(html, "<path class=\"area s%d\" d=\"M%.1f %.1f", s->colour, at_x(f, s->bars[0].x),
               at_y(f, f->y0));
    double end = s->bars[0].x;
    for (size_t i = 0; i < s->count; i++) {
        const struct chart_bar *bar = &s->bars[i];
        if (bar->x > end) /* empty bins between */
            html_print(html, "V%.1fH%.1f", at_y(f, f->y0), at_x(f, bar->x));
        end = bar->x + bin;
        html_print(html, "V%.1fH%.1f", at_y(f, bar->value), at_x(f, end));
    }
    html_print(html, "V%.1f\"/>", at_y(f, f->y0));
}

void chart_histogram(struct html *html, const struct chart *chart)
{
    struct frame f = {.x0 = INFINITY, .x1 = -INFINITY};
    for (int k = 0; k < CHART_SERIES_MAX; k++)
        for (size_t i = 0; chart->series[k].label && i < chart->series[k].count; i++) {
            f.x0 = fmin(f.x0, chart->series[k].bars[i].x);
            f.x1 = fmax(f.x1, chart->series[k].bars[i].x + chart->bin);
            f.y1 = fmax(f.y1, chart->series[k].bars[i].value);
        }
    if (!isfinite(f.x0))
        return;
    settle(&f);
    open_plot(html, &f, chart->x_title, chart->y_title);
    for (int k = 0; k < CHART_SERIES_MAX; k++) {
        const struct chart_series *s = &chart->series[k];
        if (!s->label || s->count == 0)
            continue;
        draw_bars(html, &f, s, chart->bin);
        if (s->mean >= f.x0 && s->mean <= f.x1)
            html_print(html,
                       "<line class=\"mean s%d\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>",
                       s->colour, at_x(&f, s->mean), at_x(&f, s->mean), TOP, HEIGHT - BOTTOM);
    }
    html_raw(html, "</svg>");
}

static void draw_line(struct html *html, const struct frame *f, const struct chart_line *line)
{
    html_print(html, "<path class=\"%s s%d\" d=\"", line->thin ? "thread" : "curve", line->colour);
    for (size_t i = 0; i < line->count; i++)
        html_print(html, "%s%.1f %.1f", i ? "L" : "M", at_x(f, line->points[i].x),
                   at_y(f, line->points[i].y));
    html_raw(html, "\"/>");
    for (size_t i = 0; line->whiskers && i < line->count; i++)
        html_print(html, "<path class=\"reach s%d\" d=\"M%.1f %.1fV%.1f\"/>", line->colour,
                   at_x(f, line->points[i].x), at_y(f, line->points[i].low),
                   at_y(f, line->points[i].high));
    for (size_t i = 0; !line->thin && i < line->count; i++)
        html_print(html, "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>", line->colour,
                   at_x(f, line->points[i].x), at_y(f, line->points[i].y));
}

void chart_lines(struct html *html, const struct chart_line *lines, size_t count,
                 const char *x_title, const char *y_title)
{
    struct frame f = {INFINITY, -INFINITY, INFINITY, -INFINITY, LEFT};
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < lines[k].count; i++) {
            f.x0 = fmin(f.x0, lines[k].points[i].x);
            f.x1 = fmax(f.x1, lines[k].points[i].x);
            f.y0 = fmin(f.y0, lines[k].points[i].y);
            f.y1 = fmax(f.y1, lines[k].points[i].y);
            if (lines[k].whiskers) {
                f.y0 = fmin(f.y0, lines[k].points[i].low);
                f.y1 = fmax(f.y1, lines[k].points[i].high);
            }
        }
    if (!isfinite(f.x0))
        return;
    settle(&f);
    double step = nice_step(f.y1 - f.y0, 5);
    f.y0 = floor(f.y0 / step + 1e-9) * step;
    f.y1 = ceil(f.y1 / step - 1e-9) * step;
    settle(&f);
    open_plot(html, &f, x_title, y_title);
    for (size_t k = 0; k < count; k++)
        draw_line(html, &f, &lines[k]);
    html_raw(html, "</svg>");
}

void chart_bar(struct html *html, double share, double low, double high, double most)
{
    double scale = 100 / most;
    html_print(
        html,
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
        "<rect class=\"track\" width=\"100\" height=\"10\"/>"
        "<rect class=\"s1\" width=\"%.2f\" height=\"10\"/>"
        "<path class=\"whisker\" d=\"M%.2f 5H%.2fM%.2f 2V8M%.2f 2V8\"/></svg>",
        share * scale, low * scale, high * scale, low * scale, high * scale);
}

void chart_diverging(struct html *html, const double *values, size_t count, double most)
{
    html_print(html,
               "<svg class=\"bar tall\" viewBox=\"-50 0 100 %g\" preserveAspectRatio=\"none\" "
               "aria-hidden=\"true\">",
               10.0 * (double)count);
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        double length = fmin(fabs(values[i]) / most, 1) * 50;
        html_print(html, "<rect class=\"s%d\" x=\"%.2f\" y=\"%g\" width=\"%.2f\" height=\"8\"/>",
                   (int)i + 1, values[i] < 0 ? -length : 0.0, 10.0 * (double)i + 1, length);
    }
    html_print(html, "<path class=\"middle\" d=\"M0 0V%g\"/></svg>", 10.0 * (double)count);
}

void chart_dot(struct html *html, double value, double base, double least)
{
    double x = (fmax(value, least) - least) / (1 - least) * 100;
    double b = (fmax(base, least) - least) / (1 - least) * 100;
    html_print(html,
               "<svg class=\"dot\" viewBox=\"-3 0 106 14\" aria-hidden=\"true\">"
               "<path class=\"rail\" d=\"M0 7H100\"/><path class=\"base\" d=\"M%.1f 1V13\"/>"
               "<circle class=\"s1\" cx=\"%.1f\" cy=\"7\" r=\"3.4\"/></svg>",
               b, x);
}
