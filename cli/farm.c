/*
 * Children and their restarts.
 *
 * The broker is started with --listen ENDPOINT; once it has bound, that argument is replaced by the
 * endpoint it printed, so that a restarted broker is found by those who were connected.
 */
#include "cli/farm.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/programs.h"
#include "common/clock.h"

#define BACK_OFF_LEAST (CLOCK_SECOND / 2)
#define BACK_OFF_MOST (30 * CLOCK_SECOND)
#define EARLY (5 * CLOCK_SECOND) /* an end before this counts as early */
#define EARLY_ENDS_MAX 5
#define BROKER_PATIENCE (30 * CLOCK_SECOND)
#define STOP_PATIENCE (10 * CLOCK_SECOND)
#define LISTENING "listening on "

int farm_open(struct farm *farm, FILE *talk, const char *log_path, struct error *err)
{
    sigset_t set;
    *farm = (struct farm){.talk = talk, .signals = -1, .broker_out = -1, .log_fd = -1};
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &farm->mask_before);
    farm->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (farm->signals < 0)
        return error_set(err, E_IO, "signalfd: %s", strerror(errno));
    if (log_path) {
        farm->log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (farm->log_fd < 0)
            return error_set(err, E_IO, "%s: %s", log_path, strerror(errno));
    }
    return 0;
}

static void free_arguments(char **argv)
{
    for (char **a = argv; a && *a; a++)
        free(*a);
    free(argv);
}

static char **copy_arguments(const char *const *argv)
{
    size_t n = 0;
    while (argv[n])
        n++;
    char **copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = strdup(argv[i]);
        if (!copy[i]) {
            free_arguments(copy);
            return NULL;
        }
    }
    return copy;
}

int farm_add(struct farm *farm, enum farm_role role, const char *name, const char *const *argv,
             struct error *err)
{
    if (farm->count == farm->capacity) {
        size_t capacity = farm->capacity ? 2 * farm->capacity : 8;
        struct farm_child *grown = realloc(farm->children, capacity * sizeof *grown);
        if (!grown)
            return error_set(err, E_MEMORY, "out of memory");
        farm->children = grown;
        farm->capacity = capacity;
    }
    struct farm_child *child = &farm->children[farm->count];
    *child = (struct farm_child){.role = role, .due_at = 1, .argv = copy_arguments(argv)};
    if (!child->argv)
        return error_set(err, E_MEMORY, "out of memory");
    snprintf(child->name, sizeof child->name, "%s", name);
    farm->count++;
    return 0;
}

/* The broker's stdout is a pipe to us; everybody else's is ours, but a worker's is its log. */
static int start_child(struct farm *farm, struct farm_child *child, struct error *err)
{
    int ends[2] = {-1, -1};
    int out_fd = child->role == FARM_WORKER ? farm->log_fd : -1;
    int err_fd = child->role == FARM_COMMAND ? -1 : farm->log_fd;
    if (child->role == FARM_BROKER) {
        if (pipe2(ends, O_CLOEXEC) != 0)
            return error_set(err, E_IO, "pipe: %s", strerror(errno));
        fcntl(ends[0], F_SETFL, O_NONBLOCK); /* our end only */
        out_fd = ends[1];
        if (farm->broker_out >= 0)
            close(farm->broker_out);
        farm->broker_out = ends[0];
        farm->line_size = 0;
    }
    int rc = programs_start(child->argv, out_fd, err_fd,
                            child->role == FARM_COMMAND ? PROGRAMS_SAME_GROUP : PROGRAMS_OWN_GROUP,
                            &child->pid, err);
    if (ends[1] >= 0)
        close(ends[1]);
    child->due_at = 0;
    child->started_at = clock_now();
    return rc;
}

/* Puts what the broker printed in the place of its --listen argument. */
static int keep_endpoint(struct farm *farm, struct error *err)
{
    char **argv = farm->children[0].argv;
    for (int i = 0; argv[i]; i++)
        if (strcmp(argv[i], "--listen") == 0 && argv[i + 1]) {
            char *copy = strdup(farm->endpoint);
            if (!copy)
                return error_set(err, E_MEMORY, "out of memory");
            free(argv[i + 1]);
            argv[i + 1] = copy;
        }
    return 0;
}

static int take_line(struct farm *farm, struct error *err)
{
    size_t size = strlen(LISTENING);
    if (strncmp(farm->line, LISTENING, size) != 0)
        return 0;
    size_t length = strcspn(farm->line + size, " \r\n");
    if (length == 0 || length >= sizeof farm->endpoint)
        return error_set(err, E_PARSE, "the broker printed \"%s\", expected an endpoint",
                         farm->line);
    memcpy(farm->endpoint, farm->line + size, length);
    farm->endpoint[length] = '\0';
    return keep_endpoint(farm, err);
}

