/* Cholesky of B Σ Bᵀ row by row; rows that add nothing are skipped. */
#include "common/meet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define DEPENDENT 1e-10 /* of a row's square: nearer than 1e-5 of its length to the span of the others */
#define NOTHING 1e-9    /* of the sphere's radius: z lies in the span of B */
#define NAMES_MAX 600

struct meet {
    size_t m, d, rank;
    size_t *kept;   /* [rank]: rows of B */
    double *rows;   /* [m][d] */
    double *across; /* [m][d] */
    double *lower;  /* [rank][m]: of the kept rows */
    double *x;      /* [m]: scratch for making */
};

static double dot(const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

/* x[rank] ← L⁻¹ x */
static void forward(const struct meet *meet, double *x)
{
    for (size_t i = 0; i < meet->rank; i++) {
        for (size_t j = 0; j < i; j++)
            x[i] -= meet->lower[i * meet->m + j] * x[j];
        x[i] /= meet->lower[i * meet->m + i];
    }
}

/* x[rank] ← L⁻ᵀ x */
static void backward(const struct meet *meet, double *x)
{
    for (size_t i = meet->rank; i-- > 0;) {
        for (size_t j = i + 1; j < meet->rank; j++)
            x[i] -= meet->lower[j * meet->m + i] * x[j];
        x[i] /= meet->lower[i * meet->m + i];
    }
}

/* Which rows `row` is a combination of: those with a factor that counts in (B Σ Bᵀ)⁻¹ B Σ row. */
static int dependent(const struct meet *meet, const struct meet_rows *from, size_t row, double *x,
                     struct error *err)
{
    struct buffer list;
    buffer_init(&list, NAMES_MAX);
    backward(meet, x);
    bool any = false;
    for (size_t i = 0; i < meet->rank; i++)
        if (fabs(x[i]) > 1e-4) {
            if (buffer_printf(&list, NULL, "%s%s", any ? ", " : "", from->names[meet->kept[i]]))
                break;
            any = true;
        }
    int rc = error_set(err, E_INVALID,
                       "the boundary of %s is a combination of %s: they cannot have scores of their "
                       "own at once",
                       from->names[row], any ? (const char *)list.data : "nothing");
    buffer_free(&list);
    return rc;
}

static int add_row(struct meet *meet, const struct meet_rows *from, size_t row, struct error *err)
{
    double *x = meet->x;
    for (size_t i = 0; i < meet->rank; i++)
        x[i] = dot(meet->across + meet->kept[i] * meet->d, meet->rows + row * meet->d, meet->d);
    forward(meet, x);
    double square = dot(meet->across + row * meet->d, meet->rows + row * meet->d, meet->d);
    double left = square - dot(x, x, meet->rank);
    if (!(left > DEPENDENT * square))
        return row < from->required ? dependent(meet, from, row, x, err) : 0;
    memcpy(meet->lower + meet->rank * meet->m, x, meet->rank * sizeof *x);
    meet->lower[meet->rank * meet->m + meet->rank] = sqrt(left);
    meet->kept[meet->rank++] = row;
    return 0;
}

int meet_make(const struct meet_rows *from, struct meet **meet, struct error *err)
{
    size_t m = from->m, d = from->d, n = m ? m : 1, bytes = m * d * sizeof(double);
    if (m > MEET_MOST)
        return error_set(err, E_LIMIT, "%zu scores at once: MEET_MOST is %d", m, MEET_MOST);
    struct meet *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for %zu scores", m);
    *made = (struct meet){
        .m = m,
        .d = d,
        .kept = calloc(n, sizeof(size_t)),
        .rows = calloc(n * d, sizeof(double)),
        .across = calloc(n * d, sizeof(double)),
        .lower = calloc(n * n, sizeof(double)),
        .x = calloc(n, sizeof(double)),
    };
    int rc = made->kept && made->rows && made->across && made->lower && made->x
                 ? 0
                 : error_set(err, E_MEMORY, "no memory for %zu scores", m);
    if (!rc && bytes) {
        memcpy(made->rows, from->rows, bytes);
        memcpy(made->across, from->across ? from->across : from->rows, bytes);
    }
    for (size_t i = 0; !rc && i < m; i++)
        rc = add_row(made, from, i, err);
    if (rc)
        meet_free(&made);
    else
        *meet = made;
    return rc;
}

void meet_free(struct meet **meet)
{
    if (!*meet)
        return;
    free((*meet)->kept);
    free((*meet)->rows);
    free((*meet)->across);
    free((*meet)->lower);
    free((*meet)->x);
    free(*meet);
    *meet = NULL;
}

size_t meet_count(const struct meet *meet)
{
    return meet->m;
}

void meet_scores(const struct meet *meet, const double *z, double *scores)
{
    for (size_t i = 0; i < meet->m; i++)
        scores[i] = dot(meet->rows + i * meet->d, z, meet->d);
}

void meet_step(const struct meet *meet, const double *change, double *step)
{
    double x[MEET_MOST];
    for (size_t i = 0; i < meet->rank; i++)
        x[i] = change[meet->kept[i]];
    forward(meet, x);
    backward(meet, x);
    for (size_t k = 0; k < meet->d; k++)
        step[k] = 0;
    for (size_t i = 0; i < meet->rank; i++) {
        const double *across = meet->across + meet->kept[i] * meet->d;
        for (size_t k = 0; k < meet->d; k++)
            step[k] += x[i] * across[k];
    }
}

/* What of z lies outside of the span of B: z − P z. */
static void leave_span(const struct meet *meet, double *z)
{
    double x[MEET_MOST];
    for (size_t i = 0; i < meet->rank; i++)
        x[i] = dot(meet->rows + meet->kept[i] * meet->d, z, meet->d);
    forward(meet, x);
    backward(meet, x);
    for (size_t i = 0; i < meet->rank; i++)
        for (size_t k = 0; k < meet->d; k++)
            z[k] -= x[i] * meet->rows[meet->kept[i] * meet->d + k];
}

/* Adds p = Bᵀ (B Bᵀ)⁻¹ scores, times `share`, and returns ‖p‖². */
static double add_point(const struct meet *meet, const double *scores, double share, double *z)
{
    double x[MEET_MOST], square = 0;
    for (size_t i = 0; i < meet->rank; i++)
        x[i] = scores[meet->kept[i]];
    forward(meet, x);
    square = dot(x, x, meet->rank);
    backward(meet, x);
    for (size_t i = 0; share != 0 && i < meet->rank; i++)
        for (size_t k = 0; k < meet->d; k++)
            z[k] += share * x[i] * meet->rows[meet->kept[i] * meet->d + k];
    return square;
}

bool meet_sphere(const struct meet *meet, const double *scores, double radius, double *z)
{
    double square = add_point(meet, scores, 0, z), room = radius * radius - square;
    leave_span(meet, z);
    double outside = dot(z, z, meet->d);
    bool reached = room >= 0 && (outside > NOTHING * NOTHING * radius * radius || room == 0);
    double scale = reached && room > 0 ? sqrt(room / outside) : 0;
    for (size_t k = 0; k < meet->d; k++)
        z[k] *= scale;
    add_point(meet, scores, reached ? 1 : square > 0 ? radius / sqrt(square) : 0, z);
    return reached;
}
