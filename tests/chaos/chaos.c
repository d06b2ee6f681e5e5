/*
 * Breaks a farm of real processes on a schedule that a seed draws, and compares what is in its
 * tables and its store in the end with an undisturbed run, row for row.
 *
 *     chaos --seed 17            one schedule, which is printed; its files stay where it fails
 *     chaos --seeds 1-200 --jobs 2
 *
 * An event begins when so many tasks are committed, which the database tells; the run ends when the
 * job has. Some faults last a while, measured by the silence after which the broker thinks a worker
 * lost.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "farm.h"
#include "schedule.h"
#include "toy.h"

#define JOBS_MOST 64

struct active {
    bool on;
    int64_t until;
    pid_t pid; /* of the frozen */
};

struct run {
    struct farm farm;
    struct schedule schedule;
    struct active active[SCHEDULE_MOST];
    size_t next; /* event */
};

struct options {
    const char *build, *source;
    uint64_t first, last, jobs;
    bool shim;
    char base[200], reference[240];
};

/* ---- events ---- */

static const char *const wait_words[] = {"job", "wait", "1", NULL};

static struct farm_process *twin_of(struct run *run, unsigned worker)
{
    return &run->farm.workers[worker + SCHEDULE_WORKERS];
}

static void replace_worker(struct run *run, unsigned i)
{
    farm_start_worker(&run->farm, i, NULL, 0);
}

static void stop_worker(struct run *run, struct farm_process *worker)
{
    if (worker->pid > 0)
        kill(worker->pid, SIGCONT); /* it may be frozen */
    farm_stop(&run->farm, worker);
}

static void drain(struct run *run, unsigned i)
{
    const char *const words[] = {"worker", "drain", run->farm.workers[i].name, NULL};
    /* It may not be known yet, or any more: then nothing comes of it. */
    if (farm_run(&run->farm, words, "drain.log") == 0)
        run->farm.workers[i].may_end = twin_of(run, i)->may_end =
            true; /* it may have the same name */
}

/* Who was drained, or is killed at a write, ends by itself; the second of a name or session is not
 * replaced. */
static void follow_ended(struct run *run)
{
    for (unsigned i = 0; i < FARM_PROCESSES; i++)
        if (farm_has_ended(&run->farm, &run->farm.workers[i]) && i < SCHEDULE_WORKERS)
            replace_worker(run, i);
    if (farm_has_ended(&run->farm, &run->farm.broker))
        farm_start_broker(&run->farm);
}

static void add_twin(struct run *run, unsigned i, const char *name, int64_t session)
{
    farm_kill(&run->farm, twin_of(run, i));
    farm_start_worker(&run->farm, i + SCHEDULE_WORKERS, name, session);
}

static void kill_broker(struct run *run, bool twice)
{
    farm_kill(&run->farm, &run->farm.broker);
    if (twice)
        farm_start_and_kill_broker(&run->farm);
    farm_start_broker(&run->farm);
}

