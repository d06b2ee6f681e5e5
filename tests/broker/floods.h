/*
 * What a hostile peer sends without end, for the test of floods and the bench of what they cost.
 */
#ifndef TESTS_BROKER_FLOODS_H
#define TESTS_BROKER_FLOODS_H

#include <sys/types.h>

#include "tests/broker/support.h"

#define FLOODS_CONNECTIONS 8 /* of FLOODS_FRAMES */
#define FLOODS_FRAME_BYTES 1024 /* at most, half of it in the mean */

enum floods_kind {
    FLOODS_FRAMES,    /* frames that are no messages, over connections of a key that is let in and reads no answer */
    FLOODS_BYTES,     /* bytes that are no ZMTP, or begin as it does, a connection each 100 KiB */
    FLOODS_STRANGERS, /* handshakes of unknown keys and of plain text, one after the other */
};

struct flood {
    pid_t process;
    int sign;
};

/* A process that waits for its sign, then sends `count` of them and ends. It is forked at once: before this process has
 * threads (ThreadSanitizer knows no other way). It dies with this one. `pair`: of FLOODS_FRAMES, else NULL. */
struct flood floods_prepare(struct support *s, enum floods_kind kind, const struct key_pair *pair,
                            unsigned long count);
void floods_begin(struct flood *flood);
/* Until all of it is sent; fails where it ended otherwise. */
void floods_await(struct flood *flood);

#endif
