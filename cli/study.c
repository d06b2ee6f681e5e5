/* Builds the spec of the study on the stack and lets common/spec print and check it. */
#include "cli/study.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/spec.h"

#define SHEET_REACH 3.0
#define SHEET_STEPS 7
#define YOUNGEST 20.0 /* where a sweep of ages begins */
#define WALK 8        /* steps at which a stop rule looks */
#define LOGITS 0.05   /* tolerances */
#define YEARS 0.5
#define EVALUATIONS 16

/* A list of names cut out of one text. The strings lie in `text`, which the list owns. */
struct names {
    char *text;
    char **items;
    uint32_t count;
};

static void free_names(struct names *names)
{
    free(names->text);
    free(names->items);
}

static int split_names(const char *list, struct names *names, struct error *err)
{
    size_t count = 1;
    for (const char *p = list; *p; p++)
        count += *p == ',';
    if (count > LIMIT_TARGETS)
        return error_set(err, E_LIMIT, "--conditions has %zu names, the limit is %d", count,
                         LIMIT_TARGETS);
    names->text = strdup(list);
    names->items = calloc(count, sizeof *names->items);
    if (!names->text || !names->items)
        return error_set(err, E_MEMORY, "out of memory");
    if (strcmp(list, "none") == 0)
        return 0;
    char *rest = names->text;
    for (char *name; (name = strsep(&rest, ","));)
        if (*name)
            names->items[names->count++] = name;
    return 0;
}

static int find_projection(const char *name, enum projection_method *method, struct error *err)
{
    for (int m = 0; m < PROJECTION_METHODS; m++)
        if (!name || strcmp(name, projection_method_name((enum projection_method)m)) == 0) {
            *method = (enum projection_method)m;
            return 0;
        }
    return error_set(err, E_INVALID, "--projection %s: expected exact, soft, correlation or naive",
                     name);
}

static int find_reach(const char *name, enum move_mode *reach, struct error *err)
{
    for (int m = 0; m < MOVE_JOINT; m++)
        if (!name || strcmp(name, move_mode_name((enum move_mode)m)) == 0) {
            *reach = (enum move_mode)m;
            return 0;
        }
    return error_set(err, E_INVALID,
                     "--reach %s: expected relative, absolute, score, logit, years or more_years", name);
}

/* What the options say of the judged edit beside its target. */
static int fill_judged(const struct study *study, struct spec_stage *stage, struct error *err)
{
    int rc = find_projection(study->projection, &stage->projection, err);
    if (rc == 0)
        rc = find_reach(study->reach, &stage->reach, err);
    stage->strength = study->strength;
    stage->limit = study->limit;
    stage->estimator = (char *)study->estimator;
    stage->tolerance = stage->reach == MOVE_LOGIT ? LOGITS : YEARS;
    stage->evaluations = EVALUATIONS;
    if (study->off_target > 0)
        stage->stop = (struct spec_stop){
            .off_target = study->off_target, .identity = -1, .walk = WALK, .decay = 1};
    return rc;
}

/* Which samples are labelled; *behind is the first behind all of them. */
static int fill_labels(const struct study *study, struct spec_stage *stage, uint64_t *behind,
                       struct error *err)
{
    *stage =
        (struct spec_stage){.kind = SPEC_LABEL, .name = (char *)"labels", .count = study->faces};
    *behind = study->faces;
    if (!study->seeds)
        return 0;
    int rc = seeds_parse(&study->seeds, 1, &stage->seeds, err);
    if (rc != 0)
        return error_prefix(err, rc, "--seeds");
    seeds_span(&stage->seeds, &stage->start, behind);
    stage->count = stage->seeds.total;
    return 0;
}

/* The judged edit on all faces; on a tenth of them the sweep up to it, and on a fortieth the edit of
 * every boundary, with all others held as on the sheets. */
