/*
 * libcyaml reports through a log call-back: first the reason, then a backtrace whose first line has
 * the place. For a key it does not know, that place is where the value before it stood, so the key
 * itself is looked up with libyaml.
 */
#include "common/document.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/limits.h"

struct report {
    char reason[256];
    char where[256];
    size_t line, column; /* from 1; 0: unknown */
};

static void keep_line(char *to, size_t size, const char *from)
{
    from += strspn(from, " ");
    if (strncmp(from, "Load: ", 6) == 0)
        from += 6;
    snprintf(to, size, "%s", from);
    to[strcspn(to, "\n")] = '\0';
}

/* One line of the backtrace, innermost first: the first has the place; what it is in is told up to the
 * first key of a mapping. */
static void keep_place(struct report *report, const char *line)
{
    size_t length = strlen(report->where);
    if (strstr(report->where, "mapping field") || length + 2 >= sizeof report->where)
        return;
    report->where[length++] = ' ';
    keep_line(report->where + length, sizeof report->where - length, line);
    char *place = strstr(report->where, " (line:");
    if (!place)
        return;
    if (!report->line &&
        sscanf(place, " (line: %zu, column: %zu)", &report->line, &report->column) != 2)
        report->line = report->column = 0;
    *place = '\0';
}

static void listen(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct report *report = context;
    char line[256];
    (void)level;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* libcyaml's own format */
    vsnprintf(line, sizeof line, format, args);
#pragma GCC diagnostic pop
    if (strstr(line, "Backtrace"))
        return;
    /* Of an alias, libcyaml tells the place only; its code has the reason. */
    if (strncmp(line, "Load:   in ", 11) == 0 || strncmp(line, "  in ", 5) == 0)
        keep_place(report, line);
    else if (!report->reason[0])
        keep_line(report->reason, sizeof report->reason, line);
}

