/* A real broker with keys: who may say what, whose jobs are whose, and what revocation ends. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROLES 3
#define PATIENCE_MS 20000

static const char label_yaml[] = "format: facefarm-job/1\n"
                                 "name: labels\n"
                                 "bundle: toy\n"
                                 "seed: 1\n"
                                 "stages:\n"
                                 "  - {kind: label, name: labels, count: 64, task_size: 16}\n";

/* A farm with a key of each role: a client's (ada), a worker's (gpu), an admin's (root). */
struct secured {
    struct support s;
    struct key_pair keys[ROLES];
};

static const char *const owners[ROLES] = {"ada", "gpu", "root"};

static void append_key(char *text, size_t room, const char *role, const struct key_pair *pair,
                       const char *owner)
{
    size_t size = strlen(text);
    snprintf(text + size, room - size, "%s %s %s # made by a test\n", role, pair->public, owner);
}

static void make_key(struct key_pair *pair)
{
    struct error err = {0};
    if (key_pair_make(pair, &err) < 0)
        fail_msg("%s", err.text);
}

/* Authorizes the three, without the one at `without` (−1: all), and one more as a `role`. */
static void authorize(struct secured *f, int without, const char *role, const struct key_pair *more)
{
    char text[1024] = "# who is let in\n\n";
    for (int i = 0; i < ROLES; i++)
        if (i != without)
            append_key(text, sizeof text, key_role_name((enum key_role)i), &f->keys[i], owners[i]);
    if (more)
        append_key(text, sizeof text, role, more, "bob");
    support_authorize(&f->s, text);
}

static void open_secured(struct secured *f)
{
    support_open(&f->s);
    support_secure(&f->s);
    for (int i = 0; i < ROLES; i++)
        make_key(&f->keys[i]);
    authorize(f, -1, NULL, NULL);
    support_start(&f->s, 1000, 60000);
}

/* Two round trips, so that the broker has seen a signal that was sent before. */
static void let_it_see(struct peer *admin)
{
    for (int i = 0; i < 2; i++) {
        peer_send(admin, WIRE_WORKER_LIST, &(struct wire_worker_list){1});
        peer_expect(admin, WIRE_WORKERS);
    }
}

static void expect_refusal(struct peer *peer, const char *code)
{
    const struct wire_refused *told = peer_expect(peer, WIRE_REFUSED);
    if (strcmp(told->code, code) != 0)
        fail_msg("%s (%s), expected %s", told->code, told->text, code);
}

/* ---- role × message ---- */

/* Which roles may say it: c(lient), w(orker), a(dmin). A message that isn't here is nobody's to
 * say. */
static const struct {
    enum wire_type type;
    const char *who;
} matrix[] = {
    {WIRE_SUBMIT, "ca"},          {WIRE_BUNDLE_ADD, "a"},    {WIRE_JOB_LIST, "ca"},
    {WIRE_JOB_SHOW, "ca"},        {WIRE_JOB_WATCH, "ca"},    {WIRE_JOB_CANCEL, "ca"},
    {WIRE_WORKER_LIST, "ca"},     {WIRE_HELLO, "w"},         {WIRE_HEARTBEAT, "w"},
    {WIRE_RESULT, "w"},           {WIRE_RESULTS, "w"},       {WIRE_FAILED, "w"},        {WIRE_FETCH_SCORES, "w"},
    {WIRE_FETCH_DIRECTIONS, "w"}, {WIRE_GOODBYE, "w"},       {WIRE_JOB_RETRY, "ca"},
    {WIRE_WORKER_ORDER, "a"},     {WIRE_JOB_FAILURES, "ca"},  {WIRE_JOB_ORDER, "ca"},
    {WIRE_USER_LIST, "a"},        {WIRE_USER_SET, "a"},      {WIRE_JOB_EXPLAIN, "ca"},
    {WIRE_FETCH_FOLDER, "w"},     {WIRE_FETCH_CHUNK, "w"},   {WIRE_UPLOAD, "w"},
    {WIRE_UPLOAD_CHUNK, "wa"},    {WIRE_UPLOAD_END, "wa"},   {WIRE_BUNDLE_OFFER, "a"},
    {WIRE_EVENT_LIST, "ca"},      {WIRE_FETCH_SAMPLES, "w"},
};

static const char *who_may(enum wire_type type)
{
    for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++)
        if (matrix[i].type == type)
            return matrix[i].who;
    return "";
}

