/*
 * The networks of bundle.yaml that score faces: their outputs, what attribute is made of which columns, ages.
 * The short forms `classifier` and `age_estimators` are labellers with one output.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/bundle_priv.h"
#include "common/exact.h"
#include "common/limits.h"

#define YEARS_MOST 1000

/* ---- attributes ---- */

/* Attributes become columns: letters, digits and _ only, different even without case, and none that
 * is a name of ours. */
static int check_attribute(struct bundle_check *check, const struct bundle *bundle, const char *key,
                           const char *name)
{
    static const char *const reserved[] = {"age",    "stage_id", "stage",    "idx",  "variant",
                                           "job",    "sample",   "age_fit",  "face", "age_judge",
                                           "target", "distance", "projected"};
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return bundle_wrong(check, E_INVALID, key,
                         "attribute \"%s\": expected letters, digits and _", name);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return bundle_wrong(check, E_INVALID, key, "attribute \"%s\" is a reserved name", name);
    for (uint32_t i = 0; i < bundle->attributes_count; i++)
        if (strcasecmp(name, bundle->attributes[i]) == 0)
            return bundle_wrong(check, E_INVALID, key, "attribute \"%s\" stands twice", name);
    if (bundle->attributes_count >= LIMIT_ATTRIBUTES)
        return bundle_wrong(check, E_LIMIT, key, "attribute \"%s\" is number %d, expected at most %d",
                     name, LIMIT_ATTRIBUTES + 1, LIMIT_ATTRIBUTES);
    return 0;
}

static int find_column(const struct bundle_output *output, const char *name)
{
    for (uint32_t i = 0; i < output->columns_count; i++)
        if (strcmp(output->columns[i], name) == 0)
            return (int)i;
    return -1;
}

static bool is_softmax(enum bundle_values values)
{
    return values == BUNDLE_SOFTMAX || values == BUNDLE_SOFTMAX_LOGITS;
}

static int take_of(struct bundle_check *check, const struct raw_attribute *raw,
                   const struct bundle_output *output, struct bundle_score *score)
{
    char **names = raw->of_count ? raw->of : (char **)(uintptr_t)&raw->name;
    uint32_t count = raw->of_count ? raw->of_count : 1;
    if (!is_softmax(output->values) && count != 1)
        return bundle_wrong(check, E_INVALID, "of", "names %u columns, expected one (several only of softmax)",
                     count);
    if (is_softmax(output->values) && count >= output->columns_count)
        return bundle_wrong(check, E_INVALID, "of", "names %u of %u columns, expected fewer", count,
                     output->columns_count);
    score->of = calloc(count, sizeof *score->of);
    if (!score->of)
        return error_set(check->err, E_MEMORY, "no memory for a bundle");
    score->of_count = count;
    for (uint32_t i = 0; i < count; i++) {
        int column = find_column(output, names[i]);
        if (column < 0)
            return bundle_wrong(check, E_NOT_FOUND, raw->of_count ? "of" : "name",
                         "no column is called \"%s\"", names[i]);
        for (uint32_t k = 0; k < i; k++)
            if (score->of[k] == (uint32_t)column)
                return bundle_wrong(check, E_INVALID, "of", "\"%s\" stands twice", names[i]);
        score->of[i] = (uint32_t)column;
    }
    return 0;
}

/* A value of the output as log-odds. */
static int take_level(struct bundle_check *check, const char *key, enum bundle_values values, double raw,
                      double *level)
{
    bool odds = values == BUNDLE_PROBABILITIES || values == BUNDLE_SOFTMAX ||
                values == BUNDLE_SOFTMAX_LOGITS;
    if (odds ? !(raw > 0 && raw < 1) : !(fabs(raw) <= BUNDLE_NUMBER_MOST))
        return bundle_wrong(check, E_INVALID, key, "holds %g, expected a %s", raw,
                     odds ? "probability above 0 and below 1" : "logit");
    *level = odds ? exact_log(raw / (1 - raw)) : raw;
    return 0;
}

static int take_levels(struct bundle_check *check, const struct raw_attribute *raw,
                       enum bundle_values values, struct bundle_score *score)
{
    double sign = score->negate ? -1 : 1, low = 0, high = 0;
    int rc = raw->threshold
                 ? take_level(check, "threshold", values, *raw->threshold, &score->threshold)
                 : 0;
    if (!rc && raw->abstain)
        rc = take_level(check, "abstain", values, raw->abstain[0], &low);
    if (!rc && raw->abstain)
        rc = take_level(check, "abstain", values, raw->abstain[1], &high);
    if (!rc && raw->abstain && !(low <= score->threshold && score->threshold <= high && low < high))
        rc = bundle_wrong(check, E_INVALID, "abstain",
                   "is [%g, %g], expected two rising numbers around the threshold",
                   raw->abstain[0], raw->abstain[1]);
    if (rc || !raw->abstain) {
        score->threshold *= sign;
        return rc;
    }
    low -= score->threshold;
    high -= score->threshold;
    score->abstain_low = score->negate ? -high : low;
    score->abstain_high = score->negate ? -low : high;
    score->threshold *= sign;
    return 0;
}

