/*
 * A queue between two threads: whoever puts gives the item away, whoever takes owns it.
 *
 * The reader may block on it or poll its file descriptor beside sockets. Putting never blocks and
 * never fails, because the link to the next item lives in the item.
 */
#ifndef COMMON_MAILBOX_H
#define COMMON_MAILBOX_H

#include "common/error.h"

struct mail { /* first member of everything that travels */
    struct mail *next;
};

struct mailbox; /* opaque */

MUST_CHECK int mailbox_open(struct mailbox **mailbox, struct error *err);
/* What is still inside is the caller's to take before. */
void mailbox_close(struct mailbox **mailbox);

void mailbox_put(struct mailbox *mailbox, struct mail *mail);
struct mail *mailbox_take(struct mailbox *mailbox); /* NULL where it is empty */
struct mail *mailbox_wait(struct mailbox *mailbox); /* blocks until there is something */

/* Readable while there is something to take. */
int mailbox_fd(const struct mailbox *mailbox);

#endif
