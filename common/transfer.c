/*
 * One DEALER and a window of requests under way. The broker's file thread answers a connection's
 * requests in order, so answers are taken in order, and anything else is its mistake.
 */
#include "common/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"

#define LOOK_MS 100 /* between two questions whether to stop */
#define NAME_BYTES 256

struct sending {
    uint64_t upload, number;
    uint8_t *data; /* [LIMIT_CHUNK_BYTES]: of the pieces, one behind the other */
    size_t size, count;
    struct wire_piece pieces[LIMIT_CHUNK_PIECES];
    char names[LIMIT_CHUNK_PIECES][NAME_BYTES];
};

struct transfer {
    struct transfer_options options;
    void *context, *socket;
    uint64_t request;             /* the last number given */
    uint64_t window[LIMIT_WINDOW]; /* numbers under way, oldest first */
    size_t under_way;
    struct sending *sending; /* NULL: nothing was ever sent */
};

int transfer_open(const struct transfer_options *options, struct transfer **transfer,
                  struct error *err)
{
    struct transfer *opened = calloc(1, sizeof *opened);
    if (!opened || !(opened->context = zmq_ctx_new())) {
        free(opened);
        return error_set(err, E_MEMORY, "no memory for a connection");
    }
    opened->options = *options;
    if (!opened->options.patience)
        opened->options.patience = TRANSFER_PATIENCE_MS * CLOCK_MILLISECOND;
    *transfer = opened;
    return 0;
}

void transfer_close(struct transfer **transfer)
{
    struct transfer *closed = *transfer;
    if (!closed)
        return;
    *transfer = NULL;
    socket_close(&closed->socket);
    zmq_ctx_term(closed->context);
    if (closed->sending)
        free(closed->sending->data);
    free(closed->sending);
    free(closed);
}

uint64_t transfer_request(struct transfer *transfer)
{
    return ++transfer->request;
}

void transfer_answer_free(struct transfer_answer *answer)
{
    if (answer->frame)
        socket_frame_free(&answer->frame, &answer->message);
}

/* ---- one message ---- */

static int ensure_connected(struct transfer *t, struct error *err)
{
    const struct key_client *keys = t->options.keys;
    bool on = keys && keys->on;
    const struct socket_keys curve = {on ? &keys->own : NULL, on ? keys->broker : NULL};
    if (t->socket)
        return 0;
    return socket_connect_dealer(t->context, t->options.endpoint, on ? &curve : NULL, &t->socket,
                                 err);
}

/* What was under way on it is not awaited any more, and the broker forgets what it belonged to. */
static void disconnect(struct transfer *t)
{
    socket_close(&t->socket);
    t->under_way = 0;
}

static bool stopped(const struct transfer *t)
{
    return t->options.stop && t->options.stop(t->options.state);
}

bool transfer_passes(int code)
{
    return code == E_TIMEOUT || code == E_STATE || code == E_NETWORK;
}

int transfer_pause(struct transfer *t, int64_t time, struct error *err)
{
    for (int64_t now = clock_now(), end = now + time; now < end; now = clock_now()) {
        int64_t left = (end - now) / CLOCK_MILLISECOND + 1;
        if (stopped(t))
            break;
        zmq_poll(NULL, 0, left < LOOK_MS ? (long)left : LOOK_MS);
    }
    return stopped(t) ? error_set(err, E_INTERRUPTED, "interrupted") : 0;
}

static int wait_readable(const struct transfer *t, int64_t until, struct error *err)
{
    zmq_pollitem_t item = {.socket = t->socket, .events = ZMQ_POLLIN};
    for (;;) {
        int64_t left = (until - clock_now()) / CLOCK_MILLISECOND;
        if (stopped(t))
            return error_set(err, E_INTERRUPTED, "interrupted");
        if (left <= 0)
            return error_set(err, E_TIMEOUT, "the broker at %s does not answer",
                             t->options.endpoint);
        if (zmq_poll(&item, 1, left < LOOK_MS ? (long)left : LOOK_MS) > 0)
            return 0;
    }
}

/* Whether that is the answer to the oldest request under way. */
static int examine(const struct transfer *t, const struct wire_message *message,
                   enum wire_type expected, struct error *err)
{
    uint64_t request = 0;
    bool numbered = wire_find_uint(message, "request", &request);
    if (message->type == WIRE_REFUSED) {
        const struct wire_refused *refused = WIRE_BODY(message, refused);
        return error_set(err, error_find(refused->code), "the broker refused: %s", refused->text);
    }
    if (!numbered || request != t->window[0] || message->type != expected)
        return error_set(err, E_INVALID, "the broker answered %s %llu, expected %s %llu",
                         wire_type_name(message->type), (unsigned long long)request,
                         wire_type_name(expected), (unsigned long long)t->window[0]);
    return 0;
}

