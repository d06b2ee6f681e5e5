/*
 * facefarm-worker: the work of one or more OpenCL devices for a broker.
 *
 * Exit codes: 0 done (also after SIGTERM), 1 an error (told on stderr), 2 wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/needs.h"
#include "common/socket.h"
#include "version.h"
#include "worker/check.h"
#include "worker/latents.h"
#include "worker/photo_label.h"
#include "worker/plan_report.h"
#include "worker/worker.h"

enum { EXIT_USAGE = 2 };
#define PLAN_BATCH 64

struct options {
    struct worker_options worker;
    struct labels labels;
    const char *secret, *broker_key; /* see key_client_read */
    const char *device;
    unsigned threads;
    const char *check; /* folder of a bundle */
    const char *plan;  /* folder of a bundle, or an ONNX file */
    struct photo_label_options photos;
    struct latents_options latents;
    const char *bundle; /* of --label-photos and --latents */
    bool list_devices, json, tune;
};

/* One table gives parsing and help. */
struct option_line {
    const char *name;
    int letter;
    const char *argument; /* NULL: a switch */
    const char *help;
};

static const struct option_line option_lines[] = {
    {"broker", 'b', "ENDPOINT", "the broker to work for (default " SOCKET_DEFAULT_ENDPOINT ")"},
    {"secret", 'k', "FILE",
     "this worker's key pair (facefarm keygen; also FACEFARM_SECRET): proves who it is, and encrypts"},
    {"broker-key", 'K', "KEY", "with --secret: the broker's public key, or a file with it (also FACEFARM_BROKER_KEY)"},
    {"store", 's', "DIR",
     "the broker's store, where it is a folder here as well: bundles in, images out\n"
     "(default: both go over the wire)"},
    {"cache", 'C', "DIR",
     "where fetched bundles are kept (default: FACEFARM_CACHE, or XDG_CACHE_HOME/facefarm,\n"
     "or ~/.cache/facefarm)"},
    {"cache-size", 'Z', "SIZE", "at most so much of them, e.g. 900M, 12G (default: 20G)"},
    {"device", 'd', "DEVICES",
     "which to use, side by side: gpu, all, 0,2, part of a name, cpu:2 (two threads); or list\n"
     "(default: every GPU; without one the best CPU)"},
    {"threads", 't', "N", "compute units to use of each CPU named without a number (default: all)"},
    {"memory", 'm', "SIZE",
     "at most so much of each device, e.g. 900M, 12G (default: 4/5 of a GPU, half of others)"},
    {"name", 'n', "NAME", "how the worker is called (default: host and process)"},
    {"label", 'A', "LABELS",
     "what stages may need: KEY=VALUE, several with commas, e.g. zone=a,rack=3"},
    {"batch", 'B', "N", "faces at once, fewer where memory is short (default 64)"},
    {"time-limit", 'L', "SECONDS",
     "begin no task after so long, deliver what runs, and end (default: never)"},
    {"list-devices", 'l', NULL, "print the OpenCL devices and exit, after checking --device"},
    {"json", 'j', NULL, "with --list-devices or --label-photos: as JSON"},
    {"check-bundle", 'c', "DIR", "check that the bundle in DIR runs, and exit"},
    {"plan", 'p', "PATH", "print how a bundle, or an ONNX file, runs here at --batch, and exit"},
    {"tune", 'T', NULL, "with --plan: first find the fastest blocks, and keep them"},
    {"label-photos", 'I', "DIR", "score the photos in DIR with the labellers of --bundle, and exit"},
    {"latents", 'x', "FILE", "write the latents of --samples of --seed for --bundle as .npy, and exit"},
    {"samples", 'a', "RANGES", "with --latents: which, as 0-9999,12000"},
    {"seed", 'e', "S", "with --latents: the seed (default 1)"},
    {"bundle", 'u', "DIR", "with --label-photos or --latents: the bundle"},
    {"truth", 'U', "FILE", "with --label-photos: attributes of the photos, CelebA's list or CSV"},
    {"partition", 'P', "FILE", "with --label-photos: which photos are for training, validation, test"},
    {"scores", 'S', "FILE", "with --label-photos: write the scores as CSV"},
    {"version", 'v', NULL, "print the version and exit"},
    {"help", 'h', NULL, "print this and exit"},
};
#define OPTION_COUNT (sizeof option_lines / sizeof *option_lines)

