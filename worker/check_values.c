/* A few faces through the pipeline; the tensors between its networks are read where they were left.
 */
#include "worker/check_values.h"

#include <math.h>
#include <stdlib.h>

#include "worker/pipeline_priv.h"

#define FACES 8
#define SEED 1
/* Of what probabilities may be off: float16 weights, a softmax that is nearly one. */
#define PROBABILITY_SLACK 2e-3
#define YEARS_MOST 120
#define DARK_SHARE 0.02 /* of a range: what "never below the middle" may be off by */

struct extent {
    double low, high;
    bool finite;
    bool alike; /* every face gives the same */
};

static struct extent measure(const float *values, size_t rows, size_t width)
{
    struct extent extent = {INFINITY, -INFINITY, true, true};
    for (size_t i = 0; i < rows * width; i++) {
        double value = (double)values[i];
        extent.finite = extent.finite && isfinite(value);
        extent.low = value < extent.low ? value : extent.low;
        extent.high = value > extent.high ? value : extent.high;
        extent.alike = extent.alike && values[i] == values[i % width];
    }
    return extent;
}

/* Largest distance of a row's sum from 1. */
static double off_one(const float *values, size_t rows, size_t width)
{
    double worst = 0;
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t k = 0; k < width; k++)
            sum += (double)values[i * width + k];
        worst = fmax(worst, fabs(sum - 1));
    }
    return worst;
}

/* ---- the generator's picture ---- */

static void check_picture(const struct bundle_image *image, const struct extent *found, FILE *out)
{
    double low = (double)image->range[0], high = (double)image->range[1], size = high - low;
    if (found->alike)
        fprintf(out, "warning: generator: %d latents give one and the same picture\n", FACES);
    else if (found->low < low - 0.5 * size || found->high > high + 0.5 * size)
        fprintf(out,
                "warning: generator: %s holds %.3g to %.3g where range says [%g, %g]; what lies "
                "outside is clipped\n",
                image->tensor, found->low, found->high, low, high);
    else if (found->high - found->low < 0.05 * size)
        fprintf(out, "warning: generator: %s holds %.3g to %.3g, little of the range [%g, %g]\n",
                image->tensor, found->low, found->high, low, high);
    else if (low < 0 && found->low >= -DARK_SHARE * size)
        fprintf(
            out,
            "warning: generator: %s holds %.3g to %.3g and range says [%g, %g]: is it [0, %g]?\n",
            image->tensor, found->low, found->high, low, high, high);
}

/* ---- what labellers give ---- */

static int check_probabilities(const struct pipeline_network *network,
                               const struct bundle_output *output, const struct extent *found,
                               double off, struct error *err)
{
    bool classes = output->values != BUNDLE_PROBABILITIES;
    const char *logits = output->values == BUNDLE_PROBABILITIES ? "logits"
                         : output->values == BUNDLE_SOFTMAX     ? "softmax_logits"
                                                                : "year_logits";
    if (found->low < -PROBABILITY_SLACK || found->high > 1 + PROBABILITY_SLACK)
        return error_set(err, E_INVALID,
                         "%s: output %s holds %.3g to %.3g, which are no probabilities: "
                         "values: %s?",
                         network->file, output->tensor, found->low, found->high, logits);
    if (classes && off > PROBABILITY_SLACK * output->width)
        return error_set(err, E_INVALID,
                         "%s: output %s: a face's %u numbers sum to 1 ± %.3g, expected 1: are they "
                         "independent (values: probabilities)?",
                         network->file, output->tensor, output->width, off);
    return 0;
}

static void doubt_logits(const struct pipeline_network *network, const struct bundle_output *output,
                         const struct extent *found, double off, FILE *out)
{
    bool within = found->low >= 0 && found->high <= 1;
    if (within && output->width > 1 && off < PROBABILITY_SLACK)
        fprintf(out, "warning: %s: output %s: each face's numbers sum to 1: values: softmax?\n",
                network->file, output->tensor);
    else if (within)
        fprintf(out, "warning: %s: output %s holds %.3g to %.3g only: values: probabilities?\n",
                network->file, output->tensor, found->low, found->high);
}

static int check_output(const struct pipeline_network *network, const struct bundle_output *output,
                        const float *values, FILE *out, struct error *err)
{
    struct extent found = measure(values, FACES, output->width);
    double off = off_one(values, FACES, output->width);
    if (!found.finite)
        return error_set(err, E_INVALID, "%s: output %s holds values that are no numbers",
                         network->file, output->tensor);
    if (found.alike)
        fprintf(out,
                "warning: %s: output %s is the same for %d different faces: are crop, channels and "
                "range of its input right?\n",
                network->file, output->tensor, FACES);
    switch (output->values) {
    case BUNDLE_PROBABILITIES:
    case BUNDLE_SOFTMAX:
    case BUNDLE_YEAR_PROBABILITIES:
        return check_probabilities(network, output, &found, off, err);
    case BUNDLE_LOGITS:
    case BUNDLE_SOFTMAX_LOGITS:
    case BUNDLE_YEAR_LOGITS:
        doubt_logits(network, output, &found, off, out);
        return 0;
    case BUNDLE_YEARS:
        if (output->scale * found.low + output->offset < 0 ||
            output->scale * found.high + output->offset > YEARS_MOST ||
            output->scale * found.high + output->offset < 2)
            fprintf(out,
                    "warning: %s: output %s gives ages of %.3g to %.3g years: scale, offset?\n",
                    network->file, output->tensor, output->scale * found.low + output->offset,
                    output->scale * found.high + output->offset);
        return 0;
    case BUNDLE_PAIRS:
        return 0;
    }
    return 0;
}

