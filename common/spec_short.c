/*
 * Short forms that libcyaml cannot read, as it knows no value of two types and no mapping with
 * keys of one's own. They are written out in the text before it is read:
 *
 *     conditions: [Male]          becomes  conditions: [{name: Male}]
 *     labels: {zone: a, rack: 3}  becomes  labels: [{key: zone, "value": a}, {key: rack, "value":
 * 3}] seeds: 0-9999,12000         becomes  seeds: [0-9999,12000]
 *
 * Where that moved what stands behind it on its line, the place in an error is moved back.
 */
#include <string.h>

#include "common/limits.h"
#include "common/spec_priv.h"
#include "common/yaml_text.h"

#define CONDITIONS "conditions"
#define LABELS "labels"
#define SEEDS "seeds"
#define DEPTH_MOST 64 /* collections in each other that are looked into */

struct insertion {
    size_t index;        /* in characters, as libyaml counts */
    size_t line, column; /* from 1, of the original text */
    size_t cut;          /* ASCII characters that the text takes the place of */
    const char *text;
};

static int note(struct buffer *insertions, const yaml_mark_t *mark, const char *text,
                struct error *err)
{
    const struct insertion insertion = {mark->index, mark->line + 1, mark->column + 1, 0, text};
    return buffer_append(insertions, &insertion, sizeof insertion, err);
}

/* The same in the place of the bracket at that mark. */
static int replace(struct buffer *insertions, const yaml_mark_t *mark, const char *text,
                   struct error *err)
{
    const struct insertion insertion = {mark->index, mark->line + 1, mark->column + 1, 1, text};
    return buffer_append(insertions, &insertion, sizeof insertion, err);
}

struct walk { /* through the events */
    size_t depth, conditions, labels; /* open collections; the depths of those written out, 0: none */
    uint64_t mappings;                /* a bit for each depth: it is one, */
    uint64_t values;                  /* and what comes next in it is a value */
    const char *key;                  /* CONDITIONS, LABELS or SEEDS where the event before was that key */
    /* Of the labels. */
    bool flow, has_key;
    yaml_mark_t last; /* end of the last value */
    size_t before;    /* insertions' size */
    struct buffer *insertions;
};

static bool in_mapping(const struct walk *walk)
{
    return walk->depth > 0 && walk->depth < DEPTH_MOST && walk->mappings >> walk->depth & 1;
}

/* Whether the node that begins is a key of a mapping. */
static bool take_node(struct walk *walk)
{
    uint64_t bit = (uint64_t)1 << walk->depth % DEPTH_MOST;
    if (!in_mapping(walk))
        return false;
    walk->values ^= bit;
    return walk->values & bit;
}

/* What is no mapping of scalars stays as it is, for libcyaml to refuse. */
static void give_up_labels(struct walk *walk, struct buffer *insertions)
{
    insertions->size = walk->before;
    walk->labels = 0;
}

static int begin_labels(struct walk *walk, const yaml_event_t *event, struct buffer *insertions,
                        struct error *err)
{
    walk->labels = walk->depth;
    walk->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    walk->has_key = false;
    walk->before = insertions->size;
    walk->last = event->start_mark;
    return walk->flow ? replace(insertions, &event->start_mark, "[", err)
                      : note(insertions, &event->start_mark, "[", err);
}

static int end_labels(struct walk *walk, const yaml_event_t *event, struct buffer *insertions,
                      struct error *err)
{
    yaml_mark_t bracket = event->end_mark;
    walk->labels = 0;
    if (!walk->flow)
        return note(insertions, &walk->last, "]", err);
    bracket.index--;
    bracket.column--;
    return replace(insertions, &bracket, "]", err);
}

static int take_label(struct walk *walk, const yaml_event_t *event, struct buffer *insertions,
                      struct error *err)
{
    walk->has_key = !walk->has_key;
    walk->last = event->end_mark;
    if (!walk->has_key)
        return note(insertions, &event->end_mark, walk->flow ? "}" : "},", err);
    int rc = note(insertions, &event->start_mark, "{key: ", err);
    return rc ? rc : note(insertions, &event->end_mark, ", \"value\"", err);
}

static int take_condition(const yaml_event_t *event, struct buffer *insertions, struct error *err)
{
    int rc = note(insertions, &event->start_mark, "{name: ", err);
    return rc ? rc : note(insertions, &event->end_mark, "}", err);
}

