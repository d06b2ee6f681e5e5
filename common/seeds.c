/* Runs are by face, so that the run of a face is found by halving; overlaps are looked for in a
 * copy by sample. */
#include "common/seeds.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/ranges.h"

/* Of so many runs: the next power of two, so that adding one by one costs what adding all does. */
static size_t room(size_t count)
{
    size_t most = 1;
    while (most < count)
        most *= 2;
    return most;
}

static int by_sample(const void *a, const void *b)
{
    const struct seeds_run *x = a, *y = b;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static unsigned long long last_of(const struct seeds_run *run)
{
    return (unsigned long long)(run->sample + run->count - 1);
}

static int check_overlaps(const struct seeds *seeds, struct error *err)
{
    struct seeds_run *sorted = malloc(seeds->count * sizeof *sorted);
    int rc = sorted ? 0 : error_set(err, E_MEMORY, "no memory for ranges");
    if (!rc)
        memcpy(sorted, seeds->runs, seeds->count * sizeof *sorted);
    if (!rc)
        qsort(sorted, seeds->count, sizeof *sorted, by_sample);
    for (size_t i = 1; !rc && i < seeds->count; i++) {
        const struct seeds_run *a = &sorted[i - 1], *b = &sorted[i];
        if (a->sample + a->count > b->sample)
            rc = error_set(err, E_INVALID,
                           "%llu-%llu and %llu-%llu overlap, expected each sample once",
                           (unsigned long long)a->sample, last_of(a), (unsigned long long)b->sample,
                           last_of(b));
    }
    free(sorted);
    return rc;
}

/* Ranges that touch become one run, unless they overlap, which is told with the ranges as written.
 */
static void merge(struct seeds *seeds)
{
    size_t to = 0;
    for (size_t i = 1; i < seeds->count; i++) {
        struct seeds_run *last = &seeds->runs[to];
        if (last->sample + last->count == seeds->runs[i].sample)
            last->count += seeds->runs[i].count;
        else
            seeds->runs[++to] = seeds->runs[i];
    }
    seeds->count = to + 1;
}

static int take_ranges(const struct range *ranges, size_t count, uint64_t total,
                       struct seeds *seeds, struct error *err)
{
    struct seeds made = {
        .runs = malloc(room(count) * sizeof *made.runs), .count = count, .total = total};
    if (!made.runs)
        return error_set(err, E_MEMORY, "no memory for ranges");
    for (size_t i = 0, face = 0; i < count; face += ranges[i].count, i++)
        made.runs[i] = (struct seeds_run){face, ranges[i].start, ranges[i].count};
    int rc = check_overlaps(&made, err);
    if (rc) {
        free(made.runs);
        return rc;
    }
    merge(&made);
    *seeds = made;
    return 0;
}

int seeds_parse(const char *const *texts, size_t count, struct seeds *seeds, struct error *err)
{
    struct buffer joined;
    struct range *ranges = NULL;
    size_t ranges_count = 0;
    uint64_t total = 0;
    buffer_init(&joined, LIMIT_SPEC_BYTES);
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++)
        rc = buffer_printf(&joined, err, "%s%s", i ? "," : "", texts[i]);
    if (!rc)
        rc = ranges_parse(joined.data ? (const char *)joined.data : "", &ranges, &ranges_count,
                          &total, err);
    if (!rc)
        rc = take_ranges(ranges, ranges_count, total, seeds, err);
    free(ranges);
    buffer_free(&joined);
    return rc;
}

int seeds_add(struct seeds *seeds, uint64_t sample, struct error *err)
{
    struct seeds_run *last = seeds->count > 0 ? &seeds->runs[seeds->count - 1] : NULL;
    if (last && last->sample + last->count == sample) {
        last->count++;
        seeds->total++;
        return 0;
    }
    if (seeds->count == 0 || seeds->count == room(seeds->count)) {
        struct seeds_run *grown = realloc(seeds->runs, room(seeds->count + 1) * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "no memory for samples");
        seeds->runs = grown;
    }
    seeds->runs[seeds->count++] = (struct seeds_run){seeds->total++, sample, 1};
    return 0;
}

void seeds_free(struct seeds *seeds)
{
    free(seeds->runs);
    *seeds = (struct seeds){0};
}

struct seeds_run seeds_find(const struct seeds *seeds, uint64_t face, uint64_t most)
{
    size_t low = 0, high = seeds->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (seeds->runs[middle].face <= face)
            low = middle;
        else
            high = middle;
    }
    const struct seeds_run *run = &seeds->runs[low];
    uint64_t skipped = face - run->face, left = run->count - skipped;
    return (struct seeds_run){face, run->sample + skipped, left < most ? left : most};
}

void seeds_span(const struct seeds *seeds, uint64_t *lowest, uint64_t *end)
{
    *lowest = UINT64_MAX;
    *end = 0;
    for (size_t i = 0; i < seeds->count; i++) {
        const struct seeds_run *run = &seeds->runs[i];
        *lowest = run->sample < *lowest ? run->sample : *lowest;
        *end = run->sample + run->count > *end ? run->sample + run->count : *end;
    }
}

int seeds_print(const struct seeds *seeds, struct buffer *text, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < seeds->count; i++) {
        const struct seeds_run *run = &seeds->runs[i];
        rc = buffer_printf(text, err, run->count > 1 ? "%s%llu-%llu" : "%s%llu", i ? ", " : "",
                           (unsigned long long)run->sample, last_of(run));
    }
    return rc;
}
