/* Floods of a broker: see floods.h. Each is a process with one thread of its own, and ZeroMQ's. */
#include "floods.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

/* This process has failed, and says why: cmocka is its parent's. */
_Noreturn static void give_up(const char *what, int error)
{
    fprintf(stderr, "flood: %s: %s\n", what, zmq_strerror(error));
    _exit(1);
}

static void fill(char *frame, unsigned long number)
{
    uint64_t x = number * 2654435761u + 1;
    for (size_t i = 0; i < FLOODS_FRAME_BYTES; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        frame[i] = (char)(x >> 56);
    }
}

/* Of a key that is let in; the answers are not read. */
static void flood_with_frames(struct support *s, const struct key_pair *pair, unsigned long count)
{
    void *context = zmq_ctx_new(), *sockets[FLOODS_CONNECTIONS];
    struct socket_keys keys = {pair, s->pair.public};
    struct error err;
    char frame[FLOODS_FRAME_BYTES];
    int wait = -1;
    for (int i = 0; i < FLOODS_CONNECTIONS; i++) {
        if (socket_connect_dealer(context, s->endpoint, &keys, &sockets[i], &err) < 0)
            give_up(err.text, 0);
        zmq_setsockopt(sockets[i], ZMQ_LINGER, &wait, sizeof wait);
    }
    for (unsigned long n = 0; n < count; n++) {
        fill(frame, n);
        if (zmq_send(sockets[n % FLOODS_CONNECTIONS], frame, n % FLOODS_FRAME_BYTES, 0) < 0)
            give_up("zmq_send", zmq_errno());
    }
    for (int i = 0; i < FLOODS_CONNECTIONS; i++)
        zmq_close(sockets[i]);
    zmq_ctx_term(context);
    _exit(0);
}

/* Bytes to the port, a connection a hundred messages, until it is closed there. Every other begins
 * as ZMTP does, and every fourth goes on as CurveZMQ would, with a HELLO of nonsense. */
static void flood_with_bytes(struct support *s, unsigned long count)
{
    static const unsigned char greeting[64] = {0xff, 0, 0, 0,   0,   0,   0,   0,  1,
                                               0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char frame[FLOODS_FRAME_BYTES];
    to.sin_port = htons((uint16_t)atoi(strrchr(s->endpoint, ':') + 1));
    signal(SIGPIPE, SIG_IGN);
    for (unsigned long n = 0; n < count;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
            give_up("connect", errno);
        bool open = (n / 100) % 2 == 0 || send(fd, greeting, sizeof greeting, 0) > 0;
        for (unsigned long end = n + 100; n < end; n++) {
            fill(frame, n);
            if ((n / 100) % 4 == 3)
                memcpy(frame, "\x04\xc8\x05HELLO", 8); /* a command of 200 bytes */
            open = open && send(fd, frame, FLOODS_FRAME_BYTES, 0) > 0;
        }
        close(fd);
    }
    _exit(0);
}

/* Handshakes of keys that nobody knows, and of plain text: the next when the one before has been
 * turned away. */
static void flood_with_strangers(struct support *s, unsigned long count)
{
    void *context = zmq_ctx_new();
    for (unsigned long n = 0; n < count; n++) {
        struct key_pair stranger;
        struct error err;
        if (key_pair_make(&stranger, &err) < 0 ||
            support_turned_away(s, context, n % 2 ? &stranger : NULL, s->pair.public) != 0)
            give_up("a stranger was not turned away", zmq_errno());
    }
    zmq_ctx_term(context);
    _exit(0);
}

struct flood floods_prepare(struct support *s, enum floods_kind kind, const struct key_pair *pair,
                            unsigned long count)
{
    int ends[2];
    char sign;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) {
        close(ends[0]);
        return (struct flood){child, ends[1]};
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(ends[0], &sign, 1) != 1)
        _exit(1);
    if (kind == FLOODS_FRAMES)
        flood_with_frames(s, pair, count);
    else if (kind == FLOODS_BYTES)
        flood_with_bytes(s, count);
    flood_with_strangers(s, count);
    return (struct flood){0, -1};
}

void floods_begin(struct flood *flood)
{
    assert_int_equal(write(flood->sign, "!", 1), 1);
    close(flood->sign);
}

void floods_await(struct flood *flood)
{
    int status;
    assert_int_equal(waitpid(flood->process, &status, 0), flood->process);
    flood->process = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("a flood ended with %d", status);
}
