/* Progress where stderr is no terminal: a line at changes of state, at most one in five seconds
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"
#include "common/clock.h"

static int64_t now = CLOCK_SECOND;

static int64_t test_clock(void)
{
    return now;
}

struct scene {
    char *text;
    size_t size;
    FILE *out;
    struct progress progress;
    struct wire_job_info job;
    struct wire_stage_info stages[2];
    struct wire_job_state state;
};

static void open_scene(struct scene *s)
{
    *s = (struct scene){.job = {.job = 4, .name = "a\033job", .state = "running", .bundle = ""}};
    s->out = open_memstream(&s->text, &s->size);
    s->progress = (struct progress){.out = s->out};
    s->stages[0] =
        (struct wire_stage_info){.name = "labels", .state = "running", .total = 100, .error = ""};
    s->stages[1] =
        (struct wire_stage_info){.name = "fit", .state = "waiting", .total = 41, .error = ""};
    s->state.job = WIRE_LIST(&s->job, 1);
    s->state.stages = WIRE_LIST(s->stages, 2);
    s->state.notice = "";
}

static int lines(const struct scene *s)
{
    int n = 0;
    for (size_t i = 0; i < s->size; i++)
        n += s->text[i] == '\n';
    return n;
}

static void lines_are_rare(void **state)
{
    (void)state;
    struct scene s;
    clock_replace(test_clock);
    open_scene(&s);
    progress_update(&s.progress, &s.state);
    assert_int_equal(lines(&s), 1); /* running is new */
    s.stages[0].done = 10;
    now += CLOCK_SECOND;
    progress_update(&s.progress, &s.state);
    assert_int_equal(lines(&s), 1); /* too early */
    now += 5 * CLOCK_SECOND;
    s.stages[0].rate = 9;
    progress_update(&s.progress, &s.state);
    assert_int_equal(lines(&s), 2);
    assert_non_null(strstr(s.text, "labels running 10/100  9.0/s  10 s\n"));
    now += 60 * CLOCK_SECOND;
    progress_update(&s.progress, &s.state);
    assert_int_equal(lines(&s), 2); /* nothing new */
    s.stages[0].state = "done";
    s.stages[1].state = "running";
    progress_update(&s.progress, &s.state);
    assert_int_equal(lines(&s), 4); /* both states are new */
    fclose(s.out);
    free(s.text);
    clock_replace(NULL);
}

static void the_end_says_why(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    s.job.state = "failed";
    s.job.submitted_ms = 1000;
    s.job.ended_ms = 126000;
    s.stages[0].state = "failed";
    s.stages[0].error = "out of luck";
    progress_end(&s.progress, &s.state);
    assert_non_null(strstr(s.text, "job 4 (a?job) failed after 2 min 05 s\n"));
    assert_non_null(strstr(s.text, "labels: out of luck\n"));
    fclose(s.out);
    free(s.text);
}

static void durations(void **state)
{
    (void)state;
    char text[32];
    progress_duration(59.4, text, sizeof text);
    assert_string_equal(text, "59 s");
    progress_duration(59.6, text, sizeof text);
    assert_string_equal(text, "1 min 00 s");
    progress_duration(3723, text, sizeof text);
    assert_string_equal(text, "1 h 02 min");
}

static void a_paused_broker_is_told_once(void **state)
{
    (void)state;
    struct scene s;
    clock_replace(test_clock);
    open_scene(&s);
    progress_update(&s.progress, &s.state);
    int before = lines(&s);
    s.state.notice = "paused: the disk is full (\033)";
    progress_update(&s.progress, &s.state);
    progress_update(&s.progress, &s.state);
    assert_int_equal(lines(&s), before + 1);
    assert_non_null(strstr(s.text, "the broker is paused: the disk is full (?)\n"));
    s.state.notice = "";
    progress_update(&s.progress, &s.state);
    assert_int_equal(lines(&s), before + 2);
    assert_non_null(strstr(s.text, "the broker goes on\n"));
    fclose(s.out);
    free(s.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_rare),
        cmocka_unit_test(the_end_says_why),
        cmocka_unit_test(durations),
        cmocka_unit_test(a_paused_broker_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
