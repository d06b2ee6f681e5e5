/* Choosing devices. Pure: no OpenCL, no state, no threads. */
#include "worker/device_select.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ITEM_MAX 256
#define THREADS_MAX 65536

struct selection {
    const struct device_info *list;
    size_t count;
    unsigned threads; /* of a CPU whose item says nothing */
    struct device_choice *choices;
    size_t chosen;
};

/* ---- refusals ---- */

/* The devices that `matches` says yes to (NULL: all), for the end of an error's text. */
static void print_devices(const struct selection *selection, const bool *matches, char *text,
                          size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < selection->count && length < size; i++) {
        const struct device_info *info = &selection->list[i];
        if (!matches || matches[i])
            length +=
                (size_t)snprintf(text + length, size - length, "%s%d %s \"%s\"", length ? ", " : "",
                                 info->index, device_kind_name(info->kind), info->name);
    }
}

static int refuse(const struct selection *selection, const bool *matches, struct error *err,
                  int code, const char *what, const char *item)
{
    char devices[ERROR_TEXT_MAX / 2];
    print_devices(selection, matches, devices, sizeof devices);
    return error_set(err, code, "device \"%s\" %s: %s", item, what, devices);
}

/* ---- one device ---- */

/* The threads of a device that choices before this one have taken. */
static unsigned taken(const struct selection *selection, const struct device_info *info)
{
    unsigned sum = 0;
    for (size_t i = 0; i < selection->chosen; i++) {
        const struct device_choice *choice = &selection->choices[i];
        if (choice->index == info->index)
            sum += choice->options.threads ? choice->options.threads : info->compute_units;
    }
    return sum;
}

/* `threads` 0: the item names none. */
static int choose(struct selection *selection, const struct device_info *info, unsigned threads,
                  struct error *err)
{
    unsigned units = info->compute_units, before = taken(selection, info);
    if (threads > 0 && info->kind != DEVICE_CPU)
        return error_set(err, E_INVALID, "device %d, %s, is no CPU: its threads have no limit",
                         info->index, info->name);
    if (threads > units)
        return error_set(err, E_INVALID, "device %d, %s, has %u threads, not %u", info->index,
                         info->name, units, threads);
    if (threads == 0 && info->kind == DEVICE_CPU && selection->threads < units)
        threads = selection->threads;
    if (before + (threads ? threads : units) > units)
        return error_set(err, E_INVALID,
                         "device %d, %s, is chosen twice%s: %u of its %u compute units are taken",
                         info->index, info->name,
                         info->kind == DEVICE_CPU ? " for more threads than it has" : "", before,
                         units);
    if (selection->chosen == DEVICE_CHOICES_MAX)
        return error_set(err, E_LIMIT, "more than %d devices: DEVICE_CHOICES_MAX",
                         DEVICE_CHOICES_MAX);
    bool part = threads > 0 && threads < units;
    selection->choices[selection->chosen++] = (struct device_choice){
        .index = info->index,
        .options = {.threads = part ? threads : 0, .first_thread = before},
        .share = part ? (double)threads / units : 1,
    };
    return 0;
}

/* ---- one item ---- */

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool is_kind(const struct device_info *info, const char *what)
{
    return strcasecmp(what, "all") == 0 || strcasecmp(what, device_kind_name(info->kind)) == 0;
}

static bool means_kind(const char *what)
{
    return strcasecmp(what, "all") == 0 || strcasecmp(what, "cpu") == 0 ||
           strcasecmp(what, "gpu") == 0 || strcasecmp(what, "other") == 0;
}

/* Cuts ":threads" off the item. */
static int cut_threads(char *item, unsigned *threads, struct error *err)
{
    char *colon = strrchr(item, ':');
    *threads = 0;
    if (!colon || !is_number(colon + 1))
        return 0; /* a name may have a colon */
    unsigned long number = strtoul(colon + 1, NULL, 10);
    if (number < 1 || number > THREADS_MAX)
        return error_set(err, E_INVALID, "device \"%s\": 1 to %d threads", item, THREADS_MAX);
    *threads = (unsigned)number;
    *colon = '\0';
    return 0;
}