/* Says an empty message over a connection of its own and looks at the answer. */
static void try_message(struct secured *f, enum key_role role, enum wire_type type,
                        const void *body)
{
    struct peer peer;
    const char *who = who_may(type);
    bool allowed = strchr(who, key_role_name(role)[0]) != NULL;
    peer_open_as(&f->s, &peer, &f->keys[role]);
    peer_send(&peer, type, body);
    const struct wire_message *m = peer_next(&peer, PATIENCE_MS);
    if (!m)
        fail_msg("%s of a %s: no answer", wire_type_name(type), key_role_name(role));
    const char *code = m->type == WIRE_REFUSED ? WIRE_BODY(m, refused)->code : "none";
    if (*who ? allowed == (strcmp(code, "E_DENIED") == 0) : strcmp(code, "E_UNSUPPORTED") != 0)
        fail_msg("%s of a %s: %s, it is %s", wire_type_name(type), key_role_name(role), code,
                 *who ? who : "nobody's to say");
    peer_close(&peer);
}

static void every_role_says_only_its_messages(void **state)
{
    struct secured f;
    (void)state;
    open_secured(&f);
    for (enum key_role role = KEY_CLIENT; role < KEY_ROLES; role++) {
#define MESSAGE(NAME, name, doc)                                                                   \
    {                                                                                              \
        struct wire_##name body = {0};                                                             \
        try_message(&f, role, WIRE_##NAME, &body);                                                 \
    }
#include "common/messages.def"
    }
    support_close(&f.s);
}

/* ---- who isn't let in ---- */

static void strangers_are_not_let_in(void **state)
{
    struct secured f;
    struct key_pair stranger;
    (void)state;
    open_secured(&f);
    make_key(&stranger);
    assert_int_equal(support_turned_away(&f.s, f.s.context, &stranger, f.s.pair.public), 0);
    assert_int_equal(support_turned_away(&f.s, f.s.context, NULL, NULL), 0); /* plain text */
    /* A broker that isn't the one whose key is known. */
    assert_int_equal(support_turned_away(&f.s, f.s.context, &f.keys[KEY_CLIENT], stranger.public),
                     0);
    assert_int_equal(support_turned_away(&f.s, f.s.context, &f.keys[KEY_CLIENT], f.s.pair.public),
                     -1);
    support_close(&f.s);
}

/* ---- whose jobs ---- */

static size_t jobs_seen(struct peer *peer)
{
    peer_send(peer, WIRE_JOB_LIST, &(struct wire_job_list){3});
    return ((const struct wire_jobs *)peer_expect(peer, WIRE_JOBS))->jobs.count;
}

static void expect_not_found(struct peer *peer, const char *name, const void *body)
{
    for (int type = 0; type < WIRE_TYPES; type++)
        if (strcmp(wire_type_name((enum wire_type)type), name) == 0)
            peer_send(peer, (enum wire_type)type, body);
    expect_refusal(peer, "E_NOT_FOUND");
}

/* Whatever a client may say about a job, of somebody else's it hears that there is none. */
static void other_jobs_are_not_there(struct peer *peer, uint64_t job)
{
#define MESSAGE(NAME, name, doc)                                                                   \
    if (strchr(who_may(WIRE_##NAME), 'c')) {                                                       \
        struct wire_##name body = {0};                                                             \
        bool about = false;
/* clang-format off */
#define RECORD(NAME, name) if (false) { struct wire_##name body = {0}; bool about = false;
/* clang-format on */
#define UINT(field, most)                                                                          \
    if (strcmp(#field, "job") == 0) {                                                              \
        body.field = job;                                                                          \
        about = true;                                                                              \
    }
#define END(name)                                                                                  \
    if (about)                                                                                     \
        expect_not_found(peer, #name, &body);                                                      \
    }
#include "common/messages.def"
}

static size_t events_seen(struct peer *peer)
{
    peer_send(peer, WIRE_EVENT_LIST, &(struct wire_event_list){.request = 3});
    return ((const struct wire_events *)peer_expect(peer, WIRE_EVENTS))->events.count;
}

/* The start, the keys, the bundle; and the job's two, which name who submitted it. */
static void events_are_its_owners(struct peer *ada, struct peer *bob, struct peer *root)
{
    assert_int_equal(events_seen(bob), 0);
    assert_int_equal(events_seen(root), 5);
    assert_int_equal(events_seen(ada), 2);
    const struct wire_events *told = ada->message.body;
    assert_string_equal(WIRE_ITEMS(told->events, event)[0].actor, "ada");
    assert_string_equal(WIRE_ITEMS(told->events, event)[1].actor, "");
}

static void owners_see_their_own_jobs(void **state)
{
    struct secured f;
    struct key_pair bob_key;
    struct peer ada, bob, root;
    (void)state;
    open_secured(&f);
    make_key(&bob_key);
    peer_open_as(&f.s, &ada, &f.keys[KEY_CLIENT]);
    peer_open_as(&f.s, &root, &f.keys[KEY_ADMIN]);
    authorize(&f, -1, "client", &bob_key);
    let_it_see(&root);
    peer_open_as(&f.s, &bob, &bob_key);
    support_add_bundle(&f.s, &root);
    uint64_t job = support_submit(&ada, label_yaml); /* which claims to be of "tester" */
    assert_string_equal(support_sql(&f.s, "SELECT owner FROM job"), "ada");
    assert_int_equal(jobs_seen(&ada), 1);
    assert_int_equal(jobs_seen(&bob), 0);
    assert_int_equal(jobs_seen(&root), 1);
    other_jobs_are_not_there(&bob, job);
    events_are_its_owners(&ada, &bob, &root);
    peer_send(&ada, WIRE_JOB_SHOW, &(struct wire_job_show){4, job});
    peer_expect(&ada, WIRE_JOB_STATE);
    peer_send(&root, WIRE_JOB_CANCEL, &(struct wire_job_cancel){6, job});
    peer_expect(&root, WIRE_JOB_STATE);
    peer_close(&ada);
    peer_close(&bob);
    peer_close(&root);
    support_close(&f.s);
}

/* Revoked clients neither ask nor hear any more; a damaged file changes nothing. */
static void revoked_clients_are_not_heard(void **state)
{
    struct secured f;
    struct peer ada, root;
    (void)state;
    open_secured(&f);
    peer_open_as(&f.s, &ada, &f.keys[KEY_CLIENT]);
    peer_open_as(&f.s, &root, &f.keys[KEY_ADMIN]);
    support_add_bundle(&f.s, &root);
    uint64_t job = support_submit(&ada, label_yaml);
    peer_send(&ada, WIRE_EVENT_LIST, &(struct wire_event_list){6, INT64_MAX, 0, 1});
    peer_expect(&ada, WIRE_EVENTS);
    peer_send(&ada, WIRE_JOB_WATCH, &(struct wire_job_watch){5, job});
    peer_expect(&ada, WIRE_JOB_STATE);
    support_authorize(&f.s, "client 12 ada\n");
    let_it_see(&root);
    assert_int_equal(jobs_seen(&ada), 1);
    authorize(&f, KEY_CLIENT, NULL, NULL);
    let_it_see(&root);
    peer_send(&root, WIRE_JOB_CANCEL, &(struct wire_job_cancel){6, job});
    peer_expect(&root, WIRE_JOB_STATE);
    /* Of the job's end the watch says that there is no such job, and the journal nothing. */
    expect_refusal(&ada, "E_NOT_FOUND");
    peer_send(&ada, WIRE_SUBMIT,
              &(struct wire_submit){.request = 7, .owner = "ada", .spec = label_yaml});
    expect_refusal(&ada, "E_DENIED");
    peer_close(&ada);
    peer_close(&root);
    support_close(&f.s);
}

/* ---- workers ---- */

static void revoked_workers_lose_their_leases(void **state)
{
    struct secured f;
    struct key_pair other_key;
    struct peer root;
    struct worker worker, other;
    (void)state;
    open_secured(&f);
    make_key(&other_key);
    peer_open_as(&f.s, &root, &f.keys[KEY_ADMIN]);
    support_add_bundle(&f.s, &root);
    worker_open_as(&f.s, &worker, &f.keys[KEY_WORKER], 11, 4);
    uint64_t job = support_submit(&root, label_yaml);
    const struct wire_lease *lease = peer_expect(&worker.peer, WIRE_LEASE);
    assert_int_equal(lease->tasks.count, 4);
    const struct wire_task held = WIRE_ITEMS(lease->tasks, task)[0];
    struct wire_stage_metrics metrics = {0};
    struct wire_result result = {
        .stage = lease->stage, .task = WIRE_LIST(&held, 1), .metrics = WIRE_LIST(&metrics, 1)};
    authorize(&f, KEY_WORKER, "worker", &other_key);
    let_it_see(&root);
    expect_refusal(&worker.peer, "E_DENIED");
    peer_send(&worker.peer, WIRE_RESULT, &result);
    expect_refusal(&worker.peer, "E_DENIED");
    worker_open_as(&f.s, &other, &other_key, 12, 4);
    assert_int_equal(worker_run(&other, &root, job, 0), 4);
    support_await_job(&root, job, "done");
    assert_string_equal(support_sql(&f.s, "SELECT count(*) FROM failure"), "0");
    assert_string_equal(support_sql(&f.s, "SELECT max(attempts) FROM task"), "1");
    peer_close(&worker.peer);
    peer_close(&other.peer);
    peer_close(&root);
    support_close(&f.s);
}

/* A result counts only from whom its range was lent to, also by a broker that has been started anew
 * since. */
static void results_need_a_lease(void **state)
{
    struct secured f;
    struct key_pair thief_key;
    struct peer root;
    struct worker worker, thief;
    (void)state;
    open_secured(&f);
    make_key(&thief_key);
    authorize(&f, -1, "worker", &thief_key);
    peer_open_as(&f.s, &root, &f.keys[KEY_ADMIN]);
    let_it_see(&root);
    support_add_bundle(&f.s, &root);
    worker_open_as(&f.s, &worker, &f.keys[KEY_WORKER], 11, 4);
    uint64_t job = support_submit(&root, label_yaml);
    struct wire_lease lease = *(const struct wire_lease *)peer_expect(&worker.peer, WIRE_LEASE);
    struct wire_task tasks[4]; /* copies: the next message replaces this one */
    assert_int_equal(lease.tasks.count, 4);
    memcpy(tasks, lease.tasks.items, sizeof tasks);
    char *spec = strdup(lease.spec);
    lease.spec = spec;
    worker_open_as(&f.s, &thief, &thief_key, 12, 1);
    /* Somebody else's lease, and a lease that never was. */
    worker_result(&thief, &lease, &tasks[0], 5);
    peer_expect(&thief.peer, WIRE_ACCEPTED);
    struct wire_task forged = tasks[1];
    forged.epoch++;
    worker_result(&worker, &lease, &forged, 5);
    peer_expect(&worker.peer, WIRE_ACCEPTED);
    assert_string_equal(support_sql(&f.s, "SELECT count(*) FROM task"), "0");
    /* Nor somebody else's session. */
    peer_send(
        &thief.peer, WIRE_HELLO,
        &(struct wire_hello){.session = 11, .name = "worker", .device_kind = "cpu", .credit = 4});
    expect_refusal(&thief.peer, "E_DENIED");
    support_kill(&f.s, SIGKILL);
    support_start(&f.s, 1000, 60000);
    worker_hello(&worker, 11, 0);
    for (size_t i = 0; i < 4; i++)
        worker_result(&worker, &lease, &tasks[i], 0);
    for (size_t accepted = 0; accepted < 4;)
        accepted += ((const struct wire_accepted *)peer_expect(&worker.peer, WIRE_ACCEPTED))->task.count;
    support_await_job(&root, job, "done");
    assert_string_equal(support_sql(&f.s, "SELECT count(*) FROM task"), "4");
    assert_string_equal(support_sql(&f.s, "SELECT count(*) FROM determinism_fault"), "0");
    free(spec);
    peer_close(&worker.peer);
    peer_close(&thief.peer);
    peer_close(&root);
    support_close(&f.s);
}

/* ---- limits ---- */

static void an_owner_has_a_limit_of_open_jobs(void **state)
{
    struct support s;
    struct peer client;
    (void)state;
    support_open(&s);
    support_start(&s, 1000, 60000);
    peer_open(&s, &client);
    support_add_bundle(&s, &client);
    for (int sent = 0; sent < LIMIT_OWNER_JOBS;) {
        int batch = sent;
        for (; sent < LIMIT_OWNER_JOBS && sent < batch + 100; sent++)
            peer_send(&client, WIRE_SUBMIT,
                      &(struct wire_submit){.request = 7, .owner = "ada", .spec = label_yaml});
        for (; batch < sent; batch++)
            peer_expect(&client, WIRE_SUBMITTED);
    }
    peer_send(&client, WIRE_SUBMIT,
              &(struct wire_submit){.request = 8, .owner = "ada", .spec = label_yaml});
    expect_refusal(&client, "E_LIMIT");
    peer_send(&client, WIRE_SUBMIT,
              &(struct wire_submit){.request = 9, .owner = "bob", .spec = label_yaml});
    peer_expect(&client, WIRE_SUBMITTED);
    peer_close(&client);
    support_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_says_only_its_messages),
        cmocka_unit_test(strangers_are_not_let_in),
        cmocka_unit_test(owners_see_their_own_jobs),
        cmocka_unit_test(revoked_clients_are_not_heard),
        cmocka_unit_test(revoked_workers_lose_their_leases),
        cmocka_unit_test(results_need_a_lease),
        cmocka_unit_test(an_owner_has_a_limit_of_open_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
