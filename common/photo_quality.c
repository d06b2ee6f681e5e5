/* Sums in the order of the photos, in double. No state. */
#include "common/photo_quality.h"

#include <math.h>
#include <stdlib.h>

#include "common/exact.h"
#include "common/statistics.h"

/* NaN where nothing can be said. */
static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static double probability_of(double score)
{
    return score >= 0 ? 1 / (1 + exact_exp(-score)) : exact_exp(score) / (1 + exact_exp(score));
}

static void add(struct photo_quality *quality, float score, signed char truth, double threshold)
{
    double p = probability_of((double)score + threshold), y = truth > 0 ? 1 : 0;
    int bin = (int)(p * PHOTO_QUALITY_BINS);
    struct photo_quality_bin *of =
        &quality->bins[bin < PHOTO_QUALITY_BINS ? bin : PHOTO_QUALITY_BINS - 1];
    of->photos++;
    of->probability += p;
    of->share += y;
    quality->photos++;
    quality->positives += truth > 0;
    quality->squared_error += (p - y) * (p - y);
    quality_add(&quality->counts, score, truth);
}

static void finish_bins(struct photo_quality *quality)
{
    double n = (double)quality->photos;
    for (int i = 0; i < PHOTO_QUALITY_BINS; i++) {
        struct photo_quality_bin *bin = &quality->bins[i];
        quality->calibration_error += fabs(bin->probability - bin->share) / n;
        bin->probability = ratio(bin->probability, (double)bin->photos);
        bin->share = ratio(bin->share, (double)bin->photos);
    }
}

static void finish_rates(struct photo_quality *quality)
{
    const struct quality_counts *c = &quality->counts;
    double tp = (double)c->true_positives, fp = (double)c->false_positives;
    double tn = (double)c->true_negatives, fn = (double)c->false_negatives;
    double n = (double)quality->photos, positives = tp + fn, negatives = tn + fp;
    struct statistics_interval accuracy =
        statistics_wilson(c->true_positives + c->true_negatives, quality->photos);
    quality->accuracy = (tp + tn) / n;
    quality->accuracy_low = accuracy.low;
    quality->accuracy_high = accuracy.high;
    quality->base_rate = fmax(positives, negatives) / n;
    quality->precision = ratio(tp, tp + fp);
    quality->recall = ratio(tp, positives);
    quality->balanced_accuracy = (ratio(tp, positives) + ratio(tn, negatives)) / 2;
    quality->f1 = ratio(2 * tp, 2 * tp + fp + fn);
    quality->mcc = ratio(tp * tn - fp * fn, sqrt((tp + fp) * positives * negatives * (tn + fn)));
    quality->squared_error /= n;
}

int photo_quality(const float *scores, const signed char *truth, const uint32_t *order,
                  size_t count, double threshold, struct photo_quality *quality, struct error *err)
{
    struct photo_quality made = {0};
    for (size_t i = 0; i < count; i++)
        if (truth[i] != 0 && !isnan(scores[i]))
            add(&made, scores[i], truth[i], threshold);
    if (made.photos == 0) {
        *quality = made;
        return 0;
    }
    finish_bins(&made);
    finish_rates(&made);
    int rc = 0;
    if (order)
        made.auc = quality_auc_of(scores, truth, order, count, 1);
    else
        rc = quality_auc(scores, truth, count, 1, &made.auc, err);
    if (rc < 0)
        return rc;
    if (made.auc < 0)
        made.auc = NAN;
    *quality = made;
    return 0;
}

/* ---- intervals ---- */

static const struct quality_interval undefined = {NAN, NAN};

/* What the bootstrap found of a figure; it says 0 and 0 where no draw has it. */
static struct quality_interval found(double figure, struct quality_interval interval)
{
    return isnan(figure) || (interval.low == 0 && interval.high == 0 && figure != 0) ? undefined
                                                                                     : interval;
}

static struct quality_interval wilson(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return undefined;
    struct statistics_interval interval = statistics_wilson(part, whole);
    return (struct quality_interval){interval.low, interval.high};
}

int photo_quality_intervals(const float *scores, const signed char *truth, size_t count,
                            const struct photo_quality *quality,
                            struct photo_quality_intervals *intervals, struct error *err)
{
    const struct quality_counts *c = &quality->counts;
    struct quality_intervals drawn = {0};
    size_t n = 0;
    float *counted = malloc((quality->photos + 1) * sizeof *counted);
    signed char *known = malloc(quality->photos + 1);
    for (size_t i = 0; counted && known && i < count; i++)
        if (truth[i] != 0 && !isnan(scores[i])) {
            counted[n] = scores[i];
            known[n++] = truth[i];
        }
    int rc = counted && known
                 ? quality_bootstrap(counted, known, n, 1, 0, quality_resamples(n), NULL, &drawn, err)
                 : error_set(err, E_MEMORY, "no memory to draw from %zu photos", count);
    free(counted);
    free(known);
    if (rc < 0)
        return rc;
    *intervals = (struct photo_quality_intervals){
        .balanced = found(quality->balanced_accuracy, drawn.balanced),
        .f1 = found(quality->f1, drawn.f1),
        .mcc = found(quality->mcc, drawn.mcc),
        .auc = found(quality->auc, drawn.auc_interval),
        .precision = wilson(c->true_positives, c->true_positives + c->false_positives),
        .recall = wilson(c->true_positives, quality->positives),
    };
    return 0;
}
