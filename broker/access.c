/* Roles: see access.h. The one thread of the broker. */
#include "broker/access.h"

#include <string.h>

#include "common/log.h"

int access_open(struct access *access, const char *secret, const char *keys, struct error *err)
{
    *access = (struct access){.path = keys};
    if (!secret && !keys)
        return 0;
    if (!secret || !keys)
        return error_set(err, E_INVALID, "--%s without --%s: expected both or none",
                         secret ? "secret" : "keys", secret ? "keys" : "secret");
    int rc = key_pair_read(secret, &access->own, err);
    if (rc == 0)
        rc = key_table_read(keys, &access->keys, err);
    if (rc == 0)
        rc = key_seal_make(&access->own, "facefarm lease", &access->seal, err);
    if (rc < 0) {
        access_close(access);
        return rc;
    }
    access->on = true;
    return 0;
}

void access_close(struct access *access)
{
    key_table_free(&access->keys);
    key_pair_forget(&access->own);
    access->on = false;
}

int access_reload(struct access *access, struct error *err)
{
    struct key_table table = {0};
    int rc = key_table_read(access->path, &table, err);
    if (rc < 0)
        return rc;
    key_table_free(&access->keys);
    access->keys = table;
    return 0;
}

const struct key_entry *access_entry(const struct access *access,
                                     const struct socket_identity *from)
{
    return access->on ? key_table_find(&access->keys, from->user) : NULL;
}

static const char *expected(unsigned allowed)
{
    if (allowed == ACCESS_ROLE(KEY_ADMIN))
        return "an admin's";
    if (allowed == ACCESS_ROLE(KEY_WORKER))
        return "a worker's";
    return allowed & ACCESS_ROLE(KEY_WORKER) ? "a worker's or an admin's"
                                             : "a client's or an admin's";
}

int access_check(const struct access *access, const struct socket_identity *from,
                 enum wire_type type, unsigned allowed, struct error *err)
{
    const struct key_entry *entry = access_entry(access, from);
    if (!access->on)
        return 0;
    if (!entry)
        return error_set(err, E_DENIED, "%s: the key %.12s… is not authorized any more",
                         wire_type_name(type), from->user);
    if (allowed & ACCESS_ROLE(entry->role))
        return 0;
    return error_set(err, E_DENIED, "%s: the key of %s is a %s's, expected %s",
                     wire_type_name(type), entry->owner, key_role_name(entry->role),
                     expected(allowed));
}

bool access_sees(const struct access *access, const struct socket_identity *from, const char *owner)
{
    const struct key_entry *entry = access_entry(access, from);
    return !access->on || (entry && (entry->role == KEY_ADMIN || strcmp(entry->owner, owner) == 0));
}

const char *access_owner(const struct access *access, const struct socket_identity *from,
                         const char *claimed)
{
    const struct key_entry *entry = access_entry(access, from);
    return entry ? entry->owner : claimed;
}

bool access_is_local(const struct access *access, const struct socket_identity *from)
{
    const struct key_entry *entry = access_entry(access, from);
    return !access->on || (entry && entry->role == KEY_ADMIN);
}

uint64_t access_token(const struct access *access, const char *user, uint64_t stage, uint64_t start,
                      uint64_t count, uint64_t epoch)
{
    struct {
        uint64_t stage, start, count, epoch;
        char user[KEY_HEX_BYTES - 1];
    } said = {stage, start, count, epoch, ""};
    if (!access->on || strlen(user) != sizeof said.user)
        return 0;
    memcpy(said.user, user, sizeof said.user);
    return key_seal(&access->seal, &said, sizeof said) & INT64_MAX;
}

bool access_held(const struct access *access, const struct socket_identity *from, uint64_t stage,
                 const struct wire_task *task)
{
    return !access->on || task->token == access_token(access, from->user, stage, task->start,
                                                      task->count, task->epoch);
}

bool access_uploads(const struct access *access, const struct socket_identity *from,
                    const struct farm_worker *worker, uint64_t stage, const struct wire_task *task)
{
    return strcmp(worker->identity.user, from->user) == 0 && access_held(access, from, stage, task);
}
