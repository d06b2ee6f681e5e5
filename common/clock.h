/* Time: monotonic nanoseconds for everything that waits, wall-clock milliseconds for what people
 * read. Tests replace the monotonic clock. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

#define CLOCK_MILLISECOND ((int64_t)1000000)
#define CLOCK_SECOND ((int64_t)1000000000)

int64_t clock_now(void);      /* monotonic, in nanoseconds */
int64_t clock_wall_ms(void);  /* Unix time in milliseconds */

/* Makes clock_now() call `now` (NULL: the real clock again). Tests only. */
void clock_replace(int64_t (*now)(void));

#endif
