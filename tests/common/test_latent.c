/* Philox against Random123's vectors; normals against a file of our own, bit for bit. */
#include "tests/common/check.h"

#include <math.h>

#include "common/digest.h"
#include "common/exact.h"
#include "common/latent.h"

static void philox_matches_random123(void **state)
{
    (void)state;
    /* kat_vectors of Random123 1.14: philox 4x32 10 */
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t out[4];
        latent_philox(vectors[i].key, vectors[i].counter, out);
        assert_memory_equal(out, vectors[i].out, sizeof out);
    }
}

/* normals.txt: word and Φ⁻¹ as a hexadecimal double, over the whole range and both tails. */
static void normals_match_the_file(void **state)
{
    (void)state;
    FILE *file = fopen("tests/common/data/normals.txt", "r");
    assert_non_null(file);
    unsigned word;
    double expected;
    int lines = 0;
    while (fscanf(file, "%u %la", &word, &expected) == 2) {
        double found = latent_normal(word);
        assert_memory_equal(&found, &expected, sizeof found);
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 1024);
}

static void normals_are_symmetric_and_rise(void **state)
{
    (void)state;
    double last = -10;
    for (uint64_t x = 0; x < 1ull << 32; x += 65537 * 61) {
        double z = latent_normal((uint32_t)x);
        assert_true(z > last);
        assert_true(fabs(z + latent_normal(~(uint32_t)x)) < 1e-9);
        last = z;
    }
}

static void samples_do_not_depend_on_the_range(void **state)
{
    (void)state;
    enum { N = 37, D = 130 };
    static float whole[N][D], one[D];
    latent_sample(7, 1000, N, D, LATENT_SPHERE, &whole[0][0]);
    for (int i = 0; i < N; i++) {
        latent_sample(7, 1000 + (uint64_t)i, 1, D, LATENT_SPHERE, one);
        assert_memory_equal(one, whole[i], sizeof one);
        double norm = 0;
        for (int j = 0; j < D; j++)
            norm += (double)one[j] * one[j];
        assert_true(fabs(sqrt(norm / D) - 1) < 1e-6);
    }
    latent_sample(8, 1000, 1, D, LATENT_SPHERE, one);
    assert_memory_not_equal(one, whole[0], sizeof one);
}

/* The digest of a block of samples: any change of a bit of any latent shows. */
static void a_block_keeps_its_digest(void **state)
{
    (void)state;
    static float z[256][128];
    char hex[DIGEST_HEX_BYTES];
    latent_sample(0x123456789abcdefull, (1ull << 40) + 3, 256, 128, LATENT_SPHERE, &z[0][0]);
    digest_bytes(z, sizeof z, hex);
    assert_string_equal(hex, "dceb8718c1cd072afc183f191f773500a5b88bae8499a7946c386a9824d6c2ef");
}

static void moments_are_those_of_a_normal(void **state)
{
    (void)state;
    enum { N = 4000, D = 64 };
    static float z[N][D];
    double sum = 0, square = 0, cross = 0;
    latent_sample(1, 0, N, D, LATENT_AS_DRAWN, &z[0][0]);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) {
            sum += z[i][j];
            square += (double)z[i][j] * z[i][j];
            cross += (double)z[i][j] * z[i][(j + 1) % D];
        }
    double n = (double)N * D;
    assert_true(fabs(sum / n) < 5 / sqrt(n));
    assert_true(fabs(square / n - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(cross / n) < 5 / sqrt(n));
}

static void uniform_numbers_fill_their_range(void **state)
{
    (void)state;
    enum { N = 2000, D = 30 };
    static float z[N][D];
    char hex[DIGEST_HEX_BYTES];
    const struct latent_law law = {.prior = LATENT_UNIFORM, .low = -1, .high = 3};
    double sum = 0, square = 0, low = 9, high = -9;
    latent_draw(&law, 5, 1ull << 33, N, D, &z[0][0]);
    for (int i = 0; i < N * D; i++) {
        double x = (&z[0][0])[i];
        sum += x - 1;
        square += (x - 1) * (x - 1);
        low = fmin(low, x);
        high = fmax(high, x);
    }
    double n = (double)N * D; /* variance 16/12, of the square 16²(1/80 − 1/144) */
    assert_true(fabs(sum / n) < 5 * sqrt(16 / 12.0 / n));
    assert_true(fabs(square / n - 16 / 12.0) < 5 * 16 * sqrt((1 / 80.0 - 1 / 144.0) / n));
    assert_true(low >= -1 && low < -0.999 && high <= 3 && high > 2.999);
    digest_bytes(z, sizeof z, hex);
    assert_string_equal(hex, "b457f4069be69e31fbd3f3bf18a838a9811e814ff765d44ef67420e46aec8bc8");
}

