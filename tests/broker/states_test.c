/* The whole matrix of states and events, in the table and in the database with its audit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/states.h"
#include "db/events.h"
#include "db/jobs.h"

#define NO (-1)

static const int job_expected[STATES_JOBS][STATES_JOB_EVENTS] = {
    {STATES_JOB_DONE, STATES_JOB_FAILED, STATES_JOB_CANCELLED, NO, STATES_JOB_PAUSED, NO},
    {NO, NO, NO, NO, NO, NO},
    {NO, NO, NO, STATES_JOB_RUNNING, NO, NO},
    {NO, NO, NO, NO, NO, NO},
    {STATES_JOB_DONE, STATES_JOB_FAILED, STATES_JOB_CANCELLED, NO, NO, STATES_JOB_RUNNING}};
static const int stage_expected[STATES_STAGES][STATES_STAGE_EVENTS] = {
    {STATES_STAGE_RUNNING, NO, STATES_STAGE_FAILED, STATES_STAGE_CANCELLED, NO},
    {NO, STATES_STAGE_DONE, STATES_STAGE_FAILED, STATES_STAGE_CANCELLED, NO},
    {NO, NO, NO, NO, NO},
    {NO, NO, NO, NO, STATES_STAGE_WAITING},
    {NO, NO, NO, NO, STATES_STAGE_WAITING}};

struct bench {
    char folder[64], file[96];
    struct database *db;
    int64_t job, stage;
};

static int open_bench(void **state)
{
    struct error err = {0};
    struct bench *b = calloc(1, sizeof *b);
    strcpy(b->folder, "/tmp/facefarm-states-XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->file, sizeof b->file, "%s/farm.db", b->folder);
    struct statement *q;
    struct jobs_row job = {
        .name = "j", .owner = "me", .bundle = 1, .spec = "spec", .seed = 1, .submitted_ms = 1};
    struct jobs_stage stage = {.job = 1, .name = "s", .kind = "label", .total = 1, .unit = 1};
    int rc = database_open(b->file, &b->db, &err);
    if (rc == 0)
        rc = database_begin(b->db, &err);
    if (rc == 0)
        rc = database_query(b->db, "bundle_insert", &q, &err);
    if (rc == 0) {
        statement_bind_text(q, 1, "h");
        statement_bind_text(q, 2, "b");
        statement_bind_text(q, 3, "y");
        statement_bind_int(q, 4, 8);
        statement_bind_int(q, 5, 1);
        rc = statement_run(q, &err);
    }
    if (rc == 0)
        rc = jobs_insert(b->db, &job, &b->job, &err);
    if (rc == 0)
        rc = jobs_insert_stage(b->db, &stage, &b->stage, &err);
    if (rc == 0)
        rc = events_insert(b->db,
                           &(struct events_row){
                               .job = b->job, .stage = b->stage, .event = "begin", .at_ms = 1},
                           &err);
    if (rc < 0)
        print_error("%s\n", err.text);
    *state = b;
    return rc;
}

static int close_bench(void **state)
{
    static const char *const names[] = {"", "-lock", "-wal", "-shm"};
    struct bench *b = *state;
    char path[128];
    database_close(&b->db);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", b->file, names[i]);
        unlink(path);
    }
    rmdir(b->folder);
    free(b);
    return 0;
}

/* Audit rows are what is inserted last here. */
static int64_t audit_rows(struct database *db)
{
    return database_last_id(db);
}

static void walks_the_jobs_matrix(void **state)
{
    struct bench *b = *state;
    for (int from = 0; from < STATES_JOBS; from++)
        for (int event = 0; event < STATES_JOB_EVENTS; event++) {
            struct error err = {0};
            enum states_job now = (enum states_job)from;
            int64_t before = audit_rows(b->db);
            int next = job_expected[from][event];
            assert_int_equal(states_job_next(now, (enum states_job_event)event), next);
            int rc = states_job_apply(b->db, b->job, &now, (enum states_job_event)event,
                                      "ada", 9, &err);
            assert_int_equal(rc, next == NO ? E_STATE : 0);
            assert_int_equal(now, next == NO ? from : next);
            assert_int_equal(audit_rows(b->db), before + (next != NO));
            if (next == NO) {
                assert_non_null(strstr(err.text, states_job_name((enum states_job)from)));
                assert_non_null(
                    strstr(err.text, states_job_event_name((enum states_job_event)event)));
            }
        }
}

static void walks_the_stages_matrix(void **state)
{
    struct bench *b = *state;
    for (int from = 0; from < STATES_STAGES; from++)
        for (int event = 0; event < STATES_STAGE_EVENTS; event++) {
            struct error err = {0};
            enum states_stage now = (enum states_stage)from;
            int64_t before = audit_rows(b->db);
            int next = stage_expected[from][event];
            struct states_stage_change change = {b->job, b->stage, (enum states_stage_event)event,
                                                 "e",    1,        9};
            assert_int_equal(states_stage_next(now, change.event), next);
            int rc = states_stage_apply(b->db, &change, &now, &err);
            assert_int_equal(rc, next == NO ? E_STATE : 0);
            assert_int_equal(now, next == NO ? from : next);
            assert_int_equal(audit_rows(b->db), before + (next != NO));
            if (next == NO)
                assert_non_null(strstr(err.text, states_stage_event_name(change.event)));
        }
}

static void names_are_the_schemas(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    enum states_stage found;
    for (int i = 0; i < STATES_STAGES; i++) {
        const char *name = states_stage_name((enum states_stage)i);
        assert_true(states_stage_find(name, &found));
        assert_int_equal(found, i);
        /* The CHECK of the table knows every word. */
        assert_int_equal(jobs_set_stage_state(b->db, b->stage, name, NULL, 0, 1, &err), 0);
    }
    assert_false(states_stage_find("asleep", &found));
    assert_int_equal(jobs_set_stage_state(b->db, b->stage, "asleep", NULL, 0, 1, &err), E_DATABASE);
    enum states_job job;
    assert_false(states_job_find("asleep", &job));
    for (int i = 0; i < STATES_JOBS; i++)
        assert_true(states_job_find(states_job_name((enum states_job)i), &job) && (int)job == i);
    for (int i = 0; i < STATES_JOBS; i++)
        assert_int_equal(
            jobs_set_state(b->db, b->job, states_job_name((enum states_job)i), 1, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(walks_the_jobs_matrix, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(walks_the_stages_matrix, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(names_are_the_schemas, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
