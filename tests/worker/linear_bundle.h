/*
 * A bundle of linear networks, made here: z of DRAWN numbers, a mapping to LAYERS vectors of DIMENSION
 * or to one, a generator that sums them to a picture, and labellers and an embedder that sum its
 * values. The same sums in C are the tests' expectation.
 */
#ifndef TESTS_WORKER_LINEAR_BUNDLE_H
#define TESTS_WORKER_LINEAR_BUNDLE_H

#include "tests/engine/harness.h"
#include "worker/pipeline.h"
#include "worker_test.h"

#define DRAWN 6
#define DIMENSION 5
#define LAYERS 3
#define SIDE 4
#define PICTURE (3 * SIDE * SIDE)
#define GRAY (2 * SIDE) /* rows 1 and 2 */
#define CLASSES 3
#define EMBEDDING 7

/* Weights [outputs][inputs] of the networks, the same in every bundle unless a test changes them. */
extern float mapping[LAYERS * DIMENSION * DRAWN], generator[PICTURE * LAYERS * DIMENSION];
extern float colour[2 * PICTURE], gray[CLASSES * GRAY], embedder[EMBEDDING * PICTURE];

/* Of every error that a test asks for; the folder that the bundle is in, once linear_begin made it. */
extern struct error err;
extern char folder[];

/* What stands behind the mapping's tensors in YAML where it draws z. */
#define Z_OF_MAPPING "latent: {space: z, dimension: 6}"

struct setup {
    const char *latent;     /* the generator's, as YAML */
    const char *mapping;    /* what stands behind its latent as YAML, or NULL */
    size_t rank;            /* of the generator's input */
    int64_t dims[3];
    size_t mapped;          /* vectors that the mapping gives */
};

/* Makes the folder, the weights and the device ready; false where there is no folder. */
bool linear_begin(void);
/* Lets go of the device, removes the folder. */
bool linear_end(void);

/* Writes the bundle, over the one that was there. */
void linear_write(const struct setup *setup);
/* The same, opened on the harness's device for batches of so many faces; fails the test where that fails. */
struct pipeline *linear_open(const struct setup *setup, size_t batch);

/* Within 1e-4 of what is expected, relative where that is above 1. */
void near(const char *what, double found, double expected);

#endif
