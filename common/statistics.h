/*
 * Statistics that a seed makes reproducible: quantiles, bootstrap intervals, distances between
 * distributions. Sums run in the order of the data, in double.
 */
#ifndef COMMON_STATISTICS_H
#define COMMON_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

struct statistics_interval {
    double low, high;
};

/* Sorts ascending; values are finite. */
void statistics_sort(double *values, size_t count);

/* The p-quantile (0 … 1) of `count` > 0 ascending values, between neighbours as numpy does by
 * default (type 7 of Hyndman and Fan, The American Statistician 50, 1996). */
double statistics_quantile(const double *sorted, size_t count, double p);

/*
 * One resample of the bootstrap (Efron 1979): `count` draws with replacement from `count` items;
 * times[i] says how often item i was drawn. Draw j is item ⌊x · count / 2^32⌋, where x is word j
 * mod 4 of Philox4x32-10 with key = seed and counter = (⌊j/4⌋, resample, part, 2); an item's
 * probability is off by less than count/2^32. Equal arguments give equal resamples, so that series
 * drawn alike are paired.
 */
void statistics_resample(uint64_t seed, uint32_t part, uint32_t resample, uint32_t count,
                         uint32_t *times);

/* Σ times[i] · values[i] / count. */
double statistics_weighted_mean(const float *values, const uint32_t *times, size_t count);

/* The percentile interval of `count` > 0 resampled values: from their 2.5th to their 97.5th
 * percentile. Sorts them. */
struct statistics_interval statistics_percentile(double *resampled, size_t count);

/* Wilson's 95 % interval of a share `hits` of `count` > 0 (Wilson, JASA 22, 1927; z = 1.96). */
struct statistics_interval statistics_wilson(uint64_t hits, uint64_t count);

#endif
