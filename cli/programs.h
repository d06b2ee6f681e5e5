/* The other programs of the farm: where they are, and running them. */
#ifndef CLI_PROGRAMS_H
#define CLI_PROGRAMS_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buffer.h"
#include "common/error.h"

/* The path of `name`, looked for in $FACEFARM_LIBEXEC, beside this program, in its build tree's
 * folders, in libexec/facefarm, and in PATH. */
MUST_CHECK int programs_find(const char *name, char path[PATH_MAX], struct error *err);

/* The bundle installed with this program (or in its source tree), if there is one. */
MUST_CHECK int programs_default_bundle(char path[PATH_MAX], struct error *err);

enum programs_group {
    PROGRAMS_SAME_GROUP, /* Ctrl-C reaches it as well */
    PROGRAMS_OWN_GROUP,
};

/*
 * Starts argv[0] with argv. It dies with this process, however that ends. out_fd and err_fd become
 * its stdout and stderr where they are ≥ 0. Signals that this process blocks are free in the child.
 */
MUST_CHECK int programs_start(char *const *argv, int out_fd, int err_fd, enum programs_group group,
                              pid_t *pid, struct error *err);

/* Runs to the end and collects stdout (at most out's maximum). `status` is as of waitpid. */
MUST_CHECK int programs_capture(char *const *argv, struct buffer *out, int *status,
                                struct error *err);

/* "exit 3", "killed by SIGSEGV (Segmentation fault)". */
void programs_status(int status, char *text, size_t size);
/* The exit code a shell would report. */
int programs_exit_code(int status);

#endif
