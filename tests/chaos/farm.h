/*
 * A farm of real processes in a folder of its own, for chaos.c: started, killed, asked about. What
 * cannot be done (a process that does not start, a query that fails) ends the run by chaos_fail.
 */
#ifndef TESTS_CHAOS_FARM_H
#define TESTS_CHAOS_FARM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proxy.h"
#include "schedule.h"
#include "shim.h"

#define FARM_HEARTBEAT_MS 100
#define FARM_SILENCE_MS 1000                  /* a worker is thought lost after it */
#define FARM_PATIENCE_S 240                   /* for anything that is waited for */
#define FARM_PROCESSES (2 * SCHEDULE_WORKERS) /* workers and their twins */

struct farm_process {
    pid_t pid; /* 0: none */
    char name[32];
    bool may_end; /* by itself, with exit code 0 (it was drained) or by SIGKILL (the shim's) */
    char shim_path[300];
    struct shim *shim;
};

struct farm {
    char folder[256];
    const char *build, *source; /* folders */
    bool use_shim;
    unsigned started; /* workers so far, for their names */
    struct farm_process broker, client;
    struct farm_process
        workers[FARM_PROCESSES]; /* the second half: second workers of a name or session */
    struct proxy *proxies[SCHEDULE_WORKERS];
    uint16_t port, proxy_ports[SCHEDULE_WORKERS];
    void *db;     /* sqlite3, read-only */
    void *holder; /* sqlite3 that holds the database, or NULL */
};

/* Ends the run: says what is wrong and where its files are, kills what is running. */
_Noreturn void chaos_fail(struct farm *farm, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The folder is made, and must not be there. */
void farm_open(struct farm *farm, const char *folder);
/* Kills what is left; the files stay. */
void farm_close(struct farm *farm);

/* Starts the broker and waits for its line; the port stays what it was at the first start. Where
 * its disk takes nothing it may end with exit code 1: then the disk is well again and it is started
 * once more, as by systemd. */
void farm_start_broker(struct farm *farm);
/* Starts it, and kills it before it has said its line, or just after. */
void farm_start_and_kill_broker(struct farm *farm);
/* A worker behind proxy i; `name` and `session` are another's, or NULL and 0. */
void farm_start_worker(struct farm *farm, unsigned place, const char *name, int64_t session);
/* `facefarm` with these words, NULL last: as the client, in the background, or waited for (its exit
 * code). */
void farm_start_client(struct farm *farm, const char *const *words);
int farm_run(struct farm *farm, const char *const *words, const char *out);

void farm_kill(struct farm *farm, struct farm_process *process);
/* SIGTERM: it must end with exit code 0. */
void farm_stop(struct farm *farm, struct farm_process *process);
/* Whether a process that may end has ended; fails the run where it did so in another way than it
 * may. */
bool farm_has_ended(struct farm *farm, struct farm_process *process);
/* Fails the run where a process has ended by itself, but the client. */
void farm_check_alive(struct farm *farm);

/* The first column of the first row; 0 where there is none, or no database. */
int64_t farm_query(struct farm *farm, const char *sql);
/* Another program holds the database for writing, or lets it go. */
void farm_hold(struct farm *farm, bool on);
/* A pause between two looks. */
void farm_pause(void);

/* `facefarm db check` finds nothing, also in the store; then the tables as
 * tests/integration/dump.sql tells them, to `path`. */
void farm_dump(struct farm *farm, const char *path);

#endif
