/* Logging to stderr: "2026-11-23T21:00:00.123Z info broker: text". One line a call, written with one
 * write(2), safe from every thread. */
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
 * environment overrides `level`. */
void log_open(const char *program, enum log_level level);
void log_write(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

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