/* One more attribute, of output `output` of the labeller that is being taken. */
static int take_attribute(struct bundle_check *check, const struct raw_attribute *raw,
                          struct bundle *bundle, uint32_t output)
{
    const struct bundle_output *from =
        &bundle->labellers[bundle->labellers_count - 1].outputs[output];
    struct bundle_score *score = &bundle->scores[bundle->attributes_count];
    int rc = check_attribute(check, bundle, "name", raw->name);
    if (rc)
        return rc;
    *score = (struct bundle_score){.labeller = bundle->labellers_count - 1,
                                   .output = output,
                                   .negate = raw->negate && *raw->negate,
                                   .judges = -1};
    bundle->attributes[bundle->attributes_count++] = raw->name;
    rc = take_of(check, raw, from, score);
    if (!rc)
        rc = take_levels(check, raw, from->values, score);
    if (!rc && raw->judges) {
        bundle->attributes_count--; /* not itself */
        score->judges = bundle_attribute(bundle, raw->judges);
        bundle->attributes_count++;
        if (score->judges < 0)
            rc = bundle_wrong(check, E_NOT_FOUND, "judges",
                       "no attribute before this is called \"%s\"", raw->judges);
    }
    return rc;
}

/* ---- outputs ---- */

static bool is_age(enum bundle_values values)
{
    return values == BUNDLE_YEARS || values == BUNDLE_YEAR_PROBABILITIES ||
           values == BUNDLE_YEAR_LOGITS;
}

/* An output key that its values do not take, or one that they need and lack. */
static int check_output_keys(struct bundle_check *check, const struct raw_output *raw,
                             enum bundle_values values)
{
    const struct {
        const char *key;
        bool present, may, must;
    } keys[] = {
        {"columns", raw->columns, !is_age(values), !is_age(values)},
        {"attributes", raw->attributes, !is_age(values), is_softmax(values)},
        {"name", raw->name, is_age(values), is_age(values)},
        {"role", raw->role, is_age(values), is_age(values)},
        {"bins", raw->bins, is_age(values), is_age(values) && values != BUNDLE_YEARS},
        {"scale", raw->scale, values == BUNDLE_YEARS, false},
        {"offset", raw->offset, values == BUNDLE_YEARS, false},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].present && !keys[i].may)
            return bundle_wrong(check, E_INVALID, keys[i].key, "does not go with values: %s",
                         bundle_values_name(values));
        if (!keys[i].present && keys[i].must)
            return bundle_wrong(check, E_INVALID, keys[i].key, "missing, values: %s needs it",
                         bundle_values_name(values));
    }
    return 0;
}

static int take_bins(struct bundle_check *check, const struct raw_bins *raw, struct bundle_bins *bins)
{
    if (raw->first < 0 || raw->first > raw->last || raw->last > YEARS_MOST || raw->step < 1 ||
        raw->step > YEARS_MOST || (raw->last - raw->first) % raw->step != 0)
        return bundle_wrong(check, E_INVALID, "bins",
                     "are %lld to %lld by %lld, expected rising years from 0 to %d, whole steps",
                     (long long)raw->first, (long long)raw->last, (long long)raw->step,
                     YEARS_MOST);
    *bins = (struct bundle_bins){(uint32_t)raw->first, (uint32_t)raw->last, (uint32_t)raw->step};
    return 0;
}

static int take_real(struct bundle_check *check, const char *key, const double *raw, double absent,
                     double *into)
{
    *into = raw ? *raw : absent;
    return fabs(*into) <= BUNDLE_NUMBER_MOST ? 0
                                      : bundle_wrong(check, E_INVALID, key, "is %g, expected at most %g",
                                              *into, BUNDLE_NUMBER_MOST);
}

