/*
 * Uploads: from the offer, over chunks, to the name. An upload's `incoming` is made and freed by
 * the file thread; the loop passes it on, and touches it only when the thread is done with all that was
 * asked of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/result.h"
#include "broker/transfers_priv.h"
#include "common/clock.h"
#include "common/log.h"

/* ---- beginning ---- */

static struct upload *upload_find(struct transfers *t, uint64_t number)
{
    struct upload *u = t->uploads;
    while (u && u->number != number)
        u = u->following;
    return u;
}

void upload_drop(struct transfers *t, struct upload *dropped)
{
    struct upload **at = &t->uploads;
    while (*at != dropped)
        at = &(*at)->following;
    *at = dropped->following;
    struct files_job *end = dropped->incoming ? files_job_new(FILES_END) : NULL;
    if (end) {
        end->incoming = dropped->incoming;
        files_put(t->files, end);
    } else if (dropped->incoming) {
        log_error("no memory to end an upload: its file is left to the next start");
    }
    free(dropped);
}

static struct upload *oldest_of(struct transfers *t, uint64_t session, size_t *count)
{
    struct upload *oldest = NULL;
    *count = 0;
    for (struct upload *u = t->uploads; u; u = u->following)
        if (u->session == session) {
            oldest = u;
            (*count)++;
        }
    return oldest;
}

/* Begins it; a worker that has begun too many has forgotten the oldest. */
static int begin(struct broker *b, const struct upload *upload, uint64_t request,
                 enum incoming_form form, uint64_t bytes, struct error *err)
{
    struct transfers *t = b->transfers;
    struct files_job *job = NULL;
    size_t count = 0;
    struct upload *oldest = upload->session ? oldest_of(t, upload->session, &count) : NULL;
    if (count >= LIMIT_UPLOADS)
        upload_drop(t, oldest);
    struct upload *begun = malloc(sizeof *begun);
    if (!begun)
        return error_set(err, E_MEMORY, "no memory for an upload");
    int rc = transfers_job(b, FILES_BEGIN, &upload->from, request, &job, err);
    if (rc < 0) {
        free(begun);
        return rc;
    }
    *begun = *upload;
    begun->number = ++t->number;
    begun->following = t->uploads;
    t->uploads = begun;
    job->upload = begun->number;
    job->form = form;
    job->bytes = bytes;
    snprintf(job->path, sizeof job->path, "%s", upload->path);
    snprintf(upload->path[0] ? job->sha256 : job->hash, DIGEST_HEX_BYTES, "%s", upload->sha256);
    files_put(t->files, job);
    return 0;
}

/* An answer without an upload: nothing is to be sent. */
static int unwanted(struct broker *b, const struct socket_identity *from, uint64_t request,
                    struct error *err)
{
    const struct wire_upload_ready ready = {request, 0, 0};
    return socket_send(b->socket, from, WIRE_UPLOAD_READY, &ready, err);
}

/* Whether the range has its result, or its stage does not want one: then the files are not needed,
 * and the result is judged as ever. */
static bool is_over(const struct farm_stage *stage, const struct wire_task *task)
{
    return !stage || stage->state != STATES_STAGE_RUNNING ||
           interval_set_overlaps(&stage->plan.done, task->start, task->start + task->count);
}

/* Who holds the lease, by session and key: E_STATE from a session that is not known (any more),
 * E_DENIED from one that holds none. */
static int check_holder(struct broker *b, const struct socket_identity *from, uint64_t session,
                        struct farm_stage *stage, const struct wire_task *task, struct error *err)
{
    struct farm_worker *worker = farm_find_session(&b->farm, session);
    if (!worker || !worker->identity.size)
        return error_set(err, E_STATE, "upload of a session that is not known: say hello first");
    if (!access_uploads(&b->access, from, worker, (uint64_t)stage->id, task) ||
        !farm_find_lease(worker, stage, task->start, task->count))
        return error_set(err, E_DENIED, "stage %lld, %llu + %llu is not lent to this worker",
                         (long long)stage->id, (unsigned long long)task->start,
                         (unsigned long long)task->count);
    return 0;
}