static void begin(struct run *run, struct schedule_event *event, struct active *active)
{
    struct farm *farm = &run->farm;
    struct farm_process *worker = &farm->workers[event->worker];
    struct proxy *proxy = farm->proxies[event->worker];
    active->on = schedule_lasts(event->fault);
    active->until =
        clock_now() + (int64_t)event->percent * FARM_SILENCE_MS * CLOCK_MILLISECOND / 100;
    switch (event->fault) {
    case SCHEDULE_KILL_BROKER:
    case SCHEDULE_KILL_BROKER_TWICE:
        kill_broker(run, event->fault == SCHEDULE_KILL_BROKER_TWICE);
        break;
    case SCHEDULE_TERM_BROKER:
        farm_stop(farm, &farm->broker);
        farm_start_broker(farm);
        break;
    case SCHEDULE_KILL_WORKER:
        farm_kill(farm, worker);
        replace_worker(run, event->worker);
        break;
    case SCHEDULE_TERM_WORKER:
        stop_worker(run, worker);
        replace_worker(run, event->worker);
        break;
    case SCHEDULE_DRAIN_WORKER:
        drain(run, event->worker);
        break;
    case SCHEDULE_FREEZE_WORKER:
        active->pid = worker->pid;
        kill(worker->pid, SIGSTOP);
        break;
    case SCHEDULE_KILL_CLIENT:
        farm_kill(farm, &farm->client);
        farm_start_client(farm, wait_words);
        break;
    case SCHEDULE_SAME_NAME:
        add_twin(run, event->worker, worker->name, 0);
        break;
    case SCHEDULE_SAME_SESSION:
        add_twin(run, event->worker, worker->name, worker->shim->session);
        break;
    case SCHEDULE_CUT:
        proxy_order(proxy, PROXY_CUT);
        break;
    case SCHEDULE_STALL:
        proxy_order(proxy, PROXY_STALL);
        break;
    case SCHEDULE_LOSE:
        proxy_order(proxy, PROXY_LOSE);
        break;
    case SCHEDULE_DELAY:
        proxy_order(proxy, PROXY_DELAY);
        break;
    case SCHEDULE_REORDER:
        proxy_order(proxy, PROXY_GHOST);
        break;
    case SCHEDULE_DUPLICATE:
        proxy_order(proxy, PROXY_REPLAY);
        break;
    case SCHEDULE_CLOCK_JUMP:
        farm->broker.shim->clock_offset_ms += ((int64_t)event->percent - 130) * 3600 * 1000;
        break;
    case SCHEDULE_DISK_FULL:
        farm->broker.shim->write_error = ENOSPC;
        break;
    case SCHEDULE_DISK_FAILS:
        farm->broker.shim->write_error = EIO;
        break;
    case SCHEDULE_DISK_READ_ONLY:
        farm->broker.shim->write_error = EROFS;
        break;
    case SCHEDULE_WRITE_FAILS:
        farm->broker.shim->write_error_once = event->percent % 2 ? EIO : ENOSPC;
        farm->broker.shim->fail_write = farm->broker.shim->writes + 1 + event->percent % 50;
        break;
    case SCHEDULE_KILL_AT_WRITE:
        farm->broker.may_end = true;
        farm->broker.shim->kill_write = farm->broker.shim->writes + 1 + event->percent % 50;
        break;
    case SCHEDULE_DATABASE_HELD:
        farm_hold(farm, true);
        break;
    case SCHEDULE_STORE_FULL:
        worker->shim->store_only = 1; /* its device needs room elsewhere */
        worker->shim->write_error = ENOSPC;
        break;
    case SCHEDULE_KILL_WORKER_AT_WRITE:
        worker->may_end = true;
        worker->shim->kill_write = worker->shim->writes + 1 + event->percent % 20;
        break;
    case SCHEDULE_KINDS:
        break;
    }
}

static void end(struct run *run, const struct schedule_event *event, struct active *active)
{
    struct farm *farm = &run->farm;
    struct farm_process *worker = &farm->workers[event->worker];
    active->on = false;
    switch ((int)event->fault) {
    case SCHEDULE_FREEZE_WORKER:
        if (active->pid == worker->pid)
            kill(active->pid, SIGCONT);
        break;
    case SCHEDULE_SAME_SESSION:
        farm_kill(farm, twin_of(run, event->worker));
        break;
    case SCHEDULE_DISK_FULL:
    case SCHEDULE_DISK_FAILS:
    case SCHEDULE_DISK_READ_ONLY:
        farm->broker.shim->write_error = 0;
        break;
    case SCHEDULE_DATABASE_HELD:
        farm_hold(farm, false);
        break;
    case SCHEDULE_STORE_FULL:
        worker->shim->write_error = 0;
        break;
    default:
        proxy_order(farm->proxies[event->worker], PROXY_HEAL);
    }
}

static void follow_schedule(struct run *run, uint64_t tasks, bool over)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < run->next; i++)
        if (run->active[i].on && (over || now >= run->active[i].until))
            end(run, &run->schedule.events[i], &run->active[i]);
    while (!over && run->next < run->schedule.count &&
           run->schedule.events[run->next].at <= tasks) {
        begin(run, &run->schedule.events[run->next], &run->active[run->next]);
        run->next++;
    }
}

/* ---- a run ---- */

static const char tasks_sql[] = "SELECT count(*) FROM task";
static const char ended_sql[] = "SELECT count(*) FROM job WHERE state NOT IN ('running', 'paused')";

/* The client that waits may have lost its patience; a new one takes its place. */
static void follow_client(struct run *run)
{
    int status;
    if (run->farm.client.pid > 0 &&
        waitpid(run->farm.client.pid, &status, WNOHANG) == run->farm.client.pid) {
        run->farm.client.pid = 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            farm_start_client(&run->farm, wait_words);
    }
}

