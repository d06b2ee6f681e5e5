/*
 * The report of a job: figures out of the database, pictures out of the store, one HTML file.
 *
 * Every figure is a statement of db/statements/report.sql. The database is only read, also while a
 * broker writes it.
 */
#ifndef CLI_REPORT_REPORT_H
#define CLI_REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "db/database.h"

/* A figure that may be missing (NULL in SQL). */
struct figure {
    bool known;
    double value;
};

struct report_shift {
    int projected;
    int64_t faces;
    double distance, mean_before, mean_after, shift, low, high;
    char target[128]; /* of the edit: the stage's first */
    char words[256];  /* what the edit is where `distance` is no plain step along the target, else "" */
};

struct report_headline {
    int64_t job;
    int64_t faces;                                                      /* labelled */
    int64_t boundaries;                                                 /* of attributes */
    struct figure balanced_accuracy, test_accuracy, base_rate, f1, auc; /* means over them */
    struct report_shift shifts[2]; /* plain, projected, of the first evaluate stage */
    int shifts_count;
    int64_t faces_made, elapsed_ms, workers;
};

/* The job meant: `job`, or the last where it is 0. E_NOT_FOUND where there is none. */
MUST_CHECK int report_find_job(struct database *db, int64_t job, int64_t *found, struct error *err);

MUST_CHECK int report_headline(struct database *db, int64_t job, struct report_headline *headline,
                               struct error *err);

/* Writes OUTPUT/index.html, OUTPUT/report.json and OUTPUT/sheets/. What is missing in the store is said on `talk` and
 * in the page, and is no error. */
MUST_CHECK int report_write(struct database *db, const char *store, const char *output, int64_t job,
                            FILE *talk, struct error *err);

#endif