static void print_help(FILE *out)
{
    fputs("usage: facefarm-worker [options]\n\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s %s", option_lines[i].name,
                 option_lines[i].argument ? option_lines[i].argument : "");
        const char *help = option_lines[i].help, *more = strchr(help, '\n');
        fprintf(out, "  %-22s %.*s\n", left, more ? (int)(more - help) : (int)strlen(help), help);
        if (more)
            fprintf(out, "  %-22s %s\n", "", more + 1);
    }
}

static int parse_number(const char *name, const char *text, unsigned long most,
                        unsigned long *number, struct error *err)
{
    char *end = NULL;
    *number = strtoul(text, &end, 10);
    if (strchr("0123456789", *text) && *text && *end == '\0' && *number <= most)
        return 0;
    return error_set(err, E_INVALID, "--%s %s: expected a number up to %lu", name, text, most);
}

static int parse_size(const char *name, const char *text, uint64_t *bytes, struct error *err)
{
    if (needs_parse_size(text, bytes))
        return 0;
    return error_set(err, E_INVALID, "--%s %s: expected bytes, or a number and K, M, G or T", name,
                     text);
}

static int add_labels(struct options *options, const char *text, struct error *err)
{
    int failed = labels_add_list(&options->labels, text, err);
    return failed ? error_prefix(err, failed, "--label %.80s", text) : 0;
}

static int set_option(struct options *options, int letter, const char *argument, struct error *err)
{
    unsigned long number = 0;
    int failed = 0;
    switch (letter) {
    case 'b':
        options->worker.endpoint = argument;
        return 0;
    case 'k':
        options->secret = argument;
        return 0;
    case 'K':
        options->broker_key = argument;
        return 0;
    case 's':
        options->worker.runner.store = argument;
        return 0;
    case 'C':
        options->worker.cache = argument;
        return 0;
    case 'Z':
        return parse_size("cache-size", argument, &options->worker.cache_size, err);
    case 'd':
        options->list_devices |= strcmp(argument, "list") == 0;
        options->device = argument;
        return 0;
    case 'm':
        return parse_size("memory", argument, &options->worker.runner.memory, err);
    case 'A':
        return add_labels(options, argument, err);
    case 't':
        failed = parse_number("threads", argument, 4096, &number, err);
        options->threads = (unsigned)number;
        return failed;
    case 'n':
        options->worker.name = argument;
        if (*argument == '\0' || strlen(argument) > LIMIT_NAME_BYTES)
            return error_set(err, E_LIMIT,
                             "--name of %zu bytes: 1 to LIMIT_NAME_BYTES, which is %d",
                             strlen(argument), LIMIT_NAME_BYTES);
        return 0;
    case 'B':
        failed = parse_number("batch", argument, 65536, &number, err);
        options->worker.runner.batch = number;
        return failed;
    case 'L':
        failed = parse_number("time-limit", argument, 1000000000, &number, err);
        options->worker.time_limit = (int64_t)number * CLOCK_SECOND;
        return failed;
    case 'l':
        options->list_devices = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case 'c':
        options->check = argument;
        return 0;
    case 'p':
        options->plan = argument;
        return 0;
    case 'T':
        options->tune = true;
        return 0;
    case 'I':
        options->photos.images = argument;
        return 0;
    case 'u':
        options->bundle = argument;
        return 0;
    case 'x':
        options->latents.output = argument;
        return 0;
    case 'a':
        options->latents.samples = argument;
        return 0;
    case 'e':
        failed = parse_number("seed", argument, INT64_MAX, &number, err);
        options->latents.seed = number;
        return failed;
    case 'U':
        options->photos.truth = argument;
        return 0;
    case 'P':
        options->photos.partition = argument;
        return 0;
    case 'S':
        options->photos.scores = argument;
        return 0;
    }
    return error_set(err, E_INVALID, "--help lists the options");
}

static int take_keys(struct options *options, struct error *err)
{
    int failed = key_client_read(options->secret, options->broker_key, &options->worker.keys, err);
    return failed ? failed : socket_check_endpoint(options->worker.endpoint, options->worker.keys.on, err);
}

