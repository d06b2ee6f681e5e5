/* One log line a call. The settings are written once at start, before threads; the lines kept are guarded. */
#include "common/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *program;
    enum log_level level;
    pthread_mutex_t lock; /* of what follows */
    size_t kept;
    uint64_t count;
    char lines[LOG_KEPT_BYTES]; /* the last ones, whole */
} settings = {"facefarm", LOG_INFO, PTHREAD_MUTEX_INITIALIZER, 0, 0, ""};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_open(const char *program, enum log_level level)
{
    settings.program = program;
    settings.level = level;
    const char *wanted = getenv("FACEFARM_LOG");
    for (int i = LOG_ERROR; wanted && i <= LOG_DEBUG; i++)
        if (strcmp(wanted, level_names[i]) == 0)
            settings.level = (enum log_level)i;
}

static size_t print_time(char *line, size_t size)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &parts);
    return length + (size_t)snprintf(line + length, size - length, ".%03ldZ",
                                     now.tv_nsec / 1000000);
}

/* Drops the oldest lines until `size` more bytes fit. */
static void keep(const char *line, size_t size)
{
    if (size > sizeof settings.lines)
        return;
    pthread_mutex_lock(&settings.lock);
    while (settings.kept + size > sizeof settings.lines) {
        size_t first = (size_t)((char *)memchr(settings.lines, '\n', settings.kept) + 1 - settings.lines);
        memmove(settings.lines, settings.lines + first, settings.kept -= first);
    }
    memcpy(settings.lines + settings.kept, line, size);
    settings.kept += size;
    settings.count++;
    pthread_mutex_unlock(&settings.lock);
}

uint64_t log_count(void)
{
    pthread_mutex_lock(&settings.lock);
    uint64_t count = settings.count;
    pthread_mutex_unlock(&settings.lock);
    return count;
}

void log_tail(char *text, size_t size)
{
    pthread_mutex_lock(&settings.lock);
    const char *from = settings.lines, *end = settings.lines + settings.kept;
    while ((size_t)(end - from) > size - 1)
        from = (const char *)memchr(from, '\n', (size_t)(end - from)) + 1;
    memcpy(text, from, (size_t)(end - from));
    text[end - from] = '\0';
    pthread_mutex_unlock(&settings.lock);
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > settings.level)
        return;
    char line[2048];
    size_t length = print_time(line, sizeof line);
    length += (size_t)snprintf(line + length, sizeof line - length, " %s %s: ", level_names[level],
                               settings.program);
    va_list args;
    va_start(args, format);
    int text = vsnprintf(line + length, sizeof line - length - 1, format, args);
    va_end(args);
    length += text < 0 ? 0 : (size_t)text;
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    keep(line, length);
    /* A log that cannot be written must not stop the work. */
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}