static void the_hypersphere_has_its_radius(void **state)
{
    (void)state;
    enum { N = 9, D = 50 };
    float on_root[N][D], by_sphere[N][D], on_two[N][D];
    const struct latent_law root = {.prior = LATENT_HYPERSPHERE, .normalisation = LATENT_SPHERE};
    const struct latent_law two = {
        .prior = LATENT_HYPERSPHERE, .normalisation = LATENT_SPHERE, .radius = 2};
    latent_draw(&root, 5, 3, N, D, &on_root[0][0]);
    latent_sample(5, 3, N, D, LATENT_SPHERE, &by_sphere[0][0]);
    assert_memory_equal(on_root, by_sphere, sizeof on_root);
    latent_draw(&two, 5, 3, N, D, &on_two[0][0]);
    for (int i = 0; i < N; i++) {
        double norm = 0;
        for (int j = 0; j < D; j++) {
            norm += (double)on_two[i][j] * on_two[i][j];
            assert_true(fabs((double)on_two[i][j] - (double)on_root[i][j] * 2 / sqrt(D)) < 1e-6);
        }
        assert_true(fabs(sqrt(norm) - 2) < 1e-6);
        on_two[i][0] += 1;
    }
    latent_normalise(&two, N, D, &on_two[0][0]);
    for (int i = 0; i < N; i++) {
        double norm = 0;
        for (int j = 0; j < D; j++)
            norm += (double)on_two[i][j] * on_two[i][j];
        assert_true(fabs(sqrt(norm) - 2) < 1e-6);
    }
}

/* Against libm's, which is within a unit in the last place itself. */
static void logarithm_and_exponential_are_exact(void **state)
{
    (void)state;
    for (double x = 1e-300; x < 1e300; x *= 1.00117) {
        double found = exact_log(x), wanted = log(x);
        assert_true(fabs(found - wanted) <= 1e-15 * fmax(fabs(wanted), 0.1));
    }
    for (double x = -699; x < 699; x += 0.0137) {
        double wanted = exp(x);
        assert_true(fabs(exact_exp(x) - wanted) <= 1e-15 * wanted);
    }
    assert_true(exact_exp(0) == 1 && exact_exp(-1e9) == 0 && exact_exp(-INFINITY) == 0);
    assert_true(isnan(exact_exp(NAN)) && exact_exp(1e9) == exact_exp(700));
}

static void the_hold_out_has_its_share(void **state)
{
    (void)state;
    int held = 0, n = 100000;
    for (int i = 0; i < n; i++)
        held += latent_held_out(3, (uint64_t)i, 0.2);
    assert_true(fabs(held / (double)n - 0.2) < 0.006);
    assert_true(latent_held_out(3, 5, 1.0));
    assert_false(latent_held_out(3, 5, 0.0));
}

/* Each sample, each noise and each seed has numbers of its own, and they are normal. */
static void noise_is_independent_of_the_latent(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static float noise[3][COUNT], z[COUNT];
    double sum = 0, square = 0, both[3] = {0};
    latent_noise(7, 3, 0, COUNT, 0.5, 2, noise[0]);
    latent_noise(7, 3, 1, COUNT, 0, 1, noise[1]);
    latent_noise(7, 4, 0, COUNT, 0, 1, noise[2]);
    latent_sample(7, 3, 1, COUNT, LATENT_AS_DRAWN, z);
    for (int i = 0; i < COUNT; i++) {
        double x = ((double)noise[0][i] - 0.5) / 2;
        sum += x;
        square += x * x;
        both[0] += x * (double)z[i];
        both[1] += x * (double)noise[1][i];
        both[2] += x * (double)noise[2][i];
    }
    assert_true(fabs(sum / COUNT) < 0.03 && fabs(square / COUNT - 1) < 0.04);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(both[i] / COUNT) < 0.03);
    float part[10];
    latent_noise(7, 3, 0, 10, 0.5, 2, part);
    assert_memory_equal(part, noise[0], sizeof part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_matches_random123),
        cmocka_unit_test(normals_match_the_file),
        cmocka_unit_test(normals_are_symmetric_and_rise),
        cmocka_unit_test(samples_do_not_depend_on_the_range),
        cmocka_unit_test(a_block_keeps_its_digest),
        cmocka_unit_test(moments_are_those_of_a_normal),
        cmocka_unit_test(uniform_numbers_fill_their_range),
        cmocka_unit_test(the_hypersphere_has_its_radius),
        cmocka_unit_test(logarithm_and_exponential_are_exact),
        cmocka_unit_test(noise_is_independent_of_the_latent),
        cmocka_unit_test(the_hold_out_has_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
