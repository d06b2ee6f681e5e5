/*
 * Text that is rewritten before libcyaml reads it, since that knows no value of two types and no
 * keys that are names: a walk through libyaml's events, where in the text a mark is, and, for what
 * libcyaml says of the rewritten text, where that was.
 */
#ifndef COMMON_YAML_TEXT_H
#define COMMON_YAML_TEXT_H

#include <stddef.h>
#include <yaml.h>

#include "common/error.h"

/* Calls `take` with each event, until it fails; what it says is handed on. Of text that is no YAML
 * the events up to there: it is libcyaml's to say what is wrong with it. */
MUST_CHECK int yaml_text_walk(const char *text, size_t size,
                              int (*take)(void *context, const yaml_event_t *event,
                                          struct error *err),
                              void *context, struct error *err);

/* Finds bytes by the characters that libyaml counts. Marks ascend. */
struct yaml_text_cursor {
    const char *text;
    size_t size;
    size_t at, index; /* bytes and characters that were passed */
};

/* At the text's beginning; a byte order mark counts as nothing. */
struct yaml_text_cursor yaml_text_cursor(const char *text, size_t size);
/* Where the character of that index begins. */
size_t yaml_text_byte(struct yaml_text_cursor *cursor, size_t index);

/* Where an error is about a place, "line L, column C: …", `moved` says by how much the rewriting
 * had moved what stands there to the right, and the place becomes that of the original. Returns
 * `code`. */
int yaml_text_place(long (*moved)(const void *context, size_t line, size_t column),
                    const void *context, int code, struct error *err);

#endif
