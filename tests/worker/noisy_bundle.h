/*
 * A bundle of linear networks with noise, truncation and styles, made here, whose only labeller
 * gives the picture itself as scores, so that every sum can be done again; and a runner on it.
 */
#ifndef TESTS_WORKER_NOISY_BUNDLE_H
#define TESTS_WORKER_NOISY_BUNDLE_H

#include "tests/engine/harness.h"

#include <stdbool.h>

#include "common/digest.h"
#include "worker/pipeline.h"
#include "worker/runner.h"
#include "worker_test.h"

#define DRAWN 6
#define DIMENSION 5
#define LAYERS 3
#define IN (LAYERS * DIMENSION)
#define SIDE 4
#define PLANE (SIDE * SIDE)
#define PICTURE (3 * PLANE)
#define SEED 4
#define STRENGTH 0.75f /* of the noise in the buffer */
#define MEAN 0.5f      /* of the noise that a node draws */

extern struct error err;    /* of every call that a test makes */
extern char folder[];       /* the bundle's, and the store */
extern float own[PLANE];    /* the buffer */
extern float normal[1][IN]; /* along which p0 grows fastest */

/* Makes the folder, opens the device. 1 where that fails. */
int noisy_begin(void);
/* Closes both; what main returns. */
int noisy_end(int failed);

/*
 * Writes bundle.yaml and its networks. `space` w or w+. With `noisy` three noises are added to the
 * picture: an input n [N,1,4,4]; an initializer `buffer` [4,4], of which there is STRENGTH; a
 * RandomNormalLike of MEAN. `noise` is what stands of them in the generator's YAML (NOISE), "" for
 * nothing; `truncation` likewise behind the mapping's latent. hash may be NULL.
 */
void write_bundle(const char *space, bool noisy, const char *noise, const char *truncation,
                  char hash[DIGEST_HEX_BYTES]);

#define NOISE(rest) " noise: {inputs: [n, buffer]" rest "},"

struct pipeline *open_pipeline(size_t batch, const struct stage_generator *generator);

/* The picture that the generator makes of w without noise. */
void plain_picture(const float *w, double picture[PICTURE]);
void expect_picture(const double *expected, const float *found);

/* A runner on the bundle of that hash, whose store is the folder and whose only boundary is
 * `normal`. */
struct runner *open_runner(size_t batch, const char *hash);
/* What comes of a task of the stage at `position` of these stages, in YAML; freed by the caller. */
struct outcome *run(struct runner *runner, const char *hash, const char *stages, uint64_t position,
                    uint64_t start, uint64_t count);
/* The same, where anything but success fails the test. */
struct outcome *succeed(struct runner *runner, const char *hash, const char *stages,
                        uint64_t position, uint64_t start, uint64_t count);

#endif
