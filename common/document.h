/* YAML documents: libcyaml with our kind of error: what, line and column. Shared by bundle.c and spec.c. */
#ifndef COMMON_DOCUMENT_H
#define COMMON_DOCUMENT_H

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

/* Parses `text` by `schema` (a pointer to a mapping). Unknown and repeated keys, aliases and wrong types are
 * E_PARSE. The caller frees *value with document_free. */
MUST_CHECK int document_load(const char *text, size_t size, const cyaml_schema_value_t *schema,
                         void **value, struct error *err);
void document_free(const cyaml_schema_value_t *schema, void *value);

/* Where the value at `place` stands in `text` (well-formed YAML), from 1. A place is keys joined by ": ",
 * of which those with [n] behind mean item n of a list; as much of it as there is is followed. */
void document_locate(const char *text, size_t size, const char *place, size_t *line, size_t *column);

/* Whether `name` is 1 … LIMIT_NAME_BYTES characters of A–Z a–z 0–9 _ . - and does not begin with . or -. */
bool document_is_name(const char *name);

#endif