static int read_broker(struct farm *farm, struct error *err)
{
    char block[256];
    ssize_t got = read(farm->broker_out, block, sizeof block);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            close(farm->broker_out);
            farm->broker_out = -1;
        }
        return 0;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (block[i] != '\n') {
            if (farm->line_size < sizeof farm->line - 1)
                farm->line[farm->line_size++] = block[i];
            continue;
        }
        farm->line[farm->line_size] = '\0';
        farm->line_size = 0;
        int rc = take_line(farm, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int64_t back_off(int early_ends)
{
    int64_t wait = BACK_OFF_LEAST;
    for (int i = 1; i < early_ends && wait < BACK_OFF_MOST; i++)
        wait *= 2;
    return wait < BACK_OFF_MOST ? wait : BACK_OFF_MOST;
}

/* A child ended: it is due again after the back-off, or given up. */
static void child_ended(struct farm *farm, struct farm_child *child, int status)
{
    char text[96];
    int64_t now = clock_now();
    child->pid = 0;
    if (child->role == FARM_COMMAND)
        return;
    programs_status(status, text, sizeof text);
    child->early_ends = now - child->started_at < EARLY ? child->early_ends + 1 : 0;
    if (child->early_ends >= EARLY_ENDS_MAX) {
        child->given_up = true;
        fprintf(farm->talk, "facefarm up: %s ended (%s) %d times in a row: given up\n", child->name,
                text, child->early_ends);
        return;
    }
    int64_t wait = back_off(child->early_ends);
    child->due_at = now + wait;
    fprintf(farm->talk, "facefarm up: %s ended (%s), starting it again in %.1f s\n", child->name,
            text, (double)wait / (double)CLOCK_SECOND);
}

/* Collects every ended child. Where the command was among them its status is kept: 1 then. */
static int reap(struct farm *farm, int *command_status)
{
    int status, found = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < farm->count; i++)
            if (farm->children[i].pid == pid) {
                if (farm->children[i].role == FARM_COMMAND) {
                    *command_status = status;
                    found = 1;
                }
                child_ended(farm, &farm->children[i], status);
            }
    return found;
}

