/* How far the edited faces' distribution lies from the sampled faces', in the classifier's logits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report_priv.h"
#include "common/distances.h"

#define FACES_MOST 2000 /* the kernel distance takes their square */
#define SLICES 128

/* Logits of one variant of the first faces, in standard deviations of the logits before. */
struct features {
    size_t faces, width;
    double *rows[3]; /* by variant; the second and third of an edit that is not there are NULL */
};

static int read_rows(struct report *report, int64_t bundle, struct features *f, size_t variants,
                     struct error *err)
{
    struct statement *q;
    int rc = database_made(report->db, "measure_make_rows", bundle, 0, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, report->evaluate);
    statement_bind_int(q, 2, FACES_MOST);
    while ((rc = statement_step(q, err)) > 0) {
        size_t face = (size_t)statement_int(q, 0), variant = (size_t)statement_int(q, 1);
        if (variant >= variants || face >= FACES_MOST)
            continue;
        f->faces = face + 1 > f->faces ? face + 1 : f->faces;
        for (size_t k = 0; k < f->width; k++)
            f->rows[variant][face * f->width + k] = statement_real(q, (int)k + 4);
    }
    return rc;
}

static void standardise(struct features *f, size_t variants)
{
    for (size_t k = 0; k < f->width; k++) {
        double sum = 0, squares = 0, n = (double)f->faces;
        for (size_t i = 0; i < f->faces; i++) {
            sum += f->rows[0][i * f->width + k];
            squares += f->rows[0][i * f->width + k] * f->rows[0][i * f->width + k];
        }
        double mean = sum / n, sd = sqrt(fmax(squares / n - mean * mean, 0));
        for (size_t v = 0; v < variants; v++)
            for (size_t i = 0; i < f->faces; i++)
                f->rows[v][i * f->width + k] =
                    sd > 0 ? (f->rows[v][i * f->width + k] - mean) / sd : 0;
    }
}

static int print_row(struct report *report, const struct features *f, size_t variant,
                     struct error *err)
{
    double frechet = 0, unbiased = 0, sliced = 0;
    const double *a = f->rows[0], *b = f->rows[variant];
    int rc = distances_frechet(a, b, f->faces, f->width, &frechet, err);
    if (rc == 0)
        rc = distances_frechet_unbiased(a, b, f->faces, f->width, &unbiased, err);
    if (rc == 0)
        rc = distances_sliced(a, b, f->faces, f->width, SLICES, 1, &sliced, err);
    if (rc < 0)
        return rc;
    html_print(&report->html,
               "<tr><th>%s</th><td>%.2f</td><td>%.2f</td><td>%.3f</td><td>%.3f</td></tr>\n",
               variant == 1 ? "plain" : "projected", frechet, unbiased,
               distances_kernel(a, b, f->faces, f->width), sliced);
    return 0;
}

static int print_table(struct report *report, const struct features *f, size_t variants,
                       struct error *err)
{
    struct html *html = &report->html;
    html_raw(html,
             "<h3>How far the faces as a whole moved</h3>\n<p class=\"lead\">Distances between the "
             "first ");
    html_count(html, (long long)f->faces);
    html_print(
        html,
        " faces before and after, in the space of the <b>classifier’s %zu logits</b>, each in "
        "its standard deviations before. These are no Inception features: they do not compare "
        "with FID or KID of other papers, only with each other.</p>\n"
        "<div class=\"scroll\"><table class=\"distances\"><thead><tr><th>edit</th>"
        "<th>Fréchet distance</th><th>extrapolated to all faces</th><th>kernel distance (MMD²)</th>"
        "<th>sliced Wasserstein-1, %d slices</th></tr></thead><tbody>\n",
        f->width, SLICES);
    int rc = 0;
    for (size_t v = 1; rc == 0 && v < variants; v++)
        rc = print_row(report, f, v, err);
    html_raw(html, "</tbody></table></div>\n");
    return rc;
}

int report_distances(struct report *report, struct error *err)
{
    struct statement *q;
    struct features f = {.width = report->matrices.logits.count};
    size_t variants = (size_t)report->headline.shifts_count + 1;
    int rc = report_query(report, "report_job", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0 || f.width == 0 || variants > 3)
        return rc < 0 ? rc : 0;
    int64_t bundle = statement_int(q, 7);
    statement_reset(q);
    rc = 0;
    for (size_t v = 0; rc == 0 && v < variants; v++)
        if (!(f.rows[v] = calloc(FACES_MOST * f.width, sizeof(double))))
            rc = error_set(err, E_MEMORY, "out of memory");
    if (rc == 0)
        rc = read_rows(report, bundle, &f, variants, err);
    if (rc == 0 && f.faces >= 8) {
        standardise(&f, variants);
        rc = print_table(report, &f, variants, err);
    }
    for (size_t v = 0; v < variants; v++)
        free(f.rows[v]);
    return rc;
}
