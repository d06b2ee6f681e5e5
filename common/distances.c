/* Distances of distributions. Everything is in one order, so that the same rows give the same bits.
 */
#include "common/distances.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/latent.h"
#include "common/statistics.h"

/* ---- eigenvalues of a symmetric matrix ---- */

/*
 * Householder's reduction to tridiagonal form, values only: m[n][n] (of which the lower half is
 * read, and spent) becomes its diagonal and, from [1] on, the numbers beside it. Golub and Van
 * Loan, Matrix Computations, 8.3.
 */
static void tridiagonalise(double *m, size_t n, double *diagonal, double *beside, double *p)
{
    for (size_t i = n - 1; i > 0; i--) {
        double *row = m + i * n, square = 0; /* row[0 … i−1] is what stands left of the diagonal */
        for (size_t k = 0; k + 1 < i; k++)
            square += row[k] * row[k];
        beside[i] = row[i - 1];
        if (square == 0) {
            diagonal[i] = row[i];
            continue;
        }
        double length = sqrt(square + row[i - 1] * row[i - 1]);
        beside[i] = row[i - 1] > 0 ? -length : length;
        row[i - 1] -= beside[i];
        double half = (square + row[i - 1] * row[i - 1]) / 2, dot = 0;
        memset(p, 0, i * sizeof *p);
        for (size_t a = 0; a < i; a++) { /* p = M v / half, by the lower half */
            const double *from = m + a * n;
            double v = row[a], sum = 0;
            for (size_t b = 0; b < a; b++) {
                sum += from[b] * row[b];
                p[b] += from[b] * v;
            }
            p[a] += sum + from[a] * v;
        }
        for (size_t a = 0; a < i; a++) {
            p[a] /= half;
            dot += p[a] * row[a];
        }
        dot /= 2 * half;
        for (size_t a = 0; a < i; a++)
            p[a] -= dot * row[a];
        for (size_t a = 0; a < i; a++) { /* M −= v pᵀ + p vᵀ */
            double *to = m + a * n, v = row[a], w = p[a];
            for (size_t b = 0; b <= a; b++)
                to[b] -= v * p[b] + w * row[b];
        }
        diagonal[i] = row[i];
    }
    diagonal[0] = m[0];
    beside[0] = 0;
}

/* One QL sweep with Wilkinson's shift over [l, m]; the classical implicit form. */
static void sweep_ql(double *d, double *e, size_t l, size_t m)
{
    double g = (d[l + 1] - d[l]) / (2 * e[l]), r = hypot(g, 1), s = 1, c = 1, p = 0;
    g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
    for (size_t i = m; i-- > l;) {
        double f = s * e[i], b = c * e[i];
        r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
            d[i + 1] -= p;
            e[m] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

#define SWEEPS_MOST 60 /* of one eigenvalue; two or three are usual */

/* The eigenvalues of the symmetric m[n][n], which is spent, into values[n]; scratch[2n]. */
static void eigenvalues(double *m, size_t n, double *values, double *scratch)
{
    double *e = scratch;
    tridiagonalise(m, n, values, e, scratch + n);
    memmove(e, e + 1, (n - 1) * sizeof *e);
    e[n - 1] = 0;
    for (size_t l = 0; l < n; l++)
        for (int sweep = 0; sweep < SWEEPS_MOST; sweep++) {
            size_t k = l;
            while (k + 1 < n && fabs(e[k]) > 1e-16 * (fabs(values[k]) + fabs(values[k + 1])))
                k++;
            if (k == l)
                break;
            sweep_ql(values, e, l, k);
        }
}

/* ---- Fréchet ---- */

/* rows[count][n] less their mean, by 1/√(count − 1): xᵀx is the covariance. */
static void centre(const double *rows, size_t count, size_t n, double *mean, double *x)
{
    double scale = 1 / sqrt((double)(count - 1));
    memset(mean, 0, n * sizeof *mean);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < n; i++)
            mean[i] += rows[r * n + i] / (double)count;
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < n; i++)
            x[r * n + i] = (rows[r * n + i] - mean[i]) * scale;
}

/* c[n][n] = xᵀ x of x[count][n]; the lower half. */
static void covariance(const double *x, size_t count, size_t n, double *c)
{
    memset(c, 0, n * n * sizeof *c);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k <= i; k++)
                c[i * n + k] += x[r * n + i] * x[r * n + k];
}

