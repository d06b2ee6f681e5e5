/* Classes of workers: read or refused with a reason; what is read can be asked, and said. */
#include <stdlib.h>

#include "broker/fleet.h"
#include "tests/fuzz/fuzz.h"

static void ask(const struct fleet *fleet, const struct fleet_class *class)
{
    const struct needs needs = {class->device, class->memory, class->labels.text};
    const struct needs most = {NEEDS_GPU, INT64_MAX, "no=where"};
    struct buffer text;
    buffer_init(&text, FLEET_TEXT_BYTES);
    if (!fleet_meets(fleet, &needs) || fleet_explain(fleet, &most, &text, NULL) != 0)
        abort();
    buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fleet fleet = {0};
    struct error err = {0};
    int rc = fleet_parse((const char *)data, size, &fleet, &err);
    if (rc != 0 && (rc != err.code || err.text[0] == '\0'))
        abort();
    for (size_t i = 0; i < fleet.count; i++)
        ask(&fleet, &fleet.classes[i]);
    fleet_free(&fleet);
    return 0;
}
