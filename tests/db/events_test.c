/* The journal: pages, whose events, and how many are kept. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "db/events.h"

static void insert(struct database *db, const char *event, int64_t job)
{
    const struct events_row row = {.event = event, .job = job, .at_ms = 7};
    CHECK(events_insert(db, &row, err));
}

static struct events_page page_of(struct database *db, struct events_query query, size_t most)
{
    struct events_page page;
    CHECK(events_list(db, &query, most, &page, err));
    return page;
}

static void pages_follow_each_other(void **state)
{
    const struct folder *f = *state;
    struct database *db;
    char event[16];
    CHECK(database_open(f->db, &db, err));
    struct events_page page = page_of(db, (struct events_query){0}, 10);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.scanned, 0);
    assert_false(page.more);
    events_page_free(&page);
    CHECK(database_begin(db, err));
    for (int i = 1; i <= 25; i++) {
        snprintf(event, sizeof event, "e%d", i);
        insert(db, event, 0);
    }
    CHECK(database_commit(db, err));
    assert_int_equal(events_inserted(db), 25);
    int64_t since = 0, seen = 0;
    for (bool more = true; more;) {
        page = page_of(db, (struct events_query){.since = since}, 10);
        for (size_t i = 0; i < page.count; i++)
            assert_int_equal(page.events[i].id, ++seen);
        more = page.more;
        since = page.scanned;
        events_page_free(&page);
    }
    assert_int_equal(seen, 25);
    page = page_of(db, (struct events_query){.since = INT64_MAX}, 10);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.scanned, 25);
    assert_false(page.more);
    events_page_free(&page);
    database_close(&db);
}

static void an_owner_sees_its_jobs(void **state)
{
    const struct folder *f = *state;
    struct database *db;
    CHECK(database_open(f->db, &db, err));
    execute(f->db, "INSERT INTO bundle VALUES (1, 'h', 'b', 'b', 'y', 1, 1);"
                   "INSERT INTO job (id, name, owner, bundle_id, spec, seed, state, submitted_ms) "
                   "VALUES (1, 'j', 'ada', 1, '', 1, 'running', 1), (2, 'k', 'bob', 1, '', 1, "
                   "'running', 1)");
    CHECK(database_begin(db, err));
    insert(db, "ada's", 1);
    insert(db, "bob's", 2);
    insert(db, "nobody's", 0);
    CHECK(database_commit(db, err));
    struct events_page page = page_of(db, (struct events_query){.owner = "ada"}, 10);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.events[0].event, "ada's");
    assert_int_equal(page.scanned, 3); /* the others are behind it, too */
    events_page_free(&page);
    page = page_of(db, (struct events_query){.job = 2}, 10);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.events[0].job, 2);
    events_page_free(&page);
    page = page_of(db, (struct events_query){.owner = "ada", .job = 2}, 10);
    assert_int_equal(page.count, 0);
    events_page_free(&page);
    page = page_of(db, (struct events_query){0}, 10);
    assert_int_equal(page.count, 3);
    events_page_free(&page);
    database_close(&db);
}

static void the_oldest_go(void **state)
{
    const struct folder *f = *state;
    struct database *db;
    CHECK(database_open(f->db, &db, err));
    events_keep(db, 1000);
    CHECK(database_begin(db, err));
    for (int i = 0; i < 5000; i++)
        insert(db, "e", 0);
    CHECK(database_commit(db, err));
    assert_string_equal(ask(f->db, "SELECT max(id) FROM audit"), "5000");
    assert_string_equal(ask(f->db, "SELECT count(*) BETWEEN 1000 AND 1256 FROM audit"), "1");
    struct events_page page = page_of(db, (struct events_query){.since = 3}, 10);
    assert_int_equal(page.count, 10);
    assert_true(page.events[0].id > 3700); /* what is gone is passed over */
    events_page_free(&page);
    database_close(&db);
}

/* A page looks at no more than EVENTS_SCANNED rows, so that a filter costs the broker no long
 * pause. */
static void a_page_is_bounded(void **state)
{
    const struct folder *f = *state;
    struct database *db;
    CHECK(database_open(f->db, &db, err));
    CHECK(database_begin(db, err));
    for (int i = 0; i < EVENTS_SCANNED + 5; i++)
        insert(db, "e", 0);
    CHECK(database_commit(db, err));
    struct events_page page = page_of(db, (struct events_query){.owner = "nobody"}, 10);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.scanned, EVENTS_SCANNED);
    assert_true(page.more);
    events_page_free(&page);
    database_close(&db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_open, folder_close)
    const struct CMUnitTest tests[] = {
        TEST(pages_follow_each_other),
        TEST(an_owner_sees_its_jobs),
        TEST(the_oldest_go),
        TEST(a_page_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
