/* The integers that tests/oracles/fit.py makes its data of. */
#ifndef TESTS_ORACLES_FIT_WORDS_H
#define TESTS_ORACLES_FIT_WORDS_H

#include <stdint.h>

/* Numerical Recipes' generator. */
static inline uint32_t oracle_word(uint32_t *seed)
{
    *seed = 1664525u * *seed + 1013904223u;
    return *seed;
}

/* judged() of fit.py: the score of the next sample; *lot: what its label is drawn by. */
static inline double oracle_score(uint32_t *scores, uint32_t *lots, double *lot)
{
    *lot = (double)(oracle_word(lots) >> 16) / 65536;
    return ((double)(oracle_word(scores) >> 24) - 128) / 32;
}

#endif
