/* bundle.yaml: parsed or refused with a reason; what is parsed answers questions. */
#include <stdlib.h>

#include "common/bundle.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle *bundle = NULL;
    struct error err = {0};
    if (bundle_parse((const char *)data, size, &bundle, &err) != 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort(); /* refused without a reason */
        return 0;
    }
    if (bundle_score_columns(bundle) !=
        bundle->attributes_count + bundle->age_estimators_count)
        abort();
    if (bundle->age_estimators_count > 0 && bundle_age_column(bundle, BUNDLE_JUDGE) < 0)
        abort();
    bundle_free(&bundle);
    return 0;
}
