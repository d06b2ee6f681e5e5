/* Cosines of the boundaries, correlations of labels and logits, drift. */
#include <math.h>

#include "cli/report/charts_matrix.h"
#include "cli/report/report_priv.h"

static void print_square(struct html *html, const struct matrices_square *square, const char *title,
                         const char *caption)
{
    if (square->count == 0 || !square->values)
        return;
    html_raw(html, "<figure>");
    chart_matrix(html, &(struct chart_matrix){.title = title,
                                              .rows = square->count,
                                              .columns = square->count,
                                              .row_names = (const char *const *)square->names,
                                              .column_names = (const char *const *)square->names,
                                              .values = square->values,
                                              .most = 1});
    html_print(html,
               "<figcaption><b>%s.</b> %s <span class=\"nowrap\"><i class=\"key s1\"></i>+1</span> "
               "<span class=\"nowrap\"><i class=\"key s2\"></i>−1</span></figcaption></figure>\n",
               title, caption);
}

static void print_drift(struct html *html, const struct matrices_drift *drift, const char *among)
{
    char name[96];
    if (drift->groups < 2 || drift->z == 0)
        return;
    report_name(drift->attribute, name, sizeof name);
    html_print(
        html,
        " Among %zu %s the mean logit that is furthest from all faces’ is %s’s of <b>%s</b>, ",
        drift->groups, among, drift->group, name);
    html_print(html, "%s%.1f standard errors off%s.", drift->z < 0 ? "−" : "+", fabs(drift->z),
               fabs(drift->z) > MATRICES_DRIFT ? ", which is too far for chance" : "");
}

/* The stage cut into tenths, and by who labelled it. */
static void print_groups(struct html *html, const struct matrices *m)
{
    if (m->group_count == 0)
        return;
    html_raw(html,
             "<h3>Do the labels drift?</h3>\n<p class=\"lead\">Each part of the stage and each "
             "worker against all faces: the attribute whose mean logit is furthest off, in its "
             "standard deviations, with an interval that holds with 95 % for all attributes at "
             "once. One group in twenty lies off 0 by chance.</p>\n<div class=\"scroll\"><table "
             "class=\"drift\"><thead><tr><th>group</th><th>faces</th><th>furthest off</th>"
             "<th class=\"rule\">difference</th><th>95 %, simultaneous</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < m->group_count; i++) {
        const struct matrices_group *g = &m->groups[i];
        char name[96], value[64];
        report_name(g->attribute, name, sizeof name);
        html_print(html, "<tr><th>%s%s</th><td>", g->worker ? "worker " : "", g->name);
        html_count(html, (long long)g->faces);
        html_print(html, "</td><td>%s</td>", name);
        snprintf(value, sizeof value, "<td class=\"rule\" data-v=\"%.15g\">", g->difference);
        html_raw(html, value);
        report_signed(html, (struct figure){true, g->difference}, 3);
        html_raw(html, "</td><td>");
        report_signed(html, (struct figure){true, g->low}, 3);
        html_raw(html, " to ");
        report_signed(html, (struct figure){true, g->high}, 3);
        html_raw(html, "</td></tr>\n");
    }
    html_raw(html, "</tbody></table></div>\n");
}

int section_matrices(struct report *report, struct error *err)
{
    struct html *html = &report->html;
    const struct matrices *m = &report->matrices;
    (void)err;
    if (m->cosine.count == 0 && m->faces == 0)
        return 0;
    report_open(html, "matrices", "What goes with what", NULL);
    html_raw(html,
             "<p class=\"lead\">Boundaries that are not at right angles take each other along; "
             "so do attributes that go together among the faces.");
    if (m->faces) {
        html_raw(html, " Correlations are over ");
        html_count(html, m->faces);
        html_raw(html, " labelled faces.");
    }
    print_drift(html, &m->parts, "parts of the labels");
    print_drift(html, &m->workers, "workers");
    html_raw(html, "</p>\n<div class=\"plots matrices\">\n");
    print_square(html, &m->cosine, "Boundary cosines", "Of the unit normals.");
    if (m->faces) {
        print_square(html, &m->labels, "Label correlations", "φ of having both.");
        print_square(html, &m->logits, "Logit correlations", "Pearson’s r.");
    }
    html_raw(html, "</div>\n");
    print_groups(html, m);
    report_close(html);
    return 0;
}
