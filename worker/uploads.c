/* The thread owns its connection and the parcel that it is at; the two atomics are the network
 * thread's way to interrupt it. */
#include "worker/uploads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/transfer.h"

#define PATIENCE (60 * CLOCK_SECOND) /* the end of an upload waits for a disk */
#define FIRST_PAUSE CLOCK_SECOND     /* before another try; doubled up to the most */
#define MOST_PAUSE (30 * CLOCK_SECOND)

struct uploads {
    struct uploads_options options;
    struct transfer_options transfer_options;
    struct transfer *transfer;
    struct mailbox *orders;
    pthread_t thread;
    atomic_bool leaving;
    atomic_uint welcome;
    unsigned seen; /* the welcome that what is under way was begun under */
};

/* ---- parcels ---- */

static bool copy_file(struct wire_file *copy, const struct wire_file *file)
{
    *copy = *file;
    copy->path = strdup(file->path);
    copy->kind = strdup(file->kind);
    copy->target = strdup(file->target);
    copy->sha256 = strdup(file->sha256);
    return copy->path && copy->kind && copy->target && copy->sha256;
}

struct parcel *parcel_new(const struct outcome *outcome)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);
    if (!parcel)
        return NULL;
    parcel->letter.kind = LETTER_UPLOAD;
    parcel->stage = outcome->assignment->stage;
    parcel->task = outcome->assignment->task;
    parcel->outbox = outcome->outbox;
    parcel->files = calloc(outcome->file_count, sizeof *parcel->files);
    bool ok = parcel->files != NULL;
    for (size_t i = 0; ok && i < outcome->file_count; i++) {
        ok = copy_file(&parcel->files[i], &outcome->files[i]);
        parcel->file_count++;
    }
    if (!ok)
        parcel_free(&parcel);
    return parcel;
}

void parcel_free(struct parcel **parcel)
{
    struct parcel *freed = *parcel;
    if (!freed)
        return;
    *parcel = NULL;
    for (size_t i = 0; i < freed->file_count; i++) {
        free((void *)freed->files[i].path);
        free((void *)freed->files[i].kind);
        free((void *)freed->files[i].target);
        free((void *)freed->files[i].sha256);
    }
    free(freed->files);
    free(freed);
}

/* ---- one file ---- */

