/* How labellers agree with what is known of photographs. */
#include "cli/report/table.h"

static int print_means(struct report *report, struct error *err)
{
    struct statement *q;
    struct html *html = &report->html;
    int rc = report_query(report, "report_classifier_means", report->job, &q, err);
    while (rc == 0 && (rc = statement_step(q, err)) > 0) {
        html_print(html, "<p>%s, %s, mean of %lld attributes: accuracy <b>", statement_text(q, 0),
                   statement_text(q, 1), (long long)statement_int(q, 2));
        report_print(html, report_figure(q, 3), 3);
        html_raw(html, "</b>, base rate ");
        report_print(html, report_figure(q, 4), 3);
        html_raw(html, ", balanced accuracy ");
        report_print(html, report_figure(q, 5), 3);
        html_raw(html, ", F1 ");
        report_print(html, report_figure(q, 6), 3);
        html_raw(html, ", AUC ");
        report_print(html, report_figure(q, 7), 3);
        html_raw(html, ".</p>\n");
        rc = 0;
    }
    return rc;
}

int section_classifier(struct report *report, struct error *err)
{
    static const struct table_column columns[] = {
        {"attribute", TABLE_NAME, 0, NULL},
        {"stage", TABLE_TEXT, 0, NULL},
        {"part", TABLE_TEXT, 0, NULL},
        {"photos", TABLE_COUNT, 0, NULL},
        {"have it", TABLE_SHARE, 1, NULL},
        {"training accuracy", TABLE_NUMBER, 3, "rule"},
        {"accuracy", TABLE_NUMBER, 3, NULL},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"base rate", TABLE_NUMBER, 3, NULL},
        {"balanced accuracy", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"precision", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"recall", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"F1", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"AUC", TABLE_NUMBER, 3, "rule"},
        {"95 %", TABLE_RANGE, 3, NULL},
        {"squared error", TABLE_NUMBER, 4, "rule"},
        {"calibration error", TABLE_NUMBER, 4, NULL},
    };
    struct statement *q;
    int64_t count = 0;
    int rc = report_query(report, "report_classifier_count", report->job, &q, err);
    if (rc == 0)
        rc = statement_run_int(q, &count, err);
    if (rc < 0 || count == 0)
        return rc;
    report_open(
        &report->html, "classifier", "The classifier on photographs",
        "How the labellers agree with what is known of photographs: of the test part where the "
        "photos have parts, else of all. Accuracy, precision and recall have Wilson’s 95 % "
        "intervals, the others those of a bootstrap over the photos. The base rate is what always "
        "answering with the majority scores. The squared error is that of the "
        "probabilities (Brier’s score), the calibration error their mean distance from the share "
        "that has the attribute, over ten bins.");
    rc = print_means(report, err);
    if (rc == 0)
        rc = table_query(report, "report_classifier", report->job, "classifier", columns,
                         sizeof columns / sizeof *columns, NULL, err);
    report_close(&report->html);
    return rc;
}
