/* What is broken, and when: drawn from a seed, and nothing else. */
#ifndef TESTS_CHAOS_SCHEDULE_H
#define TESTS_CHAOS_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SCHEDULE_WORKERS 3
#define SCHEDULE_MOST 8

/* name, what it is in a schedule that is printed, whether it lasts, whether it needs the shim */
#define SCHEDULE_FAULTS(X)                                                                         \
    X(KILL_BROKER, "kill -9 of the broker", 0, 0)                                                  \
    X(KILL_BROKER_TWICE, "kill -9 of the broker, and again while it starts", 0, 0)                 \
    X(TERM_BROKER, "SIGTERM to the broker", 0, 0)                                                  \
    X(KILL_WORKER, "kill -9 of worker", 0, 0)                                                      \
    X(TERM_WORKER, "SIGTERM to worker", 0, 0)                                                      \
    X(DRAIN_WORKER, "drain of worker", 0, 0)                                                       \
    X(FREEZE_WORKER, "SIGSTOP of worker", 1, 0)                                                    \
    X(KILL_CLIENT, "kill -9 of the client", 0, 0)                                                  \
    X(SAME_NAME, "a second worker with the name of worker", 0, 0)                                  \
    X(SAME_SESSION, "a second worker with the session of worker", 1, 1)                            \
    X(CUT, "connections cut of worker", 0, 0)                                                      \
    X(STALL, "connections stalled of worker", 1, 0)                                                \
    X(LOSE, "connections lost of worker", 1, 0)                                                    \
    X(DELAY, "connections delayed of worker", 1, 0)                                                \
    X(REORDER, "old connections delivered behind new ones of worker", 0, 0)                        \
    X(DUPLICATE, "connections said twice of worker", 0, 0)                                         \
    X(CLOCK_JUMP, "a jump of the broker's clock", 0, 1)                                            \
    X(DISK_FULL, "the broker's disk full", 1, 1)                                                   \
    X(DISK_FAILS, "the broker's disk failing", 1, 1)                                               \
    X(DISK_READ_ONLY, "the broker's disk read-only", 1, 1)                                         \
    X(WRITE_FAILS, "one write of the broker failing", 0, 1)                                        \
    X(KILL_AT_WRITE, "kill -9 of the broker before one of its writes", 0, 1)                       \
    X(DATABASE_HELD, "the database held by another program", 1, 0)                                 \
    X(STORE_FULL, "the store full for worker", 1, 1)                                               \
    X(KILL_WORKER_AT_WRITE, "kill -9 before a write of worker", 0, 1)

enum schedule_fault {
#define SCHEDULE_ENUM(name, text, lasts, shim) SCHEDULE_##name,
    SCHEDULE_FAULTS(SCHEDULE_ENUM)
#undef SCHEDULE_ENUM
        SCHEDULE_KINDS,
};

struct schedule_event {
    enum schedule_fault fault;
    uint64_t at;      /* begins when so many tasks are committed */
    unsigned worker;  /* below the schedule's workers */
    unsigned percent; /* how long it lasts, of the silence after which a worker is thought lost */
};

struct schedule {
    uint64_t seed;
    unsigned workers;
    size_t count;
    struct schedule_event events[SCHEDULE_MOST]; /* by `at` */
};

/* For a job of so many tasks. `shim`: whether there is one. */
void schedule_draw(struct schedule *schedule, uint64_t seed, uint64_t tasks, int shim);
int schedule_lasts(enum schedule_fault fault);
/* One line, without its end. */
void schedule_print_event(const struct schedule_event *event, FILE *out);

#endif
