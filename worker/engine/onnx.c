/*
 * Reading ONNX files. Everything here treats the file as hostile: sizes are checked against what
 * is there before anything is allocated or copied. No state, no threads.
 */
#include "worker/engine/onnx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/limits.h"
#include "worker/engine/element.h"
#include "worker/engine/onnx_external.h"

int onnx_unpack(const void *data, size_t size, Onnx__ModelProto **model, struct error *err)
{
    Onnx__ModelProto *unpacked = onnx__model_proto__unpack(NULL, size, data);
    if (!unpacked)
        return error_set(err, E_PARSE, "not an ONNX file (%zu bytes do not parse as protobuf)",
                         size);
    if (!unpacked->graph) {
        onnx__model_proto__free_unpacked(unpacked, NULL);
        return error_set(err, E_PARSE, "not an ONNX file (there is no graph)");
    }
    *model = unpacked;
    return 0;
}

static int read_all(FILE *in, size_t size, void **data, struct error *err)
{
    void *read = malloc(size ? size : 1);
    if (!read)
        return error_set(err, E_MEMORY, "no memory for %zu bytes", size);
    if (fread(read, 1, size, in) != size) {
        free(read);
        return error_set(err, E_IO, "%zu bytes cannot be read", size);
    }
    *data = read;
    return 0;
}

static int unpack_file(const char *path, Onnx__ModelProto **model, struct error *err)
{
    void *data = NULL;
    struct stat status;
    int failed = 0;
    FILE *in = fopen(path, "rb");
    if (!in)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s", strerror(errno));
    if (fstat(fileno(in), &status) != 0 || !S_ISREG(status.st_mode))
        failed = error_set(err, E_IO, "not a regular file");
    else if ((uint64_t)status.st_size > LIMIT_ONNX_BYTES)
        failed = error_set(err, E_LIMIT, "%lld bytes exceed LIMIT_ONNX_BYTES (%u)",
                           (long long)status.st_size, LIMIT_ONNX_BYTES);
    else
        failed = read_all(in, (size_t)status.st_size, &data, err);
    fclose(in);
    if (!failed)
        failed = onnx_unpack(data, (size_t)status.st_size, model, err);
    free(data);
    return failed;
}

int onnx_read(const char *path, Onnx__ModelProto **model, struct error *err)
{
    Onnx__ModelProto *read = NULL;
    int failed = unpack_file(path, &read, err);
    if (!failed)
        failed = onnx_read_external(path, read, err);
    if (failed)
        onnx_free(&read);
    else
        *model = read;
    return failed;
}

int onnx_name_files(const char *path, void (*name)(void *context, const char *file), void *context,
                    struct error *err)
{
    Onnx__ModelProto *model = NULL;
    int failed = unpack_file(path, &model, err);
    for (size_t i = 0; !failed && i < model->graph->n_initializer; i++)
        if (onnx_external_file(model, i))
            name(context, onnx_external_file(model, i));
    onnx_free(&model);
    return failed;
}

void onnx_free(Onnx__ModelProto **model)
{
    if (*model)
        onnx__model_proto__free_unpacked(*model, NULL);
    *model = NULL;
}

int onnx_opset(const Onnx__ModelProto *model, int *opset, struct error *err)
{
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = model->opset_import[i];
        if (set->domain && *set->domain && strcmp(set->domain, "ai.onnx") != 0)
            continue; /* a node of a foreign domain is refused by name */
        if (!set->has_version || set->version < 1 || set->version > 1000)
            return error_set(err, E_PARSE, "the operator set has no sensible version");
        *opset = (int)set->version;
        return 0;
    }
    return error_set(err, E_PARSE, "the default operator set is not imported");
}

/* Where a tensor's elements stand. */
struct source {
    const Onnx__TensorProto *tensor;
    size_t count;
};

static int wrong_count(const struct source *source, const char *field, size_t found,
                       struct error *err)
{
    return error_set(err, E_PARSE, "tensor %.80s: %s has %zu entries where its dims need %zu",
                     source->tensor->name ? source->tensor->name : "", field, found,
                     source->count);
}

/* The entries of raw_data or of a typed field, by what TensorProto says: double_data and uint64_data (with uint32)
 * hold their types, int32_data all other integers, bool, and the bits of float16 and bfloat16. */
static int read_floats(const struct source *source, float *out, struct error *err)
{
    const Onnx__TensorProto *tensor = source->tensor;
    int type = tensor->data_type;
    if (type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE) {
        if (tensor->n_double_data != source->count)
            return wrong_count(source, "double_data", tensor->n_double_data, err);
        for (size_t i = 0; i < source->count; i++)
            out[i] = (float)tensor->double_data[i];
        return 0;
    }
    if (type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) {
        if (tensor->n_float_data != source->count)
            return wrong_count(source, "float_data", tensor->n_float_data, err);
        if (source->count)
            memcpy(out, tensor->float_data, source->count * sizeof *out);
        return 0;
    }
    if (tensor->n_int32_data != source->count)
        return wrong_count(source, "int32_data", tensor->n_int32_data, err);
    for (size_t i = 0; i < source->count; i++) {
        uint32_t bits = (uint32_t)tensor->int32_data[i];
        out[i] = element_read_float(type, (const uint8_t[]){(uint8_t)bits, (uint8_t)(bits >> 8)});
    }
    return 0;
}

