/* No state. */
#include "worker/tasks/measured.h"

#include <math.h>

int measured_check_scores(const struct bundle *bundle, const float *scores, struct error *err)
{
    size_t columns = bundle_score_columns(bundle), attributes = bundle->attributes_count;
    for (size_t c = 0; c < columns; c++) {
        if (isfinite(scores[c]))
            continue;
        const struct bundle_labeller *from = &bundle->labellers[bundle->scores[c].labeller];
        return error_set(
            err, E_INVALID, "%s (%s) output %s makes %s %g, expected a finite number", from->name,
            from->file.file, from->outputs[bundle->scores[c].output].tensor,
            c < attributes ? bundle->attributes[c] : bundle->age_estimators[c - attributes].name,
            (double)scores[c]);
    }
    return 0;
}

int measured_check_embedding(const struct bundle *bundle, int which, const float *row,
                             struct error *err)
{
    const struct bundle_embedder *from = &bundle->embedders[which];
    for (size_t i = 0; i < from->dimension; i++)
        if (!isfinite(row[i]))
            return error_set(err, E_INVALID,
                             "%s (%s) output %s has %g at %zu, expected a finite number",
                             from->name, from->file.file, from->output, (double)row[i], i);
    return 0;
}

int measured_check_latents(const float *latents, size_t count, size_t size, struct error *err)
{
    for (size_t i = 0; i < count * size; i++)
        if (!isfinite(latents[i]))
            return error_set(err, E_INVALID,
                             "photo %zu of the batch: the encoder has %g at %zu, expected a finite "
                             "number",
                             i / size, (double)latents[i], i % size);
    return 0;
}

float measured_cosine(const float *a, const float *b, size_t size)
{
    double product = 0, a2 = 0, b2 = 0;
    for (size_t i = 0; i < size; i++) {
        product += (double)a[i] * (double)b[i];
        a2 += (double)a[i] * (double)a[i];
        b2 += (double)b[i] * (double)b[i];
    }
    return a2 > 0 && b2 > 0 ? (float)(product / (sqrt(a2) * sqrt(b2))) : 0;
}