static int send(struct transfer *t, enum wire_type type, const void *body, uint64_t request,
                struct error *err)
{
    int rc = ensure_connected(t, err);
    if (rc == 0)
        rc = socket_send(t->socket, NULL, type, body, err);
    if (rc == 0)
        t->window[t->under_way++] = request;
    else
        disconnect(t);
    return rc;
}

/* Takes the answer to the oldest request. Any error ends the connection, so that no answer to what
 * else was under way is taken for another's. */
static int receive(struct transfer *t, enum wire_type expected, struct transfer_answer *answer,
                   struct error *err)
{
    int64_t until = clock_now() + t->options.patience;
    int rc = 0;
    *answer = (struct transfer_answer){0};
    while (rc == 0) {
        rc = socket_receive(t->socket, NULL, &answer->message, &answer->frame, err);
        if (rc == 0)
            rc = wait_readable(t, until, err);
    }
    if (rc > 0)
        rc = examine(t, &answer->message, expected, err);
    if (rc < 0) {
        transfer_answer_free(answer);
        disconnect(t);
        return rc;
    }
    t->under_way--;
    memmove(t->window, t->window + 1, t->under_way * sizeof *t->window);
    return 0;
}

int transfer_ask(struct transfer *t, enum wire_type type, const void *body, uint64_t request,
                 enum wire_type expected, struct transfer_answer *answer, struct error *err)
{
    int rc = send(t, type, body, request, err);
    return rc < 0 ? rc : receive(t, expected, answer, err);
}

/* ---- fetching ---- */

