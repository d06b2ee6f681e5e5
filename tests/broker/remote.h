/* A farm with a worker that shares no store and holds a sample task, and what its files come to
 * there. */
#ifndef TESTS_BROKER_REMOTE_H
#define TESTS_BROKER_REMOTE_H

#include "support.h"

struct remote {
    struct support s;
    struct peer client, files; /* files: the worker's second connection */
    struct worker worker;
    struct held held;
    uint64_t job;
};

void remote_open(struct remote *r);
void remote_close(struct remote *r);
/* A worker that shares no store says hello. */
void remote_say_hello(struct remote *r, uint64_t session);

/* ---- the file of the worker's task: a folder with two files ---- */

extern const char *const remote_names[2];
extern const char *const remote_contents[2];

/* With these contents (its digest is static: of the last one made). */
struct wire_file remote_file(const char *first, const char *second);
/* The message that begins its upload; borrows. */
struct wire_upload remote_upload(const struct remote *r, const struct wire_file *file);
/* Begins an upload: its number. */
uint64_t remote_begin_upload(struct remote *r, const struct wire_file *file);
void remote_send_piece(struct peer *peer, uint64_t upload, uint64_t number, const char *name,
                       uint64_t offset, const char *text);
void remote_send_end(struct peer *peer, uint64_t upload);
/* Both files, in two chunks, and the end. */
void remote_send_faces(struct remote *r, uint64_t upload, const char *first, const char *second);
/* The task's result, which tells of the file. */
void remote_send_result(struct remote *r, const struct wire_file *file);
void remote_expect_refusal(struct peer *peer, const char *code);

/* ---- what lies on the disk: `tail` is a path in the store ---- */

void remote_path(const struct remote *r, const char *tail, char path[512]);
size_t remote_entries(const struct remote *r, const char *tail);
bool remote_has(const struct remote *r, const char *tail);
void remote_expect_content(const struct remote *r, const char *tail, const char *content);
/* Returns when the file thread has done all that was asked before. */
void remote_settle(struct remote *r);
/* No file of the task is there, nor a part of one. */
void remote_expect_nothing(struct remote *r);

#endif
