/* One log line a call. The settings are written once at start, before threads. */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *program;
    enum log_level level;
} settings = {"facefarm", LOG_INFO};

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
    /* A log that cannot be written must not stop the work. */
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}
