/* A real broker, scripted workers: a whole study from submit to done. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char study[] =
    "format: facefarm-job/1\n"
    "name: study\n"
    "bundle: toy\n"
    "seed: 1\n"
    "stages:\n"
    "  - {kind: sample, name: faces, count: 20, task_size: 8}\n"
    "  - {kind: label, name: labels, count: 100, task_size: 16}\n"
    "  - {kind: fit, name: boundaries, from: labels}\n"
    "  - {kind: edit, name: sheets, from: boundaries, faces: 2, targets: [all], conditions: [all],\n"
    "     distances: {from: -3, to: 3, steps: 3}}\n"
    "  - {kind: evaluate, name: ageing, count: 40, task_size: 16, targets: [age], distance: 2,\n"
    "     conditions: [Male], discount: 0.5}\n";

static void runs_a_study(void **state)
{
    struct support s;
    struct peer client;
    struct worker worker;
    (void)state;
    support_open(&s);
    support_start(&s, 1000, 5000);
    peer_open(&s, &client);
    support_add_bundle(&s, &client);
    worker_open(&s, &worker, 1, 4);
    uint64_t job = support_submit(&client, study);
    uint64_t tasks = worker_run(&worker, &client, job, 0);
    assert_int_equal(tasks, 3 + 7 + 3 + 5 + 3);
    support_await_job(&client, job, "done");
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM toy_labels WHERE job = 1"), "100");
    assert_string_equal(support_sql(&s, "SELECT avg(Smiling > 0) = (SELECT share FROM class_distribution "
                                        "WHERE attribute = 'Smiling') FROM toy_labels"), "1");
    assert_string_equal(support_sql(&s, "SELECT count(\"5_o_Clock_Shadow\") FROM toy_edits"), "60");
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM toy_evaluation WHERE age_after_projected "
                                        "IS NOT NULL AND \"Order_change\" IS NOT NULL"), "40");
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM direction"), "12");
    peer_close(&worker.peer);
    peer_close(&client);
    support_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_a_study),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