static int start_due(struct farm *farm, struct error *err)
{
    for (size_t i = 0; i < farm->count; i++) {
        struct farm_child *child = &farm->children[i];
        if (child->due_at == 0 || child->due_at > clock_now())
            continue;
        int rc = start_child(farm, child, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Milliseconds until the next start is due, −1 for none. */
static int next_due(const struct farm *farm)
{
    int64_t now = clock_now(), least = INT64_MAX;
    for (size_t i = 0; i < farm->count; i++) {
        int64_t due = farm->children[i].due_at;
        if (due && due < least)
            least = due;
    }
    if (least == INT64_MAX)
        return -1;
    return least <= now ? 0 : (int)((least - now + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND);
}

/* What one round of events was. */
enum event {
    EVENT_NONE,
    EVENT_COMMAND, /* the command ended with *detail */
    EVENT_STOP,    /* signal number *detail */
};

/* One poll of at most `timeout_ms` (−1: for ever) and what it brought. */
static int poll_once(struct farm *farm, int timeout_ms, enum event *event, int *detail,
                     struct error *err)
{
    struct pollfd fds[2] = {{.fd = farm->signals, .events = POLLIN},
                            {.fd = farm->broker_out, .events = POLLIN}};
    *event = EVENT_NONE;
    if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
        return error_set(err, E_IO, "poll: %s", strerror(errno));
    if (fds[1].revents) {
        int rc = read_broker(farm, err);
        if (rc != 0)
            return rc;
    }
    struct signalfd_siginfo info;
    while (read(farm->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            if (reap(farm, detail)) {
                *event = EVENT_COMMAND;
                return 0;
            }
            continue;
        }
        *event = EVENT_STOP;
        *detail = (int)info.ssi_signo;
        return 0;
    }
    return 0;
}

int farm_start_broker(struct farm *farm, struct error *err)
{
    assert(farm->count > 0 && farm->children[0].role == FARM_BROKER);
    struct farm_child *broker = &farm->children[0];
    int64_t deadline = clock_now() + BROKER_PATIENCE;
    int rc = start_child(farm, broker, err);
    while (rc == 0 && !farm->endpoint[0]) {
        enum event event;
        int detail = 0;
        int64_t left = (deadline - clock_now()) / CLOCK_MILLISECOND;
        if (broker->pid == 0)
            return error_set(err, E_STATE, "the broker ended before it listened%s",
                             farm->log_fd >= 0 ? "; its log says why" : "");
        if (left <= 0)
            return error_set(err, E_TIMEOUT, "the broker did not say where it listens within %d s",
                             (int)(BROKER_PATIENCE / CLOCK_SECOND));
        rc = poll_once(farm, (int)left, &event, &detail, err);
        if (rc == 0 && event == EVENT_STOP)
            rc = error_set(err, E_INTERRUPTED, "interrupted by %s", strsignal(detail));
    }
    return rc;
}

/* An error where nothing can go on: no broker, or no worker, that is not given up. */
static int check_alive(const struct farm *farm, struct error *err)
{
    size_t workers = 0, lost = 0;
    for (size_t i = 0; i < farm->count; i++) {
        if (farm->children[i].role == FARM_BROKER && farm->children[i].given_up)
            return error_set(err, E_STATE, "the broker keeps ending; its log says why");
        workers += farm->children[i].role == FARM_WORKER;
        lost += farm->children[i].given_up;
    }
    if (workers && lost == workers)
        return error_set(err, E_STATE, "every worker keeps ending; the log says why");
    return 0;
}

static bool has_command(const struct farm *farm)
{
    for (size_t i = 0; i < farm->count; i++)
        if (farm->children[i].role == FARM_COMMAND)
            return true;
    return false;
}

int farm_run(struct farm *farm, int *code, struct error *err)
{
    for (;;) {
        enum event event;
        int detail = 0;
        int rc = start_due(farm, err);
        if (rc == 0)
            rc = check_alive(farm, err);
        if (rc == 0)
            rc = poll_once(farm, next_due(farm), &event, &detail, err);
        if (rc != 0)
            return rc;
        switch (event) {
        case EVENT_NONE:
            break;
        case EVENT_COMMAND:
            *code = programs_exit_code(detail);
            return 0;
        case EVENT_STOP:
            *code = has_command(farm) ? 128 + detail : 0;
            return 0;
        }
    }
}

static void signal_role(const struct farm *farm, enum farm_role role, int number)
{
    for (size_t i = 0; i < farm->count; i++)
        if (farm->children[i].role == role && farm->children[i].pid > 0)
            kill(farm->children[i].pid, number);
}

/* Whether a child of the role is still there. */
static bool is_running(struct farm *farm, enum farm_role role)
{
    bool running = false;
    for (size_t i = 0; i < farm->count; i++) {
        struct farm_child *child = &farm->children[i];
        if (child->role != role || child->pid == 0)
            continue;
        if (waitpid(child->pid, NULL, WNOHANG) == 0)
            running = true;
        else
            child->pid = 0;
    }
    return running;
}

/* Ends the children of one role and waits for them. */
static void stop_role(struct farm *farm, enum farm_role role)
{
    int64_t deadline = clock_now() + STOP_PATIENCE;
    bool killed = false;
    signal_role(farm, role, SIGTERM);
    while (is_running(farm, role)) {
        int64_t left = (deadline - clock_now()) / CLOCK_MILLISECOND;
        struct pollfd fd = {.fd = farm->signals, .events = POLLIN};
        struct signalfd_siginfo info;
        if (left <= 0 && killed)
            return; /* not even SIGKILL ends it */
        if (left <= 0) {
            signal_role(farm, role, SIGKILL);
            killed = true;
            deadline = clock_now() + STOP_PATIENCE;
            continue;
        }
        if (poll(&fd, 1, (int)left) > 0)
            while (read(farm->signals, &info, sizeof info) > 0)
                ; /* SIGCHLD: look again; a second Ctrl-C changes nothing */
    }
}

void farm_close(struct farm *farm)
{
    stop_role(farm, FARM_COMMAND);
    stop_role(farm, FARM_WORKER);
    stop_role(farm, FARM_BROKER);
    for (size_t i = 0; i < farm->count; i++)
        free_arguments(farm->children[i].argv);
    free(farm->children);
    if (farm->broker_out >= 0)
        close(farm->broker_out);
    if (farm->log_fd >= 0)
        close(farm->log_fd);
    if (farm->signals >= 0)
        close(farm->signals);
    sigprocmask(SIG_SETMASK, &farm->mask_before, NULL);
    *farm = (struct farm){.signals = -1, .broker_out = -1, .log_fd = -1};
}
