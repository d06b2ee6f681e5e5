/*
 * The classes of workers that the farm can have, as its operator declares them (--fleet FILE), a line
 * each:
 *
 *     # NAME  what a worker of it has
 *     laptops device=cpu memory=16G
 *     cards   device=gpu memory=80G labels=zone=a,rack=3
 *
 * A class that does not say its device or memory may have any; it has the labels that it names and no
 * others. With classes declared a stage that none of them could run is refused at submit, unless a worker
 * that is connected could; without, anything might still come, and it waits.
 */
#ifndef BROKER_FLEET_H
#define BROKER_FLEET_H

#include "common/buffer.h"
#include "common/needs.h"

struct fleet_class {
    char name[LIMIT_NAME_BYTES + 1];
    enum needs_device device; /* NEEDS_ANY: whichever is asked for */
    uint64_t memory;          /* bytes, 0: however much is asked for */
    struct labels labels;
};

struct fleet { /* zeroed: nothing is declared */
    struct fleet_class *classes;
    size_t count;
};

/* Reads classes. E_PARSE, E_EXISTS (a name twice) and E_LIMIT name the line; a text without any class is
 * E_INVALID. The caller frees. */
MUST_CHECK int fleet_parse(const char *text, size_t size, struct fleet *fleet, struct error *err);
/* The same of a file; errors name it, too. */
MUST_CHECK int fleet_read(const char *path, struct fleet *fleet, struct error *err);
void fleet_free(struct fleet *fleet);

/* Whether a worker of some class could meet all of `needs`; so it is where nothing is declared. */
bool fleet_meets(const struct fleet *fleet, const struct needs *needs);
/* Says, of classes of which none meets `needs`, which classes have each need, and which there are; at most
 * FLEET_TEXT_BYTES. */
#define FLEET_TEXT_BYTES (16 << 10)
MUST_CHECK int fleet_explain(const struct fleet *fleet, const struct needs *needs,
                             struct buffer *text, struct error *err);

#endif
