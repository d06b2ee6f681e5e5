/*
 * A linked list under a mutex. The eventfd is for readers that poll; it is written and cleared
 * under the mutex, so it is readable exactly while the list is not empty.
 */
#include "common/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct mail *first, *last;
    int fd;
};

int mailbox_open(struct mailbox **mailbox, struct error *err)
{
    struct mailbox *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for a mailbox");
    opened->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (opened->fd < 0) {
        free(opened);
        return error_set(err, E_IO, "eventfd: %s", strerror(errno));
    }
    pthread_mutex_init(&opened->mutex, NULL);
    pthread_cond_init(&opened->filled, NULL);
    *mailbox = opened;
    return 0;
}

void mailbox_close(struct mailbox **mailbox)
{
    struct mailbox *closed = *mailbox;
    if (!closed)
        return;
    *mailbox = NULL;
    assert(!closed->first);
    close(closed->fd);
    pthread_cond_destroy(&closed->filled);
    pthread_mutex_destroy(&closed->mutex);
    free(closed);
}

void mailbox_put(struct mailbox *mailbox, struct mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->last) {
        mailbox->last->next = mail;
    } else {
        mailbox->first = mail;
        ssize_t written = write(mailbox->fd, &(uint64_t){1}, sizeof(uint64_t));
        assert(written == sizeof(uint64_t));
    }
    mailbox->last = mail;
    pthread_cond_signal(&mailbox->filled);
    pthread_mutex_unlock(&mailbox->mutex);
}

/* Under the mutex. */
static struct mail *take(struct mailbox *mailbox)
{
    struct mail *mail = mailbox->first;
    if (!mail)
        return NULL;
    mailbox->first = mail->next;
    if (!mailbox->first) {
        mailbox->last = NULL;
        uint64_t count = 0;
        ssize_t cleared = read(mailbox->fd, &count, sizeof count);
        assert(cleared == sizeof count);
    }
    return mail;
}

struct mail *mailbox_take(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    struct mail *mail = take(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return mail;
}

struct mail *mailbox_wait(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    while (!mailbox->first)
        pthread_cond_wait(&mailbox->filled, &mailbox->mutex);
    struct mail *mail = take(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return mail;
}

int mailbox_fd(const struct mailbox *mailbox)
{
    return mailbox->fd;
}
