/* Sending a bundle: offered by its hash, and, if it is wanted, sent in the order of its files'
 * names. */
#include "cli/send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"
#include "common/bundle.h"

#define PATIENCE (60 * CLOCK_SECOND) /* the broker checks and syncs the whole at the end */

struct sent {
    const char *folder;
    struct transfer *transfer;
    struct wire_part parts[LIMIT_FOLDER_FILES]; /* bundle.yaml first; texts of the bundle */
    size_t count;
};

static int open_part(const struct sent *sent, const struct wire_part *part, struct error *err)
{
    char path[2 * LIMIT_PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", sent->folder, part->name) >= (int)sizeof path)
        return error_set(err, E_LIMIT, "%s/…: the path is too long", sent->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? error_set(err, E_IO, "%s: cannot open: %s", path, strerror(errno)) : fd;
}

static int add_part(struct sent *sent, const char *name, const char *sha256, struct error *err)
{
    struct stat status;
    if (sent->count == LIMIT_FOLDER_FILES)
        return error_set(err, E_LIMIT, "more than %d files (LIMIT_FOLDER_FILES)",
                         LIMIT_FOLDER_FILES);
    struct wire_part *part = &sent->parts[sent->count];
    *part = (struct wire_part){name, 0, sha256};
    int fd = open_part(sent, part, err);
    if (fd < 0)
        return fd;
    int rc = fstat(fd, &status) == 0
                 ? 0
                 : error_set(err, E_IO, "%s: cannot look at: %s", name, strerror(errno));
    part->bytes = rc == 0 ? (uint64_t)status.st_size : 0;
    sent->count++;
    close(fd);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct wire_part *)a)->name, ((const struct wire_part *)b)->name);
}

static int send_parts(struct sent *sent, struct error *err)
{
    int rc = 0;
    qsort(sent->parts, sent->count, sizeof *sent->parts, by_name);
    for (size_t i = 0; rc == 0 && i < sent->count; i++) {
        int fd = open_part(sent, &sent->parts[i], err);
        rc = fd < 0 ? fd : transfer_put(sent->transfer, sent->parts[i].name, fd, err);
        if (fd >= 0)
            close(fd);
    }
    return rc;
}

static int offer(struct sent *sent, const char *hash, struct transfer_answer *added,
                 struct error *err)
{
    struct transfer_answer answer;
    const struct wire_bundle_offer told = {transfer_request(sent->transfer), hash,
                                           WIRE_LIST(sent->parts, sent->count)};
    int rc = transfer_ask(sent->transfer, WIRE_BUNDLE_OFFER, &told, told.request,
                          WIRE_UPLOAD_READY, &answer, err);
    if (rc < 0)
        return rc;
    const struct wire_upload_ready ready = *WIRE_BODY(&answer.message, upload_ready);
    transfer_answer_free(&answer);
    rc = transfer_begin(sent->transfer, ready.upload, err);
    if (rc == 0 && ready.wanted)
        rc = send_parts(sent, err);
    return rc < 0 ? rc : transfer_finish(sent->transfer, WIRE_BUNDLE_ADDED, added, err);
}

int send_bundle(const char *endpoint, const char *folder, struct transfer_answer *added,
                struct error *err)
{
    char hash[DIGEST_HEX_BYTES];
    struct bundle *bundle = NULL;
    struct key_client keys = {0};
    const struct transfer_options options = {
        .endpoint = endpoint, .keys = &keys, .patience = PATIENCE};
    struct sent *sent = calloc(1, sizeof *sent);
    if (!sent)
        return error_set(err, E_MEMORY, "no memory to send a bundle");
    sent->folder = folder;
    int rc = bundle_load(folder, &bundle, hash, err);
    if (rc == 0)
        rc = add_part(sent, BUNDLE_FILE, hash, err);
    for (size_t i = 0; rc == 0 && i < bundle_file_count(bundle); i++)
        rc = add_part(sent, bundle_file(bundle, i)->file, bundle_file(bundle, i)->sha256, err);
    if (rc == 0)
        rc = key_client_read(getenv(CLIENT_SECRET), getenv(CLIENT_BROKER_KEY), &keys, err);
    if (rc == 0)
        rc = transfer_open(&options, &sent->transfer, err);
    if (rc == 0)
        rc = offer(sent, hash, added, err);
    transfer_close(&sent->transfer);
    key_pair_forget(&keys.own);
    bundle_free(&bundle);
    free(sent);
    return rc;
}