/* Its files lie under the stage's own folder. */
static int check_file(const struct farm_stage *stage, const struct wire_file *file,
                      struct error *err)
{
    char prefix[LIMIT_PATH_BYTES];
    int rc = result_check_file(file, err);
    int length = snprintf(prefix, sizeof prefix, "jobs/%lld/%s/", (long long)stage->job->id,
                          stage->spec->name);
    if (rc < 0)
        return rc;
    if (strncmp(file->path, prefix, (size_t)length) != 0)
        return error_set(err, E_DENIED, "files: path \"%s\", expected one under \"%s\"",
                         file->path, prefix);
    if (file->bytes > LIMIT_SHARD_BYTES)
        return error_set(err, E_LIMIT, "files: \"%s\" of %llu bytes: LIMIT_SHARD_BYTES is %llu",
                         file->path, (unsigned long long)file->bytes,
                         (unsigned long long)LIMIT_SHARD_BYTES);
    return 0;
}

/* A committed file is never replaced, whoever asks. */
static int check_uncommitted(struct broker *b, int64_t stage, const char *path, struct error *err)
{
    bool has = false;
    int rc = results_has_file(b->db, stage, path, &has, err);
    if (rc < 0)
        return broker_doomed(b, rc, err);
    return has ? error_set(err, E_EXISTS, "files: \"%s\" belongs to another task", path) : 0;
}

int transfers_upload(struct broker *b, const struct socket_identity *from,
                     const struct wire_upload *upload, struct error *err)
{
    const struct wire_task *task = WIRE_ITEMS(upload->task, task);
    const struct wire_file *file = WIRE_ITEMS(upload->file, file);
    struct upload begun = {.from = *from,
                           .session = upload->session,
                           .stage = (int64_t)upload->stage};
    if (upload->task.count != 1 || upload->file.count != 1)
        return error_set(err, E_INVALID, "upload: %zu tasks and %zu files, expected one of each",
                         upload->task.count, upload->file.count);
    struct farm_stage *stage = farm_find_stage(&b->farm, begun.stage);
    if (is_over(stage, task))
        return unwanted(b, from, upload->request, err);
    int rc = check_holder(b, from, upload->session, stage, task, err);
    if (rc == 0)
        rc = check_file(stage, file, err);
    if (rc == 0)
        rc = check_uncommitted(b, begun.stage, file->path, err);
    if (rc < 0)
        return rc;
    begun.task = *task;
    snprintf(begun.path, sizeof begun.path, "%s", file->path);
    snprintf(begun.sha256, sizeof begun.sha256, "%s", file->sha256);
    return begin(b, &begun, upload->request,
                 strcmp(file->kind, "png-folder") == 0 ? INCOMING_FOLDER_OF_FILES : INCOMING_FILE,
                 file->bytes, err);
}

int transfers_bundle_offer(struct broker *b, const struct socket_identity *from,
                           const struct wire_bundle_offer *offer, struct error *err)
{
    const struct wire_part *files = WIRE_ITEMS(offer->files, part);
    struct upload begun = {.from = *from};
    uint64_t bytes = 0;
    if (!access_is_local(&b->access, from))
        return error_set(err, E_DENIED, "bundle_offer: only an admin registers a bundle");
    int rc = outgoing_check("bundles", offer->hash, err);
    if (rc == 0 && (offer->files.count == 0 || strcmp(files[0].name, BUNDLE_FILE) != 0 ||
                    strcmp(files[0].sha256, offer->hash) != 0))
        rc = error_set(err, E_INVALID, "files: expected %s, whose SHA-256 is the hash, first",
                       BUNDLE_FILE);
    for (size_t i = 0; rc == 0 && i < offer->files.count; i++) {
        if (files[i].bytes > LIMIT_ONNX_BYTES)
            rc = error_set(err, E_LIMIT, "files: \"%s\" of %llu bytes: LIMIT_ONNX_BYTES is %u",
                           files[i].name, (unsigned long long)files[i].bytes, LIMIT_ONNX_BYTES);
        bytes += files[i].bytes;
    }
    if (rc < 0)
        return rc;
    snprintf(begun.sha256, sizeof begun.sha256, "%s", offer->hash);
    return begin(b, &begun, offer->request, INCOMING_FOLDER_OF_FILES, bytes, err);
}

/* ---- what follows ---- */

/* The upload of that number, of that connection, if it is still taken further. E_STATE: it ended
 * with its session or connection, and may be begun again. */
static int find_own(struct broker *b, const struct socket_identity *from, uint64_t number,
                    struct upload **upload, struct error *err)
{
    struct upload *u = upload_find(b->transfers, number);
    if (!u || !transfers_same(&u->from, from) || !u->incoming || u->ended)
        return error_set(err, E_STATE, "there is no upload %llu of this connection (any more)",
                         (unsigned long long)number);
    *upload = u;
    return 0;
}

