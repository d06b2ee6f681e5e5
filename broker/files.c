/* The file thread. It owns a job from mailbox to mailbox. As there is one thread, and jobs are done
 * in the order of asking, those of an upload may share its `incoming`; the last of them frees it. */
#include "broker/files.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/check.h"
#include "broker/helper.h"
#include "broker/store.h"
#include "db/bundles.h"

struct files {
    const char *store;
    struct helper *helper;
    atomic_bool stopping;
};

struct files_job *files_job_new(enum files_kind kind)
{
    struct files_job *job = calloc(1, sizeof *job);
    if (job)
        job->kind = kind;
    return job;
}

void files_job_free(struct files_job **job)
{
    struct files_job *freed = *job;
    if (!freed)
        return;
    *job = NULL;
    if (freed->kind == FILES_BEGIN || freed->kind == FILES_END)
        incoming_end(&freed->incoming);
    outgoing_free(&freed->list);
    bundle_free(&freed->bundle);
    buffer_free(&freed->yaml);
    free(freed->pieces);
    free(freed->data);
    free(freed);
}

/* ---- jobs ---- */

static int read_chunk(const struct files *files, struct files_job *job, struct error *err)
{
    size_t size = job->bytes;
    job->data = malloc(size ? size : 1);
    if (!job->data)
        return error_set(err, E_MEMORY, "no memory for a chunk");
    int rc = outgoing_read(files->store, job->folder_kind, job->hash, job->path, job->offset,
                           job->data, &size, err);
    job->bytes = size;
    return rc;
}

/* A bundle that is there is known by its hash, so nothing of it needs to be sent. */
static int begin(const struct files *files, struct files_job *job, struct error *err)
{
    int rc = incoming_begin(files->store, job->upload, job->form, job->bytes, job->sha256,
                            &job->incoming, err);
    if (job->path[0] == '\0') {
        job->there = store_has_bundle(files->store, job->hash);
        return rc;
    }
    if (rc == 0)
        rc = incoming_aim(job->incoming, files->store, job->path, err);
    if (rc == 0)
        job->there =
            incoming_is_there(files->store, job->path, job->form, job->bytes, job->sha256);
    return rc;
}

static int write_pieces(struct files_job *job, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->piece_count; i++)
        rc = incoming_write(job->incoming, job->pieces[i].name, job->pieces[i].offset,
                            job->pieces[i].bytes, job->pieces[i].size, err);
    return rc;
}

static int read_yaml(const struct files *files, struct files_job *job, struct error *err)
{
    buffer_init(&job->yaml, LIMIT_BUNDLE_YAML_BYTES + 1);
    return store_read_yaml(files->store, job->hash, &job->yaml, err);
}

/* What a client sent is a bundle only if it has the hash that it was offered under. */
static int check_sent(struct files_job *job, struct error *err)
{
    const struct bundle *sent;
    char hash[DIGEST_HEX_BYTES];
    int rc = incoming_finish(job->incoming, err);
    if (rc == 0)
        rc = bundle_load(incoming_path(job->incoming), &job->bundle, hash, err);
    if (rc < 0)
        return rc;
    sent = job->bundle;
    if (strcmp(hash, job->hash) != 0)
        rc = error_set(err, E_DIGEST, "the bundle has the hash %s, expected %s", hash, job->hash);
    else if (incoming_files(job->incoming) != bundle_file_count(sent) + 1)
        rc = error_set(err, E_INVALID, "%zu files came, the bundle has %zu",
                       incoming_files(job->incoming), bundle_file_count(sent) + 1);
    else
        rc = bundles_check_names(sent, err);
    return rc;
}

static int add_sent(const struct files *files, struct files_job *job, struct error *err)
{
    int rc;
    if (store_has_bundle(files->store, job->hash)) {
        rc = store_load_bundle(files->store, job->hash, &job->bundle, err);
    } else {
        rc = check_sent(job, err);
        if (rc == 0)
            rc = store_take_bundle(files->store, incoming_path(job->incoming), job->hash, err);
    }
    return rc < 0 ? rc : read_yaml(files, job, err);
}

static int add_folder(const struct files *files, struct files_job *job, struct error *err)
{
    int rc = bundle_load(job->path, &job->bundle, job->hash, err);
    if (rc == 0)
        rc = bundles_check_names(job->bundle, err);
    if (rc == 0)
        rc = store_add_bundle(files->store, job->path, job->bundle, job->hash, err);
    return rc < 0 ? rc : read_yaml(files, job, err);
}

static int check_submit(const struct files *files, struct files_job *job, struct error *err)
{
    struct spec *spec = NULL;
    int rc = read_yaml(files, job, err);
    if (rc == 0)
        rc = bundle_parse((const char *)job->yaml.data, strlen((const char *)job->yaml.data),
                          &job->bundle, err);
    if (rc == 0)
        rc = spec_parse(job->submit.spec, strlen(job->submit.spec), &spec, err);
    if (rc == 0)
        rc = check_sources(files->store, spec, job->bundle, err);
    spec_free(&spec);
    return rc;
}

static int work(const struct files *files, struct files_job *job, struct error *err)
{
    switch (job->kind) {
    case FILES_LIST:
        return outgoing_list(files->store, job->folder_kind, job->hash, &job->list, err);
    case FILES_READ:
        return read_chunk(files, job, err);
    case FILES_BEGIN:
        return begin(files, job, err);
    case FILES_WRITE:
        return write_pieces(job, err);
    case FILES_FINISH:
        return incoming_finish(job->incoming, err);
    case FILES_SETTLE:
        return incoming_settle(job->incoming, err);
    case FILES_BUNDLE:
        return add_sent(files, job, err);
    case FILES_ADD:
        return add_folder(files, job, err);
    case FILES_SUBMIT:
        return check_submit(files, job, err);
    case FILES_END:
        break;
    }
    return 0;
}

/* ---- the thread ---- */

static bool work_on(void *state, struct mail *order)
{
    const struct files *files = state;
    struct files_job *job = (struct files_job *)order;
    if (job->kind == FILES_END) {
        files_job_free(&job);
        return false;
    }
    job->code = atomic_load(&files->stopping) ? E_INTERRUPTED : work(files, job, &job->err);
    return true;
}

static void drop(struct mail *order)
{
    struct files_job *job = (struct files_job *)order;
    files_job_free(&job);
}

int files_start(const char *store, struct files **files, struct error *err)
{
    struct files *started = calloc(1, sizeof *started);
    if (!started)
        return error_set(err, E_MEMORY, "no memory for the file thread");
    started->store = store;
    int rc = incoming_clean(store, err);
    if (rc == 0)
        rc = helper_start(&(struct helper_task){work_on, drop, started}, &started->helper, err);
    if (rc < 0)
        free(started);
    else
        *files = started;
    return rc;
}

void files_stop(struct files **files)
{
    struct files *stopped = *files;
    if (!stopped)
        return;
    *files = NULL;
    atomic_store(&stopped->stopping, true);
    helper_stop(&stopped->helper);
    free(stopped);
}

void files_put(struct files *files, struct files_job *job)
{
    helper_put(files->helper, &job->mail);
}

struct files_job *files_take(struct files *files)
{
    return (struct files_job *)helper_take(files->helper);
}

int files_fd(const struct files *files)
{
    return helper_fd(files->helper);
}
