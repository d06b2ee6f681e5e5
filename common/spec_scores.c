/*
 * Targets that are mappings of names to scores, written as text before they are read, since
 * libcyaml knows no keys that are names:
 *
 *     targets: {Young: -2, Smiling: 1.5}    becomes  targets: ["Young=-2,Smiling=1.5"]
 *     targets: [{Young: -2}, {Young: 2}]    becomes  targets: ["Young=-2", "Young=2"]
 *
 * Where that moved what stands behind it on its line, the place in an error is moved back; lines
 * stay what they are.
 */
#include <string.h>

#include "common/limits.h"
#include "common/spec_priv.h"
#include "common/yaml_text.h"

#define TARGETS "targets"

/* What a replacement did to its line. */
struct change {
    size_t line, column; /* from 1, of the original text: where it ended */
    size_t old, now;     /* characters on that line */
};

/* The joint target that is read, a mapping of names to numbers. */
struct joint_text {
    size_t depth; /* of the mapping; 0: none is read */
    bool wrap;    /* it stands for the whole sequence */
    bool spoilt;  /* it holds what is no plain scalar: left as it is */
    bool flow;
    yaml_mark_t start, end; /* end: of the last scalar, or in flow style of the mapping */
    size_t scalars;
    struct buffer text;
};

struct walk { /* through the events */
    struct yaml_text_cursor cursor; /* in the original text */
    size_t copied;      /* bytes of it that are in `expanded` or replaced */
    size_t depth;       /* open collections */
    size_t targets;     /* depth of the sequence of that name, or 0 */
    bool key;           /* the event before was the scalar TARGETS */
    struct joint_text joint;
    struct buffer *expanded, *changes;
};

/* `text` in place of what stands from one mark to the other, and then as many ends of lines. */
static int replace(struct walk *walk, const yaml_mark_t *from, const yaml_mark_t *to,
                   const char *text, struct error *err)
{
    size_t start = yaml_text_byte(&walk->cursor, from->index);
    int rc =
        buffer_append(walk->expanded, walk->cursor.text + walk->copied, start - walk->copied, err);
    if (!rc)
        rc = buffer_append(walk->expanded, text, strlen(text), err);
    for (size_t line = from->line; !rc && line < to->line; line++)
        rc = buffer_append(walk->expanded, "\n", 1, err);
    walk->copied = yaml_text_byte(&walk->cursor, to->index);
    bool one_line = from->line == to->line;
    const struct change change = {to->line + 1, to->column + 1,
                                  one_line ? to->column - from->column : to->column,
                                  one_line ? strlen(text) : 0};
    return rc ? rc : buffer_append(walk->changes, &change, sizeof change, err);
}

static void begin_joint(struct walk *walk, const yaml_event_t *event, bool wrap)
{
    walk->joint = (struct joint_text){
        .depth = walk->depth,
        .wrap = wrap,
        .flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
        .start = event->start_mark,
        .end = event->end_mark,
    };
    buffer_init(&walk->joint.text, LIMIT_SPEC_BYTES + 16);
}

/* Quotes and escapes would end the text that is written: names and numbers have none. */
static bool is_plain(const char *text)
{
    return !strpbrk(text, "\"\\=,\n") && *text;
}

static int take_scalar(struct joint_text *joint, const yaml_event_t *event, struct error *err)
{
    const char *text = (const char *)event->data.scalar.value;
    bool name = joint->scalars++ % 2 == 0;
    joint->end = event->end_mark;
    joint->spoilt = joint->spoilt || !is_plain(text);
    if (joint->spoilt)
        return 0;
    const char *before = !name ? "=" : joint->scalars > 1 ? "," : joint->wrap ? "[\"" : "\"";
    return buffer_printf(&joint->text, err, "%s%s", before, text);
}

static int end_joint(struct walk *walk, const yaml_event_t *event, struct error *err)
{
    struct joint_text *joint = &walk->joint;
    int rc = 0;
    if (!joint->spoilt && joint->scalars > 0) {
        const yaml_mark_t *end = joint->flow ? &event->end_mark : &joint->end;
        rc = buffer_printf(&joint->text, err, "%s", joint->wrap ? "\"]" : "\"");
        if (!rc)
            rc = replace(walk, &joint->start, end, (const char *)joint->text.data, err);
    }
    buffer_free(&joint->text);
    *joint = (struct joint_text){0};
    return rc;
}

/* ---- the walk ---- */

static void open_collection(struct walk *walk, const yaml_event_t *event)
{
    bool sequence = event->type == YAML_SEQUENCE_START_EVENT;
    size_t outer = walk->depth++;
    walk->joint.spoilt = true; /* read only while there is one: it holds a collection */
    if (sequence && walk->key && !walk->targets)
        walk->targets = walk->depth;
    if (!sequence && !walk->joint.depth && (walk->key || (walk->targets && walk->targets == outer)))
        begin_joint(walk, event, walk->key);
}

static int close_collection(struct walk *walk, const yaml_event_t *event, struct error *err)
{
    int rc = 0;
    if (walk->joint.depth && walk->joint.depth == walk->depth)
        rc = end_joint(walk, event, err);
    if (walk->targets == walk->depth)
        walk->targets = 0;
    walk->depth--;
    return rc;
}

static int take_event(void *context, const yaml_event_t *event, struct error *err)
{
    struct walk *walk = context;
    bool key = false;
    int rc = 0;
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        open_collection(walk, event);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        rc = close_collection(walk, event, err);
        break;
    case YAML_SCALAR_EVENT:
        if (walk->joint.depth && walk->joint.depth == walk->depth)
            rc = take_scalar(&walk->joint, event, err);
        else
            key = strcmp((const char *)event->data.scalar.value, TARGETS) == 0;
        break;
    case YAML_ALIAS_EVENT:
        walk->joint.spoilt = true;
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

int spec_scores_expand(const char *text, size_t size, struct buffer *expanded,
                      struct buffer *changes, struct error *err)
{
    struct walk walk = {
        .cursor = yaml_text_cursor(text, size), .expanded = expanded, .changes = changes};
    int rc = yaml_text_walk(text, size, take_event, &walk, err);
    if (walk.joint.depth) /* the text ended inside of it */
        buffer_free(&walk.joint.text);
    return rc ? rc : buffer_append(expanded, text + walk.copied, size - walk.copied, err);
}

static long moved(const void *context, size_t line, size_t column)
{
    const struct buffer *changes = context;
    const struct change *list = (const void *)changes->data;
    long by = 0;
    for (size_t i = 0; i < changes->size / sizeof *list; i++)
        if (list[i].line == line && (long)column - by > (long)list[i].column - (long)list[i].old)
            by += (long)list[i].now - (long)list[i].old;
    return by;
}

int spec_scores_place(const struct buffer *changes, int code, struct error *err)
{
    return yaml_text_place(moved, changes, code, err);
}