static int fill_evaluations(const struct study *study, const struct names *conditions,
                            uint64_t start, char **target, char **all, struct spec_stage *stages,
                            struct error *err)
{
    bool projected = conditions->count > 0;
    stages[0] = (struct spec_stage){.kind = SPEC_EVALUATE,
                                    .name = (char *)"ageing",
                                    .from = (char *)"boundaries",
                                    .start = start,
                                    .count = study->evaluate,
                                    .targets = target,
                                    .targets_count = 1,
                                    .conditions = conditions->items,
                                    .conditions_count = conditions->count,
                                    .discount = study->discount,
                                    .distance = study->distance};
    stages[2] = stages[0];
    int rc = fill_judged(study, &stages[0], err);
    stages[1] = stages[0];
    stages[1].name = (char *)"dose";
    stages[1].count = (study->evaluate + 9) / 10;
    stages[1].distances = (struct spec_sweep){
        stages[0].reach == MOVE_YEARS ? YOUNGEST : -study->distance, study->distance, SHEET_STEPS};
    if (stages[0].reach != MOVE_RELATIVE)
        stages[2].distance = SHEET_REACH;
    stages[2].name = (char *)"effects";
    stages[2].count = (study->evaluate + 39) / 40;
    stages[2].targets = all;
    stages[2].conditions = projected ? all : NULL;
    stages[2].conditions_count = projected ? 1 : 0;
    stages[2].discount = study->sheet_discount;
    return rc;
}

/* The chain. Texts are borrowed from `study` and `conditions`, lists from the caller. */
static int fill_stages(const struct study *study, const struct names *conditions, char **target,
                       char **all, struct spec *spec, struct error *err)
{
    struct spec_stage *stages = spec->stages;
    bool projected = conditions->count > 0;
    uint32_t n = 0;
    if (study->samples)
        stages[n++] = (struct spec_stage){.kind = SPEC_SAMPLE,
                                          .name = (char *)"faces",
                                          .count = study->samples,
                                          .output = SPEC_PNG};
    uint64_t behind = 0;
    int rc = fill_labels(study, &stages[n++], &behind, err);
    if (rc != 0)
        return rc;
    stages[n++] = (struct spec_stage){.kind = SPEC_FIT,
                                      .name = (char *)"boundaries",
                                      .from = (char *)"labels",
                                      .train_share = 0.8,
                                      .cost = 1,
                                      .weights = SPEC_BALANCED};
    if (study->sheets)
        stages[n++] = (struct spec_stage){
            .kind = SPEC_EDIT,
            .name = (char *)"sheets",
            .from = (char *)"boundaries",
            .start = behind + study->evaluate,
            .faces = study->sheets,
            .targets = all,
            .targets_count = 1,
            .conditions = projected ? all : NULL,
            .conditions_count = projected ? 1 : 0,
            .discount = study->sheet_discount,
            .distances = {.from = -SHEET_REACH, .to = SHEET_REACH, .steps = SHEET_STEPS}};
    spec->stages_count = study->evaluate ? n + 3 : n;
    if (study->evaluate)
        rc = fill_evaluations(study, conditions, behind, target, all, stages + n, err);
    for (uint32_t i = 0; i < spec->stages_count; i++)
        stages[i].latents = stages[i].kind == SPEC_FIT ? NULL : (char *)study->latents;
    return rc;
}

int study_yaml(const struct study *study, struct buffer *yaml, struct error *err)
{
    struct names conditions = {0};
    struct spec_stage stages[7] = {0};
    struct spec *checked = NULL;
    char *target[1] = {(char *)study->target}, *all[1] = {(char *)SPEC_ALL};
    int rc = split_names(study->conditions, &conditions, err);
    if (rc != 0)
        goto out;
    struct spec spec = {.format = (char *)SPEC_FORMAT,
                        .name = (char *)study->name,
                        .bundle = (char *)study->bundle,
                        .seed = study->seed,
                        .max_attempts = 3,
                        .stages = stages};
    rc = fill_stages(study, &conditions, target, all, &spec, err);
    if (rc == 0)
        rc = spec_print(&spec, yaml, err);
    if (rc == 0)
        rc = spec_parse((const char *)yaml->data, yaml->size, &checked, err);
    spec_free(&checked);
    for (uint32_t i = 0; i < sizeof stages / sizeof *stages; i++)
        seeds_free(&stages[i].seeds);
out:
    free_names(&conditions);
    return rc;
}