static int sum_pieces(const struct wire_upload_chunk *chunk, size_t *bytes, size_t *names,
                      struct error *err)
{
    const struct wire_piece *pieces = WIRE_ITEMS(chunk->pieces, piece);
    *bytes = *names = 0;
    for (size_t i = 0; i < chunk->pieces.count; i++) {
        *bytes += pieces[i].data.size;
        *names += strlen(pieces[i].name) + 1;
    }
    return *bytes <= LIMIT_CHUNK_BYTES
               ? 0
               : error_set(err, E_LIMIT, "pieces of %zu bytes: LIMIT_CHUNK_BYTES is %u", *bytes,
                           LIMIT_CHUNK_BYTES);
}

/* The message is gone when the file thread gets to it, so the job has a copy. */
static int copy_pieces(struct files_job *job, const struct wire_upload_chunk *chunk, size_t size,
                       struct error *err)
{
    const struct wire_piece *pieces = WIRE_ITEMS(chunk->pieces, piece);
    size_t count = chunk->pieces.count;
    uint8_t *to = job->data = malloc(size ? size : 1);
    job->pieces = calloc(count ? count : 1, sizeof *job->pieces);
    if (!job->data || !job->pieces)
        return error_set(err, E_MEMORY, "no memory for a chunk");
    for (size_t i = 0; i < count; i++) {
        size_t name = strlen(pieces[i].name) + 1, bytes = pieces[i].data.size;
        memcpy(to, pieces[i].name, name);
        if (bytes)
            memcpy(to + name, pieces[i].data.data, bytes);
        job->pieces[i] = (struct files_piece){(const char *)to, pieces[i].offset, to + name, bytes};
        to += name + bytes;
    }
    job->piece_count = count;
    return 0;
}

static int take_chunk(struct broker *b, struct upload *upload,
                      const struct wire_upload_chunk *chunk, struct error *err)
{
    struct files_job *job = NULL;
    size_t bytes = 0, names = 0;
    if (chunk->number != upload->next)
        return error_set(err, E_INVALID, "chunk %llu, expected %llu",
                         (unsigned long long)chunk->number, (unsigned long long)upload->next);
    int rc = sum_pieces(chunk, &bytes, &names, err);
    if (rc == 0)
        rc = transfers_job(b, FILES_WRITE, &upload->from, chunk->request, &job, err);
    if (rc < 0)
        return rc;
    rc = copy_pieces(job, chunk, bytes + names, err);
    if (rc < 0) {
        transfers_leave(b->transfers, &upload->from);
        files_job_free(&job);
        return rc;
    }
    upload->next++;
    job->upload = upload->number;
    job->incoming = upload->incoming;
    files_put(b->transfers->files, job);
    return 0;
}

int transfers_chunk(struct broker *b, const struct socket_identity *from,
                    const struct wire_upload_chunk *chunk, struct error *err)
{
    struct upload *upload = NULL;
    int rc = find_own(b, from, chunk->upload, &upload, err);
    if (rc < 0)
        return rc;
    rc = take_chunk(b, upload, chunk, err);
    if (rc < 0)
        upload_drop(b->transfers, upload);
    return rc;
}

int transfers_end(struct broker *b, const struct socket_identity *from,
                  const struct wire_upload_end *end, struct error *err)
{
    struct upload *upload = NULL;
    struct files_job *job = NULL;
    int rc = find_own(b, from, end->upload, &upload, err);
    if (rc < 0)
        return rc;
    rc = transfers_job(b, upload->path[0] ? FILES_FINISH : FILES_BUNDLE, from, end->request, &job,
                       err);
    if (rc < 0) {
        upload_drop(b->transfers, upload);
        return rc;
    }
    upload->ended = true;
    job->upload = upload->number;
    job->incoming = upload->incoming;
    snprintf(job->hash, sizeof job->hash, "%s", upload->sha256);
    files_put(b->transfers->files, job);
    return 0;
}

/* ---- what the file thread has done ---- */

static int answer_uploaded(struct broker *b, const struct files_job *job, struct error *err)
{
    const struct wire_uploaded uploaded = {job->request, job->upload};
    return socket_send(b->socket, &job->to, WIRE_UPLOADED, &uploaded, err);
}

/* A shard that is there already is staged as one that was sent; a bundle's upload stays, for its
 * end registers the bundle. */
