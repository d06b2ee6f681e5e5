/* Photos by part and attribute, printed. No state. */
#include "worker/photo_report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/limits.h"
#include "common/photo_quality.h"
#include "common/statistics.h"

#define SCORES_MAX ((size_t)4 << 30)

/* One attribute's column, made contiguous. */
struct column {
    float *scores;
    signed char *truth; /* 0: not known, or of another part */
};

static void fill(const struct photo_report *report, uint32_t attribute, enum truth_group group,
                 struct column *column)
{
    size_t columns = bundle_score_columns(report->bundle);
    int known =
        report->truth ? truth_attribute(report->truth, report->bundle->attributes[attribute]) : -1;
    for (size_t i = 0; i < report->photos; i++) {
        int64_t row = known >= 0 ? truth_find(report->truth, report->names[i]) : -1;
        column->scores[i] = report->scores[i * columns + attribute];
        column->truth[i] = row < 0 ? 0 : truth_value_in(report->truth, row, known, group);
    }
}

static int judge(const struct photo_report *report, uint32_t attribute, enum truth_group group,
                 struct column *column, struct photo_quality *quality, struct error *err)
{
    fill(report, attribute, group, column);
    return photo_quality(column->scores, column->truth, NULL, report->photos,
                         report->bundle->scores[attribute].threshold, quality, err);
}

static size_t count_positives(const struct photo_report *report, uint32_t attribute)
{
    size_t columns = bundle_score_columns(report->bundle), positives = 0;
    for (size_t i = 0; i < report->photos; i++)
        positives += report->scores[i * columns + attribute] > 0;
    return positives;
}

/* ---- JSON ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* NAME_low and NAME_high. */
static void add_interval(json_t *object, const char *name, struct quality_interval interval)
{
    char key[32];
    snprintf(key, sizeof key, "%s_low", name);
    json_object_set_new(object, key, number(interval.low));
    snprintf(key, sizeof key, "%s_high", name);
    json_object_set_new(object, key, number(interval.high));
}

static json_t *quality_json(const struct photo_quality *q,
                            const struct photo_quality_intervals *intervals)
{
    json_t *bins = json_array();
    for (int i = 0; i < PHOTO_QUALITY_BINS; i++)
        json_array_append_new(
            bins, json_pack("{s:I,s:o,s:o}", "photos", (json_int_t)q->bins[i].photos, "probability",
                            number(q->bins[i].probability), "share", number(q->bins[i].share)));
    json_t *quality = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "photos",
        (json_int_t)q->photos, "positives", (json_int_t)q->positives, "true_positives",
        (json_int_t)q->counts.true_positives, "false_positives",
        (json_int_t)q->counts.false_positives, "true_negatives",
        (json_int_t)q->counts.true_negatives, "false_negatives",
        (json_int_t)q->counts.false_negatives, "accuracy", number(q->accuracy), "accuracy_low",
        number(q->accuracy_low), "accuracy_high", number(q->accuracy_high), "base_rate",
        number(q->base_rate), "balanced_accuracy", number(q->balanced_accuracy), "precision",
        number(q->precision), "recall", number(q->recall), "f1", number(q->f1), "mcc",
        number(q->mcc), "auc", number(q->auc), "squared_error", number(q->squared_error),
        "calibration_error", number(q->calibration_error), "reliability", bins);
    add_interval(quality, "balanced", intervals->balanced);
    add_interval(quality, "precision", intervals->precision);
    add_interval(quality, "recall", intervals->recall);
    add_interval(quality, "f1", intervals->f1);
    add_interval(quality, "mcc", intervals->mcc);
    add_interval(quality, "auc", intervals->auc);
    return quality;
}

static int attribute_json(const struct photo_report *report, uint32_t attribute,
                          struct column *column, json_t *list, struct error *err)
{
    size_t positives = count_positives(report, attribute);
    struct statistics_interval share = statistics_wilson(positives, report->photos);
    json_t *parts = json_object();
    int failed = 0;
    for (int group = report->parts ? TRUTH_OF_TRAIN : TRUTH_OF_ALL; !failed && group < TRUTH_GROUPS; group++) {
        struct photo_quality quality;
        failed = judge(report, attribute, (enum truth_group)group, column, &quality, err);
        struct photo_quality_intervals intervals;
        if (failed || quality.photos == 0)
            continue;
        failed = photo_quality_intervals(column->scores, column->truth, report->photos, &quality,
                                         &intervals, err);
        if (!failed)
            json_object_set_new(parts, truth_group_name((enum truth_group)group),
                                quality_json(&quality, &intervals));
    }
    json_array_append_new(
        list, json_pack("{s:s,s:I,s:I,s:o,s:o,s:o,s:o}", "attribute",
                        report->bundle->attributes[attribute], "photos", (json_int_t)report->photos,
                        "positives", (json_int_t)positives, "share",
                        number((double)positives / (double)report->photos), "share_low",
                        number(share.low), "share_high", number(share.high), "quality", parts));
    return failed;
}

static int print_json(const struct photo_report *report, struct column *column, FILE *out,
                      struct error *err)
{
    json_t *list = json_array();
    int failed = 0;
    for (uint32_t i = 0; !failed && i < report->bundle->attributes_count; i++)
        failed = attribute_json(report, i, column, list, err);
    json_t *all = json_pack("{s:s,s:I,s:I,s:o}", "bundle", report->bundle->name, "photos",
                            (json_int_t)report->photos, "unreadable",
                            (json_int_t)report->unreadable, "attributes", list);
    if (!failed && (!all || json_dumpf(all, out, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) != 0))
        failed = error_set(err, E_IO, "cannot write the report of photos");
    fputc('\n', out);
    json_decref(all);
    return failed;
}

