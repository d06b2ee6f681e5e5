/* Every message there and back; everything hostile refused with a sentence. */
#include "tests/common/check.h"

#include <math.h>

#include "common/latent.h"
#include "common/wire.h"

static struct error err;
static struct buffer frame;

static int set_up(void **state)
{
    (void)state;
    buffer_init(&frame, LIMIT_MESSAGE_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_free(&frame);
    return 0;
}

static void a_lease_comes_back_equal(void **state)
{
    (void)state;
    struct wire_task tasks[] = {{0, 512, 1, INT64_MAX}, {LIMIT_SAMPLES, 0, UINT32_MAX, 0}};
    struct wire_lease lease = {3, 4, 1, 0, "abc", "spec: ü", 0, WIRE_LIST(tasks, 2)};
    struct wire_message message;
    assert_ok(wire_encode(WIRE_LEASE, &lease, &frame, &err));
    assert_ok(wire_decode(frame.data, frame.size, &message, &err));
    assert_int_equal(message.type, WIRE_LEASE);
    const struct wire_lease *back = WIRE_BODY(&message, lease);
    assert_int_equal(back->job, 3);
    assert_string_equal(back->spec, "spec: ü");
    assert_int_equal(back->tasks.count, 2);
    assert_memory_equal(back->tasks.items, tasks, sizeof tasks);
    wire_message_free(&message);
}

static void a_result_keeps_its_bytes(void **state)
{
    (void)state;
    struct wire_task task = {10, 2, 1, 0};
    struct wire_stage_metrics metrics = {.total_ms = 0.1, .faces = 2};
    float scores[4] = {1, -2, NAN, 4};
    struct wire_result result = {.stage = 9,
                                 .task = WIRE_LIST(&task, 1),
                                 .metrics = WIRE_LIST(&metrics, 1),
                                 .variants = 1,
                                 .columns = 2,
                                 .scores = {(const uint8_t *)scores, sizeof scores}};
    struct wire_message message;
    assert_ok(wire_encode(WIRE_RESULT, &result, &frame, &err));
    assert_ok(wire_decode(frame.data, frame.size, &message, &err));
    const struct wire_result *back = WIRE_BODY(&message, result);
    assert_int_equal(back->scores.size, sizeof scores);
    assert_memory_equal(back->scores.data, scores, sizeof scores);
    assert_true(WIRE_ITEMS(back->metrics, stage_metrics)->total_ms == 0.1);
    assert_int_equal(back->files.count, 0);
    wire_message_free(&message);
}

static void the_encoder_keeps_the_limits(void **state)
{
    (void)state;
    struct wire_task task = {.count = LIMIT_TASK_SAMPLES + 1};
    struct wire_failed failed = {1, WIRE_LIST(&task, 1), "E_IO", "", ""};
    assert_error(wire_encode(WIRE_FAILED, &failed, &frame, &err), E_LIMIT,
                 "failed: task[0]: count: is 65537, at most 65536 is allowed");
    task.count = 1;
    failed.code = "\xff";
    assert_error(wire_encode(WIRE_FAILED, &failed, &frame, &err), E_INVALID, "code: is not UTF-8");
    failed.code = "E_\x1b[2J";
    assert_error(wire_encode(WIRE_FAILED, &failed, &frame, &err), E_INVALID, "or has a control character");
    failed.code = "a name that is longer than the sixty-four bytes that a name is allowed";
    assert_error(wire_encode(WIRE_FAILED, &failed, &frame, &err), E_LIMIT, "at most 64");
    frame.maximum = 8;
    buffer_clear(&frame);
    failed.code = NULL;
    assert_error(wire_encode(WIRE_FAILED, &failed, &frame, &err), E_LIMIT, "at most 8 are allowed");
}

/* A long piece without room before short ones with room: no message with a hole comes of it. */
static void a_message_that_has_no_room_is_none(void **state)
{
    (void)state;
    struct wire_task task = {.count = 1};
    struct wire_failed failed = {1, WIRE_LIST(&task, 1), "E_IO", "a long text before a short one",
                                 ""};
    assert_ok(wire_encode(WIRE_FAILED, &failed, &frame, &err));
    size_t whole = frame.size;
    for (frame.maximum = 0; frame.maximum < whole; frame.maximum++) {
        buffer_clear(&frame);
        assert_error(wire_encode(WIRE_FAILED, &failed, &frame, &err), E_LIMIT, "are allowed");
    }
    buffer_clear(&frame);
    assert_ok(wire_encode(WIRE_FAILED, &failed, &frame, &err));
    assert_int_equal(frame.size, whole);
}

/* Bytes written by hand: a map of `count` pairs, then what follows. */
static void refused(const char *bytes, size_t size, int code, const char *part)
{
    struct wire_message message = {0};
    assert_error(wire_decode(bytes, size, &message, &err), code, part);
    assert_null(message.arena);
}
#define REFUSED(bytes, code, part) refused(bytes, sizeof(bytes) - 1, code, part)

static void the_decoder_refuses_with_a_sentence(void **state)
{
    (void)state;
    REFUSED("", E_PARSE, "byte 0");
    REFUSED("\xc1", E_PARSE, "byte 0");
    REFUSED("\x01\x02", E_PARSE, "behind the message");
    REFUSED("\x01", E_PARSE, "expected a map");
    REFUSED("\xdd\xff\xff\xff\xff", E_PARSE, "values announced");
    REFUSED("\xdf\xff\xff\xff\xff", E_PARSE, "values announced");
    REFUSED("\xc6\xff\xff\xff\xff", E_PARSE, "bytes announced");
    REFUSED("\x80", E_PARSE, "version");
    REFUSED("\x82\xa7version\x01\xa4type\xa5lease", E_VERSION, "is 1, this program speaks 3");
    REFUSED("\x82\xa7version\x03\xa7version\x03", E_PARSE, "version: expected one");
    REFUSED("\x82\xa7version\x03\xa4type\x01", E_PARSE, "type: expected");
    REFUSED("\x82\xa7version\x03\xa4type\xa4task", E_UNSUPPORTED, "\"task\" is unknown");
    REFUSED("\x82\xa7version\x03\xa4type\xa7goodbye", E_INVALID, "has 2 keys, expected 3");
    REFUSED("\x83\xa7version\x03\xa4type\xa7goodbye\xa7sessio_\x01", E_INVALID,
            "session: missing");
    REFUSED("\x83\xa7version\x03\xa4type\xa7goodbye\xa7session\xff", E_INVALID,
            "session: expected an integer");
    REFUSED("\x83\xa7version\x03\xa4type\xa7goodbye\xa7session\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            E_LIMIT, "session: is 18446744073709551615");
    REFUSED("\x84\xa7version\x03\xa4type\xaa" "bundle_add\xa7request\x01\xa6" "folder\xa2\xc3\x28",
            E_INVALID, "folder: expected UTF-8");
    REFUSED("\x84\xa7version\x03\xa4type\xaa" "bundle_add\xa7request\x01\xa6" "folder\xa1\x00",
            E_INVALID, "without NUL");
    REFUSED("\x84\xa7version\x03\xa4type\xaa" "bundle_add\xa7request\x01\xa6" "folder\xa3\x1b[J",
            E_INVALID, "and control characters");
    REFUSED("\x84\xa7version\x03\xa4type\xaa" "bundle_add\xa7request\x01\xa6" "folder\x90", E_INVALID,
            "folder: expected a string");
#define REVOKE "\x84\xa7version\x03\xa4type\xa6revoke\xa5stage\x01\xa5tasks"
    REFUSED(REVOKE "\x91\x01", E_INVALID, "revoke: tasks[0]: expected an array");
    REFUSED(REVOKE "\x91\x93\x01\x02\x03", E_INVALID, "tasks[0]: has 3 fields, expected 4");
    REFUSED(REVOKE "\x91\x94\x01\x02\x03\xa1x", E_INVALID,
            "tasks[0]: token: expected an integer");
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    static char deep[100000];
    struct wire_message message;
    memset(deep, '\x91', sizeof deep - 1);
    deep[sizeof deep - 1] = '\x01';
    assert_error(wire_decode(deep, sizeof deep, &message, &err), E_PARSE, "nested");
}

/* Flipped and cut frames are refused or decode to something the encoder takes. */
static void damaged_frames_do_no_harm(void **state)
{
    (void)state;
    struct wire_task tasks[] = {{1, 2, 3, 0}};
    struct wire_lease lease = {3, 4, 1, 0, "abc", "spec", 0, WIRE_LIST(tasks, 1)};
    assert_ok(wire_encode(WIRE_LEASE, &lease, &frame, &err));
    for (uint32_t round = 0; round < 20000; round++) {
        const uint32_t key[2] = {5, 0}, counter[4] = {round, 0, 0, 0};
        uint32_t random[4];
        latent_philox(key, counter, random);
        uint8_t *damaged = malloc(frame.size);
        size_t size = random[2] % 4 ? frame.size : random[3] % frame.size;
        memcpy(damaged, frame.data, frame.size);
        damaged[random[0] % frame.size] = (uint8_t)random[1];
        struct wire_message message;
        if (wire_decode(damaged, size, &message, &err) == 0) {
            struct buffer again;
            buffer_init(&again, LIMIT_MESSAGE_BYTES);
            assert_ok(wire_encode(message.type, message.body, &again, &err));
            buffer_free(&again);
            wire_message_free(&message);
        }
        free(damaged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lease_comes_back_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_result_keeps_its_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_encoder_keeps_the_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_that_has_no_room_is_none, set_up, tear_down),
        cmocka_unit_test(the_decoder_refuses_with_a_sentence),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test_setup_teardown(damaged_frames_do_no_harm, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
