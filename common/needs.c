/* Labels are kept as their joined text; there are few, so looking one up reads them all. */
#include "common/needs.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- labels ---- */

static bool is_word(const char *text, size_t size, const char *more)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && (!text[i] || !strchr(more, text[i])))
            return false;
    return size > 0 && size <= LIMIT_NAME_BYTES;
}

const char *labels_next(const char **at, size_t *size)
{
    const char *label = *at;
    if (!*label)
        return NULL;
    *size = strcspn(label, ",");
    *at = label + *size + (label[*size] == ',');
    return label;
}

bool labels_have(const char *labels, const char *label, size_t size)
{
    size_t length;
    for (const char *found; (found = labels_next(&labels, &length));)
        if (length == size && memcmp(found, label, size) == 0)
            return true;
    return false;
}

/* Keys in the order of their bytes, a shorter one before what it begins. */
static int compare_keys(const char *label, const char *key, size_t key_size)
{
    size_t size = strcspn(label, "="), least = size < key_size ? size : key_size;
    int order = memcmp(label, key, least);
    return order ? order : (size > key_size) - (size < key_size);
}

/* Where a label of that key belongs; *taken where there is one. */
static size_t find_place(const struct labels *labels, const char *key, size_t key_size, bool *taken,
                         size_t *count)
{
    const char *at = labels->text, *place = NULL;
    size_t size;
    *taken = false;
    *count = 0;
    for (const char *label; (label = labels_next(&at, &size)); ++*count) {
        int order = compare_keys(label, key, key_size);
        *taken |= order == 0;
        if (order > 0 && !place)
            place = label;
    }
    return place ? (size_t)(place - labels->text) : strlen(labels->text);
}

int labels_add(struct labels *labels, const char *key, size_t key_size, const char *value,
               size_t value_size, struct error *err)
{
    bool taken;
    size_t count, length = strlen(labels->text);
    if (!is_word(key, key_size, "_.-/") || !is_word(value, value_size, "_.-"))
        return error_set(
            err, E_INVALID,
            "label \"%.*s=%.*s\": expected KEY=VALUE, each of 1 to %d letters, digits, "
            "_ . - (in a key also /)",
            (int)(key_size > 80 ? 80 : key_size), key, (int)(value_size > 80 ? 80 : value_size),
            value, LIMIT_NAME_BYTES);
    size_t place = find_place(labels, key, key_size, &taken, &count);
    if (taken)
        return error_set(err, E_EXISTS, "label %.*s: stands there twice", (int)key_size, key);
    if (count >= LIMIT_LABELS)
        return error_set(err, E_LIMIT, "more than %d labels (LIMIT_LABELS)", LIMIT_LABELS);
    size_t size = key_size + 1 + value_size + (length > 0);
    bool last = place == length;
    char *at = labels->text + place;
    memmove(at + size, at, length - place + 1);
    if (last && length > 0)
        *at++ = ',';
    memcpy(at, key, key_size);
    at[key_size] = '=';
    memcpy(at + key_size + 1, value, value_size);
    if (!last)
        at[key_size + 1 + value_size] = ',';
    return 0;
}

int labels_add_text(struct labels *labels, const char *label, size_t size, struct error *err)
{
    const char *equals = memchr(label, '=', size);
    size_t key = equals ? (size_t)(equals - label) : size;
    return labels_add(labels, label, key, equals ? equals + 1 : "", equals ? size - key - 1 : 0,
                      err);
}

int labels_add_list(struct labels *labels, const char *text, struct error *err)
{
    size_t size;
    int rc = *text ? 0 : labels_add_text(labels, text, 0, err);
    for (const char *label; rc == 0 && (label = labels_next(&text, &size));)
        rc = labels_add_text(labels, label, size, err);
    return rc;
}

int labels_parse(const char *text, struct labels *labels, struct error *err)
{
    labels->text[0] = '\0';
    return *text ? labels_add_list(labels, text, err) : 0;
}

/* ---- needs ---- */

static const char *const device_names[NEEDS_DEVICES] = {"any", "cpu", "gpu", "other"};

const char *needs_device_name(enum needs_device device)
{
    return device_names[device];
}

static const char *text_of(const char *labels)
{
    return labels ? labels : "";
}

bool needs_nothing(const struct needs *needs)
{
    return needs->device == NEEDS_ANY && needs->memory == 0 && !*text_of(needs->labels);
}

bool needs_device_met(const struct needs *needs, const struct needs_offer *offer)
{
    return needs->device == NEEDS_ANY || !offer->device ||
           strcmp(offer->device, device_names[needs->device]) == 0;
}

bool needs_memory_met(const struct needs *needs, const struct needs_offer *offer)
{
    return offer->memory >= needs->memory;
}

const char *needs_missing_label(const struct needs *needs, const struct needs_offer *offer,
                                size_t *size)
{
    const char *at = text_of(needs->labels);
    for (const char *label; (label = labels_next(&at, size));)
        if (!labels_have(offer->labels, label, *size))
            return label;
    return NULL;
}

bool needs_met(const struct needs *needs, const struct needs_offer *offer)
{
    size_t size;
    return needs_device_met(needs, offer) && needs_memory_met(needs, offer) &&
           !needs_missing_label(needs, offer, &size);
}

bool needs_equal(const struct needs *a, const struct needs *b)
{
    return a->device == b->device && a->memory == b->memory &&
           strcmp(text_of(a->labels), text_of(b->labels)) == 0;
}

/* ---- sizes ---- */

static const char units[] = "KMGT";

bool needs_parse_size(const char *text, uint64_t *bytes)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (end[unit ? 1 : 0] != '\0' || number == 0 || number > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes = number << shift;
    return true;
}

const char *needs_print_size(uint64_t bytes, char text[NEEDS_SIZE_BYTES])
{
    int unit = 0;
    while (unit < 4 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, NEEDS_SIZE_BYTES, "%" PRIu64 "%.1s", bytes, unit ? units + unit - 1 : "");
    return text;
}
