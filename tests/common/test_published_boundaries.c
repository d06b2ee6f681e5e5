/* InterFaceGAN's published conditional boundaries are our projection at λ = 1. */
#include "tests/common/check.h"

#include <math.h>
#include <unistd.h>

#include "common/npy.h"
#include "common/projection.h"

#define FOLDER "../shared/boundaries/"

static struct error err;

static struct npy load(const char *name)
{
    char path[256];
    struct npy npy;
    snprintf(path, sizeof path, FOLDER "%s.npy", name);
    assert_ok(npy_read(path, &npy, &err));
    return npy;
}

/* `expected` is `target` with up to two conditions projected out. */
static void check(const char *expected, const char *target, const char *first, const char *second)
{
    struct npy e = load(expected), t = load(target), c1 = load(first), c2 = {0};
    size_t d = t.elements, k = second ? 2 : 1;
    float *conditions = malloc(2 * d * sizeof *conditions), *u = malloc(d * sizeof *u);
    const double discounts[] = {1, 1};
    struct projection_result result;
    memcpy(conditions, c1.data, d * sizeof *conditions);
    if (second) {
        c2 = load(second);
        memcpy(conditions + d, c2.data, d * sizeof *conditions);
    }
    assert_ok(projection_discounted(t.data, d, conditions, k, discounts, u, &result, &err));
    double cosine = 0;
    for (size_t i = 0; i < d; i++)
        cosine += (double)u[i] * e.data[i];
    if (!(cosine > 1 - 1e-6))
        fail_msg("%s: cosine %.9f", expected, cosine);
    free(conditions);
    free(u);
    npy_free(&e);
    npy_free(&t);
    npy_free(&c1);
    npy_free(&c2);
}

#define P "pggan_celebahq_"

static void conditional_boundaries_are_reproduced(void **state)
{
    (void)state;
    check(P "age_c_gender_boundary", P "age_boundary", P "gender_boundary", NULL);
    check(P "age_c_eyeglasses_boundary", P "age_boundary", P "eyeglasses_boundary", NULL);
    check(P "gender_c_age_boundary", P "gender_boundary", P "age_boundary", NULL);
    check(P "gender_c_eyeglasses_boundary", P "gender_boundary", P "eyeglasses_boundary", NULL);
    check(P "eyeglasses_c_age_boundary", P "eyeglasses_boundary", P "age_boundary", NULL);
    check(P "eyeglasses_c_gender_boundary", P "eyeglasses_boundary", P "gender_boundary", NULL);
    check(P "age_c_gender_eyeglasses_boundary", P "age_boundary", P "gender_boundary",
          P "eyeglasses_boundary");
    check(P "gender_c_age_eyeglasses_boundary", P "gender_boundary", P "age_boundary",
          P "eyeglasses_boundary");
    check(P "eyeglasses_c_age_gender_boundary", P "eyeglasses_boundary", P "age_boundary",
          P "gender_boundary");
}

static const char *const others[] = {
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive",  "Bags_Under_Eyes", "Bald", "Bangs",
    "Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair", "Brown_Hair", "Bushy_Eyebrows", "Chubby",
    "Double_Chin", "Eyeglasses", "Gender", "Goatee", "Gray_Hair", "Heavy_Makeup",
    "High_Cheekbones", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard", "Oval_Face",
    "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling",
    "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick",
    "Wearing_Necklace", "Wearing_Necktie"};
enum { OTHERS = sizeof others / sizeof *others };

/* Gain and leak of `Young` against 38 real, correlated boundaries, computed with NumPy in float64. */
static void gains_and_leaks_of_a_real_set(void **state)
{
    (void)state;
    static const double expected[][3] = {{0, 1, .745},      {.5, .950, .596}, {.75, .800, .382},
                                         {.9, .607, .169}, {1, .432, 0}};
    struct npy young = load("stylegan2_ffhq_z/boundary_Young");
    size_t d = young.elements;
    float *conditions = malloc(OTHERS * d * sizeof *conditions), *u = malloc(d * sizeof *u);
    for (size_t k = 0; k < OTHERS; k++) {
        char name[128];
        snprintf(name, sizeof name, "stylegan2_ffhq_z/boundary_%s", others[k]);
        struct npy c = load(name);
        memcpy(conditions + k * d, c.data, d * sizeof *conditions);
        npy_free(&c);
    }
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        double discounts[OTHERS];
        struct projection_result result;
        for (size_t k = 0; k < OTHERS; k++)
            discounts[k] = expected[i][0];
        assert_ok(projection_discounted(young.data, d, conditions, OTHERS, discounts, u, &result,
                                        &err));
        if (fabs(result.gain - expected[i][1]) > 6e-4 || fabs(result.leak - expected[i][2]) > 6e-4)
            fail_msg("λ = %g: gain %.4f, leak %.4f", expected[i][0], result.gain, result.leak);
    }
    free(conditions);
    free(u);
    npy_free(&young);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditional_boundaries_are_reproduced),
        cmocka_unit_test(gains_and_leaks_of_a_real_set),
    };
    if (access(FOLDER, R_OK) != 0) {
        printf("skipped: published boundaries are not at " FOLDER "\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
