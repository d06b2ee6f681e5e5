/*
 * Logging to stderr, one line a call, written with one write(2), safe from every thread. For people,
 *
 *     2026-11-23T21:00:00.123Z info broker: job 3 stage labels, 0 + 512, worker gpu-7: E_IO: no room
 *
 * or, with FACEFARM_LOG_FORMAT=kv in the environment, for programs:
 *
 *     time=2026-11-23T21:00:00.123Z level=info program=broker job=3 stage=labels task=0+512 worker=gpu-7
 *     worker_id=12 msg="E_IO: no room"
 *
 * A value of letters, digits and _ . : / + - @ stands as it is; others, and msg always, stand in quotation
 * marks, in which " and \ have a \ before them and control characters are \n, \t or \xHH.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_ERROR,
    LOG_WARNING,
    LOG_INFO,
    LOG_DEBUG,
};

/* `program` must outlive the process. Default level: info; FACEFARM_LOG=error|warning|info|debug in the
 * environment overrides `level`, FACEFARM_LOG_FORMAT=text|kv says how a line looks. */
void log_open(const char *program, enum log_level level);
void log_write(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct log_ids { /* what a line is about; 0 and NULL: not */
    int64_t job, stage_id;
    const char *stage; /* its name */
    uint64_t start, count; /* of a task; count 0: none */
    int64_t worker_id;
    const char *worker; /* its name */
};
void log_about(enum log_level level, const struct log_ids *ids, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The last whole lines that this process logged, oldest first, at most size − 1 bytes and LOG_KEPT_BYTES. */
#define LOG_KEPT_BYTES 2048
void log_tail(char *text, size_t size);
/* How many lines this process has logged. */
uint64_t log_count(void);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
