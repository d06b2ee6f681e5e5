/* Loading a bundle, its hashes, and questions about it. A loaded bundle is read-only. */
#include "common/bundle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/bundle_priv.h"
#include "common/limits.h"

int bundle_parse(const char *yaml, size_t size, struct bundle **bundle, struct error *err)
{
    void *loaded = NULL;
    int rc = document_load(yaml, size, &bundle_schema, &loaded, err);
    if (rc)
        return rc;
    struct bundle *parsed = calloc(1, sizeof *parsed);
    if (!parsed) {
        document_free(&bundle_schema, loaded);
        return error_set(err, E_MEMORY, "no memory for a bundle");
    }
    parsed->source = loaded;
    rc = bundle_complete(yaml, size, parsed, err);
    if (rc) {
        bundle_free(&parsed);
        return rc;
    }
    *bundle = parsed;
    return 0;
}

static int check_content(const char *folder, const char *file, const char *sha256,
                         struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    char found[DIGEST_HEX_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, file) >= sizeof path)
        return error_set(err, E_LIMIT, "%s: path longer than %zu bytes", folder, sizeof path);
    int rc = digest_file(path, found, err);
    if (!rc && strcmp(found, sha256) != 0)
        rc = error_set(err, E_DIGEST, "%s: SHA-256 is %s, %s says %s", path, found, BUNDLE_FILE,
                       sha256);
    return rc;
}

static int check_contents(const char *folder, const struct bundle *bundle, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < bundle_file_count(bundle); i++) {
        const struct bundle_file *file = bundle_file(bundle, i);
        rc = check_content(folder, file->file, file->sha256, err);
    }
    return rc;
}

int bundle_load(const char *folder, struct bundle **bundle, char hash[DIGEST_HEX_BYTES],
                struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    struct buffer yaml;
    struct bundle *parsed = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, BUNDLE_FILE) >= sizeof path)
        return error_set(err, E_LIMIT, "%s: path longer than %zu bytes", folder, sizeof path);
    buffer_init(&yaml, LIMIT_BUNDLE_YAML_BYTES);
    int rc = buffer_read_file(&yaml, path, LIMIT_BUNDLE_YAML_BYTES, err);
    if (!rc) {
        rc = bundle_parse((const char *)yaml.data, yaml.size, &parsed, err);
        if (rc)
            error_prefix(err, rc, "%s", path);
    }
    if (!rc)
        rc = check_contents(folder, parsed, err);
    if (!rc && hash)
        digest_bytes(yaml.data, yaml.size, hash);
    buffer_free(&yaml);
    if (rc)
        bundle_free(&parsed);
    else
        *bundle = parsed;
    return rc;
}

void bundle_free(struct bundle **bundle)
{
    struct bundle *freed = *bundle;
    if (!freed)
        return;
    *bundle = NULL;
    for (uint32_t i = 0; freed->labellers && i < freed->labellers_count; i++)
        free(freed->labellers[i].outputs);
    /* On failure the scores of ages are not in place yet; they own nothing. */
    for (uint32_t i = 0; freed->scores && i < freed->attributes_count; i++)
        free(freed->scores[i].of);
    for (uint32_t i = 0; freed->age_estimators && i < freed->age_estimators_count; i++)
        free((void *)(uintptr_t)freed->age_estimators[i].bins);
    free(freed->labellers);
    free((void *)freed->attributes);
    free(freed->scores);
    free(freed->age_estimators);
    free(freed->embedders);
    free(freed->mapping);
    free(freed->encoder);
    free(freed->data);
    document_free(&bundle_schema, freed->source);
    free(freed);
}

/* ---- files ---- */

/* File i of all that are named, with those named twice. */
static const struct bundle_file *named_file(const struct bundle *bundle, size_t i)
{
    if (i == 0)
        return &bundle->generator.file;
    i -= 1;
    if (bundle->mapping && i-- == 0)
        return &bundle->mapping->file;
    if (i < bundle->labellers_count)
        return &bundle->labellers[i].file;
    i -= bundle->labellers_count;
    if (i < bundle->embedders_count)
        return &bundle->embedders[i].file;
    i -= bundle->embedders_count;
    if (bundle->encoder && i-- == 0)
        return &bundle->encoder->file;
    return i < bundle->data_count ? &bundle->data[i] : NULL;
}