/* ---- the table ---- */

static void cell(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "  %8.4f", value);
    else
        fprintf(out, "  %8s", "-");
}

static int print_line(const struct photo_report *report, uint32_t attribute, struct column *column,
                      struct photo_quality *test, FILE *out, struct error *err)
{
    struct photo_quality train = {0};
    int failed =
        judge(report, attribute, report->parts ? TRUTH_OF_TEST : TRUTH_OF_ALL, column, test, err);
    if (!failed && report->parts)
        failed = judge(report, attribute, TRUTH_OF_TRAIN, column, &train, err);
    if (failed)
        return failed;
    double nothing = NAN;
    fprintf(out, "%-20s", report->bundle->attributes[attribute]);
    cell(out, (double)count_positives(report, attribute) / (double)report->photos);
    fprintf(out, "  %7zu", test->photos);
    const double cells[] = {train.photos ? train.accuracy : nothing,
                            test->accuracy,
                            test->accuracy_low,
                            test->accuracy_high,
                            test->base_rate,
                            test->balanced_accuracy,
                            test->f1,
                            test->auc,
                            test->squared_error,
                            test->calibration_error};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        cell(out, i == 0 || test->photos ? cells[i] : nothing);
    fprintf(out, "\n");
    return 0;
}

static int print_table(const struct photo_report *report, struct column *column, FILE *out,
                       struct error *err)
{
    double accuracy = 0, base = 0, f1 = 0;
    size_t judged = 0, with_f1 = 0;
    fprintf(out, "%zu photos by bundle %s, %zu could not be read; quality of the %s\n",
            report->photos, report->bundle->name, report->unreadable,
            report->parts ? "test part" : "photos");
    fprintf(out, "%-20s  %8s  %7s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %8s\n", "attribute",
            "share", "judged", "train", "accuracy", "low", "high", "base", "balanced", "F1", "AUC",
            "MSE", "ECE");
    for (uint32_t i = 0; i < report->bundle->attributes_count; i++) {
        struct photo_quality test;
        int failed = print_line(report, i, column, &test, out, err);
        if (failed)
            return failed;
        judged += test.photos > 0;
        accuracy += test.photos ? test.accuracy : 0;
        base += test.photos ? test.base_rate : 0;
        with_f1 += test.photos && isfinite(test.f1);
        f1 += test.photos && isfinite(test.f1) ? test.f1 : 0;
    }
    if (judged)
        fprintf(out, "mean of %zu attributes: accuracy %.4f, base rate %.4f, F1 %.4f\n", judged,
                accuracy / (double)judged, base / (double)judged,
                with_f1 ? f1 / (double)with_f1 : NAN);
    return 0;
}

int photo_report_print(const struct photo_report *report, bool json, FILE *out, struct error *err)
{
    struct column column = {malloc(report->photos * sizeof *column.scores),
                            malloc(report->photos * sizeof *column.truth)};
    int failed = column.scores && column.truth
                     ? 0
                     : error_set(err, E_MEMORY, "no memory for %zu scores", report->photos);
    if (!failed)
        failed =
            json ? print_json(report, &column, out, err) : print_table(report, &column, out, err);
    free(column.scores);
    free(column.truth);
    return failed;
}

/* ---- scores ---- */

/* A name as CSV has it: between quotes where it holds one of its own signs, quotes doubled. */
static int print_name(struct buffer *text, const char *name, struct error *err)
{
    if (!strpbrk(name, ",\"\n\r"))
        return buffer_printf(text, err, "%s", name);
    int failed = buffer_append(text, "\"", 1, err);
    for (; !failed && *name; name++)
        failed = buffer_append(text, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1, err);
    return failed ? failed : buffer_append(text, "\"", 1, err);
}

static int print_heads(const struct photo_report *report, struct buffer *text, struct error *err)
{
    int failed = buffer_printf(text, err, "file");
    for (uint32_t i = 0; !failed && i < report->bundle->attributes_count; i++)
        failed = buffer_printf(text, err, ",%s", report->bundle->attributes[i]);
    for (uint32_t i = 0; !failed && i < report->bundle->age_estimators_count; i++)
        failed = buffer_printf(text, err, ",age_%s", report->bundle->age_estimators[i].name);
    return failed ? failed : buffer_printf(text, err, "\n");
}

int photo_report_scores(const struct photo_report *report, const char *path, struct error *err)
{
    size_t columns = bundle_score_columns(report->bundle);
    struct buffer text;
    buffer_init(&text, SCORES_MAX);
    int failed = print_heads(report, &text, err);
    for (size_t i = 0; !failed && i < report->photos; i++) {
        failed = print_name(&text, report->names[i], err);
        for (size_t c = 0; !failed && c < columns; c++)
            failed = buffer_printf(&text, err, ",%.9g", (double)report->scores[i * columns + c]);
        if (!failed)
            failed = buffer_append(&text, "\n", 1, err);
    }
    if (!failed)
        failed = buffer_write_file(path, text.data, text.size, err);
    buffer_free(&text);
    return failed;
}
