/* Bundles: from the database into memory, and new ones into store and database. */
#include "db/bundles.h"

#include <stdio.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"
#include "db/events.h"

static int keep(struct farm *farm, struct bundles_row *row, struct farm_bundle **bundle,
                struct error *err)
{
    struct bundle *parsed = NULL;
    *bundle = farm_find_bundle(farm, row->id);
    if (*bundle)
        return 0;
    int rc = bundle_parse(row->yaml, strlen(row->yaml), &parsed, err);
    if (rc == 0)
        rc = farm_add_bundle(farm, row->id, row->hash, &parsed, bundle, err);
    bundle_free(&parsed);
    return rc < 0 ? error_prefix(err, rc, "bundle %s", row->hash) : 0;
}

int bundles_take(struct broker *b, const char *hash_or_name, struct farm_bundle **bundle,
                 struct error *err)
{
    struct bundles_row row = {0};
    int rc = bundles_find(b->db, hash_or_name, &row, err);
    if (rc == 0)
        rc = keep(&b->farm, &row, bundle, err);
    bundles_row_free(&row);
    return rc;
}

int bundles_read(struct database *db, struct farm *farm, int64_t id, struct farm_bundle **bundle,
                 struct error *err)
{
    struct bundles_row row = {0};
    *bundle = farm_find_bundle(farm, id);
    if (*bundle)
        return 0;
    int rc = bundles_get(db, id, &row, err);
    if (rc == 0)
        rc = keep(farm, &row, bundle, err);
    bundles_row_free(&row);
    return rc;
}

/* ---- new ones, which the file thread has checked and put into the store ---- */

/* Into the database, unless it is there. A write that fails dooms the broker. */
static int register_bundle(struct broker *b, const struct bundle *bundle, const char *hash,
                           const char *yaml, struct error *err)
{
    struct bundles_row row = {0};
    int64_t id;
    int rc = bundles_find(b->db, hash, &row, err);
    bundles_row_free(&row);
    if (rc != E_NOT_FOUND)
        return rc;
    rc = broker_write(b, err);
    if (rc == 0)
        rc = bundles_insert(b->db, bundle, hash, yaml, clock_wall_ms(), &id, err);
    char text[LIMIT_NAME_BYTES + DIGEST_HEX_BYTES + 2];
    snprintf(text, sizeof text, "%s %s", bundle->name, hash);
    if (rc == 0)
        rc = journal(
            b, &(struct events_row){.event = "bundle_add", .actor = b->actor, .text = text}, err);
    if (rc < 0)
        return broker_doomed(b, rc, err);
    log_info("bundle %s is %s", bundle->name, hash);
    return 0;
}

int bundles_added(struct broker *b, const struct socket_identity *to, uint64_t request,
                  const struct bundle *bundle, const char *hash, const struct buffer *yaml,
                  struct error *err)
{
    struct reply reply = {.to = *to, .type = WIRE_BUNDLE_ADDED, .request = request};
    snprintf(reply.hash, sizeof reply.hash, "%s", hash);
    int rc = register_bundle(b, bundle, hash, (const char *)yaml->data, err);
    if (rc == 0)
        outbox_put(b, &reply, bundle->name);
    return rc;
}

int client_bundle_add(struct broker *b, const struct socket_identity *from,
                      const struct wire_bundle_add *add, struct error *err)
{
    if (!access_is_local(&b->access, from))
        return error_set(err, E_DENIED,
                         "folder \"%s\": only an admin registers a folder of the broker's machine",
                         add->folder);
    if (add->folder[0] != '/')
        return error_set(err, E_INVALID, "folder \"%s\": expected an absolute path", add->folder);
    return transfers_add_folder(b, from, add, err);
}
