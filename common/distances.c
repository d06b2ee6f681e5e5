/* Distances of distributions. Eigenvalues by Jacobi's cyclic rotations: matrices are small. */
#include "common/distances.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/latent.h"
#include "common/statistics.h"

#define SWEEPS_MOST 60

/* ---- symmetric matrices [n][n] ---- */

static void rotate_rows(double *m, size_t n, size_t p, size_t q, double c, double s)
{
    for (size_t k = 0; k < n; k++) {
        double x = m[p * n + k], y = m[q * n + k];
        m[p * n + k] = c * x - s * y;
        m[q * n + k] = s * x + c * y;
    }
}

static void rotate_columns(double *m, size_t n, size_t p, size_t q, double c, double s)
{
    for (size_t k = 0; k < n; k++) {
        double x = m[k * n + p], y = m[k * n + q];
        m[k * n + p] = c * x - s * y;
        m[k * n + q] = s * x + c * y;
    }
}

/* One rotation that makes m[p][q] zero; `vectors` (rows) may be NULL. */
static void annihilate(double *m, double *vectors, size_t n, size_t p, size_t q)
{
    double off = m[p * n + q];
    if (off == 0)
        return;
    double theta = (m[q * n + q] - m[p * n + p]) / (2 * off);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    rotate_rows(m, n, p, q, c, s);
    rotate_columns(m, n, p, q, c, s);
    if (vectors)
        rotate_rows(vectors, n, p, q, c, s);
}

/* Makes m diagonal: its eigenvalues; the rows of `vectors`, where not NULL, become their vectors.
 */
static void diagonalise(double *m, double *vectors, size_t n)
{
    if (vectors)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++)
                vectors[i * n + k] = i == k;
    for (int sweep = 0; sweep < SWEEPS_MOST; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n * n; i++) {
            all += m[i] * m[i];
            off += i / n == i % n ? 0 : m[i] * m[i];
        }
        if (off <= 1e-28 * all)
            return;
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++)
                annihilate(m, vectors, n, p, q);
    }
}

static void multiply(const double *a, const double *b, size_t n, double *out)
{
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                out[i * n + j] += a[i * n + k] * b[k * n + j];
}

/* m := m^½ of a positive semidefinite m; `vectors` is scratch. */
static void square_root(double *m, double *vectors, double *scratch, size_t n)
{
    diagonalise(m, vectors, n);
    for (size_t i = 0; i < n; i++)
        scratch[i] = sqrt(sqrt(fmax(m[i * n + i], 0)));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            vectors[i * n + k] *= scratch[i];
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            m[i * n + k] = 0;
            for (size_t j = 0; j < n; j++)
                m[i * n + k] += vectors[j * n + i] * vectors[j * n + k];
        }
}

/* ---- Fréchet ---- */

static void moments(const double *rows, size_t count, size_t n, double *mean, double *covariance)
{
    memset(mean, 0, n * sizeof *mean);
    memset(covariance, 0, n * n * sizeof *covariance);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < n; i++)
            mean[i] += rows[r * n + i] / (double)count;
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++)
                covariance[i * n + k] +=
                    (rows[r * n + i] - mean[i]) * (rows[r * n + k] - mean[k]) / (double)(count - 1);
}

int distances_frechet(const double *a, const double *b, size_t count, size_t n, double *distance,
                      struct error *err)
{
    if (count < 2)
        return error_set(err, E_INVALID, "a Fréchet distance of %zu rows, expected 2 or more",
                         count);
    double *space = calloc(5 * n * n + 2 * n, sizeof *space);
    if (!space)
        return error_set(err, E_MEMORY, "out of memory");
    double *ca = space, *cb = ca + n * n, *vectors = cb + n * n, *x = vectors + n * n,
           *y = x + n * n, *ma = y + n * n, *mb = ma + n;
    double sum = 0;
    moments(a, count, n, ma, ca);
    moments(b, count, n, mb, cb);
    for (size_t i = 0; i < n; i++)
        sum += (ma[i] - mb[i]) * (ma[i] - mb[i]) + ca[i * n + i] + cb[i * n + i];
    /* tr (Ca Cb)^½ is the sum of the roots of the eigenvalues of Ca^½ Cb Ca^½ */
    square_root(ca, vectors, x, n);
    multiply(ca, cb, n, x);
    multiply(x, ca, n, y);
    diagonalise(y, NULL, n);
    for (size_t i = 0; i < n; i++)
        sum -= 2 * sqrt(fmax(y[i * n + i], 0));
    *distance = sum;
    free(space);
    return 0;
}

int distances_frechet_unbiased(const double *a, const double *b, size_t count, size_t n,
                               double *distance, struct error *err)
{
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (size_t part = 1; part <= 4; part++) {
        double y = 0, x = 1.0 / (double)(count / part);
        int rc = distances_frechet(a, b, count / part, n, &y, err);
        if (rc < 0)
            return rc;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    double slope = (4 * sxy - sx * sy) / (4 * sxx - sx * sx);
    *distance = (sy - slope * sx) / 4;
    return 0;
}

/* ---- kernel ---- */

static double kernel(const double *x, const double *y, size_t n)
{
    double dot = 0;
    for (size_t i = 0; i < n; i++)
        dot += x[i] * y[i];
    double base = dot / (double)n + 1;
    return base * base * base;
}

double distances_kernel(const double *a, const double *b, size_t count, size_t n)
{
    double within = 0, between = 0, m = (double)count;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            if (i != k)
                within += kernel(a + i * n, a + k * n, n) + kernel(b + i * n, b + k * n, n);
            between += kernel(a + i * n, b + k * n, n);
        }
    return count > 1 ? within / (m * (m - 1)) - 2 * between / (m * m) : 0;
}

/* ---- sliced ---- */

static void project(const double *rows, size_t count, size_t n, const float *direction,
                    double *along)
{
    double length = 0;
    for (size_t i = 0; i < n; i++)
        length += (double)direction[i] * (double)direction[i];
    length = sqrt(length);
    for (size_t r = 0; r < count; r++) {
        along[r] = 0;
        for (size_t i = 0; i < n; i++)
            along[r] += rows[r * n + i] * (double)direction[i] / length;
    }
    statistics_sort(along, count);
}

int distances_sliced(const double *a, const double *b, size_t count, size_t n, uint32_t slices,
                     uint64_t seed, double *distance, struct error *err)
{
    double *along = calloc(2 * count + 1, sizeof *along);
    float *direction = calloc(n + 1, sizeof *direction);
    int rc = along && direction ? 0 : error_set(err, E_MEMORY, "out of memory");
    double sum = 0;
    for (uint32_t s = 0; rc == 0 && s < slices; s++) {
        for (size_t i = 0; i < n; i += 4) {
            uint32_t words[4];
            const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
            latent_philox(key, (const uint32_t[4]){s, (uint32_t)(i / 4), 0, 3}, words);
            for (size_t k = 0; k < 4 && i + k < n; k++)
                direction[i + k] = (float)latent_normal(words[k]);
        }
        project(a, count, n, direction, along);
        project(b, count, n, direction, along + count);
        for (size_t r = 0; r < count; r++)
            sum += fabs(along[r] - along[count + r]) / (double)count / slices;
    }
    if (rc == 0)
        *distance = sum;
    free(along);
    free(direction);
    return rc;
}
