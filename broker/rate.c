/*
 * Token buckets by connection. A bucket that is full again is forgotten when room is needed; one
 * that is not the oldest goes, so that memory is bounded whatever comes.
 */
#include "broker/rate.h"

#include <stdlib.h>

#include "common/clock.h"

struct rate_bucket {
    struct socket_identity of;
    double tokens; /* at `at`; below 0 while it is refused or dropped */
    int64_t at;
    UT_hash_handle by_identity;
};

static struct rate_bucket *find(struct rates *rates, const struct socket_identity *from)
{
    struct rate_bucket *bucket = NULL;
    HASH_FIND(by_identity, rates->buckets, from->bytes, from->size, bucket);
    return bucket;
}

static void refill(struct rate_bucket *bucket, int64_t now)
{
    bucket->tokens += (double)(now - bucket->at) / (double)CLOCK_SECOND * LIMIT_RATE;
    if (bucket->tokens > LIMIT_RATE_BURST)
        bucket->tokens = LIMIT_RATE_BURST;
    bucket->at = now;
}

static void forget(struct rates *rates, struct rate_bucket *bucket)
{
    HASH_DELETE(by_identity, rates->buckets, bucket);
    free(bucket);
}

static void make_room(struct rates *rates, int64_t now)
{
    struct rate_bucket *bucket, *next;
    if (HASH_CNT(by_identity, rates->buckets) < LIMIT_RATE_CONNECTIONS)
        return;
    HASH_ITER (by_identity, rates->buckets, bucket, next) {
        refill(bucket, now);
        if (bucket->tokens >= LIMIT_RATE_BURST)
            forget(rates, bucket);
    }
    if (HASH_CNT(by_identity, rates->buckets) >= LIMIT_RATE_CONNECTIONS)
        forget(rates, rates->buckets);
}

enum rate_verdict rate_look(struct rates *rates, const struct socket_identity *from, int64_t now)
{
    struct rate_bucket *bucket = find(rates, from);
    if (!bucket)
        return RATE_FINE;
    refill(bucket, now);
    return bucket->tokens >= 1                      ? RATE_FINE
           : bucket->tokens >= -LIMIT_RATE_REFUSALS ? RATE_REFUSE
                                                    : RATE_DROP;
}

void rate_take(struct rates *rates, const struct socket_identity *from, unsigned tokens,
               int64_t now)
{
    struct rate_bucket *bucket = find(rates, from);
    if (bucket) {
        refill(bucket, now);
    } else {
        make_room(rates, now);
        bucket = calloc(1, sizeof *bucket);
        if (!bucket)
            return;
        bucket->of = *from;
        bucket->tokens = LIMIT_RATE_BURST;
        bucket->at = now;
        HASH_ADD_KEYPTR(by_identity, rates->buckets, bucket->of.bytes, bucket->of.size, bucket);
    }
    /* The floor lets whoever stops be heard again soon. */
    if (bucket->tokens > -2 * LIMIT_RATE_REFUSALS)
        bucket->tokens -= tokens;
}

void rates_free(struct rates *rates)
{
    struct rate_bucket *bucket, *next;
    HASH_ITER (by_identity, rates->buckets, bucket, next)
        forget(rates, bucket);
}
