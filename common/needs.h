/*
 * What a stage needs of a worker, and what a worker says that it has.
 *
 *     needs: {device: gpu, memory: 8G, labels: {zone: a}}       # of a stage, in a spec
 *     facefarm-worker --label zone=a --label rack=3             # of a worker
 *
 * Labels are KEY=VALUE; as text (on the wire, in the database) they stand sorted by key and joined
 * by commas, so that equal labels are equal texts.
 */
#ifndef COMMON_NEEDS_H
#define COMMON_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/limits.h"

/* ---- labels ---- */

struct labels { /* zeroed: none */
    char text[LIMIT_LABELS_BYTES + 1];
};

/* Adds KEY=VALUE. E_INVALID where it is none: key and value are 1 to LIMIT_NAME_BYTES letters,
 * digits and _ . - (in a key also /). E_EXISTS where the key is there already; E_LIMIT. */
MUST_CHECK int labels_add(struct labels *labels, const char *key, size_t key_size,
                          const char *value, size_t value_size, struct error *err);
/* The same of a text KEY=VALUE. */
MUST_CHECK int labels_add_text(struct labels *labels, const char *label, size_t size,
                               struct error *err);
/* Adds all of KEY=VALUE,…, as on a command line: an empty text is E_INVALID, too. */
MUST_CHECK int labels_add_list(struct labels *labels, const char *text, struct error *err);
/* Reads the joined form, in any order: what labels_add says is wrong with it. */
MUST_CHECK int labels_parse(const char *text, struct labels *labels, struct error *err);
/* The label at *at and its size, and *at moved behind it; NULL at the end. */
const char *labels_next(const char **at, size_t *size);
/* Whether `labels`, in the joined form, have this one. */
bool labels_have(const char *labels, const char *label, size_t size);

/* ---- needs ---- */

enum needs_device {
    NEEDS_ANY,
    NEEDS_CPU,
    NEEDS_GPU,
    NEEDS_OTHER,
};
#define NEEDS_DEVICES 4

struct needs {        /* zeroed: nothing */
    enum needs_device device;
    uint64_t memory;  /* bytes, 0: any */
    const char *labels; /* joined; NULL: none */
};

const char *needs_device_name(enum needs_device device); /* "any", "cpu", … */

/* What a worker has. */
struct needs_offer {
    const char *device; /* cpu, gpu, other; NULL: whichever is asked for */
    uint64_t memory;
    const char *labels; /* joined */
};

bool needs_nothing(const struct needs *needs);
bool needs_device_met(const struct needs *needs, const struct needs_offer *offer);
bool needs_memory_met(const struct needs *needs, const struct needs_offer *offer);
/* The first label that is missing, and its size; NULL where none is. */
const char *needs_missing_label(const struct needs *needs, const struct needs_offer *offer,
                                size_t *size);
bool needs_met(const struct needs *needs, const struct needs_offer *offer);
bool needs_equal(const struct needs *a, const struct needs *b);

/* ---- sizes ---- */

/* A number of bytes; K, M, G or T behind it are powers of 1024. False where `text` is none, is 0, or
 * is more than INT64_MAX. */
bool needs_parse_size(const char *text, uint64_t *bytes);
/* The shortest text that is read back as that number. */
#define NEEDS_SIZE_BYTES 24
const char *needs_print_size(uint64_t bytes, char text[NEEDS_SIZE_BYTES]);

#endif
