/* Weights in a file beside the model: read from its folder alone, and refused with the reason otherwise. */
#include "tests/engine/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/facefarm-external-XXXXXX";

static void write_file(const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

/* y = x + b, b's two numbers in another file. */
static int load_external(const char *location, const char *offset, const char *length,
                         struct engine_network **network, struct error *err)
{
    struct model model;
    char path[128];
    size_t size;
    Onnx__StringStringEntryProto entries[3];
    Onnx__StringStringEntryProto *list[3];
    const char *const words[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    model_init(&model, 18);
    model_input(&model, "x", 2, (const int64_t[]){-1, 2});
    model_floats(&model, "b", 1, (const int64_t[]){2}, (const float[]){0, 0});
    model_node(&model, "Add", "x b", "y");
    model_output(&model, "y");
    Onnx__TensorProto *b = model.graph.initializer[0];
    b->has_raw_data = 0;
    b->has_data_location = 1;
    b->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    b->external_data = list;
    for (size_t i = 0; i < 3; i++) {
        onnx__string_string_entry_proto__init(&entries[i]);
        entries[i].key = (char *)(uintptr_t)words[i][0];
        entries[i].value = (char *)(uintptr_t)words[i][1];
        if (words[i][1])
            list[b->n_external_data++] = &entries[i];
    }
    uint8_t *bytes = model_pack(&model, &size);
    write_file("m.onnx", bytes, size);
    free(bytes);
    b->n_external_data = 0;
    model_free(&model);
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    return engine_load(harness_device(), path, 1, NULL, network, err);
}

static void refuse_external(const char *location, const char *offset, const char *length, int code, const char *text)
{
    struct engine_network *network = NULL;
    struct error err = {0};
    assert_int_equal(load_external(location, offset, length, &network, &err), code);
    assert_null(network);
    if (!strstr(err.text, text))
        fail_msg("\"%s\" does not contain \"%s\"", err.text, text);
}

static void add_external(const char *offset, const char *length, float first)
{
    struct engine_network *network = NULL;
    struct error err = {0};
    float in[2] = {10, 20}, out[2];
    if (load_external("m.data", offset, length, &network, &err) != 0)
        fail_msg("%s", err.text);
    harness_run(network, 1, (const float *const[]){in}, (float *const[]){out});
    assert_true(out[0] == 10 + first && out[1] == 21 + first);
    engine_free(&network);
}

static void test_external(void **state)
{
    char path[128], target[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file("m.data", (const float[]){1, 2, 3, 4}, 16);
    add_external("4", "8", 2);
    add_external(NULL, NULL, 1);
    refuse_external("n.data", "0", "8", E_NOT_FOUND, "tensor b: its data are in n.data beside it");
    refuse_external("../m.data", "0", "8", E_PARSE, "expected the name of a file in the model's own folder");
    refuse_external("/etc/passwd", "0", "8", E_PARSE, "expected the name of a file");
    refuse_external("", "0", "8", E_PARSE, "expected the name of a file");
    refuse_external("m.data", "12", "8", E_PARSE, "bytes 12 to 20 of m.data, which has 16");
    refuse_external("m.data", "-4", "8", E_PARSE, "\"-4\" is no number of bytes");
    refuse_external("m.data", "0", "12", E_PARSE, "raw_data (bytes) has 12");
    refuse_external("m.data", "0", "99999999999", E_LIMIT, "LIMIT_ONNX_BYTES");
    snprintf(path, sizeof path, "%s/link", folder);
    snprintf(target, sizeof target, "%s/m.data", folder);
    assert_int_equal(symlink(target, path), 0);
    refuse_external("link", "0", "8", E_IO, "link beside it");
    unlink(path);
    unlink(target);
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_external)};
    harness_device();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_close();
    return failed;
}
