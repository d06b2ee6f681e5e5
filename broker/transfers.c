/* Slots, fetching, and what the file thread brings back. Uploads are in uploads.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/transfers_priv.h"
#include "common/clock.h"
#include "common/log.h"

#define TAKEN_A_ROUND 16

int transfers_start(const char *store, struct transfers **transfers, struct error *err)
{
    struct transfers *started = calloc(1, sizeof *started);
    if (!started)
        return error_set(err, E_MEMORY, "no memory for transfers");
    int rc = files_start(store, &started->files, err);
    if (rc < 0)
        free(started);
    else
        *transfers = started;
    return rc;
}

int transfers_fd(const struct transfers *transfers)
{
    return files_fd(transfers->files);
}

/* ---- slots ---- */

bool transfers_same(const struct socket_identity *a, const struct socket_identity *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0 &&
           strcmp(a->user, b->user) == 0;
}

static bool has_uploads(const struct transfers *t, const struct socket_identity *of)
{
    for (const struct upload *u = t->uploads; u; u = u->following)
        if (transfers_same(&u->from, of))
            return true;
    return false;
}

struct slot *transfers_slot(struct transfers *t, const struct socket_identity *of)
{
    for (size_t i = 0; i < LIMIT_TRANSFERS; i++)
        if (t->slots[i].of.size && transfers_same(&t->slots[i].of, of))
            return &t->slots[i];
    return NULL;
}

static struct slot *free_slot(struct transfers *t, int64_t now)
{
    for (size_t i = 0; i < LIMIT_TRANSFERS; i++) {
        struct slot *slot = &t->slots[i];
        if (!slot->of.size || (!slot->under_way && now - slot->last >= TRANSFERS_SLOT &&
                               !has_uploads(t, &slot->of)))
            return slot;
    }
    return NULL;
}

/* Counts a request of that connection as under way. */
static int enter(struct transfers *t, const struct socket_identity *from, struct error *err)
{
    int64_t now = clock_now();
    struct slot *slot = transfers_slot(t, from);
    if (slot && slot->under_way >= LIMIT_WINDOW)
        return error_set(err, E_LIMIT, "%u requests for files are under way: LIMIT_WINDOW is %d",
                         slot->under_way, LIMIT_WINDOW);
    if (!slot) {
        slot = free_slot(t, now);
        if (!slot)
            return error_set(err, E_STATE,
                             "files move over %d connections (LIMIT_TRANSFERS): ask again later",
                             LIMIT_TRANSFERS);
        *slot = (struct slot){.of = *from};
    }
    slot->last = now;
    slot->under_way++;
    return 0;
}

void transfers_leave(struct transfers *t, const struct socket_identity *from)
{
    struct slot *slot = transfers_slot(t, from);
    if (slot && slot->under_way > 0)
        slot->under_way--;
}

/* ---- jobs ---- */

int transfers_job(struct broker *b, enum files_kind kind, const struct socket_identity *from,
                   uint64_t request, struct files_job **job, struct error *err)
{
    struct files_job *made = files_job_new(kind);
    if (!made)
        return error_set(err, E_MEMORY, "no memory for a transfer");
    int rc = enter(b->transfers, from, err);
    if (rc < 0) {
        files_job_free(&made);
        return rc;
    }
    made->to = *from;
    made->request = request;
    *job = made;
    return 0;
}

static int new_read(struct broker *b, enum files_kind kind, const struct socket_identity *from,
                    uint64_t request, const char *folder, const char *hash,
                    struct files_job **job, struct error *err)
{
    int rc = outgoing_check(folder, hash, err);
    if (rc == 0)
        rc = transfers_job(b, kind, from, request, job, err);
    if (rc < 0)
        return rc;
    snprintf((*job)->folder_kind, sizeof(*job)->folder_kind, "%s", folder);
    snprintf((*job)->hash, sizeof(*job)->hash, "%s", hash);
    return 0;
}

int transfers_fetch_folder(struct broker *b, const struct socket_identity *from,
                           const struct wire_fetch_folder *fetch, struct error *err)
{
    struct files_job *job = NULL;
    int rc = new_read(b, FILES_LIST, from, fetch->request, fetch->kind, fetch->hash, &job, err);
    if (rc == 0)
        files_put(b->transfers->files, job);
    return rc;
}

int transfers_fetch_chunk(struct broker *b, const struct socket_identity *from,
                          const struct wire_fetch_chunk *fetch, struct error *err)
{
    struct files_job *job = NULL;
    int rc = new_read(b, FILES_READ, from, fetch->request, fetch->kind, fetch->hash, &job, err);
    if (rc < 0)
        return rc;
    snprintf(job->path, sizeof job->path, "%s", fetch->name);
    job->offset = fetch->offset;
    job->bytes = fetch->bytes;
    files_put(b->transfers->files, job);
    return 0;
}

