/*
 * Logarithm and exponential in IEEE double +, −, ×, ÷ in a written order (the build forbids contraction to
 * fused multiply-add): the same bits on every machine and with every libm, within 1e-15 of the true
 * value (relative; of a logarithm below 0.1 in magnitude, 1e-16).
 */
#ifndef COMMON_EXACT_H
#define COMMON_EXACT_H

/* ln x for normal positive x. */
double exact_log(double x);

/* e^x; 0 below −700, e^700 above 700. */
double exact_exp(double x);

#endif