/* Fills `options`; *done with *code where the process has nothing more to do. */
static void parse_options(int argc, char **argv, struct options *options, bool *done, int *code)
{
    struct option longs[OPTION_COUNT + 1] = {0};
    struct error err;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        longs[i] = (struct option){option_lines[i].name,
                                   option_lines[i].argument ? required_argument : no_argument, NULL,
                                   option_lines[i].letter};
    *done = true;
    *code = EXIT_SUCCESS;
    for (int letter; (letter = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (letter == 'h') {
            print_help(stdout);
            return;
        }
        if (letter == 'v') {
            puts("facefarm-worker " FACEFARM_VERSION);
            return;
        }
        if (set_option(options, letter, optarg, &err)) {
            fprintf(stderr, "facefarm-worker: %s\n", err.text);
            *code = EXIT_USAGE;
            return;
        }
    }
    *done = optind < argc;
    if (*done) {
        fprintf(stderr, "facefarm-worker: %s is no option\n", argv[optind]);
        *code = EXIT_USAGE;
    } else if (take_keys(options, &err)) {
        fprintf(stderr, "facefarm-worker: %s\n", err.text);
        *code = EXIT_USAGE;
        *done = true;
    }
}

/* SIGTERM and SIGINT become readable on a file descriptor, in every thread made after this. */
static int open_stop_fd(struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? error_set(err, E_IO, "signalfd: %s", strerror(errno)) : fd;
}

/* Lists all devices; a --device beside it is only checked. */
static int list_devices(const struct options *options, struct error *err)
{
    struct device_choice devices[DEVICE_CHOICES_MAX];
    size_t count = 0;
    bool check = options->device && strcmp(options->device, "list") != 0;
    int failed =
        check ? worker_choose_devices(options->device, options->threads, devices, &count, err) : 0;
    return failed ? failed : check_list_devices(options->json, stdout, err);
}

static int work(struct options *options, struct error *err)
{
    /* First, because the OpenCL driver starts threads as soon as it is asked for devices. */
    int fd = open_stop_fd(err);
    if (fd < 0)
        return fd;
    struct device_choice devices[DEVICE_CHOICES_MAX];
    options->worker.stop_fd = fd;
    options->worker.devices = devices;
    options->worker.labels = options->labels.text;
    int failed = worker_choose_devices(options->device, options->threads, devices,
                                       &options->worker.device_count, err);
    if (!failed)
        failed = worker_run(&options->worker, err);
    close(fd);
    return failed;
}

static size_t plan_batch(const struct options *options)
{
    return options->worker.runner.batch ? options->worker.runner.batch : PLAN_BATCH;
}

static int label(struct options *options, struct error *err)
{
    if (!options->bundle)
        return error_set(err, E_INVALID, "--bundle is missing: the folder of the bundle that labels");
    options->photos.bundle = options->bundle;
    options->photos.device = options->device;
    options->photos.batch = plan_batch(options);
    options->photos.json = options->json;
    return photo_label(&options->photos, stdout, err);
}

static int write_latents(struct options *options, struct error *err)
{
    if (!options->bundle || !options->latents.samples)
        return error_set(err, E_INVALID, "--%s is missing", options->bundle ? "samples" : "bundle");
    options->latents.bundle = options->bundle;
    options->latents.device = options->device;
    options->latents.batch = plan_batch(options);
    return latents_write(&options->latents, err);
}

int main(int argc, char **argv)
{
    struct options options = {
        .latents = {.seed = 1},
        .worker = {.endpoint = SOCKET_DEFAULT_ENDPOINT, .recovery = recovery_defaults},
        .secret = getenv("FACEFARM_SECRET"),
        .broker_key = getenv("FACEFARM_BROKER_KEY")};
    struct error err = {0};
    bool done = false;
    int code = EXIT_SUCCESS, failed = 0;
    parse_options(argc, argv, &options, &done, &code);
    if (done)
        return code;
    log_open("worker", LOG_INFO);
    if (options.threads == 0 && !(options.device && strchr(options.device, ':'))) /* no part of a CPU */
        device_keep_to_cores();
    if (options.list_devices)
        failed = list_devices(&options, &err);
    else if (options.check)
        failed = check_bundle(options.check, options.device, stdout, &err);
    else if (options.latents.output)
        failed = write_latents(&options, &err);
    else if (options.photos.images)
        failed = label(&options, &err);
    else if (options.plan)
        failed = plan_report(options.plan, options.device, plan_batch(&options), options.tune,
                             stdout, &err);
    else
        failed = work(&options, &err);
    if (failed)
        fprintf(stderr, "facefarm-worker: %s\n", err.text);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
