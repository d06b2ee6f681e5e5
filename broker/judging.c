/* The truth is read when the job is taken and again when the stage is done; nothing of it is kept
 * between. */
#include "broker/judging.h"

#include <stdio.h>

#include "common/truth_store.h"
#include "db/classifier.h"

static int check_fits(const struct truth *truth, const struct spec_stage *stage,
                      const struct bundle *bundle, const struct photo_list *photos,
                      struct error *err)
{
    bool photo = false, attribute = false;
    for (uint64_t i = stage->start; !photo && i < stage->start + stage->count; i++)
        photo = truth_find(truth, photos->names[i]) >= 0;
    for (uint32_t k = 0; !attribute && k < bundle->attributes_count; k++)
        attribute = truth_attribute(truth, bundle->attributes[k]) >= 0;
    if (!photo)
        return error_set(err, E_INVALID,
                         "knows none of the stage's photos, the first is \"%.100s\"",
                         photos->names[stage->start]);
    return attribute
               ? 0
               : error_set(err, E_INVALID,
                           "has none of the attributes of bundle %s, the first is \"%s\"",
                           bundle->name, bundle->attributes_count ? bundle->attributes[0] : "");
}

int judging_check(const char *store, const struct spec_stage *stage, const struct bundle *bundle,
                  const struct photo_list *photos, struct error *err)
{
    struct truth *truth = NULL;
    int rc = truth_store_read(store, stage->truth, &truth, err);
    if (rc == 0)
        rc = check_fits(truth, stage, bundle, photos, err);
    truth_free(&truth);
    return rc < 0 ? error_prefix(err, rc, "stage %s: truth", stage->name) : 0;
}

int judging_make(struct database *db, const char *store, struct farm_stage *stage,
                 char text[LIMIT_TEXT_BYTES], struct error *err)
{
    struct truth *truth = NULL;
    struct error refused = {0};
    int rc = truth_store_read(store, stage->spec->truth, &truth, &refused);
    if (rc < 0) {
        snprintf(text, LIMIT_TEXT_BYTES, "truth: %s", refused.text);
        return 0;
    }
    struct classifier_order order = {.stage = stage->id,
                                     .bundle = stage->job->bundle->bundle,
                                     .layout = &stage->job->bundle->layout,
                                     .truth = truth};
    rc = classifier_make(db, &order, err);
    truth_free(&truth);
    return rc;
}
