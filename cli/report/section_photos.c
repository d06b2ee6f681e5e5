/* Photos: what the labellers say of them, how well the generator gives them back where they were
 * encoded, and which could not be read. */
#include "cli/report/table.h"

static int print_pairs(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    int any = 0, rc = report_query(report, "report_pairs", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        char alt[256];
        snprintf(alt, sizeof alt, "%.200s and what the generator makes of its latent",
                 statement_text(q, 1));
        if (!any++)
            html_raw(html, "<div class=\"pairs\">\n");
        html_raw(html, "<figure>");
        rc = report_picture(report, statement_text(q, 0), alt, 2, NULL, err);
        html_print(html, "<figcaption>%s", statement_text(q, 1));
        if (!statement_is_null(q, 2)) {
            html_raw(html, "<br>error ");
            report_print(html, report_figure(q, 2), 1);
        }
        if (!statement_is_null(q, 3)) {
            html_raw(html, ", identity ");
            report_print(html, report_figure(q, 3), 2);
        }
        html_raw(html, "</figcaption></figure>\n");
    }
    if (any)
        html_raw(html, "</div>\n");
    return rc;
}

int section_photos(struct report *report, struct error *err)
{
    static const struct table_column stages[] = {
        {"stage", TABLE_TEXT, 0, NULL},
        {"photos", TABLE_COUNT, 0, NULL},
        {"not read", TABLE_COUNT, 0, NULL},
        {"error of pixels, of 255", TABLE_NUMBER, 1, "rule"},
        {"worst", TABLE_NUMBER, 1, NULL},
        {"PSNR, dB", TABLE_NUMBER, 1, NULL},
        {"identity kept", TABLE_NUMBER, 3, "rule"},
        {"worst", TABLE_NUMBER, 3, NULL},
        {"age of photos", TABLE_NUMBER, 1, "rule"},
        {"mean |change| of age", TABLE_NUMBER, 1, NULL},
    };
    static const struct table_column scores[] = {
        {"attribute", TABLE_NAME, 0, NULL},
        {"stage", TABLE_TEXT, 0, NULL},
        {"photos", TABLE_COUNT, 0, NULL},
        {"have it", TABLE_SHARE, 1, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"reconstructed", TABLE_SHARE, 1, "rule"},
        {"change of score, std. dev.", TABLE_SIGNED, 2, NULL},
        {"changed sides", TABLE_SHARE, 1, NULL},
    };
    static const struct table_column unread[] = {
        {"photo", TABLE_TEXT, 0, NULL},
        {"stage", TABLE_TEXT, 0, NULL},
        {"why it was not read", TABLE_TEXT, 0, NULL},
    };
    struct statement *q;
    int64_t count = 0, encoded = 0;
    int rc = report_query(report, "report_photo_count", report->job, &q, err);
    if (rc == 0)
        rc = statement_run_int(q, &count, err);
    if (rc < 0 || count == 0)
        return rc;
    rc = report_query(report, "report_photo_encoded", report->job, &q, err);
    if (rc == 0)
        rc = statement_run_int(q, &encoded, err);
    if (rc < 0)
        return rc;
    report_open(&report->html, "photos", "Photos",
                encoded
                    ? "What the encoder and the generator together give back of photographs: an "
                      "edit of a photo can be no better than this. The error is the root mean "
                      "square over pixels of reconstruction less photo, both at the generator’s "
                      "size."
                    : "What the labellers say of photographs: who has what, with Wilson’s 95 % "
                      "interval, and which photos could not be read.");
    rc = table_query(report, "report_photo_stages", report->job, "photos", stages,
                     sizeof stages / sizeof *stages, NULL, err);
    if (rc == 0)
        rc = print_pairs(report, err);
    if (rc == 0)
        rc = table_query(report, "report_photo_scores", report->job, "photo-scores", scores,
                         sizeof scores / sizeof *scores, NULL, err);
    if (rc == 0)
        rc = table_query(report, "report_photos_unread", report->job, "unread", unread,
                         sizeof unread / sizeof *unread, NULL, err);
    report_close(&report->html);
    return rc;
}
