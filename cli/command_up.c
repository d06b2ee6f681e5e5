/* up: what is to be started, in which order, and what is said about it. farm.c keeps it running. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/farm.h"
#include "cli/jobs.h"
#include "cli/programs.h"
#include "common/needs.h"

#define DEVICES_MAX 64
#define BUNDLE_PATIENCE (60 * CLOCK_SECOND)

struct devices {
    int index[DEVICES_MAX];
    char name[DEVICES_MAX][128];
    size_t count;
};

/* Entries are {"index": N, "name": …}; what has no index is its position. */
static void read_devices(const json_t *list, struct devices *devices)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
    {
        if (devices->count == DEVICES_MAX)
            break;
        const json_t *index = json_object_get(entry, "index");
        const char *name = json_string_value(json_object_get(entry, "name"));
        devices->index[devices->count] =
            json_is_integer(index) ? (int)json_integer_value(index) : (int)i;
        snprintf(devices->name[devices->count++], sizeof devices->name[0], "%s",
                 name ? name : "device");
    }
}

/* `chosen`: a --device that the worker is to accept, or NULL. */
static int list_devices(const char *worker, const char *chosen, struct devices *devices,
                        struct error *err)
{
    const char *argv[] = {worker, "--list-devices", "--json", chosen ? "--device" : NULL, chosen,
                          NULL};
    struct buffer output;
    int status = 0;
    buffer_init(&output, 1 << 20);
    int rc = programs_capture((char *const *)argv, &output, &status, err);
    if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        char text[96];
        programs_status(status, text, sizeof text);
        rc = error_set(err, E_DEVICE, "facefarm-worker --list-devices: %s", text);
    }
    if (rc == 0) {
        json_t *json = json_loads((const char *)output.data, 0, NULL);
        read_devices(json_is_array(json) ? json : json_object_get(json, "devices"), devices);
        json_decref(json);
        if (devices->count == 0)
            rc = error_set(err, E_DEVICE,
                           "this machine has no OpenCL device (pocl-opencl-icd gives its CPU)");
    }
    buffer_free(&output);
    return rc;
}

static int add_broker(struct cli *cli, struct farm *farm, struct error *err)
{
    char path[PATH_MAX];
    const char *listen = cli_text(cli, "listen");
    int rc = programs_find("facefarm-broker", path, err);
    if (rc != 0)
        return rc;
    if (!listen)
        listen = cli->rest ? "tcp://127.0.0.1:*" : SOCKET_DEFAULT_ENDPOINT;
    const char *argv[] = {
        path, "--listen", listen, "--db", cli_text(cli, "db"), "--store", cli_text(cli, "store"),
        NULL};
    return farm_add(farm, FARM_BROKER, "broker", argv, err);
}

/* The worker's own options that are handed on as they are. */
static const char *const passed_options[] = {"threads", "memory", "label"};
#define PASSED_OPTIONS (sizeof passed_options / sizeof *passed_options)

/* `device`: what its --device is; `on`: what is said of it. */
static int add_worker(struct cli *cli, struct farm *farm, const char *path, const char *device,
                      const char *on, size_t number, struct error *err)
{
    char name[32], options[PASSED_OPTIONS][16];
    snprintf(name, sizeof name, "worker-%zu", number + 1);
    const char *argv[16] = {
        path,       "--broker", farm->endpoint, "--store", cli_text(cli, "store"),
        "--device", device,     "--name",       name};
    size_t count = 9;
    for (size_t i = 0; i < PASSED_OPTIONS; i++) {
        if (!cli_text(cli, passed_options[i]))
            continue;
        snprintf(options[i], sizeof options[i], "--%s", passed_options[i]);
        argv[count++] = options[i];
        argv[count++] = cli_text(cli, passed_options[i]);
    }
    fprintf(farm->talk, "facefarm up: %s on %s\n", name, on);
    return farm_add(farm, FARM_WORKER, name, argv, err);
}

/* Before a worker ends by them, again and again. */
static int check_labels(const char *text, struct error *err)
{
    struct labels labels = {0};
    int rc = text ? labels_add_list(&labels, text, err) : 0;
    return rc ? error_prefix(err, rc, "--label %.80s", text) : 0;
}

