/*
 * How far the edited faces' distribution lies from the sampled faces': in the features of the
 * network that the stage measured with, where there is one, else in the classifier's logits.
 * Computed once, for the page and for report.json.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report_priv.h"
#include "common/distances.h"

#define FACES_MOST 2000 /* the kernel distance takes their square */
#define SLICES 128
#define VARIANTS 3 /* as sampled, edited, edited and projected */

/* Rows of the first faces, [faces][width] by variant; those of an edit that is not there are NULL.
 */
struct features {
    size_t faces, width, variants;
    double *rows[VARIANTS];
};

static int open_features(struct features *f, size_t width, struct error *err)
{
    f->width = width;
    for (size_t v = 0; v < f->variants; v++)
        if (!(f->rows[v] = calloc(FACES_MOST * width, sizeof(double))))
            return error_set(err, E_MEMORY, "no memory for features of %zu numbers", width);
    return 0;
}

static void close_features(struct features *f)
{
    for (size_t v = 0; v < VARIANTS; v++)
        free(f->rows[v]);
}

/* ---- a network's features ---- */

/* Rows come by face and variant; a face that lacks a variant is the last. */
static int read_features(struct report *report, int64_t stage, struct features *f,
                         struct error *err)
{
    struct statement *q;
    size_t counts[VARIANTS] = {0}, size;
    int rc = report_query(report, "report_features", stage, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        size_t variant = (size_t)statement_int(q, 1);
        const uint8_t *feature = statement_blob(q, 2, &size);
        rc = 0;
        if (variant >= f->variants || counts[variant] == FACES_MOST)
            continue;
        if (size != f->width * sizeof(float))
            return error_set(err, E_DATABASE, "a feature of %zu bytes, expected %zu floats", size,
                             f->width);
        double *to = f->rows[variant] + counts[variant]++ * f->width;
        for (size_t k = 0; k < f->width; k++) {
            float value;
            memcpy(&value, feature + k * sizeof value, sizeof value);
            to[k] = (double)value;
        }
    }
    f->faces = counts[0];
    for (size_t v = 1; v < f->variants; v++)
        f->faces = counts[v] < f->faces ? counts[v] : f->faces;
    return rc;
}

/* ---- the classifier's logits ---- */

static int read_logits(struct report *report, int64_t bundle, int64_t stage, struct features *f,
                       struct error *err)
{
    struct statement *q;
    size_t counts[VARIANTS] = {0};
    int rc = database_made(report->db, "measure_make_rows", bundle, 0, &q, err);
    if (rc < 0)
        return rc;
    statement_bind_int(q, 1, stage);
    statement_bind_int(q, 2, FACES_MOST);
    while ((rc = statement_step(q, err)) > 0) {
        size_t variant = (size_t)statement_int(q, 1);
        if (variant >= f->variants || counts[variant] == FACES_MOST)
            continue;
        double *to = f->rows[variant] + counts[variant]++ * f->width;
        for (size_t k = 0; k < f->width; k++)
            to[k] = statement_real(q, (int)k + 4);
    }
    f->faces = counts[0];
    return rc;
}

/* In standard deviations of the logits before. */
static void standardise(struct features *f)
{
    for (size_t k = 0; k < f->width; k++) {
        double sum = 0, squares = 0, n = (double)f->faces;
        for (size_t i = 0; i < f->faces; i++) {
            sum += f->rows[0][i * f->width + k];
            squares += f->rows[0][i * f->width + k] * f->rows[0][i * f->width + k];
        }
        double mean = sum / n, sd = sqrt(fmax(squares / n - mean * mean, 0));
        for (size_t v = 0; v < f->variants; v++)
            for (size_t i = 0; i < f->faces; i++)
                f->rows[v][i * f->width + k] =
                    sd > 0 ? (f->rows[v][i * f->width + k] - mean) / sd : 0;
    }
}

/* ---- distances ---- */

static int measure(struct report *report, const struct features *f, const char *stage,
                   const char *network, struct error *err)
{
    int rc = 0;
    if (f->faces < 8)
        return 0;
    for (size_t v = 1; rc == 0 && v < f->variants; v++) {
        struct report_distance *all =
            realloc(report->distances, (report->distances_count + 1) * sizeof *all);
        if (!all)
            return error_set(err, E_MEMORY, "out of memory");
        report->distances = all;
        struct report_distance *d = &all[report->distances_count++];
        const double *a = f->rows[0], *b = f->rows[v];
        *d = (struct report_distance){.projected = v == 2, .faces = f->faces, .width = f->width};
        snprintf(d->stage, sizeof d->stage, "%s", stage);
        snprintf(d->network, sizeof d->network, "%s", network);
        rc = distances_frechet(a, b, f->faces, f->width, &d->frechet, err);
        if (rc == 0)
            rc = distances_frechet_unbiased(a, b, f->faces, f->width, &d->unbiased, err);
        if (rc == 0)
            rc = distances_sliced(a, b, f->faces, f->width, SLICES, 1, &d->sliced, err);
        d->kernel = distances_kernel(a, b, f->faces, f->width);
    }
    return rc;
}

