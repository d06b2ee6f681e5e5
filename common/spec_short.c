/*
 * The short form of conditions, `[Male, Eyeglasses]`, beside the long one, `[{name: Male, discount:
 * 0.8}]`: libcyaml knows no value of two types, so the text `Male` becomes `{name: Male}` before it
 * is read. Where that moved what stands behind it on its line, the place in an error is moved back.
 */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "common/limits.h"
#include "common/spec_priv.h"

#define SHORT_KEY "conditions"
#define SHORT_OPEN "{name: "
#define SHORT_CLOSE "}"

struct insertion {
    size_t index;        /* in characters, as libyaml counts */
    size_t line, column; /* from 1, of the original text */
    const char *text;
};

static int note(struct buffer *insertions, const yaml_mark_t *mark, const char *text,
                struct error *err)
{
    const struct insertion insertion = {mark->index, mark->line + 1, mark->column + 1, text};
    return buffer_append(insertions, &insertion, sizeof insertion, err);
}

struct walk { /* through the events */
    size_t depth,
        wanted; /* open collections; the depth of the sequence in which scalars are wrapped */
    bool key;   /* the event before was the scalar SHORT_KEY */
};

static int take_event(struct walk *walk, const yaml_event_t *event, struct buffer *insertions,
                      struct error *err)
{
    bool key = false;
    int rc = 0;
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        walk->depth++;
        if (event->type == YAML_SEQUENCE_START_EVENT && walk->key && !walk->wanted)
            walk->wanted = walk->depth;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        if (walk->wanted == walk->depth)
            walk->wanted = 0;
        walk->depth--;
        break;
    case YAML_SCALAR_EVENT:
        key = strcmp((const char *)event->data.scalar.value, SHORT_KEY) == 0;
        if (walk->wanted && walk->depth == walk->wanted &&
            event->data.scalar.style != YAML_LITERAL_SCALAR_STYLE &&
            event->data.scalar.style != YAML_FOLDED_SCALAR_STYLE) {
            rc = note(insertions, &event->start_mark, SHORT_OPEN, err);
            if (!rc)
                rc = note(insertions, &event->end_mark, SHORT_CLOSE, err);
        }
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_ALIAS_EVENT:
        break;
    }
    walk->key = key;
    return rc;
}

/* Text that is no YAML gives what was found up to there; libcyaml says what is wrong with it. */
static int find_insertions(const char *text, size_t size, struct buffer *insertions,
                           struct error *err)
{
    yaml_parser_t parser;
    yaml_event_t event;
    struct walk walk = {0};
    int rc = 0;
    if (!yaml_parser_initialize(&parser))
        return error_set(err, E_MEMORY, "no memory for a YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    for (bool more = true; more && !rc && yaml_parser_parse(&parser, &event);) {
        more = event.type != YAML_STREAM_END_EVENT;
        rc = take_event(&walk, &event, insertions, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

/* Where the character of that index begins, counted on from `at`, which stands at character *index.
 */
static size_t byte_of(const char *text, size_t size, size_t at, size_t *index, size_t wanted)
{
    while (at < size && *index < wanted) {
        for (at++; at < size && ((unsigned char)text[at] & 0xc0) == 0x80; at++)
            ;
        ++*index;
    }
    return at;
}

int spec_short_expand(const char *text, size_t size, struct buffer *expanded,
                      struct buffer *insertions, struct error *err)
{
    size_t done = 0, index = 0;
    int rc = find_insertions(text, size, insertions, err);
    size_t at = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* counts as nothing */
    const struct insertion *list = (const void *)insertions->data;
    for (size_t i = 0; !rc && i < insertions->size / sizeof *list; i++) {
        at = byte_of(text, size, at, &index, list[i].index);
        rc = buffer_append(expanded, text + done, at - done, err);
        if (!rc)
            rc = buffer_append(expanded, list[i].text, strlen(list[i].text), err);
        done = at;
    }
    return rc ? rc : buffer_append(expanded, text + done, size - done, err);
}

int spec_short_place(const struct buffer *insertions, int code, struct error *err)
{
    size_t line, column, moved = 0;
    const struct insertion *list = (const void *)insertions->data;
    int length = 0;
    if (!err || sscanf(err->text, "line %zu, column %zu:%n", &line, &column, &length) != 2 ||
        !length)
        return code;
    for (size_t i = 0; i < insertions->size / sizeof *list; i++)
        if (list[i].line == line && column > list[i].column + moved)
            moved += strlen(list[i].text);
    char rest[ERROR_TEXT_MAX];
    snprintf(rest, sizeof rest, "%s", err->text + length);
    return error_set(err, code, "line %zu, column %zu:%s", line, column - moved, rest);
}