static int take_seeds(const yaml_event_t *event, struct buffer *insertions, struct error *err)
{
    int rc = note(insertions, &event->start_mark, "[", err);
    return rc ? rc : note(insertions, &event->end_mark, "]", err);
}

static int take_start(struct walk *walk, const yaml_event_t *event, struct buffer *insertions,
                      struct error *err)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT, below = in_mapping(walk);
    (void)take_node(walk);
    walk->depth++;
    if (walk->depth < DEPTH_MOST) {
        uint64_t bit = (uint64_t)1 << walk->depth;
        walk->mappings = mapping ? walk->mappings | bit : walk->mappings & ~bit;
        walk->values &= ~bit;
    }
    if (walk->labels)
        give_up_labels(walk, insertions);
    else if (mapping && walk->key && strcmp(walk->key, LABELS) == 0 && below)
        return begin_labels(walk, event, insertions, err);
    else if (!mapping && walk->key && strcmp(walk->key, CONDITIONS) == 0 && !walk->conditions)
        walk->conditions = walk->depth;
    return 0;
}

static int take_end(struct walk *walk, const yaml_event_t *event, struct buffer *insertions,
                    struct error *err)
{
    int rc = walk->labels == walk->depth && walk->labels ? end_labels(walk, event, insertions, err)
                                                         : 0;
    if (walk->conditions == walk->depth)
        walk->conditions = 0;
    walk->depth--;
    return rc;
}

static int take_scalar(struct walk *walk, const yaml_event_t *event, struct buffer *insertions,
                       struct error *err)
{
    bool block = event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
                 event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
    if (walk->labels && block)
        give_up_labels(walk, insertions);
    else if (walk->labels && walk->depth == walk->labels)
        return take_label(walk, event, insertions, err);
    else if (walk->conditions && walk->depth == walk->conditions && !block)
        return take_condition(event, insertions, err);
    else if (walk->key && strcmp(walk->key, SEEDS) == 0 && !block)
        return take_seeds(event, insertions, err);
    return 0;
}

/* The name of a key that has a short form, else NULL. */
static const char *short_key(const char *text)
{
    static const char *const keys[] = {CONDITIONS, LABELS, SEEDS};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(text, keys[i]) == 0)
            return keys[i];
    return NULL;
}

static int take_event(void *context, const yaml_event_t *event, struct error *err)
{
    struct walk *walk = context;
    struct buffer *insertions = walk->insertions;
    const char *key = NULL;
    int rc = 0;
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        rc = take_start(walk, event, insertions, err);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        rc = take_end(walk, event, insertions, err);
        break;
    case YAML_SCALAR_EVENT:
        if (take_node(walk))
            key = short_key((const char *)event->data.scalar.value);
        rc = take_scalar(walk, event, insertions, err);
        break;
    case YAML_ALIAS_EVENT:
        (void)take_node(walk);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    walk->key = key;
    return rc;
}

int spec_short_expand(const char *text, size_t size, struct buffer *expanded,
                      struct buffer *insertions, struct error *err)
{
    struct yaml_text_cursor cursor = yaml_text_cursor(text, size);
    struct walk walk = {.insertions = insertions};
    size_t done = 0;
    int rc = yaml_text_walk(text, size, take_event, &walk, err);
    const struct insertion *list = (const void *)insertions->data;
    for (size_t i = 0; !rc && i < insertions->size / sizeof *list; i++) {
        size_t at = yaml_text_byte(&cursor, list[i].index);
        rc = buffer_append(expanded, text + done, at - done, err);
        if (!rc)
            rc = buffer_append(expanded, list[i].text, strlen(list[i].text), err);
        done = at + list[i].cut;
    }
    return rc ? rc : buffer_append(expanded, text + done, size - done, err);
}

static long moved(const void *context, size_t line, size_t column)
{
    const struct buffer *insertions = context;
    const struct insertion *list = (const void *)insertions->data;
    size_t by = 0;
    for (size_t i = 0; i < insertions->size / sizeof *list; i++)
        if (list[i].line == line && column > list[i].column + by)
            by += strlen(list[i].text) - list[i].cut;
    return (long)by;
}

int spec_short_place(const struct buffer *insertions, int code, struct error *err)
{
    return yaml_text_place(moved, insertions, code, err);
}
