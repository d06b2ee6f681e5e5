/* Two passes over the samples: their mean, then the products with their deviations. */
#include "worker/tasks/covariance.h"

#include <stdlib.h>

#define BLOCK 64 /* samples mapped at once */

struct pass {
    struct pipeline *pipeline;
    size_t d, k;
    const double *b;
    double *mean;      /* [d] */
    double *deviation; /* [d]: of the present sample */
    double *product;   /* [k][d]; NULL: the mean is found */
};

static void add_to_mean(struct pass *pass, const float *w)
{
    for (size_t i = 0; i < pass->d; i++)
        pass->mean[i] += (double)w[i];
}

static void add_to_product(struct pass *pass, const float *w)
{
    for (size_t i = 0; i < pass->d; i++)
        pass->deviation[i] = (double)w[i] - pass->mean[i];
    for (size_t row = 0; row < pass->k; row++) {
        const double *b = pass->b + row * pass->d;
        double *product = pass->product + row * pass->d, score = 0;
        for (size_t i = 0; i < pass->d; i++)
            score += b[i] * pass->deviation[i];
        for (size_t i = 0; i < pass->d; i++)
            product[i] += score * pass->deviation[i];
    }
}

static int run(struct pass *pass, float *latents, struct error *err)
{
    int failed = 0;
    for (size_t start = 0; !failed && start < COVARIANCE_SAMPLES; start += BLOCK) {
        failed = pipeline_latents(pass->pipeline, 0, start, BLOCK, latents, err);
        for (size_t i = 0; !failed && i < BLOCK; i++)
            (pass->product ? add_to_product : add_to_mean)(pass, latents + i * pass->d);
    }
    return failed;
}

int covariance_times(struct pipeline *pipeline, const double *b, size_t k, double *product,
                     struct error *err)
{
    size_t d = bundle_latent_size(pipeline_bundle(pipeline));
    float *latents = malloc(BLOCK * d * sizeof *latents);
    struct pass pass = {.pipeline = pipeline, .d = d, .k = k, .b = b};
    pass.mean = calloc(d, sizeof *pass.mean);
    pass.deviation = calloc(d, sizeof *pass.deviation);
    int failed = latents && pass.mean && pass.deviation
                     ? run(&pass, latents, err)
                     : error_set(err, E_MEMORY, "no memory for a covariance");
    for (size_t i = 0; !failed && i < d; i++)
        pass.mean[i] /= COVARIANCE_SAMPLES;
    for (size_t i = 0; i < k * d; i++)
        product[i] = 0;
    pass.product = product;
    if (!failed)
        failed = run(&pass, latents, err);
    for (size_t i = 0; !failed && i < k * d; i++)
        product[i] /= COVARIANCE_SAMPLES - 1;
    free(latents);
    free(pass.mean);
    free(pass.deviation);
    return failed;
}