static bool is_first(const struct bundle *bundle, size_t i)
{
    const struct bundle_file *file = named_file(bundle, i);
    for (size_t k = 0; k < i; k++) {
        const struct bundle_file *before = named_file(bundle, k);
        if (strcmp(before->file, file->file) == 0 && strcmp(before->sha256, file->sha256) == 0)
            return false;
    }
    return true;
}

const struct bundle_file *bundle_file(const struct bundle *bundle, size_t i)
{
    for (size_t k = 0; named_file(bundle, k); k++)
        if (is_first(bundle, k) && i-- == 0)
            return named_file(bundle, k);
    return NULL;
}

size_t bundle_file_count(const struct bundle *bundle)
{
    size_t count = 0;
    for (size_t k = 0; named_file(bundle, k); k++)
        count += is_first(bundle, k);
    return count;
}

/* ---- latents ---- */

size_t bundle_latent_size(const struct bundle *bundle)
{
    const struct bundle_latent *latent = &bundle->generator.latent;
    return (size_t)latent->dimension * (latent->space == BUNDLE_W_PLUS ? latent->layers : 1);
}

size_t bundle_drawn_size(const struct bundle *bundle)
{
    return bundle->mapping ? bundle->mapping->dimension : bundle->generator.latent.dimension;
}

const struct latent_law *bundle_law(const struct bundle *bundle)
{
    return bundle->mapping ? &bundle->mapping->law : &bundle->generator.latent.law;
}

const char *bundle_space_name(enum bundle_space space)
{
    static const char *const names[] = {
        [BUNDLE_Z] = "z", [BUNDLE_W] = "w", [BUNDLE_W_PLUS] = "w+"};
    return names[space];
}

/* ---- scores ---- */

size_t bundle_score_columns(const struct bundle *bundle)
{
    return (size_t)bundle->attributes_count + bundle->age_estimators_count;
}

int bundle_attribute(const struct bundle *bundle, const char *name)
{
    for (uint32_t i = 0; i < bundle->attributes_count; i++)
        if (strcmp(bundle->attributes[i], name) == 0)
            return (int)i;
    return -1;
}

int bundle_age_column(const struct bundle *bundle, enum bundle_role role)
{
    if (bundle->age_estimators_count == 0)
        return -1;
    uint32_t which = 0;
    for (uint32_t i = bundle->age_estimators_count; i-- > 0;)
        if (bundle->age_estimators[i].role == role)
            which = i;
    return (int)(bundle->attributes_count + which);
}

int bundle_years_column(const struct bundle *bundle, const char *name)
{
    if (!name)
        return bundle_age_column(bundle, BUNDLE_FIT);
    for (uint32_t i = 0; i < bundle->age_estimators_count; i++)
        if (strcmp(bundle->age_estimators[i].name, name) == 0)
            return (int)(bundle->attributes_count + i);
    return -1;
}

bool bundle_abstains(const struct bundle *bundle, size_t column, float score)
{
    const struct bundle_score *of = &bundle->scores[column];
    return (double)score > of->abstain_low && (double)score < of->abstain_high;
}

int bundle_embedder(const struct bundle *bundle, enum bundle_embedding kind)
{
    for (uint32_t i = 0; i < bundle->embedders_count; i++)
        if (bundle->embedders[i].kind == kind)
            return (int)i;
    return -1;
}

/* ---- crops ---- */

static void crop_side(bool given, bool shares, double from, double to, uint32_t size,
                      uint32_t range[2])
{
    double scale = shares ? size : 1;
    range[0] = given ? (uint32_t)floor(from * scale + 0.5) : 0;
    range[1] = given ? (uint32_t)floor(to * scale + 0.5) : size;
}

void bundle_crop_rows(const struct bundle_crop *crop, uint32_t size, uint32_t range[2])
{
    crop_side(crop->given, crop->shares, crop->top, crop->bottom, size, range);
}

void bundle_crop_columns(const struct bundle_crop *crop, uint32_t size, uint32_t range[2])
{
    crop_side(crop->given, crop->shares, crop->left, crop->right, size, range);
}
