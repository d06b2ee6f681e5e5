/* What the commands about jobs share: submitting, waiting, and jobs as JSON. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include <jansson.h>

#include "cli/cli.h"
#include "common/wire.h"

/* Submits the YAML; with `wait` watches the job to its end. Prints the job's number (or its state
 * as JSON). Returns an exit code. */
int jobs_submit(struct cli *cli, const char *yaml, bool wait);

/* "30m", "2h", "1d", "45s" from `now_ms` on, or a local time "2026-12-24T18:00", as Unix milliseconds. */
MUST_CHECK int jobs_deadline(const char *text, int64_t now_ms, int64_t *deadline_ms,
                             struct error *err);

/* Watches the job to its end and prints its final state. Returns an exit code. */
int jobs_wait(struct cli *cli, uint64_t job);

/* New references, or NULL out of memory. */
json_t *jobs_info_json(const struct wire_job_info *job);
json_t *jobs_state_json(const struct wire_job_state *state);

/* Prints the JSON and drops the reference; returns an exit code. */
int jobs_print_json(const struct cli *cli, json_t *json);

#endif
