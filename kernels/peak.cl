/*
 * What a device's multiply-adds can do at most: one work-item a group, as many independent chains as
 * hide the latency, nothing but registers. A work-item does 16·CHAINS·iterations multiply-adds; the
 * sum goes out so that nothing is left out.
 */
#ifndef CHAINS
#define CHAINS 12
#endif

#define UNROLL _Pragma("unroll")

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void peak(__global float *restrict out,
                                                                  int iterations, float factor)
{
    float16 sums[CHAINS], by = (float16)factor, sum = (float16)0.0f;
    UNROLL for (int c = 0; c < CHAINS; c++) sums[c] = (float16)(float)c;
    for (int i = 0; i < iterations; i++)
        UNROLL for (int c = 0; c < CHAINS; c++) sums[c] = fma(sums[c], by, by);
    UNROLL for (int c = 0; c < CHAINS; c++) sum += sums[c];
    out[get_group_id(0)] = sum.s0 + sum.s7 + sum.sf;
}
