/* The commands' functions: each does what the table in commands.c says and returns an exit code. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

int command_up(struct cli *cli);
int command_submit(struct cli *cli);
int command_study(struct cli *cli);
int command_job_list(struct cli *cli);
int command_job_show(struct cli *cli);
int command_job_cancel(struct cli *cli);
int command_job_pause(struct cli *cli);
int command_job_resume(struct cli *cli);
int command_job_priority(struct cli *cli);
int command_job_retry(struct cli *cli);
int command_job_failures(struct cli *cli);
int command_job_wait(struct cli *cli);
int command_explain(struct cli *cli);
int command_events(struct cli *cli);
int command_user_list(struct cli *cli);
int command_user_set(struct cli *cli);
int command_worker_list(struct cli *cli);
int command_worker_drain(struct cli *cli);
int command_worker_restore(struct cli *cli);
int command_bundle_check(struct cli *cli);
int command_bundle_plan(struct cli *cli);
int command_latents(struct cli *cli);
int command_latents_import(struct cli *cli);
int command_label(struct cli *cli);
int command_bundle_add(struct cli *cli);
int command_boundary_export(struct cli *cli);
int command_boundary_import(struct cli *cli);
int command_photos_import(struct cli *cli);
int command_direction(struct cli *cli);
int command_export(struct cli *cli);
int command_report(struct cli *cli);
int command_db_check(struct cli *cli);
int command_db_backup(struct cli *cli);
int command_keygen(struct cli *cli);
int command_help(struct cli *cli);
int command_completion(struct cli *cli);

#endif
