/* Finding and starting programs. Between fork and exec only async-signal-safe calls are made. */
#include "cli/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int own_folder(char path[PATH_MAX], struct error *err)
{
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (size < 0)
        return error_set(err, E_IO, "/proc/self/exe: %s", strerror(errno));
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return 0;
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Whether FOLDER/MIDDLE/NAME is a program; its path without links is in `path` then. */
static bool try_folder(const char *folder, const char *middle, const char *name,
                       char path[PATH_MAX])
{
    char candidate[PATH_MAX];
    int size = snprintf(candidate, sizeof candidate, "%s/%s/%s", folder, middle, name);
    return size > 0 && size < PATH_MAX && is_program(candidate) && realpath(candidate, path);
}

static bool search_path(const char *name, char path[PATH_MAX])
{
    const char *list = getenv("PATH");
    for (const char *p = list ? list : ""; *p;) {
        size_t length = strcspn(p, ":");
        int size = snprintf(path, PATH_MAX, "%.*s/%s", (int)length, p, name);
        if (length && size > 0 && size < PATH_MAX && is_program(path))
            return true;
        p += length;
        p += *p == ':';
    }
    return false;
}

int programs_find(const char *name, char path[PATH_MAX], struct error *err)
{
    static const char *const middles[] = {".", "../broker", "../worker", "../libexec/facefarm"};
    char folder[PATH_MAX];
    const char *libexec = getenv("FACEFARM_LIBEXEC");
    if (libexec && *libexec && try_folder(libexec, ".", name, path))
        return 0;
    int rc = own_folder(folder, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < sizeof middles / sizeof *middles; i++)
        if (try_folder(folder, middles[i], name, path))
            return 0;
    if (search_path(name, path))
        return 0;
    return error_set(
        err, E_NOT_FOUND,
        "%s is neither beside facefarm (%s) nor in PATH; FACEFARM_LIBEXEC names its folder", name,
        folder);
}

int programs_default_bundle(char path[PATH_MAX], struct error *err)
{
    static const char *const places[] = {"../share/facefarm/bundles/default",
                                         "../../../models/default"};
    char folder[PATH_MAX], candidate[PATH_MAX], file[PATH_MAX + 16];
    int rc = own_folder(folder, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (snprintf(candidate, sizeof candidate, "%s/%s", folder, places[i]) >= PATH_MAX)
            continue;
        snprintf(file, sizeof file, "%s/bundle.yaml", candidate);
        if (access(file, R_OK) == 0 && realpath(candidate, path))
            return 0;
    }
    return error_set(err, E_NOT_FOUND,
                     "no bundle is installed with this facefarm; --bundle names one");
}

static void become(char *const *argv, int out_fd, int err_fd, enum programs_group group,
                   pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127); /* the parent ended before the line above */
    if (group == PROGRAMS_OWN_GROUP)
        setpgid(0, 0);
    if (out_fd >= 0)
        dup2(out_fd, STDOUT_FILENO);
    if (err_fd >= 0)
        dup2(err_fd, STDERR_FILENO);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], argv);
    const char *reason = strerrordesc_np(errno);
    const char *const words[] = {"facefarm: ", argv[0], ": ", reason ? reason : "cannot be run",
                                 "\n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (write(STDERR_FILENO, words[i], strlen(words[i])) < 0)
            break;
    _exit(127);
}

int programs_start(char *const *argv, int out_fd, int err_fd, enum programs_group group, pid_t *pid,
                   struct error *err)
{
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0)
        return error_set(err, E_IO, "%s: fork: %s", argv[0], strerror(errno));
    if (child == 0)
        become(argv, out_fd, err_fd, group, parent);
    *pid = child;
    return 0;
}

static int read_all(int fd, struct buffer *out, struct error *err)
{
    char block[4096];
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, E_IO, "pipe: %s", strerror(errno));
        if (got == 0)
            return buffer_append(out, "", 1, err);
        int rc = buffer_append(out, block, (size_t)got, err);
        if (rc != 0)
            return rc;
    }
}

int programs_capture(char *const *argv, struct buffer *out, int *status, struct error *err)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(err, E_IO, "pipe: %s", strerror(errno));
    int rc = programs_start(argv, ends[1], -1, PROGRAMS_SAME_GROUP, &pid, err);
    close(ends[1]);
    if (rc == 0) {
        rc = read_all(ends[0], out, err);
        if (rc != 0)
            kill(pid, SIGTERM);
        while (waitpid(pid, status, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    return rc;
}

void programs_status(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "killed by SIG%s (%s)", sigabbrev_np(WTERMSIG(status)),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "exit %d", WEXITSTATUS(status));
}

int programs_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
