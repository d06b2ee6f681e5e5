/* facefarm-broker: options, then broker_run(). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/socket.h"
#include "version.h"

static const char usage[] =
    "usage: facefarm-broker --db FILE --store DIR [options]\n"
    "Splits jobs into tasks, leases them to workers, and keeps their results in FILE.\n"
    "\n"
    "  --listen ENDPOINT  where clients and workers connect (default " SOCKET_DEFAULT_ENDPOINT ")\n"
    "  --db FILE          the SQLite database, made if it is not there\n"
    "  --store DIR        where bundles and images lie\n"
    "  --secret FILE      the broker's key pair (facefarm keygen): everybody has to prove a key, all is encrypted\n"
    "  --keys FILE        the keys that are let in: lines ROLE KEY OWNER; SIGHUP reads it again\n"
    "  --fleet FILE       the classes of workers there can be: lines NAME [device=cpu|gpu|other] [memory=SIZE]\n"
    "                     [labels=KEY=VALUE,...]; a job that none of them could run is refused. SIGHUP reads it\n"
    "                     again. Without it anything may come, and such a job waits\n"
    "  --heartbeat MS     how often a worker says something (default 1000)\n"
    "  --silence MS       after this silence a worker is thought lost (default 5000)\n"
    "  --metrics WHERE    serve Prometheus's metrics: PORT (of 127.0.0.1), ADDRESS:PORT; nobody has to prove anything there\n"
    "  --keep-events N    how many events the journal keeps, at least 1000 (default 200000)\n"
    "  --handshakes N     how many connections may be there that have not proved a key yet (default 1024)\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "Prints \"listening on ENDPOINT\" when it is ready. Ends by SIGTERM or SIGINT with exit code "
    "0;\n"
    "1: an error, told on stderr; 2: these options were not understood.\n";

#define MILLISECONDS_MOST 86400000
#define EVENTS_LEAST 1000
#define EVENTS_MOST 1000000000

/* An option's number of `units` ("" or with a space before them). */
static int parse_number(const char *name, const char *text, int least, int most, const char *units, int *value)
{
    char *end;
    errno = 0;
    long found = strtol(text, &end, 10);
    if (errno || *end || end == text || found < least || found > most) {
        fprintf(stderr, "facefarm-broker: --%s: \"%s\", expected %d to %d%s\n", name, text, least, most, units);
        return -1;
    }
    *value = (int)found;
    return 0;
}

static int parse_ms(const char *name, const char *text, int *value)
{
    return parse_number(name, text, 1, MILLISECONDS_MOST, " milliseconds", value);
}

static const struct option table[] = {
    {"listen", required_argument, NULL, 'l'},  {"db", required_argument, NULL, 'd'},
    {"store", required_argument, NULL, 's'},   {"heartbeat", required_argument, NULL, 'b'},
    {"silence", required_argument, NULL, 'q'}, {"secret", required_argument, NULL, 'k'},
    {"keys", required_argument, NULL, 'a'},    {"version", no_argument, NULL, 'v'},
    {"keep-events", required_argument, NULL, 'e'}, {"metrics", required_argument, NULL, 'm'},
    {"help", no_argument, NULL, 'h'},          {"fleet", required_argument, NULL, 'f'},
    {"handshakes", required_argument, NULL, 'c'}, {0},
};

/* 0: go on; otherwise the exit code + 1. */
static int parse(int argc, char **argv, struct broker_options *options)
{
    int option;
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        if (option == 'l')
            options->listen = optarg;
        else if (option == 'd')
            options->db = optarg;
        else if (option == 's')
            options->store = optarg;
        else if (option == 'k')
            options->secret = optarg;
        else if (option == 'a')
            options->keys = optarg;
        else if (option == 'f')
            options->fleet = optarg;
        else if (option == 'b' && parse_ms("heartbeat", optarg, &options->heartbeat_ms) == 0)
            continue;
        else if (option == 'q' && parse_ms("silence", optarg, &options->silence_ms) == 0)
            continue;
        else if (option == 'e' && parse_number("keep-events", optarg, EVENTS_LEAST, EVENTS_MOST, "", &options->events_kept) == 0)
            continue;
        else if (option == 'c' && parse_number("handshakes", optarg, 1, LIMIT_CONNECTIONS, "", &options->handshakes) == 0)
            continue;
        else if (option == 'm')
            options->metrics = optarg;
        else if (option == 'v')
            return printf("facefarm-broker %s\n", FACEFARM_VERSION) < 0 ? 2 : 1;
        else if (option == 'h')
            return fputs(usage, stdout) == EOF ? 2 : 1;
        else
            return 3;
    }
    if (optind < argc || !options->db || !options->store) {
        fprintf(stderr, "facefarm-broker: %s\n",
                optind < argc ? "too many arguments" : "--db and --store are needed");
        return 3;
    }
    if (options->silence_ms <= options->heartbeat_ms) {
        fprintf(stderr, "facefarm-broker: --silence %d: expected more than --heartbeat %d\n",
                options->silence_ms, options->heartbeat_ms);
        return 3;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct broker_options options = {
        .listen = SOCKET_DEFAULT_ENDPOINT, .heartbeat_ms = 1000, .silence_ms = 5000, .handshakes = LIMIT_HANDSHAKES};
    int parsed = parse(argc, argv, &options);
    if (parsed)
        return parsed - 1;
    log_open("broker", LOG_INFO);
    if (broker_run(&options, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    return 0;
}