static int read_integers(const struct source *source, int64_t *out, bool *fits, struct error *err)
{
    const Onnx__TensorProto *tensor = source->tensor;
    int type = tensor->data_type;
    bool wide = type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    bool is_unsigned = type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT32 ||
                       type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT64;
    size_t found = wide          ? tensor->n_int64_data
                   : is_unsigned ? tensor->n_uint64_data
                                 : tensor->n_int32_data;
    if (found != source->count)
        return wrong_count(source, wide ? "int64_data" : is_unsigned ? "uint64_data" : "int32_data",
                           found, err);
    for (size_t i = 0; i < source->count; i++) {
        int64_t x = wide          ? tensor->int64_data[i]
                    : is_unsigned ? (int64_t)tensor->uint64_data[i]
                                  : tensor->int32_data[i];
        out[i] = element_wrap(type, x, fits);
    }
    return 0;
}

static int read_raw(const struct source *source, struct value *value, bool *fits, struct error *err)
{
    const Onnx__TensorProto *tensor = source->tensor;
    size_t width = element_bytes(tensor->data_type);
    const uint8_t *raw = tensor->raw_data.data;
    if (tensor->raw_data.len != source->count * width)
        return wrong_count(source, "raw_data (bytes)", tensor->raw_data.len, err);
    if (tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) { /* weights: the many */
        if (source->count)
            memcpy(value->data, raw, source->count * width);
        return 0;
    }
    for (size_t i = 0; i < source->count; i++)
        if (value->type == VALUE_FLOAT)
            ((float *)value->data)[i] = element_read_float(tensor->data_type, raw + i * width);
        else
            ((int64_t *)value->data)[i] =
                element_read_integer(tensor->data_type, raw + i * width, fits);
    return 0;
}

static int read_elements(const struct source *source, struct value *value, struct error *err)
{
    bool fits = true;
    int failed = source->tensor->has_raw_data ? read_raw(source, value, &fits, err)
                 : value->type == VALUE_FLOAT ? read_floats(source, value->data, err)
                                              : read_integers(source, value->data, &fits, err);
    return failed || fits ? failed : error_set(err, E_UNSUPPORTED, "tensor %.80s: a uint64 beyond int64",
                                               source->tensor->name ? source->tensor->name : "");
}

static int check_tensor(const Onnx__TensorProto *tensor, enum value_type *held, struct error *err)
{
    const char *name = tensor->name ? tensor->name : "";
    int failed = element_held_as(tensor->data_type, held, err);
    if (failed)
        return error_prefix(err, failed, "tensor %.80s", name);
    if (tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return error_set(err, E_UNSUPPORTED, "tensor %.80s: its data are in another file, which only those of "
                         "initializers may be", name);
    if (tensor->segment)
        return error_set(err, E_UNSUPPORTED, "tensor %.80s: it is stored in segments", name);
    if (tensor->n_dims > ENGINE_RANK_MAX)
        return error_set(err, E_UNSUPPORTED, "tensor %.80s: rank %zu exceeds %d", name,
                         tensor->n_dims, ENGINE_RANK_MAX);
    if (dims_elements(tensor->n_dims, tensor->dims) < 0)
        return error_set(err, E_PARSE, "tensor %.80s: its dims are negative or too large", name);
    return 0;
}

int onnx_tensor(const Onnx__TensorProto *tensor, struct value *value, struct error *err)
{
    struct value made = {.rank = tensor->n_dims, .element = element_code(tensor->data_type)};
    int failed = check_tensor(tensor, &made.type, err);
    if (failed)
        return failed;
    struct source source = {tensor, (size_t)dims_elements(tensor->n_dims, tensor->dims)};
    /* Every element needs at least a byte of the file, so this allocates at most 8 times that. */
    size_t bytes_there = tensor->raw_data.len + tensor->n_float_data + tensor->n_int64_data +
                         tensor->n_int32_data + tensor->n_double_data + tensor->n_uint64_data;
    if (bytes_there < source.count)
        return wrong_count(&source, "the file", bytes_there, err);
    for (size_t i = 0; i < tensor->n_dims; i++)
        made.dims[i] = tensor->dims[i];
    failed = value_allocate(&made, err);
    if (failed)
        return failed;
    failed = read_elements(&source, &made, err);
    if (failed) {
        free(made.data);
        return failed;
    }
    value->type = made.type;
    value->element = made.element;
    value->rank = made.rank;
    memcpy(value->dims, made.dims, sizeof made.dims);
    value->data = made.data;
    value->known = true;
    value->batched = false;
    return 0;
}

const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

void onnx_drop_elements(Onnx__TensorProto *tensor)
{
    free(tensor->raw_data.data); /* onnx_unpack's allocator is malloc's */
    tensor->raw_data = (ProtobufCBinaryData){0};
    free(tensor->float_data);
    tensor->float_data = NULL;
    tensor->n_float_data = 0;
}
