/* The two clocks. The replacement is for tests and is set before threads start. */
#include "common/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t (*replacement)(void);

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec;
}

int64_t clock_now(void)
{
    return replacement ? replacement() : read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME) / CLOCK_MILLISECOND;
}

void clock_replace(int64_t (*now)(void))
{
    replacement = now;
}
