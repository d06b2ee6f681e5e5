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

int onnx_read(const char *path, Onnx__ModelProto **model, struct error *err)
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

/* Raw bytes of `width` an element, or NULL with *failed set if there are none of the right size. */
static const uint8_t *raw_bytes(const struct source *source, size_t width, int *failed,
                                struct error *err)
{
    const Onnx__TensorProto *tensor = source->tensor;
    if (tensor->raw_data.len != source->count * width) {
        *failed = wrong_count(source, "raw_data (bytes)", tensor->raw_data.len, err);
        return NULL;
    }
    return tensor->raw_data.data;
}

static int read_floats(const struct source *source, float *out, struct error *err)
{
    int failed = 0;
    if (source->tensor->has_raw_data) {
        const uint8_t *raw = raw_bytes(source, sizeof *out, &failed, err);
        if (raw)
            memcpy(out, raw, source->count * sizeof *out);
        return failed;
    }
    if (source->tensor->n_float_data != source->count)
        return wrong_count(source, "float_data", source->tensor->n_float_data, err);
    if (source->count)
        memcpy(out, source->tensor->float_data, source->count * sizeof *out);
    return 0;
}

static int read_int64(const struct source *source, int64_t *out, struct error *err)
{
    int failed = 0;
    if (source->tensor->has_raw_data) {
        const uint8_t *raw = raw_bytes(source, sizeof *out, &failed, err);
        if (raw)
            memcpy(out, raw, source->count * sizeof *out);
        return failed;
    }
    if (source->tensor->n_int64_data != source->count)
        return wrong_count(source, "int64_data", source->tensor->n_int64_data, err);
    if (source->count)
        memcpy(out, source->tensor->int64_data, source->count * sizeof *out);
    return 0;
}

/* int32 and bool; `width` is their size as raw bytes. */
static int read_int32(const struct source *source, size_t width, int64_t *out, struct error *err)
{
    int failed = 0;
    if (source->tensor->has_raw_data) {
        const uint8_t *raw = raw_bytes(source, width, &failed, err);
        for (size_t i = 0; raw && i < source->count; i++) {
            int32_t element = raw[i * width];
            if (width == sizeof element)
                memcpy(&element, raw + i * width, sizeof element);
            out[i] = element;
        }
        return failed;
    }
    if (source->tensor->n_int32_data != source->count)
        return wrong_count(source, "int32_data", source->tensor->n_int32_data, err);
    for (size_t i = 0; i < source->count; i++)
        out[i] = source->tensor->int32_data[i];
    return 0;
}

static int read_elements(const struct source *source, struct value *value, struct error *err)
{
    switch (source->tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        return read_floats(source, value->data, err);
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return read_int64(source, value->data, err);
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return read_int32(source, 4, value->data, err);
    case ONNX__TENSOR_PROTO__DATA_TYPE__BOOL:
        return read_int32(source, 1, value->data, err);
    default: /* check_tensor lets no other pass */
        return error_set(err, E_UNSUPPORTED, "element type %d", source->tensor->data_type);
    }
}

static int check_tensor(const Onnx__TensorProto *tensor, struct error *err)
{
    const char *name = tensor->name ? tensor->name : "";
    int type = tensor->data_type;
    if (type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT &&
        type != ONNX__TENSOR_PROTO__DATA_TYPE__INT64 &&
        type != ONNX__TENSOR_PROTO__DATA_TYPE__INT32 && type != ONNX__TENSOR_PROTO__DATA_TYPE__BOOL)
        return error_set(err, E_UNSUPPORTED,
                         "tensor %.80s: element type %d (known: float, int64, int32, bool)", name,
                         type);
    if (tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return error_set(err, E_UNSUPPORTED, "tensor %.80s: its data are in another file", name);
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
    int failed = check_tensor(tensor, err);
    if (failed)
        return failed;
    struct source source = {tensor, (size_t)dims_elements(tensor->n_dims, tensor->dims)};
    /* Every element needs at least a byte of the file, so this allocates at most 8 times that. */
    size_t bytes_there = tensor->raw_data.len + tensor->n_float_data + tensor->n_int64_data +
                         tensor->n_int32_data;
    if (bytes_there < source.count)
        return wrong_count(&source, "the file", bytes_there, err);
    bool is_float = tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    bool is_bool = tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    struct value made = {.type = is_float ? VALUE_FLOAT : is_bool ? VALUE_BOOL : VALUE_INT64,
                         .rank = tensor->n_dims};
    for (size_t i = 0; i < tensor->n_dims; i++)
        made.dims[i] = tensor->dims[i];
    made.data = malloc((source.count ? source.count : 1) * (is_float ? sizeof(float) : sizeof(int64_t)));
    if (!made.data)
        return error_set(err, E_MEMORY, "no memory for a tensor of %zu elements", source.count);
    failed = read_elements(&source, &made, err);
    if (failed) {
        free(made.data);
        return failed;
    }
    value->type = made.type;
    value->rank = made.rank;
    memcpy(value->dims, made.dims, sizeof made.dims);
    value->data = made.data;
    value->known = true;
    value->batched = false;
    return 0;
}
