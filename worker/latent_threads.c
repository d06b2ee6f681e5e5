/* Each thread draws a run of rows into its own part of the result; nothing else is shared. */
#include "worker/latent_threads.h"

#include <pthread.h>
#include <unistd.h>

#define NUMBERS_WORTH 8192 /* below so many a thread costs more than it saves */

struct run {
    const struct latent_law *law;
    uint64_t seed, start;
    size_t count, dimension;
    float *z;
};

static void *draw(void *state)
{
    const struct run *run = state;
    latent_draw(run->law, run->seed, run->start, run->count, run->dimension, run->z);
    return NULL;
}

unsigned latent_threads(const struct device *device)
{
    const struct device_info *info = device_describe(device);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = info->kind == DEVICE_CPU ? info->compute_units
                       : processors > 0         ? (unsigned)processors
                                                : 1;
    return threads < 1 ? 1 : threads > LATENT_THREADS_MOST ? LATENT_THREADS_MOST : threads;
}

void latent_draw_on(unsigned threads, const struct latent_law *law, uint64_t seed, uint64_t start,
                    size_t count, size_t dimension, float *z)
{
    struct run runs[LATENT_THREADS_MOST];
    pthread_t made[LATENT_THREADS_MOST];
    size_t worth = count * dimension / NUMBERS_WORTH, parts = threads < worth ? threads : worth,
           running = 0;
    parts = parts < 1 ? 1 : parts > LATENT_THREADS_MOST ? LATENT_THREADS_MOST : parts;
    for (size_t i = 0; i < parts; i++) {
        size_t from = count * i / parts, to = count * (i + 1) / parts;
        runs[i] = (struct run){law, seed, start + from, to - from, dimension, z + from * dimension};
        if (i + 1 < parts && pthread_create(&made[running], NULL, draw, &runs[i]) == 0)
            running++;
        else
            draw(&runs[i]);
    }
    while (running > 0)
        pthread_join(made[--running], NULL);
}
