/* Classes are few and asked about at a submit only: a list that is gone through. */
#include "broker/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/document.h"
#include "common/lines.h"

#define NAMED 4 /* classes that a sentence names */

/* ---- reading ---- */

static int take_device(struct fleet_class *class, const char *text, struct error *err)
{
    for (enum needs_device device = NEEDS_CPU; device < NEEDS_DEVICES; device++)
        if (strcmp(text, needs_device_name(device)) == 0) {
            class->device = device;
            return 0;
        }
    return error_set(err, E_PARSE, "device: is \"%.64s\", expected cpu, gpu or other", text);
}

static int take_memory(struct fleet_class *class, const char *text, struct error *err)
{
    if (needs_parse_size(text, &class->memory))
        return 0;
    return error_set(err, E_PARSE,
                     "memory: is \"%.64s\", expected bytes, or a number and K, M, G or T", text);
}

/* One of device=…, memory=…, labels=…; each at most once. */
static int take_word(struct fleet_class *class, const char *word, struct error *err)
{
    size_t key = strcspn(word, "=");
    const char *value = word[key] ? word + key + 1 : "";
    if (key == 6 && memcmp(word, "device", key) == 0 && class->device == NEEDS_ANY)
        return take_device(class, value, err);
    if (key == 6 && memcmp(word, "memory", key) == 0 && class->memory == 0)
        return take_memory(class, value, err);
    if (key == 6 && memcmp(word, "labels", key) == 0 && !class->labels.text[0])
        return labels_add_list(&class->labels, value, err);
    return error_set(err, E_PARSE,
                     "\"%.64s\", expected device=KIND, memory=SIZE or labels=KEY=VALUE,…, each once",
                     word);
}

static int take_class(struct fleet_class *class, char *const words[], size_t count,
                      struct error *err)
{
    *class = (struct fleet_class){.device = NEEDS_ANY};
    if (!document_is_name(words[0]))
        return error_set(err, E_PARSE, "name \"%.64s\", expected 1 to %d of A-Z a-z 0-9 _ . -",
                         words[0], LIMIT_NAME_BYTES);
    snprintf(class->name, sizeof class->name, "%s", words[0]);
    int rc = 0;
    for (size_t i = 1; rc == 0 && i < count; i++)
        rc = take_word(class, words[i], err);
    return rc;
}

static int add_class(struct fleet *fleet, const struct fleet_class *class, struct error *err)
{
    for (size_t i = 0; i < fleet->count; i++)
        if (strcmp(fleet->classes[i].name, class->name) == 0)
            return error_set(err, E_EXISTS, "class %s: stands there twice", class->name);
    if (fleet->count == LIMIT_FLEET)
        return error_set(err, E_LIMIT, "more than %d classes (LIMIT_FLEET)", LIMIT_FLEET);
    struct fleet_class *grown = realloc(fleet->classes, (fleet->count + 1) * sizeof *grown);
    if (!grown)
        return error_set(err, E_MEMORY, "no memory for %zu classes of workers", fleet->count + 1);
    fleet->classes = grown;
    fleet->classes[fleet->count++] = *class;
    return 0;
}

int fleet_parse(const char *text, size_t size, struct fleet *fleet, struct error *err)
{
    struct lines lines = {0};
    struct fleet found = {0};
    char *words[LINES_WORDS];
    int rc = lines_open(&lines, text, size, err);
    for (size_t count; rc == 0 && (count = lines_next(&lines, words)) > 0;) {
        struct fleet_class class;
        rc = take_class(&class, words, count, err);
        if (rc == 0)
            rc = add_class(&found, &class, err);
        if (rc < 0)
            error_prefix(err, rc, "line %u", lines.number);
    }
    lines_close(&lines);
    if (rc == 0 && found.count == 0)
        rc = error_set(err, E_INVALID, "declares no class of workers: no job could ever run");
    if (rc == 0)
        *fleet = found;
    else
        fleet_free(&found);
    return rc;
}

