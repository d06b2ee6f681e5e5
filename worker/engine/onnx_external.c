/*
 * External data of ONNX. The names come from a file that may be hostile: they are names in the model's own folder, which is
 * opened once, and nothing but regular files is read. No state, no threads.
 */
#include "worker/engine/onnx_external.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"
#include "worker/engine/element.h"

struct place {
    const char *file;
    uint64_t offset, length;
    bool measured; /* the length is given */
};

const char *onnx_external_file(const Onnx__ModelProto *model, size_t i)
{
    const Onnx__TensorProto *tensor = model->graph->initializer[i];
    if (tensor->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return NULL;
    for (size_t k = 0; k < tensor->n_external_data; k++)
        if (strcmp(tensor->external_data[k]->key, "location") == 0)
            return tensor->external_data[k]->value;
    return "";
}

static bool is_plain(const char *name)
{
    return *name && name[0] != '.' && !strchr(name, '/') && !strchr(name, '\\');
}

static int read_number(const char *text, uint64_t *number, struct error *err)
{
    size_t length = strlen(text);
    if (length == 0 || length > 18 || strspn(text, "0123456789") != length)
        return error_set(err, E_PARSE, "\"%.40s\" is no number of bytes", text);
    *number = strtoull(text, NULL, 10);
    return 0;
}

static int find_place(const Onnx__TensorProto *tensor, const char *file, struct place *place, struct error *err)
{
    int failed = 0;
    *place = (struct place){.file = file};
    if (!is_plain(file))
        return error_set(err, E_PARSE,
                         "its data are in \"%.80s\" (expected the name of a file in the model's own folder)", file);
    for (size_t k = 0; !failed && k < tensor->n_external_data; k++) {
        const Onnx__StringStringEntryProto *entry = tensor->external_data[k];
        if (strcmp(entry->key, "offset") == 0) {
            failed = read_number(entry->value, &place->offset, err);
        } else if (strcmp(entry->key, "length") == 0) {
            failed = read_number(entry->value, &place->length, err);
            place->measured = true;
        }
    }
    return failed;
}

static int open_file(int folder, const char *name, uint64_t *size, int *file, struct error *err)
{
    struct stat status;
    int opened = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (opened < 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "its data are in %.80s beside it: %s", name,
                         strerror(errno));
    if (fstat(opened, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(opened);
        return error_set(err, E_IO, "its data are in %.80s, which is no regular file", name);
    }
    *size = (uint64_t)status.st_size;
    *file = opened;
    return 0;
}

static int read_bytes(int file, const struct place *place, uint8_t *data, struct error *err)
{
    for (uint64_t done = 0; done < place->length;) {
        ssize_t got = pread(file, data + done, place->length - done, (off_t)(place->offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(err, E_IO, "%.80s: %s", place->file, got < 0 ? strerror(errno) : "it ends early");
        done += (uint64_t)got;
    }
    return 0;
}

/* Without a length, as many bytes as the tensor's elements need. */
static int measure(const Onnx__TensorProto *tensor, struct place *place, struct error *err)
{
    int64_t elements = tensor->n_dims > ENGINE_RANK_MAX ? -1 : dims_elements(tensor->n_dims, tensor->dims);
    enum value_type held;
    if (elements < 0)
        return error_set(err, E_PARSE, "its dims are negative or too large");
    int failed = element_held_as(tensor->data_type, &held, err);
    if (!failed)
        place->length = (uint64_t)elements * element_bytes(tensor->data_type);
    return failed;
}

static int read_tensor(int folder, const char *name, Onnx__TensorProto *tensor, uint64_t *total,
                       struct error *err)
{
    struct place place;
    uint64_t size = 0;
    int file = -1;
    int failed = find_place(tensor, name, &place, err);
    if (!failed && !place.measured)
        failed = measure(tensor, &place, err);
    if (!failed && (*total += place.length) > LIMIT_ONNX_BYTES)
        failed = error_set(err, E_LIMIT, "more than LIMIT_ONNX_BYTES (%u) of external data", LIMIT_ONNX_BYTES);
    if (!failed)
        failed = open_file(folder, name, &size, &file, err);
    if (failed)
        return failed;
    if (place.offset > size || place.length > size - place.offset)
        failed = error_set(err, E_PARSE, "its data are bytes %llu to %llu of %.80s, which has %llu",
                           (unsigned long long)place.offset, (unsigned long long)(place.offset + place.length), name,
                           (unsigned long long)size);
    uint8_t *data = failed ? NULL : malloc(place.length + 1);
    if (!failed && !data)
        failed = error_set(err, E_MEMORY, "no memory for %llu bytes", (unsigned long long)place.length);
    if (!failed)
        failed = read_bytes(file, &place, data, err);
    close(file);
    if (failed) {
        free(data);
        return failed;
    }
    free(tensor->raw_data.data);
    tensor->has_raw_data = 1;
    tensor->raw_data = (ProtobufCBinaryData){place.length, data};
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT;
    return 0;
}

static int open_folder(const char *path, int *folder, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *name = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!name)
        return error_set(err, E_MEMORY, "no memory for a path");
    *folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(name);
    return *folder < 0 ? error_set(err, E_IO, "its folder: %s", strerror(errno)) : 0;
}

int onnx_read_external(const char *path, Onnx__ModelProto *model, struct error *err)
{
    uint64_t total = 0;
    int folder = -1, failed = 0;
    for (size_t i = 0; !failed && i < model->graph->n_initializer; i++) {
        Onnx__TensorProto *tensor = model->graph->initializer[i];
        const char *name = onnx_external_file(model, i);
        if (!name)
            continue;
        if (folder < 0)
            failed = open_folder(path, &folder, err);
        if (!failed)
            failed = read_tensor(folder, name, tensor, &total, err);
        if (failed)
            failed = error_prefix(err, failed, "tensor %.80s", tensor->name ? tensor->name : "");
    }
    if (folder >= 0)
        close(folder);
    return failed;
}
