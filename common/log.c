/* One log line a call. The settings are written once at start, before threads; the lines kept are
 * guarded. */
#include "common/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/text.h"

#define LINE_BYTES 2048

static struct {
    const char *program;
    enum log_level level;
    bool kv;              /* for programs */
    pthread_mutex_t lock; /* of what follows */
    size_t kept;
    uint64_t count;
    char lines[LOG_KEPT_BYTES]; /* the last ones, whole */
} settings = {"facefarm", LOG_INFO, false, PTHREAD_MUTEX_INITIALIZER, 0, 0, ""};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_open(const char *program, enum log_level level)
{
    settings.program = program;
    settings.level = level;
    const char *wanted = getenv("FACEFARM_LOG");
    for (int i = LOG_ERROR; wanted && i <= LOG_DEBUG; i++)
        if (strcmp(wanted, level_names[i]) == 0)
            settings.level = (enum log_level)i;
    const char *format = getenv("FACEFARM_LOG_FORMAT");
    settings.kv = format && strcmp(format, "kv") == 0;
}

static size_t print_time(char *line, size_t size)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &parts);
    return length +
           (size_t)snprintf(line + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Drops the oldest lines until `size` more bytes fit. */
static void keep(const char *line, size_t size)
{
    if (size > sizeof settings.lines)
        return;
    pthread_mutex_lock(&settings.lock);
    while (settings.kept + size > sizeof settings.lines) {
        size_t first =
            (size_t)((char *)memchr(settings.lines, '\n', settings.kept) + 1 - settings.lines);
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

/* ---- a line ---- */

struct line {
    char text[LINE_BYTES];
    size_t size; /* may be cut, but for the newline */
};

static void put(struct line *line, const char *text, size_t size)
{
    size_t room = sizeof line->text - 2 - line->size;
    if (size > room)
        size = room;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void put_format(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put_format(struct line *line, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size > 0)
        put(line, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

/* What would end the line, or tell a terminal something, as an escape; whole characters only where the room ends. */
static void put_escaped(struct line *line, const char *text, bool quoted)
{
    for (; *text && line->size + 8 < sizeof line->text; text++) {
        const unsigned char *at = (const unsigned char *)text;
        if (quoted && (*at == '"' || *at == '\\'))
            put_format(line, "\\%c", *at);
        else if (*at == '\n' || *at == '\t' || *at == '\r')
            put_format(line, "\\%c", *at == '\n' ? 'n' : *at == '\t' ? 't' : 'r');
        else if (text_is_control(at))
            put_format(line, "\\x%02x", *at == 0xc2 ? *(const unsigned char *)++text : *at);
        else
            put(line, text, 1);
    }
}

static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"", 1);
    put_escaped(line, text, true);
    put(line, "\"", 1);
}

static void put_value(struct line *line, const char *key, const char *value)
{
    size_t plain =
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/+-@");
    put_format(line, " %s=", key);
    if (plain > 0 && value[plain] == '\0')
        put(line, value, plain);
    else
        put_quoted(line, value);
}

static void put_number(struct line *line, const char *key, int64_t value)
{
    if (value)
        put_format(line, " %s=%" PRId64, key, value);
}

static void put_keys(struct line *line, const struct log_ids *ids)
{
    put_number(line, "job", ids->job);
    if (ids->stage)
        put_value(line, "stage", ids->stage);
    put_number(line, "stage_id", ids->stage_id);
    if (ids->count)
        put_format(line, " task=%" PRIu64 "+%" PRIu64, ids->start, ids->count);
    if (ids->worker)
        put_value(line, "worker", ids->worker);
    put_number(line, "worker_id", ids->worker_id);
}

/* For people: "job 3 stage labels, 0 + 512, worker gpu-7: ". */
static void put_prefix(struct line *line, const struct log_ids *ids)
{
    size_t before = line->size;
    if (ids->job)
        put_format(line, "job %" PRId64, ids->job);
    if (ids->stage) {
        put(line, " stage ", 7);
        put_escaped(line, ids->stage, false);
    } else if (ids->stage_id) {
        put_format(line, "%sstage %" PRId64, ids->job ? " " : "", ids->stage_id);
    }
    if (ids->count)
        put_format(line, ", %" PRIu64 " + %" PRIu64, ids->start, ids->count);
    if (ids->worker) {
        put_format(line, "%sworker ", line->size > before ? ", " : "");
        put_escaped(line, ids->worker, false);
    }
    if (line->size > before)
        put(line, ": ", 2);
}

__attribute__((format(printf, 3, 0))) static void
write_line(enum log_level level, const struct log_ids *ids, const char *format, va_list args)
{
    struct line line = {.size = 0};
    char time[32], text[LINE_BYTES];
    size_t time_size = print_time(time, sizeof time);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    if (settings.kv) {
        put_format(&line, "time=%.*s level=%s program=%s", (int)time_size, time, level_names[level],
                   settings.program);
        put_keys(&line, ids);
        put(&line, " msg=", 5);
        put_quoted(&line, text);
    } else {
        put_format(&line, "%.*s %s %s: ", (int)time_size, time, level_names[level],
                   settings.program);
        put_prefix(&line, ids);
        put_escaped(&line, text, false);
    }
    line.text[line.size++] = '\n';
    keep(line.text, line.size);
    /* A log that cannot be written must not stop the work. */
    ssize_t ignored = write(STDERR_FILENO, line.text, line.size);
    (void)ignored;
}

void log_write(enum log_level level, const char *format, ...)
{
    static const struct log_ids nothing;
    va_list args;
    if (level > settings.level)
        return;
    va_start(args, format);
    write_line(level, &nothing, format, args);
    va_end(args);
}

void log_about(enum log_level level, const struct log_ids *ids, const char *format, ...)
{
    va_list args;
    if (level > settings.level)
        return;
    va_start(args, format);
    write_line(level, ids, format, args);
    va_end(args);
}