struct feature_stage {
    int64_t id;
    char name[LIMIT_NAME_BYTES + 1], network[LIMIT_NAME_BYTES + 1];
    size_t width, variants;
};

static int by_network(struct report *report, const struct feature_stage *stage, struct error *err)
{
    struct features f = {.variants = stage->variants < VARIANTS ? stage->variants : VARIANTS};
    int rc = open_features(&f, stage->width, err);
    if (rc == 0)
        rc = read_features(report, stage->id, &f, err);
    if (rc == 0)
        rc = measure(report, &f, stage->name, stage->network, err);
    close_features(&f);
    return rc;
}

/* The job's evaluations with features; at most LIMIT_STAGES. */
static int list_stages(struct report *report, struct feature_stage *stages, size_t *count,
                       struct error *err)
{
    struct statement *q;
    int rc = report_query(report, "report_feature_stages", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        struct feature_stage *stage = &stages[*count];
        rc = 0;
        if (*count == LIMIT_STAGES)
            continue;
        ++*count;
        stage->id = statement_int(q, 0);
        snprintf(stage->name, sizeof stage->name, "%s", statement_text(q, 1));
        snprintf(stage->network, sizeof stage->network, "%s", statement_text(q, 2));
        stage->width = (size_t)statement_int(q, 3);
        stage->variants = (size_t)statement_int(q, 4);
    }
    return rc;
}

/* Of the first evaluation, where there are no features. */
static int by_logits(struct report *report, struct error *err)
{
    struct statement *q;
    struct features f = {.variants = (size_t)report->headline.shifts_count + 1};
    char name[LIMIT_NAME_BYTES + 1];
    int rc = report_query(report, "report_logit_stage", report->job, &q, err);
    if (rc == 0)
        rc = statement_step(q, err);
    if (rc <= 0)
        return rc;
    int64_t stage = statement_int(q, 0), bundle = statement_int(q, 2);
    snprintf(name, sizeof name, "%s", statement_text(q, 1));
    statement_reset(q);
    if (report->matrices.logits.count == 0 || f.variants < 2 || f.variants > VARIANTS)
        return 0;
    rc = open_features(&f, report->matrices.logits.count, err);
    if (rc == 0)
        rc = read_logits(report, bundle, stage, &f, err);
    if (rc == 0 && f.faces >= 8) {
        standardise(&f);
        rc = measure(report, &f, name, "", err);
    }
    close_features(&f);
    return rc;
}

int report_make_distances(struct report *report, struct error *err)
{
    struct feature_stage stages[LIMIT_STAGES];
    size_t count = 0;
    int rc = list_stages(report, stages, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = by_network(report, &stages[i], err);
    return rc < 0 || report->distances_count > 0 ? rc : by_logits(report, err);
}

/* ---- printing ---- */

static void print_lead(struct html *html, const struct report_distance *d)
{
    html_raw(html,
             "<h3>How far the faces as a whole moved</h3>\n<p class=\"lead\">Distances between "
             "the first ");
    html_count(html, (long long)d->faces);
    html_raw(html, " faces before and after, in the ");
    if (d->network[0])
        html_print(
            html,
            "%zu features of network <b>%s</b>. They compare with FID and KID of other papers "
            "only where those used the same network.",
            d->width, d->network);
    else
        html_print(html,
                   "space of the <b>classifier’s %zu logits</b>, each in its standard deviations "
                   "before: the bundle has no network for features. They do not compare with FID "
                   "or KID of other papers, only with each other.",
                   d->width);
    html_raw(html,
             " Fréchet distances (FID) grow with 1/faces; the extrapolated ones are without that "
             "growth. The kernel distance (KID) has none.</p>\n");
}

void report_distances(struct report *report)
{
    struct html *html = &report->html;
    if (report->distances_count == 0)
        return;
    print_lead(html, &report->distances[0]);
    html_print(html,
               "<div class=\"scroll\"><table class=\"distances\"><thead><tr><th>edit</th>"
               "<th>stage</th><th>network</th><th>faces</th><th>Fréchet distance</th>"
               "<th>extrapolated to all faces</th><th>kernel distance (MMD²)</th>"
               "<th>sliced Wasserstein-1, %d slices</th></tr></thead><tbody>\n",
               SLICES);
    for (size_t i = 0; i < report->distances_count; i++) {
        const struct report_distance *d = &report->distances[i];
        html_print(html, "<tr><th>%s</th><td>%s</td><td>%s</td><td>",
                   d->projected ? "projected" : "plain", d->stage,
                   d->network[0] ? d->network : "logits");
        html_count(html, (long long)d->faces);
        html_print(html, "</td><td>%.4g</td><td>%.4g</td><td>%.4g</td><td>%.4g</td></tr>\n",
                   d->frechet, d->unbiased, d->kernel, d->sliced);
    }
    html_raw(html, "</tbody></table></div>\n");
}
