/* What the tests of specs share: parsing what must parse, and the stages that most of them need. */
#ifndef TESTS_COMMON_SPECS_H
#define TESTS_COMMON_SPECS_H

#include "tests/common/check.h"

#include "common/limits.h"
#include "common/spec.h"

static struct error err;

static inline struct spec *parse(const char *yaml)
{
    struct spec *spec = NULL;
    assert_ok(spec_parse(yaml, strlen(yaml), &spec, &err));
    return spec;
}

/* As it is read back once it is printed; the one given is freed. */
static inline struct spec *print_and_parse(struct spec *spec)
{
    struct buffer text;
    buffer_init(&text, LIMIT_SPEC_BYTES);
    assert_ok(spec_print(spec, &text, &err));
    spec_free(&spec);
    spec = parse((const char *)text.data);
    buffer_free(&text);
    return spec;
}

#define HEAD "format: facefarm-job/1\nstages:\n"
#define LABEL "  - {kind: label, count: 9}\n"
#define FIT "  - {kind: fit}\n"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TRUTH "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define ENCODE "  - {kind: encode, images: " HASH ", start: 2, count: 8}\n"
#define MIX                                                                                        \
    "  - {kind: label, name: pool, count: 50, mix: [{faces: 2, of: [Male, -Smiling]}, {faces: 3, " \
    "of: [-Male]}]}\n"

#endif