int transfers_add_folder(struct broker *b, const struct socket_identity *from,
                         const struct wire_bundle_add *add, struct error *err)
{
    struct files_job *job = NULL;
    int rc = transfers_job(b, FILES_ADD, from, add->request, &job, err);
    if (rc < 0)
        return rc;
    snprintf(job->path, sizeof job->path, "%s", add->folder);
    files_put(b->transfers->files, job);
    return 0;
}

/* ---- submits ---- */

/* Both texts are copied, one behind the other. */
int transfers_check_submit(struct broker *b, const struct socket_identity *from,
                           const struct wire_submit *submit, const char *bundle, struct error *err)
{
    size_t owner = strlen(submit->owner) + 1, spec = strlen(submit->spec) + 1;
    if (b->transfers->checked >= LIMIT_CHECKED)
        return error_set(err, E_LIMIT,
                         "%d submits are being checked, more are not at once (LIMIT_CHECKED)",
                         LIMIT_CHECKED);
    struct files_job *job = files_job_new(FILES_SUBMIT);
    if (!job || !(job->data = malloc(owner + spec))) {
        files_job_free(&job);
        return error_set(err, E_MEMORY, "no memory for a submit");
    }
    memcpy(job->data, submit->owner, owner);
    memcpy(job->data + owner, submit->spec, spec);
    job->submit = *submit;
    job->submit.owner = (const char *)job->data;
    job->submit.spec = (const char *)job->data + owner;
    job->to = *from;
    job->request = submit->request;
    snprintf(job->hash, sizeof job->hash, "%s", bundle);
    b->transfers->checked++;
    files_put(b->transfers->files, job);
    return 0;
}

/* ---- what the file thread has done ---- */

static int answer_folder(struct broker *b, const struct files_job *job, struct error *err)
{
    const struct wire_folder folder = {job->request, WIRE_LIST(job->list.parts, job->list.count)};
    return socket_send(b->socket, &job->to, WIRE_FOLDER, &folder, err);
}

static int answer_chunk(struct broker *b, const struct files_job *job, struct error *err)
{
    const struct wire_chunk chunk = {job->request, job->offset, {job->data, job->bytes}};
    return socket_send(b->socket, &job->to, WIRE_CHUNK, &chunk, err);
}

static int take_done(struct broker *b, struct files_job *job, struct error *err)
{
    switch (job->kind) {
    case FILES_LIST:
    case FILES_READ:
    case FILES_ADD:
        if (job->code < 0) {
            *err = job->err;
            return job->code;
        }
        return job->kind == FILES_LIST   ? answer_folder(b, job, err)
               : job->kind == FILES_READ ? answer_chunk(b, job, err)
                                         : bundles_added(b, &job->to, job->request, job->bundle,
                                                         job->hash, &job->yaml, err);
    case FILES_SUBMIT:
        b->transfers->checked--;
        if (job->code < 0) {
            *err = job->err;
            return job->code;
        }
        return client_submit_checked(b, &job->to, &job->submit, err);
    case FILES_BEGIN:
    case FILES_WRITE:
    case FILES_FINISH:
    case FILES_SETTLE:
    case FILES_BUNDLE:
        return upload_take(b, job, err);
    case FILES_END:
        break;
    }
    return 0;
}

void transfers_take(struct broker *b)
{
    struct transfers *t = b->transfers;
    struct files_job *job;
    for (int i = 0; i < TAKEN_A_ROUND && !b->doomed && (job = files_take(t->files)); i++) {
        struct error err = {0};
        int rc = take_done(b, job, &err);
        if (rc > 0) { /* something is left to do */
            files_put(t->files, job);
            continue;
        }
        if (job->kind != FILES_SUBMIT)
            transfers_leave(t, &job->to);
        if (rc == E_NETWORK)
            log_debug("files: %s", err.text);
        else if (rc < 0 && !b->doomed)
            outbox_refuse(b, &job->to, job->request, rc, err.text);
        if (job->kind == FILES_END) /* its incoming is the thread's to remove */
            files_put(t->files, job);
        else
            files_job_free(&job);
    }
}

/* ---- ends ---- */

void transfers_stop(struct transfers **transfers)
{
    struct transfers *stopped = *transfers;
    if (!stopped)
        return;
    *transfers = NULL;
    while (stopped->uploads)
        upload_drop(stopped, stopped->uploads);
    files_stop(&stopped->files);
    staged_free(&stopped->staged);
    free(stopped);
}

/* ---- staged files ---- */

int transfers_check_files(struct broker *b, const struct wire_result *result, struct error *err)
{
    return staged_check(&b->transfers->staged, result, err);
}

void transfers_forget_files(struct broker *b, const struct wire_result *result)
{
    staged_forget(&b->transfers->staged, result);
}

void transfers_stage_over(struct broker *b, int64_t stage)
{
    staged_forget_stage(&b->transfers->staged, stage);
}
