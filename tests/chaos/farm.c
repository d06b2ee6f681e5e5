/*
 * Processes and their files. Children die with this process (PDEATHSIG); each writes NAME.log in
 * the folder, which is their working folder, too.
 */
#include "farm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define WORDS_MOST 32

/* ---- the end of a run ---- */

static void kill_all(struct farm *farm)
{
    struct farm_process *all[] = {&farm->broker, &farm->client};
    for (size_t i = 0; i < FARM_PROCESSES; i++)
        farm_kill(farm, &farm->workers[i]);
    for (size_t i = 0; i < 2; i++)
        farm_kill(farm, all[i]);
}

void chaos_fail(struct farm *farm, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "chaos: FAILED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "; its files are in %s\n", farm->folder);
    va_end(args);
    kill_all(farm);
    _exit(1);
}

/* ---- the shim ---- */

static void make_shim(struct farm *farm, struct farm_process *process)
{
    if (process->shim)
        munmap(process->shim, sizeof *process->shim);
    process->shim = NULL;
    snprintf(process->shim_path, sizeof process->shim_path, "%s/%s.shim", farm->folder,
             process->name);
    int fd = open(process->shim_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, sizeof *process->shim) != 0)
        chaos_fail(farm, "%s: %s", process->shim_path, strerror(errno));
    void *block = mmap(NULL, sizeof *process->shim, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (block == MAP_FAILED)
        chaos_fail(farm, "mmap: %s", strerror(errno));
    process->shim = block;
}

/* ---- processes ---- */

static void redirect(const char *path, int as)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0 || dup2(fd, as) < 0)
        _exit(126);
    close(fd);
}

/* In the child: does not return. `words`: the program first, NULL last; `out` and `log`: files in
 * the folder. */
static _Noreturn void become(const struct farm *farm, const struct farm_process *process,
                             const char *const *words, const char *out, const char *log)
{
    char library[600];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(farm->folder) != 0)
        _exit(126);
    redirect(out, STDOUT_FILENO);
    redirect(log, STDERR_FILENO);
    if (farm->use_shim && process->shim) {
        snprintf(library, sizeof library, "%s/tests/chaos/libfacefarm_chaos.so", farm->build);
        setenv("LD_PRELOAD", library, 1);
        setenv(SHIM_FILE, process->shim_path, 1);
    }
    execv(words[0], (char *const *)(uintptr_t)words);
    _exit(127);
}

static pid_t spawn(struct farm *farm, const struct farm_process *process, const char *const *words,
                   const char *out, const char *log)
{
    pid_t pid = fork();
    if (pid < 0)
        chaos_fail(farm, "fork: %s", strerror(errno));
    if (pid == 0)
        become(farm, process, words, out, log);
    return pid;
}

void farm_kill(struct farm *farm, struct farm_process *process)
{
    (void)farm;
    if (process->pid <= 0)
        return;
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    process->pid = 0;
}

/* Waits for the end: what waitpid says. */
static int await(struct farm *farm, struct farm_process *process)
{
    int status = 0;
    int64_t until = clock_now() + FARM_PATIENCE_S * CLOCK_SECOND;
    while (waitpid(process->pid, &status, WNOHANG) == 0) {
        if (clock_now() > until)
            chaos_fail(farm, "%s does not end", process->name);
        farm_pause();
    }
    process->pid = 0;
    return status;
}