/* Marks what a name means: the devices called exactly so, or those whose name has it as a part. */
static size_t match_name(const struct selection *selection, const char *name, bool *matches)
{
    size_t exact = 0, parts = 0;
    for (size_t i = 0; i < selection->count; i++)
        exact += strcasecmp(selection->list[i].name, name) == 0;
    for (size_t i = 0; i < selection->count; i++) {
        const char *is = selection->list[i].name;
        matches[i] = exact ? strcasecmp(is, name) == 0 : strcasestr(is, name) != NULL;
        parts += matches[i];
    }
    return parts;
}

static size_t match(const struct selection *selection, const char *what, bool *matches)
{
    size_t found = 0;
    if (!is_number(what) && !means_kind(what))
        return match_name(selection, what, matches);
    for (size_t i = 0; i < selection->count; i++) {
        const struct device_info *info = &selection->list[i];
        matches[i] = is_number(what) ? info->index == atoi(what) : is_kind(info, what);
        found += matches[i];
    }
    return found;
}

static int choose_item(struct selection *selection, char *item, struct error *err)
{
    bool matches[DEVICE_CHOICES_MAX] = {false};
    unsigned threads = 0;
    int failed = cut_threads(item, &threads, err);
    if (failed)
        return failed;
    if (*item == '\0')
        return refuse(selection, NULL, err, E_INVALID, "is empty; there are", item);
    size_t found = match(selection, item, matches);
    if (found == 0)
        return refuse(selection, NULL, err, E_NOT_FOUND, "is not there; there are", item);
    if (found > 1 && !means_kind(item))
        return refuse(selection, matches, err, E_INVALID,
                      "may be any of these (take an index, or cpu, gpu, all)", item);
    for (size_t i = 0; !failed && i < selection->count; i++)
        if (matches[i])
            failed = choose(selection, &selection->list[i], threads, err);
    return failed;
}

static int choose_items(struct selection *selection, const char *wanted, struct error *err)
{
    char item[ITEM_MAX];
    int failed = 0;
    while (!failed && wanted) {
        size_t length = strcspn(wanted, ",");
        while (length > 0 && isspace((unsigned char)*wanted))
            wanted++, length--;
        if (length >= sizeof item)
            return error_set(err, E_LIMIT, "a device of %zu characters, at most %zu", length,
                             sizeof item - 1);
        memcpy(item, wanted, length);
        item[length] = '\0';
        wanted = wanted[length] == ',' ? wanted + length + 1 : NULL;
        failed = choose_item(selection, item, err);
    }
    return failed;
}

static int choose_best(struct selection *selection, struct error *err)
{
    const struct device_info *best = NULL;
    int failed = 0;
    for (size_t i = 0; !failed && i < selection->count; i++) {
        const struct device_info *info = &selection->list[i];
        if (info->kind == DEVICE_GPU)
            failed = choose(selection, info, 0, err);
        if (!best || info->compute_units > best->compute_units)
            best = info;
    }
    return failed || selection->chosen > 0 ? failed : choose(selection, best, 0, err);
}

int device_select(const struct device_info *list, size_t count, const char *wanted,
                  unsigned threads, struct device_choice *choices, size_t *chosen,
                  struct error *err)
{
    struct selection selection = {list, count < DEVICE_CHOICES_MAX ? count : DEVICE_CHOICES_MAX,
                                  threads, choices, 0};
    if (count == 0)
        return error_set(err, E_NOT_FOUND, "no OpenCL device (for cores: install pocl-opencl-icd)");
    int failed = wanted ? choose_items(&selection, wanted, err) : choose_best(&selection, err);
    if (!failed)
        *chosen = selection.chosen;
    return failed;
}
