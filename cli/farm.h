/*
 * The farm on this machine: a broker and its workers as children that are started again when they
 * crash.
 *
 * One thread, one poll over a signalfd and the broker's stdout. A child that ends is due again
 * after a back-off that doubles from half a second to thirty; one that does not live five seconds,
 * five times in a row, is given up. Children die with this process.
 */
#ifndef CLI_FARM_H
#define CLI_FARM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/socket.h"

enum farm_role {
    FARM_BROKER,
    FARM_WORKER,
    FARM_COMMAND, /* not started again: its end is the farm's */
};

struct farm_child {
    enum farm_role role;
    char name[64];
    char **argv;        /* owned, NULL-terminated */
    pid_t pid;          /* 0: not running */
    int64_t started_at; /* monotonic ns */
    int64_t due_at;     /* when it is to be started again; 0: it is not */
    int early_ends;     /* in a row */
    bool given_up;
};

struct farm {
    FILE *talk;
    struct farm_child *children;
    size_t count, capacity;
    int signals;    /* signalfd */
    int broker_out; /* what the broker prints, or −1 */
    int log_fd;     /* the children's stderr, or −1: ours */
    sigset_t mask_before;
    char endpoint[SOCKET_ENDPOINT_MAX]; /* once the broker printed it */
    char line[512];                     /* of the broker's stdout, not yet ended */
    size_t line_size;
};

/* Blocks SIGCHLD, SIGINT and SIGTERM and opens their signalfd. log_path may be NULL. */
MUST_CHECK int farm_open(struct farm *farm, FILE *talk, const char *log_path, struct error *err);
/* Ends the children (SIGTERM, after ten seconds SIGKILL): command, workers, broker. Restores the
 * signals. */
void farm_close(struct farm *farm);

/* Adds a child with a copy of argv; it is started by the next farm_run or by farm_start_broker. */
MUST_CHECK int farm_add(struct farm *farm, enum farm_role role, const char *name,
                        const char *const *argv, struct error *err);

/* Starts the broker (the first child) and waits until it printed where it listens. */
MUST_CHECK int farm_start_broker(struct farm *farm, struct error *err);

/* Starts what is due and keeps it running until the command ends (its exit code is in *code), a
 * signal to stop comes (0; for a farm with a command 128 + its number), or the broker or all
 * workers had to be given up (an error). */
MUST_CHECK int farm_run(struct farm *farm, int *code, struct error *err);

#endif
