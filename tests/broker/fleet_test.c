/* The operator's classes of workers: read, asked, and what is said where none will do. */
#include "tests/common/check.h"

#include <stdio.h>

#include "broker/check.h"

static struct error err;

static const char three[] = "# what there is\n"
                            "laptops device=cpu memory=16G\n"
                            "cards\tdevice=gpu labels=zone=a,rack=3   # of any memory\n"
                            "\n"
                            "strange memory=1T labels=zone=b\n";

static bool meets(const char *text, enum needs_device device, uint64_t memory, const char *labels)
{
    const struct needs needs = {device, memory, labels};
    struct fleet fleet = {0};
    assert_ok(fleet_parse(text, strlen(text), &fleet, &err));
    bool met = fleet_meets(&fleet, &needs);
    fleet_free(&fleet);
    return met;
}

static void a_class_meets_what_a_worker_of_it_would(void **state)
{
    (void)state;
    const uint64_t giga = (uint64_t)1 << 30;
    assert_true(meets(three, NEEDS_ANY, 0, NULL));
    assert_true(meets(three, NEEDS_CPU, 16 * giga, NULL));
    assert_true(meets(three, NEEDS_GPU, 5000 * giga, "rack=3,zone=a"));
    assert_true(meets(three, NEEDS_OTHER, 1024 * giga, "zone=b")); /* strange is of any kind */
    assert_false(meets(three, NEEDS_ANY, 0, "zone=c"));
    assert_false(meets(three, NEEDS_CPU, 16 * giga, "zone=a"));
    assert_false(meets("laptops device=cpu memory=16G", NEEDS_CPU, 16 * giga + 1, NULL));
    assert_false(meets("laptops device=cpu", NEEDS_GPU, 0, NULL));
    const struct fleet none = {0};
    assert_true(fleet_meets(&none, &(struct needs){NEEDS_GPU, 99 * giga, "zone=c"}));
}

static void mistakes_are_told_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *words;
    } bad[] = {
        {"# nothing\n", E_INVALID, "declares no class"},
        {"a\nb device=tpu", E_PARSE, "line 2: device: is \"tpu\", expected cpu, gpu or other"},
        {"a device=any", E_PARSE, "line 1: device: is \"any\""},
        {"a memory=0", E_PARSE, "memory: is \"0\", expected bytes"},
        {"a memory=4G memory=4G", E_PARSE, "\"memory=4G\", expected"},
        {"a zone=a", E_PARSE, "\"zone=a\", expected device=KIND, memory=SIZE or labels="},
        {"a labels=", E_INVALID, "line 1: label \"=\": expected KEY=VALUE"},
        {"a labels=zone=a,zone=b", E_EXISTS, "label zone: stands there twice"},
        {"a device=cpu memory=4G labels=z=a more", E_PARSE, "\"more\", expected"},
        {"-a", E_PARSE, "name \"-a\""},
        {"a\na device=cpu", E_EXISTS, "line 2: class a: stands there twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fleet fleet = {0};
        assert_error(fleet_parse(bad[i].text, strlen(bad[i].text), &fleet, &err), bad[i].code,
                     bad[i].words);
        assert_null(fleet.classes);
    }
}

static void there_are_only_so_many(void **state)
{
    (void)state;
    struct fleet fleet = {0};
    struct buffer text;
    buffer_init(&text, LIMIT_FLEET_BYTES);
    for (int i = 0; i < LIMIT_FLEET; i++)
        assert_ok(buffer_printf(&text, &err, "c%d\n", i));
    assert_ok(fleet_parse((char *)text.data, text.size, &fleet, &err));
    assert_int_equal(fleet.count, LIMIT_FLEET);
    fleet_free(&fleet);
    assert_ok(buffer_printf(&text, &err, "more\n"));
    assert_error(fleet_parse((char *)text.data, text.size, &fleet, &err), E_LIMIT,
                 "line 1025: more than 1024 classes (LIMIT_FLEET)");
    buffer_free(&text);
}

/* ---- at submit ---- */

/* A farm with one worker, of that kind. */
static int check(const char *needs, const char *classes, const char *kind, bool connected)
{
    char yaml[512];
    struct spec *spec = NULL;
    struct fleet fleet = {0};
    struct farm farm = {0};
    struct farm_worker *worker;
    const struct socket_identity identity = {.size = 1, .bytes = {1}};
    const struct farm_description description = {"w", "here", "device", kind, "zone=z", 1 << 20};
    snprintf(yaml, sizeof yaml,
             "format: facefarm-job/1\nbundle: b\nstages:\n  - {kind: probe, count: 1}\n"
             "  - {kind: label, name: faces, count: 1, needs: {%s}}\n",
             needs);
    assert_ok(spec_parse(yaml, strlen(yaml), &spec, &err));
    if (classes)
        assert_ok(fleet_parse(classes, strlen(classes), &fleet, &err));
    assert_ok(farm_add_worker(&farm, 1, &worker, &err));
    assert_ok(farm_describe_worker(&farm, worker, &description, &err));
    worker->state = connected ? FARM_ALIVE : FARM_LOST;
    farm_connect(&farm, worker, &identity);
    int rc = check_needs(spec, &fleet, &farm, &err);
    farm_free(&farm);
    fleet_free(&fleet);
    spec_free(&spec);
    return rc;
}

static void what_no_class_could_run_is_refused(void **state)
{
    (void)state;
    assert_ok(check("device: gpu", NULL, "cpu", true));
    assert_ok(check("device: gpu", three, "cpu", true));
    assert_error(
        check("device: cpu, memory: 32G, labels: {zone: a, rack: 4}", three, "cpu", true),
        E_INVALID,
        "stage faces: needs: no class of workers has all that it needs: device cpu: laptops, "
        "strange; memory 32G: cards, strange; label rack=4: none; label zone=a: cards; the classes "
        "are laptops, cards, strange");
    assert_error(check("device: gpu", "a device=cpu\nb device=cpu\nc device=cpu\nd device=cpu\n"
                                      "e device=cpu\nf device=cpu", "cpu", true),
                 E_INVALID, "device gpu: none; the classes are a, b, c, d and 2 more");
}

static void what_is_connected_could_run_it_too(void **state)
{
    (void)state;
    assert_ok(check("labels: {zone: z}", three, "cpu", true));
    assert_error(check("labels: {zone: z}", three, "cpu", false), E_INVALID, "label zone=z: none");
    assert_error(check("labels: {zone: z}, memory: 2M", three, "cpu", true), E_INVALID,
                 "memory 2M: laptops, cards, strange; label zone=z: none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_meets_what_a_worker_of_it_would),
        cmocka_unit_test(mistakes_are_told_with_their_line),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(what_no_class_could_run_is_refused),
        cmocka_unit_test(what_is_connected_could_run_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