static void start(struct run *run, const struct options *options)
{
    char toy[220], study[300];
    snprintf(toy, sizeof toy, "%s/toy", options->base);
    snprintf(study, sizeof study, "%s/tests/chaos/study.yaml", options->source);
    const char *const add[] = {"bundle", "add", toy, NULL};
    const char *const submit[] = {"submit", study, "--wait", NULL};
    for (unsigned i = 0; i < run->schedule.workers; i++)
        farm_start_worker(&run->farm, i, NULL, 0);
    if (farm_run(&run->farm, add, "client.log") != 0)
        chaos_fail(&run->farm, "bundle add failed, see client.log");
    farm_start_client(&run->farm, submit);
    while (farm_query(&run->farm, "SELECT count(*) FROM job") == 0) {
        farm_check_alive(&run->farm);
        if (kill(run->farm.client.pid, 0) != 0)
            chaos_fail(&run->farm, "submit failed, see client.log");
        farm_pause();
    }
}

static void disturb(struct run *run)
{
    int64_t until = clock_now() + FARM_PATIENCE_S * CLOCK_SECOND;
    while (farm_query(&run->farm, ended_sql) == 0) {
        follow_schedule(run, (uint64_t)farm_query(&run->farm, tasks_sql), false);
        follow_ended(run);
        follow_client(run);
        farm_check_alive(&run->farm);
        if (clock_now() > until)
            chaos_fail(&run->farm, "the job does not end, %lld tasks are committed",
                       (long long)farm_query(&run->farm, tasks_sql));
        farm_pause();
    }
}

/* Nobody is to be killed at a write any more. */
static void calm(struct run *run)
{
    for (size_t i = 0; i < FARM_PROCESSES; i++)
        if (run->farm.workers[i].shim)
            run->farm.workers[i].shim->kill_write = 0;
    if (run->farm.broker.shim)
        run->farm.broker.shim->kill_write = run->farm.broker.shim->fail_write = 0;
}

/* All ends in order, and a client that asks now is told so. */
static void finish(struct run *run)
{
    follow_schedule(run, 0, true);
    calm(run);
    follow_ended(run);
    if (farm_query(&run->farm, "SELECT count(*) FROM failure WHERE code = 'E_FULL'") > 0)
        chaos_fail(&run->farm, "a full disk was counted as a failed attempt");
    farm_kill(&run->farm, &run->farm.client);
    if (farm_run(&run->farm, wait_words, "client.log") != 0)
        chaos_fail(&run->farm, "job wait says that the job is not done, see client.log");
    for (size_t i = 0; i < FARM_PROCESSES; i++)
        stop_worker(run, &run->farm.workers[i]);
    farm_stop(&run->farm, &run->farm.broker);
}

static void run_farm(struct run *run, const struct options *options, const char *folder,
                     const char *tables)
{
    run->farm.build = options->build;
    run->farm.source = options->source;
    run->farm.use_shim = options->shim;
    farm_open(&run->farm, folder);
    start(run, options);
    disturb(run);
    finish(run);
    farm_dump(&run->farm, tables);
}

static void remove_folder(const char *folder)
{
    char command[320];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "chaos: cannot remove %s\n", folder);
}

/* The undisturbed run: how many tasks there are. */
static uint64_t run_reference(struct options *options)
{
    char folder[240];
    struct run run = {.schedule.workers = 1};
    snprintf(folder, sizeof folder, "%s/undisturbed", options->base);
    snprintf(options->reference, sizeof options->reference, "%s/tables", options->base);
    run_farm(&run, options, folder, options->reference);
    uint64_t tasks = (uint64_t)farm_query(&run.farm, tasks_sql);
    farm_close(&run.farm);
    remove_folder(folder);
    return tasks;
}

static void print_schedule(const struct schedule *schedule)
{
    printf("seed %llu, %u workers\n", (unsigned long long)schedule->seed, schedule->workers);
    for (size_t i = 0; i < schedule->count; i++) {
        printf("  ");
        schedule_print_event(&schedule->events[i], stdout);
        printf("\n");
    }
    fflush(stdout);
}