static int put_file(struct uploads *uploads, int at, const char *path, const char *name,
                    struct error *err)
{
    int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, E_NOT_FOUND, "%s: cannot open: %s", path, strerror(errno));
    int rc = transfer_put(uploads->transfer, name, fd, err);
    close(fd);
    return rc;
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int put_folder(struct uploads *uploads, const char *path, struct error *err)
{
    struct dirent **entries = NULL;
    int rc = 0, folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = folder < 0 ? -1 : scandirat(folder, ".", &entries, no_dots, by_name);
    if (count < 0)
        rc = error_set(err, E_NOT_FOUND, "%s: cannot open: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (rc == 0)
            rc = put_file(uploads, folder, entries[i]->d_name, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    if (folder >= 0)
        close(folder);
    return rc;
}

static int send_bytes(struct uploads *uploads, const struct parcel *parcel,
                      const struct wire_file *file, uint64_t upload, struct error *err)
{
    struct transfer_answer answer;
    char path[2 * LIMIT_PATH_BYTES];
    bool folder = strcmp(file->kind, "png-folder") == 0;
    snprintf(path, sizeof path, "%s/%s", parcel->outbox, file->path);
    int rc = transfer_begin(uploads->transfer, upload, err);
    if (rc == 0)
        rc = folder ? put_folder(uploads, path, err) : put_file(uploads, AT_FDCWD, path, "", err);
    if (rc == 0)
        rc = transfer_finish(uploads->transfer, WIRE_UPLOADED, &answer, err);
    if (rc == 0)
        transfer_answer_free(&answer);
    return rc;
}

static int send_file(struct uploads *uploads, const struct parcel *parcel,
                     const struct wire_file *file, struct error *err)
{
    struct transfer_answer answer;
    const struct wire_upload upload = {
        .request = transfer_request(uploads->transfer),
        .session = uploads->options.session,
        .stage = parcel->stage,
        .task = WIRE_LIST(&parcel->task, 1),
        .file = WIRE_LIST(file, 1),
    };
    int rc = transfer_ask(uploads->transfer, WIRE_UPLOAD, &upload, upload.request,
                          WIRE_UPLOAD_READY, &answer, err);
    if (rc < 0)
        return rc;
    const struct wire_upload_ready ready = *WIRE_BODY(&answer.message, upload_ready);
    transfer_answer_free(&answer);
    return ready.wanted ? send_bytes(uploads, parcel, file, ready.upload, err) : 0;
}

/* ---- a parcel ---- */

/* Of the thread's connection: the worker leaves, or the broker is not the one it was. */
static bool interrupted(void *state)
{
    struct uploads *uploads = state;
    return atomic_load(&uploads->leaving) || atomic_load(&uploads->welcome) != uploads->seen;
}

static int send_all(struct uploads *uploads, const struct parcel *parcel, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < parcel->file_count; i++) {
        rc = send_file(uploads, parcel, &parcel->files[i], err);
        if (rc < 0)
            error_prefix(err, rc, "sending %s", parcel->files[i].path);
    }
    return rc;
}

/* What another try may mend: a disk of the broker's that takes nothing as well. */
static bool mends(int code)
{
    return transfer_passes(code) || code == E_IO || code == E_FULL || code == E_BUSY;
}

static void send_parcel(struct uploads *uploads, struct parcel *parcel)
{
    struct error err = {0};
    int64_t pause = FIRST_PAUSE;
    int rc = E_INTERRUPTED;
    while (rc < 0 && !atomic_load(&uploads->leaving)) {
        uploads->seen = atomic_load(&uploads->welcome);
        rc = send_all(uploads, parcel, &err);
        if (rc == E_INTERRUPTED)
            continue;
        if (!mends(rc))
            break;
        log_warning("%s; tried again in %.0f s", err.text, (double)pause / (double)CLOCK_SECOND);
        (void)!transfer_pause(uploads->transfer, pause, &err);
        pause = 2 * pause < MOST_PAUSE ? 2 * pause : MOST_PAUSE;
    }
    parcel->welcome = uploads->seen;
    parcel->code = rc;
    snprintf(parcel->text, sizeof parcel->text, "%s", rc < 0 ? err.text : "");
    parcel->letter.kind = LETTER_UPLOADED;
    mailbox_put(uploads->options.reports, &parcel->letter.mail);
}

static void *uploads_thread(void *state)
{
    struct uploads *uploads = state;
    for (;;) {
        struct letter *letter = (struct letter *)mailbox_wait(uploads->orders);
        if (letter->kind == LETTER_STOP) {
            free(letter);
            return NULL;
        }
        send_parcel(uploads, (struct parcel *)letter);
    }
}

/* ---- the thread ---- */

int uploads_start(const struct uploads_options *options, struct uploads **uploads,
                  struct error *err)
{
    struct uploads *started = calloc(1, sizeof *started);
    if (!started)
        return error_set(err, E_MEMORY, "no memory for uploads");
    started->options = *options;
    started->transfer_options = (struct transfer_options){.endpoint = options->endpoint,
                                                          .keys = options->keys,
                                                          .patience = PATIENCE,
                                                          .stop = interrupted,
                                                          .state = started};
    int rc = mailbox_open(&started->orders, err);
    if (rc == 0)
        rc = transfer_open(&started->transfer_options, &started->transfer, err);
    int code = rc == 0 ? pthread_create(&started->thread, NULL, uploads_thread, started) : 0;
    if (code)
        rc = error_set(err, E_MEMORY, "pthread_create: %s", strerror(code));
    if (rc < 0) {
        transfer_close(&started->transfer);
        mailbox_close(&started->orders);
        free(started);
        return rc;
    }
    *uploads = started;
    return 0;
}

void uploads_stop(struct uploads **uploads)
{
    struct uploads *stopped = *uploads;
    struct letter *stop = stopped ? calloc(1, sizeof *stop) : NULL;
    struct mail *mail;
    if (!stopped || !stop) /* without memory it ends with the process */
        return;
    *uploads = NULL;
    atomic_store(&stopped->leaving, true);
    while ((mail = mailbox_take(stopped->orders))) {
        struct parcel *parcel = (struct parcel *)mail;
        parcel_free(&parcel);
    }
    stop->kind = LETTER_STOP;
    mailbox_put(stopped->orders, &stop->mail);
    pthread_join(stopped->thread, NULL);
    transfer_close(&stopped->transfer);
    mailbox_close(&stopped->orders);
    free(stopped);
}

void uploads_put(struct uploads *uploads, struct parcel *parcel)
{
    mailbox_put(uploads->orders, &parcel->letter.mail);
}

void uploads_welcomed(struct uploads *uploads, unsigned welcome)
{
    atomic_store(&uploads->welcome, welcome);
}
