/*
 * From what a labeller gives to scores. A softmax's score is taken from the sum of the other columns, not from
 * 1 − p, because float32 keeps small probabilities exactly and those near 1 not.
 */
#include <math.h>

#include "common/bundle.h"
#include "common/exact.h"

/* Float32's softmax cannot tell a probability nearer to 1; both ends are treated alike. */
#define LEAST_PROBABILITY 0x1p-24

static double at_least(double probability)
{
    return probability > LEAST_PROBABILITY ? probability : LEAST_PROBABILITY;
}

static double log_odds(double mass, double others)
{
    if (isnan(mass) || isnan(others))
        return NAN;
    return exact_log(at_least(mass)) - exact_log(at_least(others));
}

static double highest(const float *row, uint32_t width)
{
    double most = (double)row[0];
    for (uint32_t i = 1; i < width; i++)
        if ((double)row[i] > most)
            most = (double)row[i];
    return most;
}

/* A number of a row: a probability, or of a softmax's logits its exponential over the largest one's. */
static double weight_of(float value, bool logits, double most)
{
    return logits ? exact_exp((double)value - most) : (double)value;
}

static bool is_of(const struct bundle_score *score, uint32_t column)
{
    for (uint32_t i = 0; i < score->of_count; i++)
        if (score->of[i] == column)
            return true;
    return false;
}

static double class_score(const struct bundle_score *score, const struct bundle_output *output,
                          const float *row)
{
    bool logits = output->values == BUNDLE_SOFTMAX_LOGITS;
    double most = logits ? highest(row, output->width) : 0, mass = 0, others = 0;
    for (uint32_t i = 0; i < output->width; i++) {
        double weight = weight_of(row[i], logits, most);
        if (is_of(score, i))
            mass = mass + weight;
        else
            others = others + weight;
    }
    return log_odds(mass, others);
}

static double attribute_score(const struct bundle_score *score, const struct bundle_output *output,
                              const float *row)
{
    uint32_t column = score->of[0];
    double value = 0;
    switch (output->values) {
    case BUNDLE_LOGITS:
        value = (double)row[column];
        break;
    case BUNDLE_PROBABILITIES:
        value = log_odds((double)row[column], 1 - (double)row[column]);
        break;
    case BUNDLE_PAIRS:
        value = (double)row[2 * column + 1] - (double)row[2 * column];
        break;
    case BUNDLE_SOFTMAX:
    case BUNDLE_SOFTMAX_LOGITS:
        value = class_score(score, output, row);
        break;
    case BUNDLE_YEARS:
    case BUNDLE_YEAR_PROBABILITIES:
    case BUNDLE_YEAR_LOGITS:
        break; /* not attributes */
    }
    return (score->negate ? -value : value) - score->threshold;
}

static double age(const struct bundle_estimator *estimator, const struct bundle_output *output,
                  const float *row)
{
    if (output->values == BUNDLE_YEARS)
        return output->scale * (double)row[0] + output->offset;
    bool logits = output->values == BUNDLE_YEAR_LOGITS;
    double most = logits ? highest(row, output->width) : 0, mass = 0, years = 0;
    for (uint32_t i = 0; i < output->width; i++) {
        double weight = weight_of(row[i], logits, most);
        mass = mass + weight;
        years = years + weight * (estimator->bins->first + (double)i * estimator->bins->step);
    }
    return years / mass;
}

void bundle_score_rows(const struct bundle *bundle, uint32_t labeller, uint32_t output,
                       const float *raw, size_t rows, float *scores)
{
    const struct bundle_output *from = &bundle->labellers[labeller].outputs[output];
    size_t columns = bundle_score_columns(bundle);
    for (size_t c = 0; c < columns; c++) {
        const struct bundle_score *score = &bundle->scores[c];
        if (score->labeller != labeller || score->output != output)
            continue;
        for (size_t i = 0; i < rows; i++) {
            const float *row = raw + i * from->width;
            scores[i * columns + c] =
                (float)(c < bundle->attributes_count
                            ? attribute_score(score, from, row)
                            : age(&bundle->age_estimators[c - bundle->attributes_count], from,
                                  row));
        }
    }
}