static int answer_ready(struct broker *b, struct files_job *job, struct upload *upload,
                        struct error *err)
{
    const struct wire_upload_ready ready = {job->request, job->upload, job->there ? 0 : 1};
    int rc = 0;
    upload->incoming = job->incoming;
    job->incoming = NULL;
    if (job->there && upload->path[0]) {
        rc = staged_put(&b->transfers->staged, upload->stage, upload->path, upload->sha256, err);
        upload_drop(b->transfers, upload);
    }
    return rc < 0 ? rc : socket_send(b->socket, &job->to, WIRE_UPLOAD_READY, &ready, err);
}

/* The file is whole: it gets its name, unless the task has been done, lost or lent to another
 * meanwhile. Between that look and the renaming nothing else happens. */
static int place(struct broker *b, struct files_job *job, const struct upload *upload,
                 struct error *err)
{
    struct farm_stage *stage = farm_find_stage(&b->farm, upload->stage);
    if (is_over(stage, &upload->task))
        return answer_uploaded(b, job, err);
    int rc = check_holder(b, &upload->from, upload->session, stage, &upload->task, err);
    if (rc == 0)
        rc = check_uncommitted(b, upload->stage, upload->path, err);
    if (rc == 0)
        rc = incoming_place(upload->incoming, err);
    if (rc < 0)
        return rc;
    job->kind = FILES_SETTLE;
    return 1;
}

/* Of an upload that still is: 1 where the job is to go back, for what is left to do. */
static int take_step(struct broker *b, struct files_job *job, struct upload *upload,
                     struct error *err)
{
    struct transfers *t = b->transfers;
    int rc;
    switch ((int)job->kind) {
    case FILES_BEGIN:
        return answer_ready(b, job, upload, err);
    case FILES_WRITE:
        return answer_uploaded(b, job, err);
    case FILES_FINISH:
        rc = place(b, job, upload, err);
        if (rc == 0)
            upload_drop(t, upload);
        return rc;
    case FILES_SETTLE:
        rc = staged_put(&t->staged, upload->stage, upload->path, upload->sha256, err);
        if (rc == 0)
            rc = answer_uploaded(b, job, err);
        if (rc == 0)
            upload_drop(t, upload);
        return rc;
    case FILES_BUNDLE:
        upload_drop(t, upload);
        return bundles_added(b, &job->to, job->request, job->bundle, job->hash, &job->yaml, err);
    }
    return 0;
}

static int ended(struct error *err)
{
    return error_set(err, E_STATE, "the upload has ended with its session: begin it again");
}

int upload_take(struct broker *b, struct files_job *job, struct error *err)
{
    struct upload *upload = upload_find(b->transfers, job->upload);
    if (!upload) { /* over, and its incoming, unless just begun, is ended */
        if (job->kind == FILES_BEGIN)
            job->kind = FILES_END;
        return ended(err);
    }
    if (job->code < 0)
        *err = job->err;
    int rc = job->code < 0 ? job->code : take_step(b, job, upload, err);
    if (rc < 0 && (upload = upload_find(b->transfers, job->upload)))
        upload_drop(b->transfers, upload);
    return rc;
}

/* ---- ends ---- */

void transfers_drop_session(struct broker *b, uint64_t session)
{
    struct upload *next;
    for (struct upload *u = b->transfers->uploads; u; u = next) {
        next = u->following;
        if (u->session == session && u->path[0])
            upload_drop(b->transfers, u);
    }
}

/* When a connection with uploads was heard last. */
static int64_t heard(struct transfers *t, const struct upload *upload)
{
    const struct slot *slot = transfers_slot(t, &upload->from);
    return slot ? (slot->under_way ? clock_now() : slot->last) : 0;
}

void transfers_expire(struct broker *b, int64_t now)
{
    struct upload *next;
    for (struct upload *u = b->transfers->uploads; u; u = next) {
        next = u->following;
        if (now - heard(b->transfers, u) < TRANSFERS_SILENCE)
            continue;
        log_info("an upload of %s is given up: nothing more came",
                 u->path[0] ? u->path : "a bundle");
        upload_drop(b->transfers, u);
    }
}

int64_t transfers_deadline(const struct broker *b)
{
    int64_t deadline = INT64_MAX;
    for (const struct upload *u = b->transfers->uploads; u; u = u->following) {
        int64_t due = heard(b->transfers, u) + TRANSFERS_SILENCE;
        if (due < deadline)
            deadline = due;
    }
    return deadline;
}