/* The age that an output holds becomes an estimator; its score is moved behind the attributes' at the end. */
static int take_age(struct bundle_check *check, const struct raw_output *raw, struct bundle *bundle,
                    struct bundle_score *ages, uint32_t number)
{
    struct bundle_output *output =
        &bundle->labellers[bundle->labellers_count - 1].outputs[number];
    if (bundle->age_estimators_count >= LIMIT_ESTIMATORS)
        return bundle_wrong(check, E_LIMIT, "", "is one of more than %d age estimators", LIMIT_ESTIMATORS);
    uint32_t which = bundle->age_estimators_count++;
    struct bundle_estimator *estimator = &bundle->age_estimators[which];
    *estimator = (struct bundle_estimator){.name = raw->name, .role = *raw->role};
    ages[which] = (struct bundle_score){
        .labeller = bundle->labellers_count - 1, .output = number, .judges = -1};
    int rc = bundle_check_name(check, "name", raw->name);
    for (uint32_t i = 0; !rc && i < which; i++)
        if (strcmp(bundle->age_estimators[i].name, raw->name) == 0)
            rc = bundle_wrong(check, E_EXISTS, "name", "is \"%s\", as another age estimator's", raw->name);
    if (!rc && raw->bins) {
        struct bundle_bins *bins = calloc(1, sizeof *bins);
        if (!bins)
            return error_set(check->err, E_MEMORY, "no memory for a bundle");
        estimator->bins = bins;
        rc = take_bins(check, raw->bins, bins);
        if (!rc && output->values != BUNDLE_YEARS)
            output->width = (bins->last - bins->first) / bins->step + 1;
    }
    if (!rc)
        rc = take_real(check, "scale", raw->scale, 1, &output->scale);
    return rc ? rc : take_real(check, "offset", raw->offset, 0, &output->offset);
}

static int check_columns(struct bundle_check *check, const struct bundle_output *output)
{
    for (uint32_t i = 0; i < output->columns_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(output->columns[i], output->columns[k]) == 0)
                return bundle_wrong(check, E_INVALID, "columns", "\"%s\" stands twice",
                             output->columns[i]);
    return is_softmax(output->values) && output->columns_count < 2
               ? bundle_wrong(check, E_INVALID, "columns", "has one class, expected two or more")
               : 0;
}

static int take_output(struct bundle_check *check, const struct raw_output *raw, struct bundle *bundle,
                       struct bundle_score *ages)
{
    struct bundle_labeller *labeller = &bundle->labellers[bundle->labellers_count - 1];
    uint32_t number = labeller->outputs_count++;
    struct bundle_output *output = &labeller->outputs[number];
    *output = (struct bundle_output){
        .tensor = raw->tensor,
        .values = raw->values ? *raw->values : BUNDLE_LOGITS,
        .columns = (const char *const *)raw->columns,
        .columns_count = raw->columns_count,
        .width = 1,
        .scale = 1,
    };
    int rc = check_output_keys(check, raw, output->values);
    for (uint32_t i = 0; !rc && i < number; i++)
        if (strcmp(labeller->outputs[i].tensor, output->tensor) == 0)
            rc = bundle_wrong(check, E_EXISTS, "tensor", "is \"%s\", as another output's",
                       output->tensor);
    if (rc || is_age(output->values))
        return rc ? rc : take_age(check, raw, bundle, ages, number);
    output->width = output->columns_count * (output->values == BUNDLE_PAIRS ? 2 : 1);
    rc = check_columns(check, output);
    for (uint32_t i = 0; !rc && i < raw->attributes_count; i++) {
        size_t mark = bundle_enter(check, "attributes", (int)i);
        rc = take_attribute(check, &raw->attributes[i], bundle, number);
        if (!rc)
            bundle_leave(check, mark);
    }
    for (uint32_t i = 0; !rc && !raw->attributes && i < raw->columns_count; i++) {
        const struct raw_attribute each = {.name = raw->columns[i]};
        size_t mark = bundle_enter(check, "columns", (int)i);
        rc = check_attribute(check, bundle, "", each.name);
        if (!rc)
            rc = take_attribute(check, &each, bundle, number);
        if (!rc)
            bundle_leave(check, mark);
    }
    return rc;
}

/* ---- labellers ---- */

static int take_labeller(struct bundle_check *check, const struct raw_labeller *raw,
                         struct bundle *bundle, struct bundle_score *ages, bool short_form)
{
    struct bundle_labeller *labeller = &bundle->labellers[bundle->labellers_count++];
    *labeller = (struct bundle_labeller){.name = raw->name};
    labeller->outputs = calloc(raw->outputs_count, sizeof *labeller->outputs);
    if (!labeller->outputs)
        return error_set(check->err, E_MEMORY, "no memory for a bundle");
    int rc = bundle_check_name(check, "name", raw->name);
    for (uint32_t i = 0; !rc && !short_form && i + 1 < bundle->labellers_count; i++)
        if (strcmp(bundle->labellers[i].name, raw->name) == 0)
            rc = bundle_wrong(check, E_EXISTS, "name", "is \"%s\", as another labeller's", raw->name);
    if (!rc)
        rc = bundle_take_file(check, raw->file, raw->sha256, &labeller->file);
    if (!rc)
        rc = bundle_take_image(check, "input", &raw->input, &bundle->generator.output, &labeller->input);
    for (uint32_t i = 0; !rc && i < raw->outputs_count; i++) {
        size_t mark = short_form ? check->length : bundle_enter(check, "outputs", (int)i);
        rc = take_output(check, &raw->outputs[i], bundle, ages);
        if (!rc)
            bundle_leave(check, mark);
    }
    return rc;
}

