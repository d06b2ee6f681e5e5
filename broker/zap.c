/*
 * Questions and answers of ZAP 1.0. A question is version, request, domain, address, identity,
 * mechanism and, for CURVE, the 32 bytes of the key; what has another form is turned away.
 */
#include "broker/zap.h"

#include <string.h>
#include <zmq.h>

#include "common/log.h"

#define FRAMES 7
#define FRAME_BYTES 255

struct frame {
    size_t size;
    unsigned char bytes[FRAME_BYTES];
};

struct question {
    struct frame version, request, domain, address, identity, mechanism, key;
};

int zap_open(void *context, void **zap, struct error *err)
{
    int linger = 0;
    void *made = zmq_socket(context, ZMQ_REP);
    if (!made || zmq_setsockopt(made, ZMQ_LINGER, &linger, sizeof linger) ||
        zmq_bind(made, "inproc://zeromq.zap.01")) {
        int rc =
            error_set(err, E_NETWORK, "cannot make the ZAP handler: %s", zmq_strerror(zmq_errno()));
        if (made)
            socket_close(&made);
        return rc;
    }
    *zap = made;
    return 0;
}

/* Reads one question: 1, 0 where none waits, −1 where it has another form. */
static int read_question(void *zap, struct question *question)
{
    struct frame *frames[FRAMES] = {&question->version, &question->request,  &question->domain,
                                    &question->address, &question->identity, &question->mechanism,
                                    &question->key};
    int more = 1, count = 0, right = 1;
    for (; more; count++) {
        struct frame ignored, *frame = count < FRAMES ? frames[count] : &ignored;
        size_t size = sizeof more;
        int got = zmq_recv(zap, frame->bytes, sizeof frame->bytes, ZMQ_DONTWAIT);
        if (got < 0)
            return count == 0 ? 0 : -1;
        right &= (size_t)got <= sizeof frame->bytes;
        frame->size = right ? (size_t)got : 0;
        if (zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &size))
            return -1;
    }
    return right && count == FRAMES ? 1 : -1;
}

static bool is_text(const struct frame *frame, const char *text)
{
    return frame->size == strlen(text) && memcmp(frame->bytes, text, frame->size) == 0;
}

#define PARTS 6

static bool make_parts(zmq_msg_t made[PARTS], const struct frame *request, const char *code,
                       const char *text, const char *user)
{
    const struct {
        const void *data;
        size_t size;
    } parts[PARTS] = {{"1.0", 3},           {request->bytes, request->size},
                      {code, strlen(code)}, {text, strlen(text)},
                      {user, strlen(user)}, {"", 0}};
    for (size_t i = 0; i < PARTS; i++) {
        if (zmq_msg_init_size(&made[i], parts[i].size)) {
            while (i > 0)
                zmq_msg_close(&made[--i]);
            return false;
        }
        memcpy(zmq_msg_data(&made[i]), parts[i].data, parts[i].size);
    }
    return true;
}

/* All parts are made before the first goes: an answer that broke off would be the end of the
 * handler, and of every handshake. Without memory it is "try again", whose parts need none. */
static void answer(void *zap, const struct frame *request, const char *code, const char *text,
                   const char *user)
{
    zmq_msg_t parts[PARTS];
    if (!make_parts(parts, request, code, text, user) &&
        !make_parts(parts, request, "300", "no memory", "")) {
        log_error("ZAP: no memory for an answer");
        return;
    }
    for (size_t i = 0; i < PARTS; i++) {
        if (zmq_msg_send(&parts[i], zap, i + 1 < PARTS ? ZMQ_SNDMORE : 0) < 0)
            log_warning("ZAP: cannot answer: %s", zmq_strerror(zmq_errno()));
        zmq_msg_close(&parts[i]);
    }
}

/* True if it was let in. */
static bool judge(void *zap, const struct access *access, const struct question *question)
{
    char key[KEY_HEX_BYTES];
    if (!is_text(&question->version, "1.0") || !is_text(&question->mechanism, "CURVE") ||
        question->key.size != KEY_BYTES) {
        answer(zap, &question->request, "400", "expected ZAP 1.0 and CURVE", "");
        return false;
    }
    key_hex(question->key.bytes, key);
    const struct key_entry *entry = key_table_find(&access->keys, key);
    log_debug("key %.12s… from %.*s: %s", key, (int)question->address.size,
              (const char *)question->address.bytes, entry ? entry->owner : "unknown");
    answer(zap, &question->request, entry ? "200" : "400",
           entry ? "" : "this key is not authorized", entry ? key : "");
    return entry != NULL;
}

unsigned zap_serve(void *zap, const struct access *access)
{
    unsigned denied = 0;
    for (int i = 0; i < ZAP_ROUND; i++) {
        struct question question = {0};
        int got = read_question(zap, &question);
        if (got == 0)
            break;
        if (got < 0)
            answer(zap, &question.request, "500", "not a question", ""); /* a REP has to answer */
        denied += got < 0 || !judge(zap, access, &question);
    }
    return denied;
}
