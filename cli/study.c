/* Builds the spec of the study on the stack and lets common/spec print and check it. */
#include "cli/study.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/spec.h"

#define SHEET_REACH 3.0
#define SHEET_STEPS 7

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

/* The judged edit on all faces; on a tenth of them the sweep up to it, and on a fortieth the edit of
 * every boundary, with all others held as on the sheets. */
static uint32_t fill_evaluations(const struct study *study, const struct names *conditions,
                                 char **target, char **all, struct spec_stage *stages)
{
    bool projected = conditions->count > 0;
    stages[0] = (struct spec_stage){.kind = SPEC_EVALUATE,
                                    .name = (char *)"ageing",
                                    .from = (char *)"boundaries",
                                    .start = study->faces,
                                    .count = study->evaluate,
                                    .targets = target,
                                    .targets_count = 1,
                                    .conditions = conditions->items,
                                    .conditions_count = conditions->count,
                                    .discount = study->discount,
                                    .distance = study->distance};
    stages[1] = stages[0];
    stages[1].name = (char *)"dose";
    stages[1].count = (study->evaluate + 9) / 10;
    stages[1].distances = (struct spec_sweep){-study->distance, study->distance, SHEET_STEPS};
    stages[2] = stages[0];
    stages[2].name = (char *)"effects";
    stages[2].count = (study->evaluate + 39) / 40;
    stages[2].targets = all;
    stages[2].conditions = projected ? all : NULL;
    stages[2].conditions_count = projected ? 1 : 0;
    stages[2].discount = study->sheet_discount;
    return 3;
}

/* The chain. Texts are borrowed from `study` and `conditions`, lists from the caller. */
static uint32_t fill_stages(const struct study *study, const struct names *conditions,
                            char **target, char **all, struct spec_stage *stages)
{
    bool projected = conditions->count > 0;
    uint32_t n = 0;
    if (study->samples)
        stages[n++] = (struct spec_stage){.kind = SPEC_SAMPLE,
                                          .name = (char *)"faces",
                                          .count = study->samples,
                                          .output = SPEC_PNG};
    stages[n++] =
        (struct spec_stage){.kind = SPEC_LABEL, .name = (char *)"labels", .count = study->faces};
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
            .start = study->faces + study->evaluate,
            .faces = study->sheets,
            .targets = all,
            .targets_count = 1,
            .conditions = projected ? all : NULL,
            .conditions_count = projected ? 1 : 0,
            .discount = study->sheet_discount,
            .distances = {.from = -SHEET_REACH, .to = SHEET_REACH, .steps = SHEET_STEPS}};
    return study->evaluate ? n + fill_evaluations(study, conditions, target, all, stages + n) : n;
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
    spec.stages_count = fill_stages(study, &conditions, target, all, stages);
    rc = spec_print(&spec, yaml, err);
    if (rc == 0)
        rc = spec_parse((const char *)yaml->data, yaml->size, &checked, err);
    spec_free(&checked);
out:
    free_names(&conditions);
    return rc;
}
