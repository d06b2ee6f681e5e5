/* Masks of layers. No state. */
#include "common/mixing.h"

#include <stdlib.h>
#include <string.h>

#include "common/latent.h"
#include "common/ranges.h"

#define ALL(count) ((count) < 64 ? ((uint64_t)1 << (count)) - 1 : UINT64_MAX)

static int parse(const char *text, uint32_t count, uint64_t *layers, struct error *err)
{
    struct range *ranges = NULL;
    size_t n = 0;
    uint64_t total = 0;
    int rc = ranges_parse(text, &ranges, &n, &total, err);
    for (size_t i = 0; !rc && i < n; i++)
        for (uint64_t k = ranges[i].start; !rc && k < ranges[i].start + ranges[i].count; k++)
            if (k < count)
                *layers |= (uint64_t)1 << k;
            else
                rc = error_set(err, E_LIMIT, "layers: \"%s\", the generator has %u: 0 to %u", text,
                               count, count - 1);
    free(ranges);
    return rc;
}

int mixing_layers(const struct mixing *mixing, uint32_t count, uint64_t *layers, struct error *err)
{
    uint64_t named = mixing->layers ? 0 : ALL(count) & ~(uint64_t)1;
    int rc = mixing->layers ? parse(mixing->layers, count, &named, err) : 0;
    if (!rc && (named == 0 || named == ALL(count)))
        rc = error_set(err, E_INVALID, "layers: all %u, or none, of the other sample are no mixing",
                       count);
    if (!rc)
        *layers = named;
    return rc;
}

uint64_t mixing_of(const struct mixing *mixing, uint64_t layers, uint32_t count, uint64_t seed,
                   uint64_t sample)
{
    uint32_t words[2];
    latent_mixing(seed, sample, words);
    if (!((words[0] + 0.5) / 4294967296.0 < mixing->probability))
        return 0;
    if (mixing->layers)
        return layers;
    uint32_t cut = 1 + (uint32_t)((uint64_t)words[1] * (count - 1) >> 32);
    return ALL(count) & ~ALL(cut);
}

void mixing_apply(const uint64_t *masks, size_t count, uint32_t vectors, size_t dimension,
                  const float *others, float *rows)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < vectors; k++, others += dimension, rows += dimension)
            if (masks[i] >> k & 1)
                memcpy(rows, others, dimension * sizeof *rows);
}
