/* Roles: see access.h. The one thread of the broker. */
#include "broker/access.h"

#include <string.h>

#include "common/log.h"

#define BIT(role) (1u << (role))
#define NOBODY 0u
#define CLIENTS (BIT(KEY_CLIENT) | BIT(KEY_ADMIN))
#define WORKERS BIT(KEY_WORKER)

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

/* Who may say it. What the broker says itself is nobody's; its handler tells so. */
static unsigned speakers(enum wire_type type)
{
    switch (type) {
    case WIRE_SUBMIT:
    case WIRE_BUNDLE_ADD:
    case WIRE_JOB_LIST:
    case WIRE_JOB_SHOW:
    case WIRE_JOB_WATCH:
    case WIRE_JOB_CANCEL:
    case WIRE_JOB_RETRY:
    case WIRE_JOB_FAILURES:
    case WIRE_JOB_EXPLAIN:
    case WIRE_EVENT_LIST:
    case WIRE_JOB_ORDER:
    case WIRE_WORKER_LIST:
        return CLIENTS;
    case WIRE_WORKER_ORDER:
    case WIRE_BUNDLE_OFFER:
    case WIRE_USER_LIST:
    case WIRE_USER_SET:
        return BIT(KEY_ADMIN);
    case WIRE_HELLO:
    case WIRE_HEARTBEAT:
    case WIRE_RESULT:
    case WIRE_RESULTS:
    case WIRE_FAILED:
    case WIRE_FETCH_SCORES:
    case WIRE_FETCH_DIRECTIONS:
    case WIRE_FETCH_FOLDER:
    case WIRE_FETCH_CHUNK:
    case WIRE_UPLOAD:
    case WIRE_GOODBYE:
        return WORKERS;
    case WIRE_UPLOAD_CHUNK: /* of an upload that this connection has begun */
    case WIRE_UPLOAD_END:
        return WORKERS | BIT(KEY_ADMIN);
    case WIRE_TASK:
    case WIRE_FITTED:
    case WIRE_HELD_TASK:
    case WIRE_DRAIN:
    case WIRE_STAGE_METRICS:
    case WIRE_BOUNDARY:
    case WIRE_PHOTO:
    case WIRE_FILE:
    case WIRE_DIRECTION:
    case WIRE_PART:
    case WIRE_PIECE:
    case WIRE_UPLOAD_READY:
    case WIRE_UPLOADED:
    case WIRE_FOLDER:
    case WIRE_CHUNK:
    case WIRE_NORMAL:
    case WIRE_STAGE_INFO:
    case WIRE_JOB_INFO:
    case WIRE_WORKER_INFO:
    case WIRE_FAILURE_INFO:
    case WIRE_USER_INFO:
    case WIRE_SUBMITTED:
    case WIRE_BUNDLE_ADDED:
    case WIRE_JOBS:
    case WIRE_JOB_STATE:
    case WIRE_FAILURES:
    case WIRE_REASON:
    case WIRE_EXPLANATION:
    case WIRE_WORKER_STATS:
    case WIRE_EVENT:
    case WIRE_EVENTS:
    case WIRE_USERS:
    case WIRE_WORKERS:
    case WIRE_REFUSED:
    case WIRE_WELCOME:
    case WIRE_LEASE:
    case WIRE_ACCEPTED:
    case WIRE_REVOKE:
    case WIRE_SCORES:
    case WIRE_DIRECTIONS:
    case WIRE_TYPES:
        break;
    }
    return NOBODY;
}

int access_check(const struct access *access, const struct socket_identity *from,
                 enum wire_type type, struct error *err)
{
    const struct key_entry *entry = access_entry(access, from);
    unsigned allowed = speakers(type);
    if (allowed == NOBODY)
        return error_set(err, E_UNSUPPORTED, "%s is not a message to a broker", wire_type_name(type));
    if (!access->on)
        return 0;
    if (!entry)
        return error_set(err, E_DENIED, "%s: the key %.12s… is not authorized any more",
                         wire_type_name(type), from->user);
    if (allowed & BIT(entry->role))
        return 0;
    return error_set(err, E_DENIED, "%s: the key of %s is a %s's, expected %s",
                     wire_type_name(type), entry->owner, key_role_name(entry->role),
                     allowed == WORKERS ? "a worker's" : "a client's or an admin's");
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
    return strcmp(worker->identity.user, from->user) == 0 &&
           access_held(access, from, stage, task);
}
