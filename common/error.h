/*
 * Errors: one list gives number, name, wire code and text.
 *
 * A function that can fail returns 0 or a negative code of this list, and
 * fills `struct error` (if not NULL) with a sentence that says what, where and
 * what was expected. Outputs are written on success only.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#define ERROR_LIST(X)                                                                              \
    X(E_INVALID, 1, "invalid value")          /* an argument or a field of outside data */          \
    X(E_PARSE, 2, "cannot be parsed")         /* malformed YAML, msgpack, ONNX, PNG, … */           \
    X(E_LIMIT, 3, "limit exceeded")           /* names the limit and the value */                   \
    X(E_NOT_FOUND, 4, "not found")                                                                  \
    X(E_EXISTS, 5, "exists already")                                                                \
    X(E_UNSUPPORTED, 6, "not supported")      /* well-formed, but not ours to run */                \
    X(E_VERSION, 7, "version not supported")                                                        \
    X(E_STATE, 8, "not possible in this state")                                                     \
    X(E_MEMORY, 9, "out of memory")                                                                 \
    X(E_IO, 10, "input/output error")                                                               \
    X(E_NETWORK, 11, "network error")                                                               \
    X(E_TIMEOUT, 12, "timed out")                                                                   \
    X(E_DEVICE, 13, "device error")           /* an OpenCL call failed */                           \
    X(E_DATABASE, 14, "database error")                                                             \
    X(E_DIGEST, 15, "digest differs")         /* content does not match its hash */                 \
    X(E_INTERRUPTED, 16, "interrupted")                                                             \
    X(E_LOST, 17, "device lost")              /* a device that answers no more */                   \
    X(E_DENIED, 18, "not allowed")            /* a key, a role or a file's mode does not permit it */  \
    X(E_FULL, 19, "no room")                  /* on the disk, or in what one may use of it */       \
    X(E_BUSY, 20, "in use by somebody else")  /* for now */                                        \
    X(E_READONLY, 21, "cannot be written")    /* a store: read-only, or not ours to write */

enum error_code {
#define ERROR_ENUM(name, number, text) name = -(number),
    ERROR_LIST(ERROR_ENUM)
#undef ERROR_ENUM
};

#define ERROR_TEXT_MAX 1024

struct error {
    int code; /* 0 or an error_code */
    char text[ERROR_TEXT_MAX];
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Sets `err` (which may be NULL) to `code` with a formatted sentence; returns `code`. */
int error_set(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<formatted prefix>: " before the text of `err`; returns err's code (or `code` where err is
 * NULL). For callers that know where the thing stands: a file, a node, a task. */
int error_prefix(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* E_FULL where errno says that there is no room for what was to be written, else E_IO. */
int error_of_write(int number);

const char *error_name(int code); /* "E_PARSE", or "E_UNKNOWN" */
int error_find(const char *name); /* the code of that name; E_STATE where there is none */
const char *error_text(int code); /* "cannot be parsed" */

#endif
