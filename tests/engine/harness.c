/* Models, devices and runs for the engine's tests. One thread. */
#include "tests/engine/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device *the_device;

struct device *harness_device(void)
{
    struct device_info list[8];
    size_t count = 0;
    struct error err = {0};
    if (the_device)
        return the_device;
    if (device_list(list, 8, &count, &err) != 0 || count == 0) {
        printf("skipped: there is no OpenCL device %s\n", err.text);
        exit(77);
    }
    const char *wanted = getenv("FACEFARM_TEST_DEVICE");
    enum device_kind kind = wanted && strcmp(wanted, "gpu") == 0 ? DEVICE_GPU : DEVICE_CPU;
    int index = kind == DEVICE_GPU ? -1 : 0;
    for (size_t i = count < 8 ? count : 8; i-- > 0;)
        if (list[i].kind == kind)
            index = (int)i;
    if (index < 0) {
        printf("skipped: none of %zu OpenCL devices is a GPU\n", count);
        exit(77);
    }
    if (device_open(index, NULL, &the_device, &err) != 0) {
        printf("skipped: %s\n", err.text);
        exit(77);
    }
    return the_device;
}

const struct network_options *harness_options(const struct network_options *options)
{
    static struct network_options as;
    const char *vendor = getenv("FACEFARM_TEST_AS");
    if (!vendor)
        return options;
    as = options ? *options : (struct network_options){0};
    as.portable = true;
    as.gpu = gpu_class_of(vendor);
    return &as;
}

void harness_close(void)
{
    device_close(&the_device);
}

static void *own(struct model *model, void *pointer)
{
    assert_non_null(pointer);
    model->owned = realloc(model->owned, (model->owned_count + 1) * sizeof *model->owned);
    assert_non_null(model->owned);
    model->owned[model->owned_count++] = pointer;
    return pointer;
}

static char *own_text(struct model *model, const char *text)
{
    return own(model, strdup(text));
}

/* Grows one of protobuf-c's arrays of pointers by `entry`; the arrays themselves are freed apart. */
#define APPEND(array, count, entry)                                                                \
    do {                                                                                           \
        (array) = realloc((array), ((count) + 1) * sizeof *(array));                               \
        assert_non_null(array);                                                                    \
        (array)[(count)++] = (entry);                                                              \
    } while (0)

void model_init(struct model *model, int opset)
{
    *model = (struct model){0};
    onnx__model_proto__init(&model->proto);
    onnx__graph_proto__init(&model->graph);
    model->proto.graph = &model->graph;
    model->proto.has_ir_version = 1;
    model->proto.ir_version = 7;
    Onnx__OperatorSetIdProto *set = own(model, malloc(sizeof *set));
    onnx__operator_set_id_proto__init(set);
    set->has_version = 1;
    set->version = opset;
    APPEND(model->proto.opset_import, model->proto.n_opset_import, set);
}

static void free_node(Onnx__NodeProto *node)
{
    free(node->input);
    free(node->output);
    free(node->attribute);
}

void model_free(struct model *model)
{
    for (size_t i = 0; i < model->graph.n_node; i++)
        free_node(model->graph.node[i]);
    free(model->graph.node);
    free(model->graph.input);
    free(model->graph.output);
    free(model->graph.initializer);
    free(model->proto.opset_import);
    for (size_t i = 0; i < model->owned_count; i++)
        free(model->owned[i]);
    free(model->owned);
}

static Onnx__ValueInfoProto *value_info(struct model *model, const char *name, size_t rank,
                                        const int64_t *dims)
{
    Onnx__ValueInfoProto *info = own(model, malloc(sizeof *info));
    Onnx__TypeProto *type = own(model, malloc(sizeof *type));
    Onnx__TypeProto__Tensor *tensor = own(model, malloc(sizeof *tensor));
    Onnx__TensorShapeProto *shape = own(model, malloc(sizeof *shape));
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    info->name = own_text(model, name);
    info->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    shape->n_dim = rank;
    shape->dim = own(model, calloc(rank + 1, sizeof *shape->dim));
    for (size_t i = 0; i < rank; i++) {
        shape->dim[i] = own(model, malloc(sizeof **shape->dim));
        onnx__tensor_shape_proto__dimension__init(shape->dim[i]);
        shape->dim[i]->value_case = dims[i] < 0
                                        ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                                        : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (dims[i] < 0)
            shape->dim[i]->dim_param = own_text(model, "N");
        else
            shape->dim[i]->dim_value = dims[i];
    }
    return info;
}

