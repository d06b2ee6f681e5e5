/* Events, marks and places of YAML text. No state. */
#include "common/yaml_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int yaml_text_walk(const char *text, size_t size,
                   int (*take)(void *context, const yaml_event_t *event, struct error *err),
                   void *context, struct error *err)
{
    yaml_parser_t parser;
    yaml_event_t event;
    int rc = 0;
    if (!yaml_parser_initialize(&parser))
        return error_set(err, E_MEMORY, "no memory for a YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    for (bool more = true; more && !rc && yaml_parser_parse(&parser, &event);) {
        more = event.type != YAML_STREAM_END_EVENT;
        rc = take(context, &event, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

struct yaml_text_cursor yaml_text_cursor(const char *text, size_t size)
{
    size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return (struct yaml_text_cursor){text, size, mark, 0};
}

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t yaml_text_byte(struct yaml_text_cursor *cursor, size_t index)
{
    while (cursor->at < cursor->size && cursor->index < index) {
        cursor->at++;
        while (cursor->at < cursor->size && continues(cursor->text[cursor->at]))
            cursor->at++;
        cursor->index++;
    }
    return cursor->at;
}

int yaml_text_place(long (*moved)(const void *context, size_t line, size_t column),
                    const void *context, int code, struct error *err)
{
    size_t line, column;
    int length = 0;
    if (!err || sscanf(err->text, "line %zu, column %zu:%n", &line, &column, &length) != 2 ||
        !length)
        return code;
    long place = (long)column - moved(context, line, column);
    char rest[ERROR_TEXT_MAX];
    snprintf(rest, sizeof rest, "%s", err->text + length);
    return error_set(err, code, "line %zu, column %zu:%s", line, place > 0 ? (size_t)place : 1,
                     rest);
}
