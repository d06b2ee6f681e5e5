/*
 * One lock for everything but the encoding itself and the sink's calls. A batch lives in the list
 * from put until its last file is sunk. Images are handed out oldest first; who finishes one sinks
 * all files that are next in the order, unless another thread is doing that, which then finds this
 * one as well. `failed` is set by the sinking thread only, so the first error in the images' order
 * is the one that stays; an image that could not be encoded carries its error until its turn.
 */
#include "worker/encoder.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/png_file.h"

#define CORES_PER_THREAD 8

struct image {
    bool encoded; /* or failed, with code */
    int code;
    struct error err;
    struct buffer file;
};

struct batch {
    struct batch *next;
    uint8_t *pixels;
    size_t count, taken; /* images; how many threads have taken */
    struct image images[];
};

struct encoder {
    size_t height, width;
    encoder_sink sink;
    void *state;
    struct png_encoder *own; /* of the thread that puts */
    pthread_t threads[ENCODER_THREADS_MAX];
    unsigned thread_count, gone; /* gone: of them, those that had no memory to encode with */

    pthread_mutex_t lock;
    pthread_cond_t work, progress; /* there may be an image to take; a batch is gone */
    struct batch *first, **last;   /* oldest first */
    size_t batch_count;
    size_t sunk;     /* images of the first batch */
    uint64_t number; /* of the next image to sink */
    bool in_turn, sinking, closing;
    const atomic_bool *stop; /* of encoder_put, NULL: never */
    int failed;
    struct error err;
};

static unsigned at_most(long threads, long most)
{
    return (unsigned)(threads < most ? threads : most);
}

struct encoder_way encoder_way(const struct device_info *info)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN), units = (long)info->compute_units;
    long cores = online > 0 ? online : 1;
    if (info->kind != DEVICE_CPU)
        return (struct encoder_way){at_most(cores, ENCODER_BESIDE_MAX), false};
    if (units >= cores)
        return (struct encoder_way){at_most(cores, ENCODER_THREADS_MAX), true};
    long beside = (units + CORES_PER_THREAD - 1) / CORES_PER_THREAD;
    return (struct encoder_way){at_most(beside, ENCODER_BESIDE_MAX), false};
}

static void free_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        buffer_free(&batch->images[i].file);
    free(batch->pixels);
    free(batch);
}

/* ---- with the lock held ---- */

/* The next image that nobody has taken. After an error nothing is worth encoding any more. */
static bool take(struct encoder *encoder, struct batch **batch, size_t *i)
{
    for (struct batch *b = encoder->first; b && !encoder->failed; b = b->next)
        if (b->taken < b->count) {
            *batch = b;
            *i = b->taken++;
            return true;
        }
    return false;
}

static void drop_first(struct encoder *encoder)
{
    struct batch *batch = encoder->first;
    encoder->first = batch->next;
    if (!encoder->first)
        encoder->last = &encoder->first;
    encoder->batch_count--;
    encoder->sunk = 0;
    free_batch(batch);
    pthread_cond_broadcast(&encoder->progress);
}

static void fail(struct encoder *encoder, int code, const struct error *err)
{
    encoder->failed = code;
    encoder->err = *err;
    pthread_cond_broadcast(&encoder->progress);
}

/* Sinks what is next in the order; lets go of the lock meanwhile. */
static void sink_ready(struct encoder *encoder)
{
    if (encoder->sinking)
        return;
    encoder->sinking = true;
    while (encoder->first && !encoder->failed && encoder->first->images[encoder->sunk].encoded) {
        struct image *image = &encoder->first->images[encoder->sunk];
        struct error err = image->err;
        int code = image->code;
        if (!code) {
            pthread_mutex_unlock(&encoder->lock);
            code = encoder->sink(encoder->state, encoder->number, image->file.data,
                                 image->file.size, &err);
            buffer_free(&image->file);
            pthread_mutex_lock(&encoder->lock);
        }
        encoder->number++;
        if (code)
            fail(encoder, code, &err);
        else if (++encoder->sunk == encoder->first->count)
            drop_first(encoder);
    }
    encoder->sinking = false;
}

/* Encodes one image, if there is one to take. */
static bool encode_one(struct encoder *encoder, struct png_encoder *png)
{
    struct batch *batch = NULL;
    size_t i = 0;
    if (!take(encoder, &batch, &i))
        return false;
    struct image *image = &batch->images[i];
    pthread_mutex_unlock(&encoder->lock);
    image->code = png_encoder_encode(png, batch->pixels + i * encoder->height * encoder->width * 3,
                                     encoder->height, encoder->width, &image->file, &image->err);
    pthread_mutex_lock(&encoder->lock);
    image->encoded = true;
    sink_ready(encoder);
    if (encoder->stop && atomic_load(encoder->stop))
        pthread_cond_broadcast(&encoder->progress); /* who waits looks at it */
    return true;
}

/* Encodes, or waits for the threads, until no more than `most` batches are left, or none will
 * become less for an error, or, looked at between images, *stop is set. */
static void help(struct encoder *encoder, size_t most, const atomic_bool *stop)
{
    while (encoder->batch_count > most && !encoder->failed && !(stop && atomic_load(stop))) {
        bool encodes = !encoder->in_turn || encoder->gone == encoder->thread_count;
        bool done = encodes && encode_one(encoder, encoder->own);
        if (!done && encoder->batch_count > most && !encoder->failed)
            pthread_cond_wait(&encoder->progress, &encoder->lock);
    }
}

/* ---- the threads ---- */