void model_input(struct model *model, const char *name, size_t rank, const int64_t *dims)
{
    APPEND(model->graph.input, model->graph.n_input, value_info(model, name, rank, dims));
}

void model_output(struct model *model, const char *name)
{
    APPEND(model->graph.output, model->graph.n_output, value_info(model, name, 0, NULL));
}

static Onnx__TensorProto *add_tensor(struct model *model, const char *name, size_t rank,
                                     const int64_t *dims, int type)
{
    Onnx__TensorProto *tensor = own(model, malloc(sizeof *tensor));
    onnx__tensor_proto__init(tensor);
    tensor->name = own_text(model, name);
    tensor->n_dims = rank;
    tensor->dims = own(model, calloc(rank + 1, sizeof *dims));
    for (size_t i = 0; i < rank; i++)
        tensor->dims[i] = dims[i];
    tensor->has_data_type = 1;
    tensor->data_type = type;
    APPEND(model->graph.initializer, model->graph.n_initializer, tensor);
    return tensor;
}

void model_floats(struct model *model, const char *name, size_t rank, const int64_t *dims,
                  const float *data)
{
    Onnx__TensorProto *tensor =
        add_tensor(model, name, rank, dims, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    size_t bytes = (size_t)dims_elements(rank, dims) * sizeof *data;
    tensor->has_raw_data = 1;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = own(model, malloc(bytes + 1));
    memcpy(tensor->raw_data.data, data, bytes);
}

void model_ints(struct model *model, const char *name, size_t count, const int64_t *data)
{
    int64_t dims[1] = {(int64_t)count};
    Onnx__TensorProto *tensor =
        add_tensor(model, name, 1, dims, ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    tensor->n_int64_data = count;
    tensor->int64_data = own(model, calloc(count + 1, sizeof *data));
    for (size_t i = 0; i < count; i++)
        tensor->int64_data[i] = data[i];
}

static void split_names(struct model *model, const char *names, char ***list, size_t *count)
{
    char *copy = own_text(model, names), *save = NULL;
    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        if (strcmp(name, "-") == 0)
            *name = '\0';
        APPEND(*list, *count, name);
    }
}

Onnx__NodeProto *model_node(struct model *model, const char *type, const char *inputs,
                            const char *outputs)
{
    Onnx__NodeProto *node = own(model, malloc(sizeof *node));
    onnx__node_proto__init(node);
    node->op_type = own_text(model, type);
    node->name = own_text(model, outputs);
    split_names(model, inputs, &node->input, &node->n_input);
    split_names(model, outputs, &node->output, &node->n_output);
    APPEND(model->graph.node, model->graph.n_node, node);
    return node;
}

static Onnx__AttributeProto *add_attribute(struct model *model, Onnx__NodeProto *node,
                                           const char *name, int type)
{
    Onnx__AttributeProto *attribute = own(model, malloc(sizeof *attribute));
    onnx__attribute_proto__init(attribute);
    attribute->name = own_text(model, name);
    attribute->has_type = 1;
    attribute->type = (Onnx__AttributeProto__AttributeType)type;
    APPEND(node->attribute, node->n_attribute, attribute);
    return attribute;
}

void node_int(struct model *model, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(model, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->has_i = 1;
    attribute->i = value;
}

void node_graph(struct model *model, Onnx__NodeProto *node, const char *name, Onnx__GraphProto *graph)
{
    add_attribute(model, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = graph;
}

void node_float(struct model *model, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(model, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attribute->has_f = 1;
    attribute->f = value;
}

void node_ints(struct model *model, Onnx__NodeProto *node, const char *name, size_t count,
               const int64_t *values)
{
    Onnx__AttributeProto *attribute =
        add_attribute(model, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attribute->n_ints = count;
    attribute->ints = own(model, calloc(count + 1, sizeof *values));
    for (size_t i = 0; i < count; i++)
        attribute->ints[i] = values[i];
}

void node_floats(struct model *model, Onnx__NodeProto *node, const char *name, size_t count,
                 const float *values)
{
    Onnx__AttributeProto *attribute =
        add_attribute(model, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    attribute->n_floats = count;
    attribute->floats = own(model, calloc(count + 1, sizeof *values));
    for (size_t i = 0; i < count; i++)
        attribute->floats[i] = values[i];
}

void node_string(struct model *model, Onnx__NodeProto *node, const char *name, const char *value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(model, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    attribute->has_s = 1;
    attribute->s.len = strlen(value);
    attribute->s.data = (uint8_t *)own_text(model, value);
}

uint8_t *model_pack(const struct model *model, size_t *size)
{
    *size = onnx__model_proto__get_packed_size(&model->proto);
    uint8_t *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    onnx__model_proto__pack(&model->proto, bytes);
    return bytes;
}

struct engine_network *harness_load(const struct model *model, size_t batch,
                                    const struct network_options *options)
{
    struct engine_network *network = NULL;
    struct error err = {0};
    size_t size;
    uint8_t *bytes = model_pack(model, &size);
    int failed = network_load(harness_device(), "test", bytes, size, batch, harness_options(options), &network,
                              &err);
    free(bytes);
    if (failed)
        fail_msg("%s: %s", error_name(failed), err.text);
    return network;
}

void harness_refuse(const struct model *model, int code, const char *text)
{
    struct error err = {0};
    size_t size;
    uint8_t *bytes = model_pack(model, &size);
    int failed = network_check(bytes, size, &err);
    free(bytes);
    if (failed != code || err.code != code || !strstr(err.text, text))
        fail_msg("%s, \"%s\" (expected %s, \"%s\")", error_name(failed), err.text, error_name(code), text);
}

void harness_expect_single(const struct model *model, const char *text)
{
    struct engine_network *network = harness_load(model, 2, NULL);
    const char *reason = engine_single(network);
    if (!reason)
        fail_msg("the rows are computed together (expected \"%s\")", text);
    if (!strstr(reason, text))
        fail_msg("\"%s\" does not contain \"%s\"", reason, text);
    engine_free(&network);
}

static void check(int failed, const struct error *err)
{
    if (failed)
        fail_msg("%s: %s", error_name(failed), err->text);
}

/* A fixed graph's tensors, and scalars that go in, are not of rows. */
static size_t input_bytes(const struct engine_network *network, size_t i, size_t rows)
{
    const struct engine_tensor_info *info = engine_input(network, i);
    bool of_rows = info->rank > 0 && (!network->graph->fixed || engine_single(network));
    return info->row_elements * (of_rows ? rows : 1) * sizeof(float);
}

static size_t output_bytes(const struct engine_network *network, size_t i, size_t rows)
{
    bool of_rows = !network->graph->fixed || engine_single(network);
    return engine_output(network, i)->row_elements * (of_rows ? rows : 1) * sizeof(float);
}

void harness_run(struct engine_network *network, size_t rows, const float *const *inputs,
                 float *const *outputs)
{
    struct device *device = harness_device();
    struct error err = {0};
    cl_mem in[16] = {NULL}, out[16] = {NULL};
    size_t ins = engine_input_count(network), outs = engine_output_count(network);
    assert_true(ins <= 16 && outs <= 16);
    for (size_t i = 0; i < ins; i++) {
        size_t bytes = input_bytes(network, i, rows);
        check(device_buffer(device, bytes, &in[i], &err), &err);
        check(device_write(device, in[i], 0, inputs[i], bytes, &err), &err);
    }
    for (size_t i = 0; i < outs; i++)
        check(device_buffer(device, output_bytes(network, i, rows), &out[i], &err), &err);
    check(engine_run(network, rows, in, out, &err), &err);
    for (size_t i = 0; i < outs; i++)
        check(device_read(device, out[i], 0, outputs[i], output_bytes(network, i, rows), &err), &err);
    for (size_t i = 0; i < 16; i++) {
        if (in[i])
            clReleaseMemObject(in[i]);
        if (out[i])
            clReleaseMemObject(out[i]);
    }
}

void harness_random(float *data, size_t count, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (float)((double)(state >> 8) / 8388608.0 - 1.0);
    }
}

double harness_error(const float *a, const float *b, size_t count, double floor)
{
    double least = INFINITY, most = -INFINITY, worst = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        least = fmin(least, (double)b[i]);
        most = fmax(most, (double)b[i]);
        worst = isnan(difference) ? INFINITY : fmax(worst, difference);
    }
    return worst / fmax(most - least, floor);
}