static int take_classifier(struct bundle_check *check, const struct raw_classifier *raw,
                           struct bundle *bundle, struct bundle_score *ages)
{
    static char name[] = "classifier";
    if (!raw)
        return 0;
    struct raw_output output = {.tensor = raw->output,
                                .columns = raw->attributes,
                                .columns_count = raw->attributes_count};
    const struct raw_labeller labeller = {.name = name,
                                          .file = raw->file,
                                          .sha256 = raw->sha256,
                                          .input = raw->input,
                                          .outputs = &output,
                                          .outputs_count = 1};
    size_t mark = bundle_enter(check, "classifier", -1);
    /* "columns" of the long form are called attributes here; the place of an error is found all the same. */
    int rc = take_labeller(check, &labeller, bundle, ages, true);
    if (!rc)
        bundle_leave(check, mark);
    return rc;
}

static int take_estimator(struct bundle_check *check, struct raw_estimator *raw, struct bundle *bundle,
                          struct bundle_score *ages)
{
    enum bundle_values years = BUNDLE_YEARS;
    struct raw_output output = {.tensor = raw->output,
                                .values = raw->values ? raw->values : &years,
                                .name = raw->name,
                                .role = &raw->role,
                                .bins = raw->bins,
                                .scale = raw->scale,
                                .offset = raw->offset};
    const struct raw_labeller labeller = {.name = raw->name,
                                          .file = raw->file,
                                          .sha256 = raw->sha256,
                                          .input = raw->input,
                                          .outputs = &output,
                                          .outputs_count = 1};
    if (!is_age(*output.values))
        return bundle_wrong(check, E_INVALID, "values", "is %s, expected %s, %s or %s",
                     bundle_values_name(*output.values), bundle_values_name(BUNDLE_YEARS),
                     bundle_values_name(BUNDLE_YEAR_PROBABILITIES),
                     bundle_values_name(BUNDLE_YEAR_LOGITS));
    return take_labeller(check, &labeller, bundle, ages, true);
}

/* The scores of attributes come first, whichever labeller they are of. */
int bundle_take_labellers(struct bundle_check *check, struct bundle_source *source,
                          struct bundle *bundle)
{
    struct bundle_score ages[LIMIT_ESTIMATORS];
    size_t count = 1 + source->labellers_count + source->age_estimators_count;
    bundle->labellers = calloc(count, sizeof *bundle->labellers);
    bundle->attributes = calloc(LIMIT_ATTRIBUTES, sizeof *bundle->attributes);
    bundle->scores = calloc(LIMIT_ATTRIBUTES + LIMIT_ESTIMATORS, sizeof *bundle->scores);
    bundle->age_estimators = calloc(LIMIT_ESTIMATORS, sizeof *bundle->age_estimators);
    if (!bundle->labellers || !bundle->attributes || !bundle->scores || !bundle->age_estimators)
        return error_set(check->err, E_MEMORY, "no memory for a bundle");
    int rc = take_classifier(check, source->classifier, bundle, ages);
    for (uint32_t i = 0; !rc && i < source->labellers_count; i++) {
        size_t mark = bundle_enter(check, "labellers", (int)i);
        rc = take_labeller(check, &source->labellers[i], bundle, ages, false);
        if (!rc)
            bundle_leave(check, mark);
    }
    for (uint32_t i = 0; !rc && i < source->age_estimators_count; i++) {
        size_t mark = bundle_enter(check, "age_estimators", (int)i);
        rc = take_estimator(check, &source->age_estimators[i], bundle, ages);
        if (!rc)
            bundle_leave(check, mark);
    }
    for (uint32_t i = 0; !rc && i < bundle->age_estimators_count; i++)
        bundle->scores[bundle->attributes_count + i] = ages[i];
    if (!rc && bundle->attributes_count == 0)
        rc = bundle_wrong(check, E_INVALID, source->labellers ? "labellers" : "classifier",
                   "missing, expected at least one attribute, of a classifier or a labeller");
    return rc;
}
