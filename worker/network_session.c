/* Hello, heartbeat and goodbye. */
#include <stdio.h>

#include "common/log.h"
#include "common/text.h"
#include "worker/device.h"
#include "worker/network_priv.h"

#define HELLOS_A_SOCKET 4 /* unanswered ones, before the connection itself is doubted */

bool network_tell(struct network *network, enum wire_type type, const void *body)
{
    struct error err;
    int failed = socket_send(network->socket, NULL, type, body, &err);
    if (failed)
        log_warning("%s not sent: %s", wire_type_name(type), err.text);
    return !failed;
}

void network_read_store(const struct network *network, char id[STORE_ID_BYTES])
{
    if (!network->options->store || store_id_read(network->options->store, id, NULL) < 0)
        *id = '\0';
}

void network_say_hello(struct network *network, int64_t now)
{
    network_read_store(network, network->store);
    network->broker = BROKER_GREETED;
    network->refused = false;
    network->hello_at = now;
    struct wire_hello hello = network->options->hello;
    struct wire_held_task held[LIMIT_HELD];
    hello.store = network->store;
    hello.newest = network->held.newest;
    hello.held = WIRE_LIST(held, held_list(&network->held, held, LIMIT_HELD));
    char device[LIMIT_TEXT_BYTES];
    if (network->recovery.state != RECOVERY_READY) {
        snprintf(device, sizeof device, "%.*s (lost)", DEVICE_NAME_MAX, hello.device);
        hello.device = device;
        hello.credit = 0;
    }
    if (network->store_at) {
        snprintf(device, sizeof device, "%.*s (store %s)", DEVICE_NAME_MAX, hello.device,
                 network->store_is);
        hello.device = device;
        hello.credit = 0;
    }
    if (network->draining)
        hello.credit = 0;
    network_tell(network, WIRE_HELLO, &hello);
}

int network_connect(struct network *network, struct error *err)
{
    const struct key_client *keys = network->options->keys;
    bool on = keys && keys->on;
    const struct socket_keys curve = {on ? &keys->own : NULL, on ? keys->broker : NULL};
    socket_close(&network->socket);
    return socket_connect_dealer(network->context, network->options->endpoint, on ? &curve : NULL,
                                 &network->socket, err);
}

void network_give_leases_back(struct network *network, int64_t now)
{
    const struct wire_goodbye goodbye = {.session = network->options->hello.session};
    network->give_back = !network_tell(network, WIRE_GOODBYE, &goodbye); /* or at the next turn */
    if (!network->give_back)
        network_say_hello(network, now);
}

void network_beat(struct network *network)
{
    const struct network_options *options = network->options;
    char log[LOG_KEPT_BYTES + 1] = "";
    uint64_t logged = log_count();
    if (logged != network->log_told)
        log_tail(log, sizeof log);
    text_scrub(log);
    const struct wire_worker_stats stats = {
        .busy_us = options->health ? health_busy_us(options->health) : 0,
        .mflop = options->health ? (uint64_t)atomic_load(&options->health->mflop) : 0,
        .millikelvin = health_millikelvin(&network->sensor, HEALTH_HWMON, options->device_kind),
        .log = log,
    };
    const struct wire_heartbeat heartbeat = {options->hello.session,
                                             WIRE_LIST(&stats, options->health ? 1 : 0)};
    if (network_tell(network, WIRE_HEARTBEAT, &heartbeat))
        network->log_told = logged;
}

static void greet_silent(struct network *network, int64_t now)
{
    struct error err;
    if (network->broker == BROKER_KNOWS_US)
        log_warning("the broker at %s is silent; tasks go on, trying to reach it",
                    network->options->endpoint);
    if (++network->unanswered % HELLOS_A_SOCKET == 0 && network_connect(network, &err))
        log_error("%s", err.text); /* tried again after as many silences */
    network->hello_at = now;
    if (network->socket)
        network_say_hello(network, now);
}

void network_greet_due(struct network *network, int64_t now)
{
    int64_t last = network->heard_at > network->hello_at ? network->heard_at : network->hello_at;
    if (now >= last + network->silence) {
        greet_silent(network, now);
    } else if (network->refused && now >= network->hello_at + network->heartbeat) {
        network_say_hello(network, now);
    }
}
