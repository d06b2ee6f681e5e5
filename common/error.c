/* Error codes and sentences. No state, no threads. */
#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

int error_prefix(struct error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    char prefix[ERROR_TEXT_MAX];
    char whole[2 * ERROR_TEXT_MAX + 2];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "%s: %s", prefix, err->text);
    whole[ERROR_TEXT_MAX - 1] = '\0';
    memcpy(err->text, whole, ERROR_TEXT_MAX);
    return err->code ? err->code : code;
}

int error_of_write(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG ? E_FULL : E_IO;
}

const char *error_name(int code)
{
    switch (code) {
#define ERROR_CASE(name, number, text)                                                             \
    case name:                                                                                     \
        return #name;
        ERROR_LIST(ERROR_CASE)
#undef ERROR_CASE
    }
    return "E_UNKNOWN";
}

int error_find(const char *name)
{
#define ERROR_FIND(code, number, text)                                                             \
    if (strcmp(name, #code) == 0)                                                                  \
        return code;
    ERROR_LIST(ERROR_FIND)
#undef ERROR_FIND
    return E_STATE;
}

const char *error_text(int code)
{
    switch (code) {
#define ERROR_CASE(name, number, text)                                                             \
    case name:                                                                                     \
        return text;
        ERROR_LIST(ERROR_CASE)
#undef ERROR_CASE
    }
    return "unknown error";
}
