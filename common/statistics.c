/* Quantiles, resamples and intervals. Pure: no memory of its own, no threads. */
#include "common/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/latent.h"

/* Counter word 3 says what the numbers are for; latents have 0 and the hold-out has 1. */
#define PURPOSE_BOOTSTRAP 2u

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void statistics_sort(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
}

double statistics_quantile(const double *sorted, size_t count, double p)
{
    double at = p * (double)(count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

void statistics_resample(uint64_t seed, uint32_t part, uint32_t resample, uint32_t count,
                         uint32_t *times)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    memset(times, 0, count * sizeof *times);
    for (uint32_t j = 0; j < count; j += 4) {
        uint32_t word[4];
        latent_philox(key, (const uint32_t[4]){j / 4, resample, part, PURPOSE_BOOTSTRAP}, word);
        for (uint32_t k = 0; k < 4 && j + k < count; k++)
            times[(uint64_t)word[k] * count >> 32]++;
    }
}

/* Four sums side by side, which is a fixed order too. */
double statistics_weighted_mean(const float *values, const uint32_t *times, size_t count)
{
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += (double)times[i + k] * (double)values[i + k];
    for (; i < count; i++)
        sum[0] += (double)times[i] * (double)values[i];
    return (sum[0] + sum[1] + (sum[2] + sum[3])) / (double)count;
}

struct statistics_interval statistics_percentile(double *resampled, size_t count)
{
    statistics_sort(resampled, count);
    return (struct statistics_interval){statistics_quantile(resampled, count, 0.025),
                                        statistics_quantile(resampled, count, 0.975)};
}

struct statistics_interval statistics_wilson(uint64_t hits, uint64_t count)
{
    const double z = 1.96, n = (double)count, p = (double)hits / n;
    double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    return (struct statistics_interval){fmax(middle - half, 0), fmin(middle + half, 1)};
}
