/*
 * events: the journal, page after page, and with --follow what comes. A follower that hears nothing
 * asks again behind what it has seen, so that neither a broker's restart nor a message that was
 * dropped loses it an event.
 */
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/jobs.h"
#include "common/clock.h"

#define SILENCE (5 * CLOCK_SECOND) /* then a follower asks again */
#define LAST 20                    /* events before the new ones, without --since */

static void print_event(FILE *out, const struct wire_event *e)
{
    char at[32] = "-";
    time_t seconds = (time_t)(e->at_ms / 1000);
    struct tm local;
    if (localtime_r(&seconds, &local))
        strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", &local);
    fprintf(out, "%8llu  %s  %-16s", (unsigned long long)e->id, at, e->event);
    if (e->job)
        fprintf(out, "  job %llu", (unsigned long long)e->job);
    if (e->stage[0])
        fprintf(out, " %s", e->stage);
    if (e->worker[0])
        fprintf(out, "  worker %s", e->worker);
    if (e->old[0] || e->new[0])
        fprintf(out, "  %s%s%s", e->old, e->old[0] ? " -> " : "", e->new);
    if (e->text[0])
        fprintf(out, "  %s", e->text);
    if (e->actor[0])
        fprintf(out, "  (by %s)", e->actor);
    fputc('\n', out);
}

/* A text that is "" where there is none is left out. */
static void set_text(json_t *json, const char *key, const char *text)
{
    if (text[0])
        json_object_set_new(json, key, json_string(text));
}

static void print_event_json(FILE *out, const struct wire_event *e)
{
    json_t *json = json_pack("{s:I,s:I,s:s}", "id", (json_int_t)e->id, "at_ms",
                             (json_int_t)e->at_ms, "event", e->event);
    if (e->job)
        json_object_set_new(json, "job", json_integer((json_int_t)e->job));
    set_text(json, "stage", e->stage);
    set_text(json, "worker", e->worker);
    set_text(json, "old", e->old);
    set_text(json, "new", e->new);
    set_text(json, "actor", e->actor);
    set_text(json, "text", e->text);
    if (json_dumpf(json, out, JSON_COMPACT) == 0)
        fputc('\n', out);
    json_decref(json);
}

static void print_page(const struct cli *cli, const struct wire_events *page)
{
    const struct wire_event *events = WIRE_ITEMS(page->events, event);
    for (size_t i = 0; i < page->events.count; i++) {
        if (cli_json(cli))
            print_event_json(cli->out, &events[i]);
        else
            print_event(cli->out, &events[i]);
    }
    fflush(cli->out);
}

/* Asks for the page behind body->since, which moves on. */
static int ask_page(struct client *client, struct wire_event_list *body, struct client_reply *reply,
                    struct error *err)
{
    body->request = client_request(client);
    int rc = client_call(client, WIRE_EVENT_LIST, body, body->request, WIRE_EVENTS, CLIENT_PATIENCE,
                         reply, err);
    if (rc == 0)
        body->since = WIRE_BODY(&reply->message, events)->scanned;
    return rc;
}

static int print_all(struct cli *cli, struct client *client, struct wire_event_list *body,
                     struct error *err)
{
    bool more = true;
    while (more) {
        struct client_reply reply = {0};
        int rc = ask_page(client, body, &reply, err);
        if (rc != 0)
            return rc;
        more = WIRE_BODY(&reply.message, events)->more;
        print_page(cli, WIRE_BODY(&reply.message, events));
        client_reply_free(&reply);
    }
    return 0;
}

/* Where the newest LAST events begin. */
static int find_last(struct client *client, struct wire_event_list *body, struct error *err)
{
    struct client_reply reply = {0};
    body->since = INT64_MAX;
    int rc = ask_page(client, body, &reply, err);
    client_reply_free(&reply);
    body->since = body->since > LAST ? body->since - LAST : 0;
    return rc;
}

/* Until an error. */
static int follow(struct cli *cli, struct client *client, struct wire_event_list *body,
                  struct error *err)
{
    struct client_reply reply = {0};
    body->follow = 1;
    int rc = ask_page(client, body, &reply, err);
    while (rc == 0) {
        print_page(cli, WIRE_BODY(&reply.message, events));
        client_reply_free(&reply);
        while ((rc = client_await(client, body->request, WIRE_EVENTS, -1, SILENCE, &reply, err)) ==
               0) {
            rc = client_send(client, WIRE_EVENT_LIST, body, err);
            if (rc < 0 && rc != E_NETWORK) /* no room for it now: after the next silence */
                return rc;
        }
        if (rc < 0)
            return rc;
        body->since = WIRE_BODY(&reply.message, events)->scanned;
        rc = 0;
    }
    return rc;
}

int command_events(struct cli *cli)
{
    struct error err = {0};
    struct client *client = NULL;
    bool since = cli_text(cli, "since") != NULL, job = cli_text(cli, "job") != NULL;
    struct wire_event_list body = {.since = since ? cli_uint(cli, "since") : 0,
                                   .job = job ? cli_uint(cli, "job") : 0};
    int rc = client_open(cli_broker(cli), &client, &err);
    if (rc == 0 && cli_flag(cli, "follow") && !since)
        rc = find_last(client, &body, &err);
    if (rc == 0)
        rc = cli_flag(cli, "follow") ? follow(cli, client, &body, &err)
                                     : print_all(cli, client, &body, &err);
    client_close(&client);
    return rc == 0 ? CLI_OK : cli_fail(cli, &err);
}