static void *encode_thread(void *state)
{
    struct encoder *encoder = state;
    struct png_encoder *png = NULL;
    struct error err;
    int failed = png_encoder_open(&png, &err);
    pthread_mutex_lock(&encoder->lock);
    if (failed) { /* done without: the others, or who puts, take its images */
        encoder->gone++;
        pthread_cond_broadcast(&encoder->progress);
        pthread_mutex_unlock(&encoder->lock);
        return NULL;
    }
    while (!encoder->closing)
        if (!encode_one(encoder, png) && !encoder->closing)
            pthread_cond_wait(&encoder->work, &encoder->lock);
    pthread_mutex_unlock(&encoder->lock);
    png_encoder_close(&png);
    return NULL;
}

/* Keeps thread number i to the i-th of the cores that this process may use. Where the system refuses, it may
 * run anywhere. */
static void keep_to_core(pthread_t thread, unsigned i)
{
    cpu_set_t may, core;
    if (sched_getaffinity(0, sizeof may, &may) != 0)
        return;
    CPU_ZERO(&core);
    for (unsigned cpu = 0, number = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &may) && number++ == i)
            CPU_SET(cpu, &core);
    if (CPU_COUNT(&core) > 0)
        (void)pthread_setaffinity_np(thread, sizeof core, &core);
}

int encoder_begin(const struct encoder_way *way, size_t height, size_t width, encoder_sink sink,
                  void *state, struct encoder **encoder, struct error *err)
{
    assert(way->threads <= ENCODER_THREADS_MAX);
    struct encoder *begun = calloc(1, sizeof *begun);
    if (!begun)
        return error_set(err, E_MEMORY, "no memory for encoders");
    begun->height = height;
    begun->width = width;
    begun->sink = sink;
    begun->state = state;
    begun->in_turn = way->in_turn;
    begun->last = &begun->first;
    int failed = png_encoder_open(&begun->own, err);
    if (failed) {
        free(begun);
        return failed;
    }
    pthread_mutex_init(&begun->lock, NULL);
    pthread_cond_init(&begun->work, NULL);
    pthread_cond_init(&begun->progress, NULL);
    while (begun->thread_count < way->threads &&
           pthread_create(&begun->threads[begun->thread_count], NULL, encode_thread, begun) == 0) {
        if (way->in_turn)
            keep_to_core(begun->threads[begun->thread_count], begun->thread_count);
        begun->thread_count++;
    }
    *encoder = begun;
    return 0;
}

void encoder_stop_by(struct encoder *encoder, const atomic_bool *stop)
{
    pthread_mutex_lock(&encoder->lock);
    encoder->stop = stop;
    pthread_mutex_unlock(&encoder->lock);
}

static struct batch *make_batch(struct encoder *encoder, uint8_t *pixels, size_t count)
{
    struct batch *batch = calloc(1, sizeof *batch + count * sizeof *batch->images);
    if (!batch)
        return NULL;
    batch->pixels = pixels;
    batch->count = count;
    /* A file is never much larger than its pixels; the limit is for a mistake of ours. */
    for (size_t i = 0; i < count; i++)
        buffer_init(&batch->images[i].file, 2 * encoder->height * (encoder->width * 3 + 1) + 1024);
    return batch;
}

int encoder_put(struct encoder *encoder, uint8_t **pixels, size_t count, struct error *err)
{
    struct batch *batch = make_batch(encoder, *pixels, count);
    if (!batch) {
        free(*pixels);
        *pixels = NULL;
        return error_set(err, E_MEMORY, "no memory for a batch of %zu images", count);
    }
    *pixels = NULL;
    pthread_mutex_lock(&encoder->lock);
    help(encoder, ENCODER_BATCHES - 1, encoder->stop);
    int failed = encoder->failed;
    if (failed)
        *err = encoder->err;
    else if (encoder->batch_count >= ENCODER_BATCHES)
        failed = error_set(err, E_INTERRUPTED, "nobody waits for these images");
    if (failed) {
        free_batch(batch);
    } else {
        *encoder->last = batch;
        encoder->last = &batch->next;
        encoder->batch_count++;
        pthread_cond_broadcast(&encoder->work);
        /* Fewer images than cores are encoded beside the device after all, or some cores would idle. */
        if (encoder->in_turn && count >= encoder->thread_count)
            help(encoder, 0, encoder->stop);
        failed = encoder->failed;
        if (failed)
            *err = encoder->err;
    }
    pthread_mutex_unlock(&encoder->lock);
    return failed;
}

/* Ends the threads, which finish the image they are at, and frees. */
static void close_encoder(struct encoder **encoder)
{
    struct encoder *closed = *encoder;
    *encoder = NULL;
    pthread_mutex_lock(&closed->lock);
    closed->closing = true;
    pthread_cond_broadcast(&closed->work);
    pthread_mutex_unlock(&closed->lock);
    for (unsigned i = 0; i < closed->thread_count; i++)
        pthread_join(closed->threads[i], NULL);
    while (closed->first)
        drop_first(closed);
    pthread_cond_destroy(&closed->progress);
    pthread_cond_destroy(&closed->work);
    pthread_mutex_destroy(&closed->lock);
    png_encoder_close(&closed->own);
    free(closed);
}

int encoder_end(struct encoder **encoder, struct error *err)
{
    struct encoder *ended = *encoder;
    pthread_mutex_lock(&ended->lock);
    help(ended, 0, NULL);
    int failed = ended->failed;
    if (failed)
        *err = ended->err;
    pthread_mutex_unlock(&ended->lock);
    close_encoder(encoder);
    return failed;
}

void encoder_abandon(struct encoder **encoder)
{
    if (!*encoder)
        return;
    struct encoder *abandoned = *encoder;
    struct error err = {0};
    pthread_mutex_lock(&abandoned->lock);
    if (!abandoned->failed)
        fail(abandoned, E_INTERRUPTED, &err);
    pthread_mutex_unlock(&abandoned->lock);
    close_encoder(encoder);
}