static int add_workers(struct cli *cli, struct farm *farm, struct error *err)
{
    char path[PATH_MAX];
    struct devices devices = {.count = 0};
    const char *workers = cli_text(cli, "workers"), *chosen = cli_text(cli, "device");
    if (workers && cli_uint(cli, "workers") == 0)
        return 0;
    int rc = check_labels(cli_text(cli, "label"), err);
    if (rc == 0)
        rc = programs_find("facefarm-worker", path, err);
    if (rc == 0)
        rc = list_devices(path, chosen, &devices, err);
    if (rc != 0)
        return rc;
    size_t wanted = workers ? cli_uint(cli, "workers") : chosen ? 1 : devices.count;
    for (size_t i = 0; rc == 0 && i < wanted; i++) {
        char index[16];
        snprintf(index, sizeof index, "%d", devices.index[i % devices.count]);
        rc = add_worker(cli, farm, path, chosen ? chosen : index,
                        chosen ? chosen : devices.name[i % devices.count], i, err);
    }
    return rc;
}

static int register_bundle(struct cli *cli, struct farm *farm, struct error *err)
{
    char folder[PATH_MAX];
    struct client *client = NULL;
    struct client_reply reply = {0};
    const char *bundle = cli_text(cli, "bundle");
    if (!bundle && programs_default_bundle(folder, NULL) != 0) {
        fprintf(farm->talk,
                "facefarm up: no bundle is installed here; facefarm bundle add brings one\n");
        return 0;
    }
    if (bundle && !realpath(bundle, folder))
        return error_set(err, E_NOT_FOUND, "%s: %m", bundle);
    int rc = client_open(farm->endpoint, &client, err);
    if (rc != 0)
        return rc;
    struct wire_bundle_add body = {.request = client_request(client), .folder = folder};
    rc = client_call(client, WIRE_BUNDLE_ADD, &body, body.request, WIRE_BUNDLE_ADDED,
                     BUNDLE_PATIENCE, &reply, err);
    if (rc == 0)
        fprintf(farm->talk, "facefarm up: bundle %s (%.12s)\n",
                WIRE_BODY(&reply.message, bundle_added)->name,
                WIRE_BODY(&reply.message, bundle_added)->hash);
    client_reply_free(&reply);
    client_close(&client);
    return rc;
}

static int print_ready(struct cli *cli, const struct farm *farm)
{
    size_t workers = 0;
    for (size_t i = 0; i < farm->count; i++)
        workers += farm->children[i].role == FARM_WORKER;
    fprintf(farm->talk, "facefarm up: ready at %s\n", farm->endpoint);
    if (!cli_json(cli) || cli->rest)
        return CLI_OK;
    int code = jobs_print_json(cli, json_pack("{s:s,s:s,s:s,s:I}", "broker", farm->endpoint, "db",
                                              cli_text(cli, "db"), "store", cli_text(cli, "store"),
                                              "workers", (json_int_t)workers));
    fflush(cli->out);
    return code;
}

static int run_farm(struct cli *cli, struct farm *farm, int *code, struct error *err)
{
    int rc = add_broker(cli, farm, err);
    if (rc == 0)
        rc = farm_start_broker(farm, err);
    if (rc != 0)
        return rc;
    fprintf(farm->talk, "facefarm up: broker at %s, database %s\n", farm->endpoint,
            cli_text(cli, "db"));
    rc = register_bundle(cli, farm, err);
    if (rc == 0)
        rc = add_workers(cli, farm, err);
    if (rc != 0)
        return rc;
    if (print_ready(cli, farm) != CLI_OK)
        return error_set(err, E_IO, "stdout cannot be written");
    if (cli->rest) {
        setenv("FACEFARM_BROKER", farm->endpoint, 1);
        rc = farm_add(farm, FARM_COMMAND, cli->rest[0], (const char *const *)cli->rest, err);
    }
    return rc != 0 ? rc : farm_run(farm, code, err);
}

int command_up(struct cli *cli)
{
    struct farm farm;
    struct error err = {0};
    char log[PATH_MAX];
    int code = CLI_OK;
    const char *log_path = cli_text(cli, "log");
    /* This farm is plain text on loopback; keys are for another. */
    unsetenv(CLIENT_SECRET);
    unsetenv(CLIENT_BROKER_KEY);
    if (!log_path && cli->rest) {
        snprintf(log, sizeof log, "%s.log", cli_text(cli, "db"));
        log_path = log;
    }
    if (farm_open(&farm, cli->talk, log_path, &err) != 0 ||
        run_farm(cli, &farm, &code, &err) != 0) {
        (void)cli_fail(cli, &err);
        code = CLI_FAILED;
        if (log_path)
            fprintf(cli->talk, "facefarm: broker and workers log to %s\n", log_path);
    }
    farm_close(&farm);
    return code;
}