static void run_seed(const struct options *options, uint64_t seed, uint64_t tasks)
{
    char folder[240], tables[240], command[1200];
    struct run run = {0};
    int64_t since = clock_now();
    schedule_draw(&run.schedule, seed, tasks, options->shim);
    print_schedule(&run.schedule);
    snprintf(folder, sizeof folder, "%s/seed-%llu", options->base, (unsigned long long)seed);
    snprintf(tables, sizeof tables, "%s/tables-%llu", options->base, (unsigned long long)seed);
    run_farm(&run, options, folder, tables);
    snprintf(command, sizeof command, "diff -u '%s' '%s' | head -n 40 >&2; cmp -s '%s' '%s'",
             options->reference, tables, options->reference, tables);
    if (system(command) != 0)
        chaos_fail(&run.farm, "seed %llu: the tables differ from the undisturbed run's",
                   (unsigned long long)seed);
    printf("seed %llu: %zu of %zu events, %lld failed attempts, the tables are equal, %.1f s\n",
           (unsigned long long)seed, run.next, run.schedule.count,
           (long long)farm_query(&run.farm, "SELECT count(*) FROM failure"),
           (double)(clock_now() - since) / (double)CLOCK_SECOND);
    fflush(stdout);
    farm_close(&run.farm);
    remove_folder(folder);
    unlink(tables);
}

/* ---- many ---- */

static void fork_seed(const struct options *options, uint64_t seed, uint64_t tasks, pid_t *pid)
{
    fflush(NULL);
    *pid = fork();
    if (*pid < 0) {
        perror("chaos: fork");
        exit(2);
    }
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_seed(options, seed, tasks);
        exit(0);
    }
}

/* How many failed. Children that are not ours (of none) cannot be. */
static unsigned run_seeds(const struct options *options, uint64_t tasks)
{
    pid_t pids[JOBS_MOST] = {0};
    uint64_t seeds[JOBS_MOST] = {0}, seed = options->first, running = 0;
    unsigned failed = 0;
    while (seed <= options->last || running > 0) {
        for (uint64_t i = 0; i < options->jobs && seed <= options->last; i++)
            if (pids[i] == 0) {
                seeds[i] = seed;
                fork_seed(options, seed++, tasks, &pids[i]);
                running++;
            }
        int status;
        pid_t ended = wait(&status);
        for (uint64_t i = 0; i < options->jobs; i++) {
            if (pids[i] != ended)
                continue;
            pids[i] = 0;
            running--;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                failed++;
                fprintf(
                    stderr, "chaos: seed %llu failed (status %#x); once more: chaos --seed %llu\n",
                    (unsigned long long)seeds[i], (unsigned)status, (unsigned long long)seeds[i]);
            }
        }
    }
    return failed;
}

static int parse_seeds(const char *text, struct options *options)
{
    char *end;
    errno = 0;
    options->first = options->last = strtoull(text, &end, 10);
    if (*end == '-' && end != text)
        options->last = strtoull(end + 1, &end, 10);
    return errno || *end || end == text || options->last < options->first ? -1 : 0;
}

static const char usage[] = "usage: chaos --seed N | --seeds A-B [--jobs N]\n"
                            "Breaks a farm on the schedules that the seeds draw, and compares its "
                            "tables with an undisturbed run's.\n"
                            "FACEFARM_BUILD names the build folder; it runs in the source root.\n";

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {{"seed", required_argument, NULL, 's'},
                                          {"seeds", required_argument, NULL, 's'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {0}};
    int option, rc = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1 && rc == 0) {
        if (option == 's')
            rc = parse_seeds(optarg, options);
        else if (option == 'j')
            options->jobs = strtoull(optarg, NULL, 10);
        else
            rc = -1;
    }
    return options->first == UINT64_MAX || options->jobs < 1 || options->jobs > JOBS_MOST ? -1 : rc;
}

int main(int argc, char **argv)
{
    char source[200], toy[220];
    struct options options = {
        .build = getenv("FACEFARM_BUILD"), .first = UINT64_MAX, .jobs = 1, .shim = CHAOS_SHIM};
    if (!options.build || parse(argc, argv, &options) != 0 || !getcwd(source, sizeof source)) {
        fputs(usage, stderr);
        return 2;
    }
    options.source = source;
    snprintf(options.base, sizeof options.base, "%s/tests/chaos/run-XXXXXX", options.build);
    if (!mkdtemp(options.base)) {
        fprintf(stderr, "chaos: %s: %s\n", options.base, strerror(errno));
        return 2;
    }
    if (!options.shim)
        printf("skipped: faults inside of processes, a sanitizer is in their place (LD_PRELOAD)\n");
    snprintf(toy, sizeof toy, "%s/toy", options.base);
    mkdir(toy, 0755);
    toy_write(toy);
    uint64_t tasks = run_reference(&options);
    unsigned failed = run_seeds(&options, tasks);
    printf("chaos: %llu seeds, %u failed\n", (unsigned long long)(options.last - options.first + 1),
           failed);
    if (!failed)
        remove_folder(options.base);
    return failed > 0;
}
