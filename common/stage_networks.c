/* Embedders by name or by kind. No state. */
#include "common/stage_networks.h"

#include <string.h>

#include "common/limits.h"

#define VARIANTS_MOST 3 /* as sampled, edited, edited and projected */

static int find(const struct bundle *bundle, const char *key, const char *name, int *found,
                struct error *err)
{
    *found = -1;
    if (strcmp(name, STAGE_NONE) == 0)
        return 0;
    for (uint32_t i = 0; i < bundle->embedders_count; i++)
        if (strcmp(bundle->embedders[i].name, name) == 0) {
            *found = (int)i;
            return 0;
        }
    return error_set(err, E_NOT_FOUND, "%s: bundle %s has no embedder \"%s\"", key, bundle->name,
                     name);
}

static int find_identity(const struct spec_stage *stage, const struct bundle *bundle, int *found,
                         struct error *err)
{
    *found = bundle_embedder(bundle, BUNDLE_IDENTITY);
    if (!stage->identity)
        return 0;
    int rc = find(bundle, "identity", stage->identity, found, err);
    if (!rc && *found >= 0 && bundle->embedders[*found].kind != BUNDLE_IDENTITY)
        rc = error_set(err, E_INVALID,
                       "identity: embedder \"%s\" is of kind features, expected kind identity",
                       stage->identity);
    return rc;
}

static int find_features(const struct spec_stage *stage, const struct bundle *bundle, int *found,
                         struct error *err)
{
    if (stage->features)
        return find(bundle, "features", stage->features, found, err);
    *found = bundle_embedder(bundle, BUNDLE_FEATURES);
    if (*found < 0)
        *found = bundle_embedder(bundle, BUNDLE_IDENTITY);
    return 0;
}

static void size_features(const struct spec_stage *stage, const struct bundle *bundle,
                          struct stage_networks *networks)
{
    uint32_t kinds = stage->conditions_count > 0 ? 2 : 1;
    networks->dimension = bundle->embedders[networks->features].dimension;
    networks->variants = 1 + kinds < VARIANTS_MOST ? 1 + kinds : VARIANTS_MOST;
    uint64_t most =
        LIMIT_FEATURE_BYTES / ((uint64_t)networks->variants * networks->dimension * sizeof(float));
    networks->faces = most < LIMIT_FEATURE_FACES ? most : LIMIT_FEATURE_FACES;
}

int stage_networks(const struct spec_stage *stage, const struct bundle *bundle,
                   struct stage_networks *networks, struct error *err)
{
    int rc = 0;
    *networks = (struct stage_networks){.identity = -1, .features = -1};
    if (stage->kind == SPEC_EDIT || stage->kind == SPEC_EVALUATE || stage->kind == SPEC_ENCODE)
        rc = find_identity(stage, bundle, &networks->identity, err);
    if (!rc && stage->kind == SPEC_EVALUATE)
        rc = find_features(stage, bundle, &networks->features, err);
    if (rc)
        return error_prefix(err, rc, "stage %s", stage->name);
    if (networks->features >= 0)
        size_features(stage, bundle, networks);
    return 0;
}

uint64_t stage_networks_faces(const struct stage_networks *networks, uint64_t start, uint64_t count)
{
    if (networks->features < 0 || start >= networks->faces)
        return 0;
    return count < networks->faces - start ? count : networks->faces - start;
}

uint64_t stage_networks_features(const struct stage_networks *networks, uint64_t start,
                                 uint64_t count)
{
    return stage_networks_faces(networks, start, count) * networks->variants * networks->dimension;
}