void farm_stop(struct farm *farm, struct farm_process *process)
{
    if (process->pid <= 0)
        return;
    kill(process->pid, SIGTERM);
    int status = await(farm, process);
    bool early = WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM; /* it had just been started */
    if (!early && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        chaos_fail(farm, "%s: status %#x after SIGTERM, expected exit code 0", process->name,
                   (unsigned)status);
}

static void check_one(struct farm *farm, struct farm_process *process)
{
    int status;
    if (process->pid > 0 && !process->may_end &&
        waitpid(process->pid, &status, WNOHANG) == process->pid) {
        process->pid = 0;
        chaos_fail(farm, "%s has ended with status %#x", process->name, (unsigned)status);
    }
}

bool farm_has_ended(struct farm *farm, struct farm_process *process)
{
    int status;
    if (!process->may_end || process->pid <= 0 ||
        waitpid(process->pid, &status, WNOHANG) != process->pid)
        return false;
    process->pid = 0;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!killed && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        chaos_fail(farm, "%s has ended with status %#x", process->name, (unsigned)status);
    return true;
}

void farm_check_alive(struct farm *farm)
{
    check_one(farm, &farm->broker);
    for (size_t i = 0; i < FARM_PROCESSES; i++)
        check_one(farm, &farm->workers[i]);
}

void farm_pause(void)
{
    poll(NULL, 0, 2);
}

/* ---- the broker ---- */

/* The port of its line in the log, or 0 as long as there is none. */
static uint16_t read_port(const struct farm *farm)
{
    char path[300], text[4096];
    snprintf(path, sizeof path, "%s/broker.out", farm->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    const char *line = strstr(text, "listening on tcp://127.0.0.1:");
    return line && strchr(line, '\n')
               ? (uint16_t)atoi(line + strlen("listening on tcp://127.0.0.1:"))
               : 0;
}

static void launch_broker(struct farm *farm)
{
    char program[400], endpoint[64], heartbeat[16], silence[16], line[300];
    snprintf(program, sizeof program, "%s/broker/facefarm-broker", farm->build);
    snprintf(endpoint, sizeof endpoint, farm->port ? "tcp://127.0.0.1:%u" : "tcp://127.0.0.1:*",
             farm->port);
    snprintf(heartbeat, sizeof heartbeat, "%d", FARM_HEARTBEAT_MS);
    snprintf(silence, sizeof silence, "%d", FARM_SILENCE_MS);
    snprintf(line, sizeof line, "%s/broker.out", farm->folder);
    unlink(line);
    const char *const words[] = {program,   "--listen",  endpoint, "--db",
                                 "farm.db", "--store",   "store",  "--heartbeat",
                                 heartbeat, "--silence", silence,  NULL};
    farm->broker.pid = spawn(farm, &farm->broker, words, "broker.out", "broker.log");
}

static bool disk_is_bad(const struct farm *farm)
{
    return farm->broker.shim && farm->broker.shim->write_error;
}

void farm_start_broker(struct farm *farm)
{
    uint16_t port;
    int status;
    int64_t until = clock_now() + FARM_PATIENCE_S * CLOCK_SECOND;
    farm->broker.may_end = false;
    if (farm->broker.shim)
        farm->broker.shim->kill_write = farm->broker.shim->fail_write = 0;
    launch_broker(farm);
    while (!(port = read_port(farm))) {
        if (disk_is_bad(farm) && waitpid(farm->broker.pid, &status, WNOHANG) == farm->broker.pid) {
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
                chaos_fail(farm, "the broker ended with status %#x over a bad disk",
                           (unsigned)status);
            farm->broker.shim->write_error = 0;
            launch_broker(farm);
        }
        check_one(farm, &farm->broker);
        if (clock_now() > until)
            chaos_fail(farm, "the broker does not listen");
        farm_pause();
    }
    farm->port = port;
}

void farm_start_and_kill_broker(struct farm *farm)
{
    launch_broker(farm);
    farm_pause();
    farm_kill(farm, &farm->broker);
}

/* ---- workers and clients ---- */

void farm_start_worker(struct farm *farm, unsigned place, const char *name, int64_t session)
{
    unsigned proxy = place % SCHEDULE_WORKERS;
    struct farm_process *worker = &farm->workers[place];
    char program[400], endpoint[64], log[64];
    snprintf(worker->name, sizeof worker->name, "worker-%u", ++farm->started);
    worker->may_end = false;
    snprintf(log, sizeof log, "%s.log", worker->name);
    if (farm->use_shim) {
        make_shim(farm, worker);
        worker->shim->session = session ? session : (int64_t)farm->started + 1000;
    }
    snprintf(program, sizeof program, "%s/worker/facefarm-worker", farm->build);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", farm->proxy_ports[proxy]);
    /* Every other one shares no store: its bundle and its files go over the wire. */
    bool remote = proxy % 2 == 1;
    const char *const words[] = {program,
                                 "--broker",
                                 endpoint,
                                 remote ? "--cache" : "--store",
                                 remote ? "cache" : "store",
                                 "--name",
                                 name ? name : worker->name,
                                 "--device",
                                 "0",
                                 "--threads",
                                 "1",
                                 NULL};
    worker->pid = spawn(farm, worker, words, log, log);
}

static void say_facefarm(const struct farm *farm, const char *const *words, char program[400],
                         char endpoint[64], const char *all[WORDS_MOST])
{
    size_t count = 0;
    snprintf(program, 400, "%s/cli/facefarm", farm->build);
    snprintf(endpoint, 64, "tcp://127.0.0.1:%u", farm->port);
    all[count++] = program;
    while (*words && count < WORDS_MOST - 3)
        all[count++] = *words++;
    all[count++] = "--broker";
    all[count++] = endpoint;
    all[count] = NULL;
}

void farm_start_client(struct farm *farm, const char *const *words)
{
    char program[400], endpoint[64];
    const char *all[WORDS_MOST];
    say_facefarm(farm, words, program, endpoint, all);
    strcpy(farm->client.name, "client");
    farm->client.pid = spawn(farm, &farm->client, all, "client.log", "client.log");
}

int farm_run(struct farm *farm, const char *const *words, const char *out)
{
    char program[400], endpoint[64];
    const char *all[WORDS_MOST];
    struct farm_process process = {.name = "facefarm"};
    say_facefarm(farm, words, program, endpoint, all);
    process.pid = spawn(farm, &process, all, out, out);
    int status = await(farm, &process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the database ---- */

int64_t farm_query(struct farm *farm, const char *sql)
{
    char path[300];
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;
    snprintf(path, sizeof path, "%s/farm.db", farm->folder);
    sqlite3 *db = farm->db;
    if (!db) {
        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
            sqlite3_close(db);
            return 0;
        }
        sqlite3_busy_timeout(db, 20000);
        farm->db = db;
    }
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    else if (code != SQLITE_DONE)
        chaos_fail(farm, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    return value;
}

void farm_hold(struct farm *farm, bool on)
{
    char path[300];
    sqlite3 *db = farm->holder;
    if (!on) {
        sqlite3_close(db);
        farm->holder = NULL;
        return;
    }
    if (db)
        return;
    snprintf(path, sizeof path, "%s/farm.db", farm->folder);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        chaos_fail(farm, "%s: %s", path, sqlite3_errmsg(db));
    sqlite3_busy_timeout(db, 20000);
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        chaos_fail(farm, "the database cannot be held: %s", sqlite3_errmsg(db));
    farm->holder = db;
}

void farm_dump(struct farm *farm, const char *path)
{
    char command[1200];
    const char *const check[] = {"db", "check", "farm.db", "--store", "store", NULL};
    char program[400];
    snprintf(program, sizeof program, "%s/cli/facefarm", farm->build);
    const char *words[WORDS_MOST] = {program};
    for (size_t i = 0; check[i]; i++)
        words[i + 1] = check[i];
    struct farm_process process = {.name = "db check"};
    process.pid = spawn(farm, &process, words, "check.log", "check.log");
    if (await(farm, &process) != 0)
        chaos_fail(farm, "db check found something, see check.log");
    snprintf(command, sizeof command,
             "sqlite3 -readonly '%s/farm.db' <'%s/tests/integration/dump.sql' >'%s'", farm->folder,
             farm->source, path);
    if (system(command) != 0)
        chaos_fail(farm, "the tables cannot be read");
}

/* ---- the whole ---- */

void farm_open(struct farm *farm, const char *folder)
{
    snprintf(farm->folder, sizeof farm->folder, "%s", folder);
    if (mkdir(folder, 0755) != 0)
        chaos_fail(farm, "%s: %s", folder, strerror(errno));
    strcpy(farm->broker.name, "broker");
    if (farm->use_shim)
        make_shim(farm, &farm->broker);
    farm_start_broker(farm);
    for (unsigned i = 0; i < SCHEDULE_WORKERS; i++)
        farm->proxies[i] = proxy_start(farm->port, &farm->proxy_ports[i]);
}

void farm_close(struct farm *farm)
{
    kill_all(farm);
    for (unsigned i = 0; i < SCHEDULE_WORKERS; i++)
        proxy_stop(&farm->proxies[i]);
    farm_hold(farm, false);
    sqlite3_close(farm->db);
    farm->db = NULL;
}