/* c := L, lower, c = L Lᵀ, of a positive semidefinite c: a pivot that is rounding's rest of 0 makes
 * a column of 0. */
static void factor(double *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double *row = c + i * n, was = row[i];
        for (size_t k = 0; k < i; k++) {
            const double *other = c + k * n;
            double sum = row[k];
            for (size_t j = 0; j < k; j++)
                sum -= row[j] * other[j];
            row[k] = other[k] > 0 ? sum / other[k] : 0;
        }
        for (size_t k = 0; k < i; k++)
            row[i] -= row[k] * row[k];
        row[i] = row[i] > 1e-14 * (double)n * was ? sqrt(row[i]) : 0;
        memset(row + i + 1, 0, (n - i - 1) * sizeof *row);
    }
}

/* out[n][n] = a b of a[n][width], b[n][width] transposed. */
static void multiply_rows(const double *a, const double *b, size_t n, size_t width, double *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double sum[4] = {0};
            size_t j = 0;
            for (; j + 4 <= width; j += 4)
                for (size_t lane = 0; lane < 4; lane++)
                    sum[lane] += a[i * width + j + lane] * b[k * width + j + lane];
            for (; j < width; j++)
                sum[0] += a[i * width + j] * b[k * width + j];
            out[i * n + k] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        }
}

static void transpose(double *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            double kept = m[i * n + k];
            m[i * n + k] = m[k * n + i];
            m[k * n + i] = kept;
        }
}

/*
 * tr (Ca Cb)^½ = the sum of the singular values of Fa Fbᵀ for any factors, C = Fᵀ F: of x itself
 * where there are fewer rows than numbers, else of the Cholesky factors. space: 3 size² + 3 size
 * with size = min(count, n), and 2 n² more where count > n.
 */
static double common_trace(const double *xa, const double *xb, size_t count, size_t n,
                           double *space)
{
    size_t size = count < n ? count : n;
    double *product = space, *square = product + size * size, *values = square + size * size,
           *scratch = values + size, *la = scratch + 2 * size, *lb = la + size * size, trace = 0;
    if (count > n) {
        covariance(xa, count, n, la);
        covariance(xb, count, n, lb);
        factor(la, n);
        factor(lb, n);
        transpose(la, n);
        transpose(lb, n); /* Lᵀ: C = (Lᵀ)ᵀ Lᵀ */
        xa = la;
        xb = lb;
    }
    multiply_rows(xa, xb, size, n, product);
    multiply_rows(product, product, size, size, square);
    eigenvalues(square, size, values, scratch);
    for (size_t i = 0; i < size; i++)
        trace += sqrt(fmax(values[i], 0));
    return trace;
}

int distances_frechet(const double *a, const double *b, size_t count, size_t n, double *distance,
                      struct error *err)
{
    if (count < 2)
        return error_set(err, E_INVALID, "a Fréchet distance of %zu rows, expected 2 or more",
                         count);
    size_t size = count < n ? count : n;
    double *space = calloc(2 * count * n + 2 * n + 4 * size * size + 3 * size, sizeof *space);
    if (!space)
        return error_set(err, E_MEMORY, "no memory for a Fréchet distance of %zu rows of %zu",
                         count, n);
    double *xa = space, *xb = xa + count * n, *ma = xb + count * n, *mb = ma + n, sum = 0;
    centre(a, count, n, ma, xa);
    centre(b, count, n, mb, xb);
    for (size_t i = 0; i < n; i++)
        sum += (ma[i] - mb[i]) * (ma[i] - mb[i]);
    for (size_t i = 0; i < count * n; i++)
        sum += xa[i] * xa[i] + xb[i] * xb[i];
    *distance = sum - 2 * common_trace(xa, xb, count, n, mb + n);
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
    double dot[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t lane = 0; lane < 4; lane++)
            dot[lane] += x[i + lane] * y[i + lane];
    for (; i < n; i++)
        dot[0] += x[i] * y[i];
    double base = ((dot[0] + dot[1]) + (dot[2] + dot[3])) / (double)n + 1;
    return base * base * base;
}

double distances_kernel(const double *a, const double *b, size_t count, size_t n)
{
    double within = 0, between = 0, m = (double)count;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            if (i == k)
                continue;
            within += kernel(a + i * n, a + k * n, n) + kernel(b + i * n, b + k * n, n);
            between += kernel(a + i * n, b + k * n, n);
        }
    return count > 1 ? (within - 2 * between) / (m * (m - 1)) : 0;
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
