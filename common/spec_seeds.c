/* Which samples a stage's faces are: checked, completed, printed, found. */
#include <string.h>

#include "common/limits.h"
#include "common/photo_list.h"
#include "common/spec_priv.h"

int spec_complete_latents(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    if (!raw->latents)
        return 0;
    if (!photo_list_is_hash(raw->latents))
        return error_set(err, E_INVALID,
                         "latents: is \"%s\", expected the 64 hexadecimal digits that facefarm "
                         "latents import printed",
                         raw->latents);
    if (raw->images || raw->photos)
        return error_set(err, E_INVALID, "latents: stands beside %s, expected one of them",
                         raw->images ? "images" : "photos");
    stage->latents = strdup(raw->latents);
    return stage->latents ? 0 : error_set(err, E_MEMORY, "no memory for a hash");
}

int spec_print_latents(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    return stage->latents && !stage->samples ? buffer_printf(out, err, "    latents: %s\n", stage->latents) : 0;
}

bool spec_stage_same_faces(const struct spec_stage *a, const struct spec_stage *b)
{
    bool latents = a->latents && b->latents && strcmp(a->latents, b->latents) == 0;
    return latents || (!a->latents && !b->latents);
}

/* What counts the stage's samples. */
static const char *count_key(const struct raw_stage *raw)
{
    return raw->kind == SPEC_EDIT ? "faces" : "count";
}

static int check_seeds(const struct raw_stage *raw, uint64_t total, struct error *err)
{
    const int64_t *count = raw->kind == SPEC_EDIT ? raw->faces : raw->count;
    const char *key = count_key(raw);
    if (raw->images || raw->photos)
        return error_set(err, E_INVALID, "seeds: stands beside %s, which has no samples",
                         raw->images ? "images" : "photos");
    if (raw->start)
        return error_set(err, E_INVALID, "start: stands beside seeds, expected one of them");
    if (count && (*count < 0 || (uint64_t)*count != total))
        return error_set(err, E_INVALID, "%s: is %lld, seeds has %llu samples", key,
                         (long long)*count, (unsigned long long)total);
    if (raw->kind == SPEC_EDIT && total > LIMIT_STEPS)
        return error_set(err, E_LIMIT, "seeds: %llu faces on a sheet, LIMIT_STEPS is %d",
                         (unsigned long long)total, LIMIT_STEPS);
    return 0;
}

/* A single range is what start and count say as well. */
static void simplify(struct spec_stage *stage)
{
    uint64_t end;
    seeds_span(&stage->seeds, &stage->start, &end);
    if (stage->kind == SPEC_EDIT)
        stage->faces = (uint32_t)stage->seeds.total;
    else
        stage->count = stage->seeds.total;
    if (stage->seeds.count == 1)
        seeds_free(&stage->seeds);
}

int spec_complete_seeds(const struct raw_stage *raw, struct spec_stage *stage, struct error *err)
{
    int rc = seeds_parse((const char *const *)raw->seeds, raw->seeds_count, &stage->seeds, err);
    if (rc)
        return error_prefix(err, rc, "seeds");
    rc = check_seeds(raw, stage->seeds.total, err);
    if (!rc)
        simplify(stage);
    return rc;
}

int spec_print_seeds(struct buffer *out, const struct spec_stage *stage, struct error *err)
{
    int rc = buffer_printf(out, err, "    seeds: [");
    if (!rc)
        rc = seeds_print(&stage->seeds, out, err);
    return rc ? rc : buffer_printf(out, err, "]\n");
}

struct seeds_run spec_stage_samples(const struct spec_stage *stage, uint64_t face, uint64_t most)
{
    if (stage->seeds.count > 0)
        return seeds_find(&stage->seeds, face, most);
    return (struct seeds_run){face, stage->start + face, most};
}

uint64_t spec_stage_samples_end(const struct spec_stage *stage)
{
    uint64_t lowest, end = stage->start + (stage->kind == SPEC_EDIT ? stage->faces : stage->count);
    if (stage->seeds.count > 0)
        seeds_span(&stage->seeds, &lowest, &end);
    return end;
}
