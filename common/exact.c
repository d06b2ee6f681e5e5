/* Series that have converged to double precision on their reduced ranges. No state. */
#include "common/exact.h"

#include <stdint.h>
#include <string.h>

#define LN_2 0.69314718055994530942
/* ln 2 in two parts, the first with 21 zero bits at its end, so that a whole number times it is exact. */
#define LN_2_HIGH 0x1.62e42feep-1
#define LN_2_LOW 0x1.a39ef35793c76p-33

/* x = m·2^e with m in [√½, √2), and ln m = 2 artanh((m−1)/(m+1)), whose series has converged after the
 * term of degree 21 (|s| ≤ 0.1716). */
double exact_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1022;
    bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FE0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m < 0.70710678118654752440) {
        m = m * 2.0;
        exponent--;
    }
    double s = (m - 1.0) / (m + 1.0);
    double square = s * s;
    double series = 1.0 / 21.0;
    for (int degree = 19; degree >= 1; degree -= 2)
        series = series * square + 1.0 / degree;
    return exponent * LN_2 + 2.0 * s * series;
}

/* x = k ln 2 + r with |r| ≤ ln 2/2, and e^r by its series up to r^13/13!. */
double exact_exp(double x)
{
    if (!(x >= -700))
        return x < -700 ? 0 : x;
    if (x > 700)
        x = 700;
    int k = (int)(x / LN_2 + (x < 0 ? -0.5 : 0.5));
    double r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    double series = 1.0;
    for (int degree = 13; degree >= 1; degree--)
        series = 1.0 + series * r / degree;
    uint64_t bits = (uint64_t)(1023 + k) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}
