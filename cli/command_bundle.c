/* bundle add, bundle check, bundle plan, label, latents: the worker knows the engine, so it does the work, and says on stderr what
 * is wrong. */
#include <jansson.h>
#include <sys/wait.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/jobs.h"
#include "cli/programs.h"
#include "cli/send.h"

#define CHECK_OUTPUT_MAX (4 << 20)

static int print_check(const struct cli *cli, const struct buffer *output, int status)
{
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (cli_json(cli)) {
        int code = jobs_print_json(cli, json_pack("{s:s,s:b,s:s}", "bundle", cli->operands[0], "ok",
                                                  ok, "output", (const char *)output->data));
        if (code != CLI_OK)
            return code;
    } else {
        fwrite(output->data, 1, output->size - 1, cli->out);
    }
    return ok ? CLI_OK : CLI_FAILED;
}

/* Runs facefarm-worker with these arguments, --device besides if it was given, and prints what it says.
 * argv[0] is set here; three more entries follow the `count` that are filled. */
static int run_worker(struct cli *cli, const char **argv, size_t count)
{
    struct error err = {0};
    struct buffer output;
    char path[PATH_MAX];
    int status = 0;
    if (programs_find("facefarm-worker", path, &err) != 0)
        return cli_fail(cli, &err);
    argv[0] = path;
    if (cli_text(cli, "device")) {
        argv[count++] = "--device";
        argv[count++] = cli_text(cli, "device");
    }
    argv[count] = NULL;
    buffer_init(&output, CHECK_OUTPUT_MAX);
    int rc = programs_capture((char *const *)argv, &output, &status, &err);
    int code = rc == 0 ? print_check(cli, &output, status) : cli_fail(cli, &err);
    buffer_free(&output);
    return code;
}

int command_bundle_check(struct cli *cli)
{
    const char *argv[6] = {NULL, "--check-bundle", cli->operands[0]};
    return run_worker(cli, argv, 3);
}

int command_bundle_plan(struct cli *cli)
{
    char batch[24];
    const char *argv[9] = {NULL, "--plan", cli->operands[0], "--batch", batch};
    size_t count = 5;
    snprintf(batch, sizeof batch, "%llu", (unsigned long long)cli_uint(cli, "batch"));
    if (cli_flag(cli, "tune"))
        argv[count++] = "--tune";
    return run_worker(cli, argv, count);
}

/* The worker prints the table, or its JSON, itself. */
static int relay(struct cli *cli, const char **argv, struct error *err)
{
    struct buffer output;
    char path[PATH_MAX];
    int status = 0;
    int rc = programs_find("facefarm-worker", path, err);
    if (rc)
        return cli_fail(cli, err);
    argv[0] = path;
    buffer_init(&output, CHECK_OUTPUT_MAX);
    rc = programs_capture((char *const *)argv, &output, &status, err);
    if (!rc)
        fwrite(output.data, 1, output.size - 1, cli->out);
    buffer_free(&output);
    if (rc)
        return cli_fail(cli, err);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_OK : CLI_FAILED;
}

/* The folder of --bundle, or of the bundle that is installed. */
static int find_bundle(const struct cli *cli, char installed[PATH_MAX], const char **folder,
                       struct error *err)
{
    *folder = cli_text(cli, "bundle");
    if (*folder)
        return 0;
    *folder = installed;
    return programs_default_bundle(installed, err);
}

int command_latents(struct cli *cli)
{
    struct error err = {0};
    char installed[PATH_MAX];
    const char *argv[12] = {NULL,     "--latents",           cli->operands[0], "--samples",
                            cli_text(cli, "samples"), "--seed", cli_text(cli, "seed"), "--bundle"};
    if (find_bundle(cli, installed, &argv[8], &err) != 0)
        return cli_fail(cli, &err);
    if (cli_text(cli, "device")) {
        argv[9] = "--device";
        argv[10] = cli_text(cli, "device");
    }
    return relay(cli, argv, &err);
}

int command_label(struct cli *cli)
{
    static const char *const passed[] = {"truth", "partition", "scores", "device"};
    static const char *const options[] = {"--truth", "--partition", "--scores", "--device"};
    struct error err = {0};
    char installed[PATH_MAX];
    const char *argv[16] = {NULL, "--label-photos", cli_text(cli, "images"), "--bundle",
                            NULL};
    size_t count = 5;
    if (!argv[2]) {
        error_set(&err, E_INVALID, "--images is missing: the folder of the photos");
        return cli_fail(cli, &err);
    }
    if (find_bundle(cli, installed, &argv[4], &err) != 0)
        return cli_fail(cli, &err);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        if (cli_text(cli, passed[i])) {
            argv[count++] = options[i];
            argv[count++] = cli_text(cli, passed[i]);
        }
    if (cli_json(cli))
        argv[count++] = "--json";
    return relay(cli, argv, &err);
}

/* ---- bundle add ---- */

static int print_added(struct cli *cli, const struct wire_message *message)
{
    const struct wire_bundle_added *added = WIRE_BODY(message, bundle_added);
    if (cli_json(cli))
        return jobs_print_json(cli,
                               json_pack("{s:s,s:s}", "name", added->name, "hash", added->hash));
    fprintf(cli->out, "%s %s\n", added->name, added->hash);
    return CLI_OK;
}

/* The broker of this machine reads the folder itself. */
static int name_folder(struct cli *cli, const char *folder)
{
    struct error err = {0};
    struct client_reply reply = {0};
    struct wire_bundle_add body = {.request = 1, .folder = folder};
    if (client_once(cli_broker(cli), WIRE_BUNDLE_ADD, &body, WIRE_BUNDLE_ADDED, &reply, &err) != 0)
        return cli_fail(cli, &err);
    int code = print_added(cli, &reply.message);
    client_reply_free(&reply);
    return code;
}

int command_bundle_add(struct cli *cli)
{
    struct error err = {0};
    struct transfer_answer answer = {0};
    char *folder = realpath(cli->operands[0], NULL);
    if (!folder) {
        error_set(&err, E_NOT_FOUND, "%s: %m", cli->operands[0]);
        return cli_fail(cli, &err);
    }
    bool here = socket_check_endpoint(cli_broker(cli), false, NULL) == 0;
    int code;
    if (here && !cli_flag(cli, "upload")) {
        code = name_folder(cli, folder);
    } else if (send_bundle(cli_broker(cli), folder, &answer, &err) == 0) {
        code = print_added(cli, &answer.message);
        transfer_answer_free(&answer);
    } else {
        code = cli_fail(cli, &err);
    }
    free(folder);
    return code;
}