struct fetching {
    const char *kind, *hash;
    const struct wire_part *part;
    int fd;
    uint64_t asked, got;
    struct digest digest;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int ask_chunk(struct transfer *t, struct fetching *f, struct error *err)
{
    struct wire_fetch_chunk chunk = {
        .request = transfer_request(t),
        .kind = f->kind,
        .hash = f->hash,
        .name = f->part->name,
        .offset = f->asked,
        .bytes = least(f->part->bytes - f->asked, LIMIT_CHUNK_BYTES),
    };
    int rc = send(t, WIRE_FETCH_CHUNK, &chunk, chunk.request, err);
    if (rc == 0)
        f->asked += chunk.bytes;
    return rc;
}

static int write_at(int fd, const uint8_t *data, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static int take_chunk(struct transfer *t, struct fetching *f, struct error *err)
{
    struct transfer_answer answer;
    int rc = receive(t, WIRE_CHUNK, &answer, err);
    if (rc < 0)
        return rc;
    const struct wire_chunk *chunk = WIRE_BODY(&answer.message, chunk);
    uint64_t expected = least(f->part->bytes - f->got, LIMIT_CHUNK_BYTES);
    if (chunk->offset != f->got || chunk->data.size != expected)
        rc = error_set(err, E_INVALID,
                       "%s: the broker sent %zu bytes from %llu on, expected %llu from %llu on",
                       f->part->name, chunk->data.size, (unsigned long long)chunk->offset,
                       (unsigned long long)expected, (unsigned long long)f->got);
    else if (write_at(f->fd, chunk->data.data, chunk->data.size, f->got) != 0)
        rc = error_set(err, error_of_write(errno), "%s: cannot write: %s", f->part->name,
                       strerror(errno));
    else
        digest_add(&f->digest, chunk->data.data, chunk->data.size);
    f->got += chunk->data.size;
    transfer_answer_free(&answer);
    if (rc < 0)
        disconnect(t);
    return rc;
}

int transfer_fetch(struct transfer *t, const char *kind, const char *hash,
                   const struct wire_part *part, int fd, struct error *err)
{
    struct fetching f = {.kind = kind, .hash = hash, .part = part, .fd = fd};
    char found[DIGEST_HEX_BYTES];
    int rc = 0;
    digest_begin(&f.digest);
    while (rc == 0 && f.got < part->bytes) {
        while (rc == 0 && f.asked < part->bytes && t->under_way < LIMIT_WINDOW)
            rc = ask_chunk(t, &f, err);
        if (rc == 0)
            rc = take_chunk(t, &f, err);
    }
    if (rc < 0)
        return rc;
    digest_end(&f.digest, found);
    if (strcmp(found, part->sha256) != 0)
        return error_set(err, E_DIGEST, "%s came with the digest %s, expected %s", part->name,
                         found, part->sha256);
    return 0;
}

/* Chunk by chunk, as its size is not known; the last one is shorter than asked. */
static int read_once(struct transfer *t, const char *kind, const char *hash, const char *name,
                     struct buffer *into, struct error *err)
{
    size_t got = LIMIT_CHUNK_BYTES;
    while (got == LIMIT_CHUNK_BYTES) {
        struct transfer_answer answer;
        const struct wire_fetch_chunk fetch = {
            transfer_request(t), kind, hash, name, into->size, LIMIT_CHUNK_BYTES};
        int rc = transfer_ask(t, WIRE_FETCH_CHUNK, &fetch, fetch.request, WIRE_CHUNK, &answer, err);
        if (rc < 0)
            return rc;
        const struct wire_chunk *chunk = WIRE_BODY(&answer.message, chunk);
        got = chunk->data.size;
        rc = chunk->offset == into->size
                 ? buffer_append(into, chunk->data.data, got, err)
                 : error_set(err, E_INVALID, "bytes of offset %llu, expected %zu",
                             (unsigned long long)chunk->offset, into->size);
        transfer_answer_free(&answer);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int transfer_read(struct transfer *t, const char *kind, const char *hash, const char *name,
                  const char *sha256, struct buffer *into, struct error *err)
{
    char found[DIGEST_HEX_BYTES];
    int rc = E_TIMEOUT;
    while (transfer_passes(rc)) {
        buffer_clear(into);
        rc = read_once(t, kind, hash, name, into, err);
        if (transfer_passes(rc) && transfer_pause(t, CLOCK_SECOND, err) < 0)
            rc = E_INTERRUPTED;
    }
    if (rc < 0)
        return error_prefix(err, rc, "%s/%.12s/%.64s", kind, hash, name);
    digest_bytes(into->data, into->size, found);
    if (strcmp(found, sha256) != 0)
        return error_set(err, E_DIGEST, "%s/%.12s/%.64s came with the digest %s, expected %s", kind,
                         hash, name, found, sha256);
    size_t size = into->size;
    rc = buffer_append(into, "", 1, err);
    into->size = rc < 0 ? into->size : size;
    return rc;
}

/* ---- sending ---- */

int transfer_begin(struct transfer *t, uint64_t upload, struct error *err)
{
    if (!t->sending) {
        struct sending *made = calloc(1, sizeof *made);
        if (!made || !(made->data = malloc(LIMIT_CHUNK_BYTES))) {
            free(made);
            return error_set(err, E_MEMORY, "no memory to send files");
        }
        t->sending = made;
    }
    t->sending->upload = upload;
    t->sending->number = 0;
    t->sending->size = t->sending->count = 0;
    return 0;
}

static int take_uploaded(struct transfer *t, struct error *err)
{
    struct transfer_answer answer;
    int rc = receive(t, WIRE_UPLOADED, &answer, err);
    if (rc == 0)
        transfer_answer_free(&answer);
    return rc;
}

static int flush(struct transfer *t, struct error *err)
{
    struct sending *s = t->sending;
    struct wire_upload_chunk chunk = {.request = transfer_request(t),
                                      .upload = s->upload,
                                      .number = s->number++,
                                      .pieces = WIRE_LIST(s->pieces, s->count)};
    int rc = t->under_way == LIMIT_WINDOW ? take_uploaded(t, err) : 0;
    if (rc == 0)
        rc = send(t, WIRE_UPLOAD_CHUNK, &chunk, chunk.request, err);
    s->size = s->count = 0;
    return rc;
}

/* A piece of at most what the chunk has room for: its size, 0 at the file's end. */
static int read_piece(struct transfer *t, const char *name, int fd, uint64_t offset,
                      struct error *err)
{
    struct sending *s = t->sending;
    uint8_t *at = s->data + s->size;
    ssize_t n;
    do
        n = pread(fd, at, LIMIT_CHUNK_BYTES - s->size, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_set(err, E_IO, "%s: cannot read: %s", name, strerror(errno));
    if (n == 0 && offset > 0)
        return 0;
    memcpy(s->names[s->count], name, strlen(name) + 1);
    s->pieces[s->count] = (struct wire_piece){s->names[s->count], offset, {at, (size_t)n}};
    s->count++;
    s->size += (size_t)n;
    return (int)n;
}

static int put(struct transfer *t, const char *name, int fd, struct error *err)
{
    struct sending *s = t->sending;
    uint64_t offset = 0;
    int n = 1;
    if (strlen(name) >= NAME_BYTES)
        return error_set(err, E_LIMIT, "%.64s…: a name of %zu bytes, expected at most %d", name,
                         strlen(name), NAME_BYTES - 1);
    while (n > 0) {
        int rc = s->count == LIMIT_CHUNK_PIECES || s->size == LIMIT_CHUNK_BYTES ? flush(t, err) : 0;
        if (rc < 0)
            return rc;
        n = read_piece(t, name, fd, offset, err);
        offset += n > 0 ? (uint64_t)n : 0;
    }
    return n;
}

int transfer_put(struct transfer *t, const char *name, int fd, struct error *err)
{
    int rc = put(t, name, fd, err);
    if (rc < 0)
        disconnect(t); /* for the broker the upload is over */
    return rc;
}

int transfer_finish(struct transfer *t, enum wire_type expected, struct transfer_answer *answer,
                    struct error *err)
{
    int rc = t->sending->count > 0 ? flush(t, err) : 0;
    while (rc == 0 && t->under_way > 0)
        rc = take_uploaded(t, err);
    const struct wire_upload_end end = {transfer_request(t), t->sending->upload};
    return rc < 0 ? rc : transfer_ask(t, WIRE_UPLOAD_END, &end, end.request, expected, answer, err);
}
