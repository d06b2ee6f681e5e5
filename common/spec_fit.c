/* What a fit stage says: methods, sets, cross-validation; checked, completed and printed. */
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/spec_priv.h"

#define DEFAULT_TRAIN_SHARE 0.8
#define DEFAULT_COST 1
#define DEFAULT_EXTREMES 0.02 /* InterFaceGAN's share */
#define DEFAULT_FOLDS 5       /* where costs want some */
#define COST_LEAST 1e-12
#define COST_MOST 1e12
#define EXTREMES_LEAST 1e-6
#define EXTREMES_MOST 1e9

const cyaml_strval_t spec_weight_names[2] = {{"balanced", SPEC_BALANCED},
                                             {"none", SPEC_UNWEIGHTED}};
const cyaml_strval_t spec_method_names[SPEC_METHODS] = {{"svm", SPEC_SVM},
                                                        {"least_squares", SPEC_LEAST_SQUARES},
                                                        {"ridge", SPEC_RIDGE},
                                                        {"mean_difference", SPEC_MEAN_DIFFERENCE}};
const cyaml_strval_t spec_set_names[4] = {{"all", SPEC_SET_ALL},
                                          {"balanced", SPEC_SET_BALANCED},
                                          {"extremes", SPEC_SET_EXTREMES},
                                          {"study", SPEC_SET_STUDY}};

const char *spec_method_name(enum spec_method method)
{
    if (method == SPEC_IMPORTED)
        return "imported";
    return spec_method_names[method].str;
}

static int take_extremes(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    stage->set = raw->set ? *raw->set : raw->extremes ? SPEC_SET_EXTREMES : SPEC_SET_ALL;
    if (raw->extremes && stage->set != SPEC_SET_EXTREMES)
        return error_set(err, E_INVALID, "extremes: only a fit on set: extremes takes it");
    int rc = spec_take_real("extremes", raw->extremes, DEFAULT_EXTREMES, EXTREMES_LEAST,
                            EXTREMES_MOST, &stage->extremes, err);
    if (!rc && stage->extremes > 0.5 && stage->extremes < 1)
        return error_set(err, E_INVALID,
                         "extremes: is %g, expected a share up to 0.5, or a number from 1",
                         stage->extremes);
    return rc;
}

static int take_costs(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    stage->costs = calloc(raw->costs_count ? raw->costs_count : 1, sizeof *stage->costs);
    if (!stage->costs)
        return error_set(err, E_MEMORY, "no memory for %u costs", raw->costs_count);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < raw->costs_count; i++)
        rc = spec_take_real("costs", &raw->costs[i], 0, COST_LEAST, COST_MOST, &stage->costs[i],
                            err);
    stage->costs_count = raw->costs_count;
    if (!rc && raw->cost && raw->costs_count)
        rc = error_set(err, E_INVALID, "costs: stands beside cost, expected one of them");
    return rc;
}

static int take_files(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    static const char digits[] = "0123456789abcdef";
    if (!raw->files)
        return 0;
    if (strlen(raw->files) != DIGEST_HEX_BYTES - 1 ||
        strspn(raw->files, digits) != DIGEST_HEX_BYTES - 1)
        return error_set(err, E_INVALID,
                         "files: is \"%s\", expected the 64 hexadecimal digits that facefarm "
                         "boundary import says",
                         raw->files);
    stage->files = strdup(raw->files);
    return stage->files ? 0 : error_set(err, E_MEMORY, "no memory for a name");
}

int spec_complete_fit(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    int rc = spec_take_real("train_share", raw->train_share, DEFAULT_TRAIN_SHARE, 0.01, 0.99,
                            &stage->train_share, err);
    if (!rc)
        rc = spec_take_real("cost", raw->cost, DEFAULT_COST, COST_LEAST, COST_MOST, &stage->cost,
                            err);
    if (!rc)
        rc = take_costs(raw, stage, err);
    if (!rc)
        rc = take_extremes(raw, stage, err);
    if (!rc)
        rc = take_files(raw, stage, err);
    if (!rc)
        rc = spec_take_small("folds", raw->folds, raw->costs_count > 1 ? DEFAULT_FOLDS : 0, 0,
                             SPEC_FOLDS_MOST, &stage->folds, err);
    if (!rc && (stage->folds == 1 || (stage->folds == 0 && raw->costs_count > 1)))
        rc = error_set(err, E_INVALID, "folds: is %u, expected 2 to %d%s", stage->folds,
                       SPEC_FOLDS_MOST, stage->folds ? ", or 0 for none" : " to choose a cost");
    if (!rc)
        rc = spec_take_small("learning_curve", raw->learning_curve, 0, 0, SPEC_CURVE_MOST,
                             &stage->learning_curve, err);
    stage->per_layer = raw->per_layer && *raw->per_layer;
    stage->weights = raw->weights ? *raw->weights : SPEC_BALANCED;
    stage->method = raw->method ? *raw->method : SPEC_SVM;
    for (uint32_t i = 0; i < raw->compare_count; i++)
        stage->compare |= 1u << raw->compare[i];
    stage->compare &= ~(1u << stage->method);
    return rc;
}

static int print_lists(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char number[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(out, err, "    compare: [");
    bool any = false;
    for (unsigned m = 0; !rc && m < SPEC_METHODS; m++)
        if (stage->compare & (1u << m)) {
            rc = buffer_printf(out, err, "%s%s", any ? ", " : "", spec_method_names[m].str);
            any = true;
        }
    if (!rc)
        rc = buffer_printf(out, err, "]\n");
    if (!rc && stage->costs_count == 0)
        return buffer_printf(out, err, "    cost: %s\n", spec_print_number(stage->cost, number));
    for (uint32_t i = 0; !rc && i < stage->costs_count; i++)
        rc = buffer_printf(out, err, "%s%s", i ? ", " : "    costs: [",
                           spec_print_number(stage->costs[i], number));
    return rc ? rc : buffer_printf(out, err, "]\n");
}

int spec_print_fit(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    char number[SPEC_NUMBER_BYTES];
    int rc = buffer_printf(
        out, err,
        "    from: %s\n    train_share: %s\n    weights: %s\n    method: %s\n    set: %s\n",
        stage->from, spec_print_number(stage->train_share, number),
        spec_weight_names[stage->weights].str, spec_method_names[stage->method].str,
        spec_set_names[stage->set].str);
    if (!rc && stage->set == SPEC_SET_EXTREMES)
        rc = buffer_printf(out, err, "    extremes: %s\n",
                           spec_print_number(stage->extremes, number));
    if (!rc)
        rc = buffer_printf(out, err, "    folds: %u\n    learning_curve: %u\n", stage->folds,
                           stage->learning_curve);
    if (!rc && stage->per_layer)
        rc = buffer_printf(out, err, "    per_layer: true\n");
    if (!rc && stage->files)
        rc = buffer_printf(out, err, "    files: %s\n", stage->files);
    return rc ? rc : print_lists(out, stage, err);
}
