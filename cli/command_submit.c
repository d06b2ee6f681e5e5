/* submit and study. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/jobs.h"
#include "cli/study.h"
#include "common/limits.h"
#include "common/spec.h"

static int read_stdin(struct buffer *text, struct error *err)
{
    char block[4096];
    ssize_t got;
    while ((got = read(STDIN_FILENO, block, sizeof block)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, E_IO, "stdin: %s", strerror(errno));
        int rc = buffer_append(text, block, (size_t)got, err);
        if (rc != 0)
            return error_prefix(err, rc, "stdin");
    }
    return buffer_append(text, "", 1, err);
}

/* Reads a spec and checks it here, so that its mistakes are told with the file's name. */
static int read_spec(const char *path, struct buffer *text, struct error *err)
{
    struct spec *spec = NULL;
    bool from_stdin = strcmp(path, "-") == 0;
    int rc =
        from_stdin ? read_stdin(text, err) : buffer_read_file(text, path, LIMIT_SPEC_BYTES, err);
    if (rc != 0)
        return rc;
    rc = spec_parse((const char *)text->data, from_stdin ? text->size - 1 : text->size, &spec, err);
    if (rc != 0)
        return error_prefix(err, rc, "%s", from_stdin ? "stdin" : path);
    spec_free(&spec);
    return 0;
}

int command_submit(struct cli *cli)
{
    struct buffer text;
    struct error err = {0};
    buffer_init(&text, LIMIT_SPEC_BYTES + 1);
    int code;
    if (read_spec(cli->operands[0], &text, &err) != 0)
        code = cli_fail(cli, &err);
    else
        code = jobs_submit(cli, (const char *)text.data, cli_flag(cli, "wait"));
    buffer_free(&text);
    return code;
}

static int print_yaml(struct cli *cli, const struct buffer *yaml)
{
    if (cli_json(cli))
        return jobs_print_json(cli, json_pack("{s:s}", "spec", (const char *)yaml->data));
    fputs((const char *)yaml->data, cli->out);
    return CLI_OK;
}

int command_study(struct cli *cli)
{
    struct study study = {
        .name = cli_text(cli, "name"),
        .bundle = cli_text(cli, "bundle"),
        .seed = cli_uint(cli, "seed"),
        .faces = cli_uint(cli, "faces"),
        .seeds = cli_text(cli, "seeds"),
        .latents = cli_text(cli, "latents"),
        .samples = cli_uint(cli, "samples"),
        .evaluate = cli_uint(cli, "evaluate"),
        .sheets = (uint32_t)cli_uint(cli, "sheets"),
        .target = cli_text(cli, "target"),
        .distance = cli_real(cli, "distance"),
        .conditions = cli_text(cli, "conditions"),
        .discount = cli_real(cli, "discount"),
        .projection = cli_text(cli, "projection"),
        .strength = cli_real(cli, "strength"),
        .reach = cli_text(cli, "reach"),
        .limit = cli_real(cli, "limit"),
        .estimator = cli_text(cli, "estimator"),
        .off_target = cli_real(cli, "off-target"),
        .sheet_discount = cli_real(cli, "sheet-discount"),
    };
    struct buffer yaml;
    struct error err = {0};
    buffer_init(&yaml, LIMIT_SPEC_BYTES + 1);
    int code;
    if (study_yaml(&study, &yaml, &err) != 0 || buffer_append(&yaml, "", 1, &err) != 0)
        code = cli_fail(cli, &err);
    else if (cli_flag(cli, "dry-run"))
        code = print_yaml(cli, &yaml);
    else
        code = jobs_submit(cli, (const char *)yaml.data, cli_flag(cli, "wait"));
    buffer_free(&yaml);
    return code;
}