static int check_reader(struct pipeline *pipeline, struct reader *reader, FILE *out,
                        struct error *err)
{
    const struct bundle_labeller *labeller =
        &pipeline->bundle->labellers[reader->described.position];
    int failed = 0;
    for (uint32_t k = 0; !failed && k < labeller->outputs_count; k++) {
        size_t count = FACES * (size_t)labeller->outputs[k].width;
        float *values = calloc(count, sizeof *values);
        if (!values)
            return error_set(err, E_MEMORY, "no memory for %zu values", count);
        failed = device_read(pipeline->device, reader->outputs[k], 0, values,
                             count * sizeof *values, err);
        if (!failed)
            failed = check_output(&reader->described, &labeller->outputs[k], values, out, err);
        free(values);
    }
    return failed;
}

/* What the age estimators say of the faces: that they speak of the same people is seen at a glance.
 */
static void print_ages(const struct bundle *bundle, const float *scores, FILE *out)
{
    size_t columns = bundle_score_columns(bundle);
    for (uint32_t i = 0; i < bundle->age_estimators_count; i++) {
        fprintf(out, "age by %s:", bundle->age_estimators[i].name);
        for (size_t row = 0; row < FACES; row++)
            fprintf(out, " %.1f", (double)scores[row * columns + bundle->attributes_count + i]);
        fprintf(out, "\n");
    }
}

static int check_faces(struct pipeline *pipeline, FILE *out, struct error *err)
{
    const struct bundle_image *made = &pipeline->bundle->generator.output;
    size_t pixels = FACES * pipeline_form_elements(made);
    float *latents = calloc(FACES * bundle_latent_size(pipeline->bundle), sizeof *latents);
    float *scores = calloc(FACES * pipeline->columns, sizeof *scores);
    float *picture = calloc(pixels, sizeof *picture);
    struct wire_stage_metrics metrics = {0};
    static const uint64_t samples[FACES] = {0, 1, 2, 3, 4, 5, 6, 7};
    const struct pipeline_wanted wanted = {.scores = scores, .samples = samples};
    int failed = latents && scores && picture ? 0 : error_set(err, E_MEMORY, "no memory for faces");
    if (!failed)
        failed = pipeline_latents(pipeline, SEED, 0, FACES, latents, err);
    if (!failed)
        failed = pipeline_make(pipeline, latents, FACES, &wanted, &metrics, err);
    if (!failed)
        failed = device_read(pipeline->device, pipeline->image, 0, picture,
                             pixels * sizeof *picture, err);
    if (!failed) {
        struct extent found = measure(picture, FACES, pixels / FACES);
        if (!found.finite)
            failed = error_set(err, E_INVALID, "%s: output %s holds values that are no numbers",
                               pipeline->bundle->generator.file.file, made->tensor);
        else
            check_picture(made, &found, out);
    }
    for (size_t i = 0; !failed && i < pipeline->reader_count; i++)
        if (pipeline->readers[i].described.use == PIPELINE_LABELLER)
            failed = check_reader(pipeline, &pipeline->readers[i], out, err);
    if (!failed)
        print_ages(pipeline->bundle, scores, out);
    free(latents);
    free(scores);
    free(picture);
    return failed;
}

/* Estimators that are not apart. */
static void check_roles(const struct bundle *bundle, FILE *out)
{
    int fit = bundle_age_column(bundle, BUNDLE_FIT),
        judge = bundle_age_column(bundle, BUNDLE_JUDGE);
    if (fit >= 0 && fit == judge)
        fprintf(
            out,
            "warning: %s both gives the ages that boundaries are fitted on and judges the edits: a "
            "second estimator, trained apart, would show what is real\n",
            bundle->age_estimators[(uint32_t)fit - bundle->attributes_count].name);
}

int check_values(struct device *device, const char *folder, FILE *out, struct error *err)
{
    struct pipeline *pipeline = NULL;
    int failed = pipeline_open(device, folder, FACES, &pipeline, err);
    if (!failed)
        failed = check_faces(pipeline, out, err);
    if (!failed)
        check_roles(pipeline->bundle, out);
    pipeline_close(&pipeline);
    return failed;
}
