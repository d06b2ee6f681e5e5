/*
 * Cholesky with diagonal pivoting, cut where a pivot falls under PIVOT_CUT: P G Pᵀ ≈ L Lᵀ with L
 * [k][rank]. Of full rank it is solved by substitution; else by the pseudo-inverse
 * G⁺ = L (LᵀL)⁻² Lᵀ, which does not depend on which of several dependent rows came first.
 */
#include "common/projection_priv.h"

#include <math.h>
#include <stdlib.h>

#define PIVOT_CUT 1e-10 /* of a unit diagonal: nearer than 1e-5 to the span of the others */

struct factor {
    size_t k, rank;
    double *lower;    /* [k][k], the first `rank` columns, rows in pivot order */
    double *diagonal; /* [k]: what is left of it */
    double *square;   /* [rank][rank]: LᵀL and its factor */
    double *scratch;  /* [k] */
    size_t *pivots;   /* [k]: which row of G stands at row i */
};

static void factor_free(struct factor *f)
{
    free(f->lower);
    free(f->diagonal);
    free(f->square);
    free(f->scratch);
    free(f->pivots);
}

static int factor_make(struct factor *f, size_t k, struct error *err)
{
    *f = (struct factor){
        .k = k,
        .lower = calloc(k * k, sizeof(double)),
        .diagonal = calloc(k, sizeof(double)),
        .square = calloc(k * k, sizeof(double)),
        .scratch = calloc(k, sizeof(double)),
        .pivots = calloc(k, sizeof(size_t)),
    };
    if (f->lower && f->diagonal && f->square && f->scratch && f->pivots)
        return 0;
    factor_free(f);
    return error_set(err, E_MEMORY, "no memory for a projection on %zu conditions", k);
}

static void swap_rows(struct factor *f, size_t a, size_t b)
{
    for (size_t j = 0; j < f->k && a != b; j++) {
        double keep = f->lower[a * f->k + j];
        f->lower[a * f->k + j] = f->lower[b * f->k + j];
        f->lower[b * f->k + j] = keep;
    }
    size_t keep = f->pivots[a];
    f->pivots[a] = f->pivots[b];
    f->pivots[b] = keep;
}

static void factorise(struct factor *f, const double *gram)
{
    size_t k = f->k;
    for (size_t i = 0; i < k; i++) {
        f->pivots[i] = i;
        f->diagonal[i] = gram[i * k + i];
    }
    for (f->rank = 0; f->rank < k; f->rank++) {
        size_t row = f->rank, best = row;
        for (size_t i = row + 1; i < k; i++)
            if (f->diagonal[f->pivots[i]] > f->diagonal[f->pivots[best]])
                best = i;
        swap_rows(f, row, best);
        size_t p = f->pivots[row];
        if (f->diagonal[p] < PIVOT_CUT)
            return;
        double root = sqrt(f->diagonal[p]);
        f->lower[row * k + row] = root;
        for (size_t i = row + 1; i < k; i++) {
            size_t q = f->pivots[i];
            double sum = gram[q * k + p];
            for (size_t j = 0; j < row; j++)
                sum -= f->lower[i * k + j] * f->lower[row * k + j];
            f->lower[i * k + row] = sum / root;
            f->diagonal[q] -= f->lower[i * k + row] * f->lower[i * k + row];
        }
    }
}

/* a[n][n] with row length `stride` → its Cholesky factor, in place. It is positive definite. */
static void cholesky(double *a, size_t n, size_t stride)
{
    for (size_t row = 0; row < n; row++)
        for (size_t j = 0; j <= row; j++) {
            double sum = a[row * stride + j];
            for (size_t i = 0; i < j; i++)
                sum -= a[row * stride + i] * a[j * stride + i];
            a[row * stride + j] = row == j ? sqrt(sum) : sum / a[j * stride + j];
        }
}

/* x ← (L Lᵀ)⁻¹ x for lower triangular L[n][n]. */
static void substitute(const double *lower, size_t n, size_t stride, double *x)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            x[i] -= lower[i * stride + j] * x[j];
        x[i] /= lower[i * stride + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t j = i + 1; j < n; j++)
            x[i] -= lower[j * stride + i] * x[j];
        x[i] /= lower[i * stride + i];
    }
}

static void solve_full(struct factor *f, const double *right, double *x)
{
    for (size_t i = 0; i < f->k; i++)
        f->scratch[i] = right[f->pivots[i]];
    substitute(f->lower, f->k, f->k, f->scratch);
    for (size_t i = 0; i < f->k; i++)
        x[f->pivots[i]] = f->scratch[i];
}

static void solve_deficient(struct factor *f, const double *right, double *x)
{
    size_t k = f->k, rank = f->rank;
    for (size_t a = 0; a < rank; a++) {
        f->scratch[a] = 0;
        for (size_t i = 0; i < k; i++)
            f->scratch[a] += f->lower[i * k + a] * right[f->pivots[i]];
        for (size_t b = 0; b <= a; b++) {
            double sum = 0;
            for (size_t i = 0; i < k; i++)
                sum += f->lower[i * k + a] * f->lower[i * k + b];
            f->square[a * k + b] = sum;
        }
    }
    cholesky(f->square, rank, k);
    substitute(f->square, rank, k, f->scratch);
    substitute(f->square, rank, k, f->scratch);
    for (size_t i = 0; i < k; i++) {
        double sum = 0;
        for (size_t a = 0; a < rank; a++)
            sum += f->lower[i * k + a] * f->scratch[a];
        x[f->pivots[i]] = sum;
    }
}

int projection_solve_gram(const double *gram, size_t k, const double *right, double *x,
                          struct error *err)
{
    struct factor f;
    if (k == 0)
        return 0;
    int rc = factor_make(&f, k, err);
    if (rc)
        return rc;
    factorise(&f, gram);
    if (f.rank == k)
        solve_full(&f, right, x);
    else
        solve_deficient(&f, right, x);
    factor_free(&f);
    return 0;
}

int projection_solve_soft(const double *gram, size_t k, const double *strengths,
                          const double *right, double *x, struct error *err)
{
    if (k == 0)
        return 0;
    double *a = malloc(k * k * sizeof *a);
    if (!a)
        return error_set(err, E_MEMORY, "no memory for a projection on %zu conditions", k);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j <= i; j++)
            a[i * k + j] = (i == j) + sqrt(strengths[i] * strengths[j]) * gram[i * k + j];
    cholesky(a, k, k);
    for (size_t i = 0; i < k; i++)
        x[i] = sqrt(strengths[i]) * right[i];
    substitute(a, k, k, x);
    for (size_t i = 0; i < k; i++)
        x[i] *= sqrt(strengths[i]);
    free(a);
    return 0;
}