/* Moves the place to the first scalar `name` at or behind it. */
static void find_key(const char *text, size_t size, const char *name, struct report *report)
{
    yaml_parser_t parser;
    yaml_event_t event;
    if (!yaml_parser_initialize(&parser))
        return;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    for (bool more = true; more && yaml_parser_parse(&parser, &event);) {
        size_t line = event.start_mark.line + 1, column = event.start_mark.column + 1;
        bool behind = line > report->line || (line == report->line && column >= report->column);
        more = event.type != YAML_STREAM_END_EVENT;
        if (behind && event.type == YAML_SCALAR_EVENT &&
            strcmp((const char *)event.data.scalar.value, name) == 0) {
            report->line = line;
            report->column = column;
            more = false;
        }
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

/* A key that is missing is told in the key that was read last, or in itself where there was none. It is missing beside that
 * one, in the same mapping. */
static void place_missing(struct report *report)
{
    static const char missing[] = "Missing required mapping field: ", in[] = " in mapping field ";
    char where[sizeof report->where];
    if (strncmp(report->reason, missing, strlen(missing)) != 0 || strncmp(report->where, in, strlen(in)) != 0)
        return;
    const char *key = report->reason + strlen(missing), *last = report->where + strlen(in);
    bool itself = last[0] == '\'' && strncmp(last + 1, key, strlen(key)) == 0 && last[1 + strlen(key)] == '\'';
    snprintf(where, sizeof where, "%s%s", itself ? "" : " beside ", itself ? "" : last);
    memcpy(report->where, where, sizeof where);
}

/* The syntax error of text that is no YAML at all. */
static bool syntax_error(const char *text, size_t size, struct report *report)
{
    yaml_parser_t parser;
    yaml_event_t event;
    if (!yaml_parser_initialize(&parser))
        return false;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    bool good, more = true;
    while ((good = yaml_parser_parse(&parser, &event)) && more) {
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    if (!good && parser.problem) {
        snprintf(report->reason, sizeof report->reason, "%s", parser.problem);
        report->line = parser.problem_mark.line + 1;
        report->column = parser.problem_mark.column + 1;
        report->where[0] = '\0';
    }
    yaml_parser_delete(&parser);
    return !good;
}

static int explain(const char *text, size_t size, cyaml_err_t code, struct report *report,
                   struct error *err)
{
    static const char *const keyed[] = {"Unexpected key: ", "Mapping field already seen: "};
    if (!syntax_error(text, size, report))
        for (size_t i = 0; i < sizeof keyed / sizeof *keyed; i++)
            if (strncmp(report->reason, keyed[i], strlen(keyed[i])) == 0) {
                find_key(text, size, report->reason + strlen(keyed[i]), report);
                report->where[0] = '\0';
            }
    place_missing(report);
    const char *reason = report->reason[0] ? report->reason : cyaml_strerror(code);
    if (!report->line)
        return error_set(err, E_PARSE, "%s", reason);
    return error_set(err, E_PARSE, "line %zu, column %zu: %s%s", report->line, report->column,
                     reason, report->where);
}

static cyaml_config_t configuration(struct report *report)
{
    return (cyaml_config_t){
        .log_fn = listen,
        .log_ctx = report,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

int document_load(const char *text, size_t size, const cyaml_schema_value_t *schema, void **value,
              struct error *err)
{
    struct report report = {0};
    cyaml_config_t config = configuration(&report);
    void *loaded = NULL;
    if (memchr(text, '\0', size))
        return error_set(err, E_PARSE, "YAML text holds a NUL byte");
    cyaml_err_t code = cyaml_load_data((const uint8_t *)text, size, &config, schema, &loaded, NULL);
    if (code != CYAML_OK)
        return explain(text, size, code, &report, err);
    if (!loaded)
        return error_set(err, E_PARSE, "the document is empty");
    *value = loaded;
    return 0;
}

/* ---- places ---- */

/* The value of the key of `length` bytes at `key` in a mapping, or NULL. */
static yaml_node_t *find_value(yaml_document_t *document, yaml_node_t *mapping, const char *key,
                               size_t length)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        yaml_node_t *found = yaml_document_get_node(document, pair->key);
        if (found && found->type == YAML_SCALAR_NODE && found->data.scalar.length == length &&
            memcmp(found->data.scalar.value, key, length) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

static yaml_node_t *find_item(yaml_document_t *document, yaml_node_t *list, size_t item)
{
    if (list->type != YAML_SEQUENCE_NODE)
        return NULL;
    yaml_node_item_t *found = list->data.sequence.items.start + item;
    return found < list->data.sequence.items.top ? yaml_document_get_node(document, *found) : NULL;
}

/* One step of a place: "key" or "key[n]". */
static yaml_node_t *find_step(yaml_document_t *document, yaml_node_t *node, const char *step)
{
    size_t key = strcspn(step, "[:");
    yaml_node_t *found = find_value(document, node, step, key);
    if (!found || step[key] != '[')
        return found;
    yaml_node_t *item = find_item(document, found, strtoul(step + key + 1, NULL, 10));
    return item ? item : found;
}

void document_locate(const char *text, size_t size, const char *place, size_t *line, size_t *column)
{
    yaml_parser_t parser;
    yaml_document_t document;
    *line = *column = 1;
    if (!yaml_parser_initialize(&parser))
        return;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (yaml_parser_load(&parser, &document)) {
        yaml_node_t *node = yaml_document_get_root_node(&document);
        while (node) {
            *line = node->start_mark.line + 1;
            *column = node->start_mark.column + 1;
            node = *place ? find_step(&document, node, place) : NULL;
            place += strcspn(place, ":");
            place += strspn(place, ": ");
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
}

void document_free(const cyaml_schema_value_t *schema, void *value)
{
    struct report ignored = {0};
    cyaml_config_t config = configuration(&ignored);
    if (value)
        cyaml_free(&config, schema, value, 0);
}

bool document_is_name(const char *name)
{
    size_t length = strlen(name);
    if (length < 1 || length > LIMIT_NAME_BYTES || name[0] == '.' || name[0] == '-')
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
            return false;
    return true;
}
