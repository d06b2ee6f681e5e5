/* What a stage needs of a worker: checked, completed, printed. */
#include <stdlib.h>
#include <string.h>

#include "common/spec_priv.h"

static int take_labels(const struct raw_needs *raw, const char **text, struct error *err)
{
    struct labels labels = {""};
    int rc = 0;
    for (uint32_t i = 0; !rc && i < raw->labels_count; i++)
        rc = labels_add(&labels, raw->labels[i].key, strlen(raw->labels[i].key),
                        raw->labels[i].value, strlen(raw->labels[i].value), err);
    if (rc || !labels.text[0])
        return rc;
    *text = strdup(labels.text);
    return *text ? 0 : error_set(err, E_MEMORY, "no memory for labels");
}

int spec_complete_needs(const struct raw_needs *raw, struct spec_stage *stage, struct error *err)
{
    if (!raw)
        return 0;
    stage->needs.device = raw->device ? *raw->device : NEEDS_ANY;
    if (raw->memory && !needs_parse_size(raw->memory, &stage->needs.memory))
        return error_set(err, E_INVALID,
                         "needs: memory: is \"%s\", expected bytes, or a number and K, M, G or T",
                         raw->memory);
    int rc = take_labels(raw, &stage->needs.labels, err);
    return rc ? error_prefix(err, rc, "needs") : 0;
}

static int print_labels(struct buffer *out, const char *labels, const char *comma,
                        struct error *err)
{
    const char *between = "";
    size_t size;
    int rc = buffer_printf(out, err, "%slabels: {", comma);
    for (const char *label; !rc && (label = labels_next(&labels, &size));) {
        size_t key = strcspn(label, "=");
        rc = buffer_printf(out, err, "%s\"%.*s\": \"%.*s\"", between, (int)key, label,
                           (int)(size - key - 1), label + key + 1);
        between = ", ";
    }
    return rc ? rc : buffer_printf(out, err, "}");
}

int spec_print_needs(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    const struct needs *needs = &stage->needs;
    char size[NEEDS_SIZE_BYTES];
    const char *comma = "";
    if (needs_nothing(needs))
        return 0;
    int rc = buffer_printf(out, err, "    needs: {");
    if (!rc && needs->device != NEEDS_ANY) {
        rc = buffer_printf(out, err, "device: %s", needs_device_name(needs->device));
        comma = ", ";
    }
    if (!rc && needs->memory) {
        rc = buffer_printf(out, err, "%smemory: %s", comma, needs_print_size(needs->memory, size));
        comma = ", ";
    }
    if (!rc && needs->labels)
        rc = print_labels(out, needs->labels, comma, err);
    return rc ? rc : buffer_printf(out, err, "}\n");
}
