/* InterFaceGAN's published conditional boundaries are our projection at λ = 1, and real, strongly
 * correlated boundaries have the gains and leaks that NumPy finds. */
#include "tests/common/check.h"

#include <math.h>
#include <stdbool.h>
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
    assert_ok(npy_read_double(path, &npy, &err));
    return npy;
}

/* `expected` is `target` with up to two conditions projected out, to 1e-12 in every element. */
static void check(const char *expected, const char *target, const char *first, const char *second)
{
    struct npy e = load(expected), t = load(target), c1 = load(first), c2 = {0};
    size_t d = t.elements;
    double *conditions = malloc(2 * d * sizeof *conditions), *u = malloc(d * sizeof *u);
    const double discounts[] = {1, 1};
    struct projection p = {PROJECTION_EXACT, d, second ? 2 : 1, t.wide, conditions, discounts};
    struct projection_result result;
    memcpy(conditions, c1.wide, d * sizeof *conditions);
    if (second) {
        c2 = load(second);
        memcpy(conditions + d, c2.wide, d * sizeof *conditions);
    }
    assert_ok(projection_solve(&p, u, &result, &err));
    for (size_t i = 0; i < d; i++)
        if (!(fabs(u[i] - e.wide[i]) < 1e-12))
            fail_msg("%s: element %zu is %.17g, expected %.17g", expected, i, u[i], e.wide[i]);
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
    check("stylegan_ffhq_age_c_gender_boundary", "stylegan_ffhq_age_boundary",
          "stylegan_ffhq_gender_boundary", NULL);
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

struct set { /* the 39: a target, and the others as its conditions */
    size_t d;
    double *target, *conditions;
};

static struct set load_set(const char *target)
{
    char name[128];
    struct set set = {0};
    size_t k = 0;
    for (int i = -1; i < OTHERS; i++) {
        snprintf(name, sizeof name, "stylegan2_ffhq_z/boundary_%s", i < 0 ? "Young" : others[i]);
        struct npy npy = load(name);
        set.d = npy.elements;
        if (!set.target) {
            set.target = malloc(set.d * sizeof(double));
            set.conditions = malloc(OTHERS * set.d * sizeof(double));
        }
        bool is_target = strcmp(i < 0 ? "Young" : others[i], target) == 0;
        memcpy(is_target ? set.target : set.conditions + k++ * set.d, npy.wide,
               set.d * sizeof(double));
        npy_free(&npy);
    }
    assert_int_equal(k, OTHERS);
    return set;
}

static struct projection_result solve(const struct set *set, enum projection_method method,
                                      double weight)
{
    double weights[OTHERS], *u = malloc(set->d * sizeof *u);
    struct projection p = {method, set->d, OTHERS, set->target, set->conditions, weights};
    struct projection_result result;
    for (size_t k = 0; k < OTHERS; k++)
        weights[k] = weight;
    assert_ok(projection_solve(&p, u, &result, &err));
    free(u);
    return result;
}

static void free_set(struct set *set)
{
    free(set->target);
    free(set->conditions);
}

/* Young against the 38 others. Published to three digits in science and boundaries' README; here are
 * four, computed with NumPy in float64. */
static void gains_and_leaks_of_a_real_set(void **state)
{
    (void)state;
    static const struct {
        enum projection_method method;
        double weight, gain, leak;
    } expected[] = {
        {PROJECTION_EXACT, 0, 1, .7445},         {PROJECTION_EXACT, .25, .9926, .6956},
        {PROJECTION_EXACT, .5, .9501, .5959},    {PROJECTION_EXACT, .75, .8003, .3817},
        {PROJECTION_EXACT, .9, .6073, .1686},    {PROJECTION_EXACT, 1, .4324, 0},
        {PROJECTION_SOFT, .1, .9442, .6639},     {PROJECTION_SOFT, 1, .6663, .2914},
        {PROJECTION_SOFT, 10, .4776, .0464},     {PROJECTION_SOFT, 100, .4377, .0049},
        {PROJECTION_CORRELATION, 0, .7594, .5988}, {PROJECTION_NAIVE, 1, -.7690, .8788},
    };
    struct set set = load_set("Young");
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct projection_result r = solve(&set, expected[i].method, expected[i].weight);
        if (fabs(r.gain - expected[i].gain) > 5.1e-5 || fabs(r.leak - expected[i].leak) > 5.1e-5)
            fail_msg("%s %g: gain %.5f, leak %.5f, expected %.4f, %.4f",
                     projection_method_name(expected[i].method), expected[i].weight, r.gain, r.leak,
                     expected[i].gain, expected[i].leak);
    }
    free_set(&set);
}

/* The gain under full lock, 1/√((N Nᵀ)⁻¹_tt): .41, .45 and .43. */
static void gains_under_full_lock(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        double gain;
    } expected[] = {{"Gender", .40621}, {"No_Beard", .44796}, {"Young", .43236}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct set set = load_set(expected[i].target);
        struct projection_result r = solve(&set, PROJECTION_EXACT, 1);
        assert_true(fabs(r.gain - expected[i].gain) < 1e-5 && r.leak < 1e-12);
        free_set(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditional_boundaries_are_reproduced),
        cmocka_unit_test(gains_and_leaks_of_a_real_set),
        cmocka_unit_test(gains_under_full_lock),
    };
    if (access(FOLDER, R_OK) != 0) {
        printf("skipped: published boundaries are not at " FOLDER "\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