int fleet_read(const char *path, struct fleet *fleet, struct error *err)
{
    struct buffer text;
    buffer_init(&text, LIMIT_FLEET_BYTES + 1);
    int rc = buffer_read_file(&text, path, LIMIT_FLEET_BYTES, err);
    if (rc == 0 && (rc = fleet_parse((const char *)text.data, text.size, fleet, err)) < 0)
        error_prefix(err, rc, "%s", path);
    buffer_free(&text);
    return rc;
}

void fleet_free(struct fleet *fleet)
{
    free(fleet->classes);
    *fleet = (struct fleet){0};
}

/* ---- asking ---- */

static struct needs_offer offer_of(const struct fleet_class *class)
{
    return (struct needs_offer){
        .device = class->device == NEEDS_ANY ? NULL : needs_device_name(class->device),
        .memory = class->memory ? class->memory : UINT64_MAX,
        .labels = class->labels.text,
    };
}

static bool meets(const struct fleet_class *class, const struct needs *needs)
{
    const struct needs_offer offer = offer_of(class);
    return needs_met(needs, &offer);
}

bool fleet_meets(const struct fleet *fleet, const struct needs *needs)
{
    bool met = fleet->count == 0;
    for (size_t i = 0; !met && i < fleet->count; i++)
        met = meets(&fleet->classes[i], needs);
    return met;
}

/* The names of the classes that meet `needs` (NULL: of all), or "none". */
static int name_classes(const struct fleet *fleet, const struct needs *needs, struct buffer *text,
                        struct error *err)
{
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < fleet->count; i++) {
        if (needs && !meets(&fleet->classes[i], needs))
            continue;
        if (count++ < NAMED)
            rc = buffer_printf(text, err, "%s%s", count > 1 ? ", " : "", fleet->classes[i].name);
    }
    if (rc == 0 && count > NAMED)
        rc = buffer_printf(text, err, " and %zu more", count - NAMED);
    return rc == 0 && count == 0 ? buffer_printf(text, err, "none") : rc;
}

/* One need, and who has it. */
static int explain_one(const struct fleet *fleet, const char *what, const struct needs *need,
                       struct buffer *text, struct error *err)
{
    int rc = buffer_printf(text, err, "%s: ", what);
    if (rc == 0)
        rc = name_classes(fleet, need, text, err);
    return rc == 0 ? buffer_printf(text, err, "; ") : rc;
}

int fleet_explain(const struct fleet *fleet, const struct needs *needs, struct buffer *text,
                  struct error *err)
{
    const char *labels = needs->labels ? needs->labels : "";
    char what[LIMIT_NAME_BYTES * 2 + 16], size[NEEDS_SIZE_BYTES];
    size_t length;
    int rc = buffer_printf(text, err, "no class of workers has all that it needs: ");
    if (rc == 0 && needs->device != NEEDS_ANY) {
        snprintf(what, sizeof what, "device %s", needs_device_name(needs->device));
        rc = explain_one(fleet, what, &(struct needs){.device = needs->device}, text, err);
    }
    if (rc == 0 && needs->memory) {
        snprintf(what, sizeof what, "memory %s", needs_print_size(needs->memory, size));
        rc = explain_one(fleet, what, &(struct needs){.memory = needs->memory}, text, err);
    }
    for (const char *label; rc == 0 && (label = labels_next(&labels, &length));) {
        struct labels one = {""};
        rc = labels_add_text(&one, label, length, err);
        snprintf(what, sizeof what, "label %.*s", (int)length, label);
        if (rc == 0)
            rc = explain_one(fleet, what, &(struct needs){.labels = one.text}, text, err);
    }
    if (rc == 0)
        rc = buffer_printf(text, err, "the classes are ");
    return rc == 0 ? name_classes(fleet, NULL, text, err) : rc;
}
