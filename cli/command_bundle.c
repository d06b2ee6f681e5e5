/* bundle check: the worker knows the engine, so it does the work. */
#include <jansson.h>
#include <sys/wait.h>

#include "cli/commands.h"
#include "cli/jobs.h"
#include "cli/programs.h"

#define CHECK_OUTPUT_MAX (4 << 20)

int command_bundle_check(struct cli *cli)
{
    struct error err = {0};
    struct buffer output;
    char path[PATH_MAX];
    const char *argv[8] = {path, "--check-bundle", cli->operands[0]};
    int n = 3, status = 0;
    if (programs_find("facefarm-worker", path, &err) != 0)
        return cli_fail(cli, &err);
    if (cli_text(cli, "device")) {
        argv[n++] = "--device";
        argv[n++] = cli_text(cli, "device");
    }
    if (cli_json(cli))
        argv[n++] = "--json";
    argv[n] = NULL;
    buffer_init(&output, CHECK_OUTPUT_MAX);
    int code;
    if (programs_capture((char *const *)argv, &output, &status, &err) != 0) {
        code = cli_fail(cli, &err);
    } else {
        fwrite(output.data, 1, output.size - 1, cli->out);
        code = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_OK : CLI_FAILED;
    }
    buffer_free(&output);
    return code;
}
