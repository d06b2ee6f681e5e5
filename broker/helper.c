/* `last` is put behind all others when the thread is to end, so that ending needs no memory. */
#include "broker/helper.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct helper {
    struct helper_task task;
    struct mailbox *orders, *done;
    struct mail last;
    pthread_t thread;
};

static void *helper_thread(void *state)
{
    struct helper *helper = state;
    struct mail *order;
    while ((order = mailbox_wait(helper->orders)) != &helper->last)
        if (helper->task.work(helper->task.state, order))
            mailbox_put(helper->done, order);
    return NULL;
}

static void close_all(struct helper *helper)
{
    mailbox_close(&helper->orders);
    mailbox_close(&helper->done);
    free(helper);
}

int helper_start(const struct helper_task *task, struct helper **helper, struct error *err)
{
    struct helper *started = calloc(1, sizeof *started);
    if (!started)
        return error_set(err, E_MEMORY, "no memory for a thread");
    started->task = *task;
    int rc = mailbox_open(&started->orders, err);
    if (rc == 0)
        rc = mailbox_open(&started->done, err);
    int code = rc == 0 ? pthread_create(&started->thread, NULL, helper_thread, started) : 0;
    if (code)
        rc = error_set(err, E_MEMORY, "pthread_create: %s", strerror(code));
    if (rc < 0)
        close_all(started);
    else
        *helper = started;
    return rc;
}

void helper_stop(struct helper **helper)
{
    struct helper *stopped = *helper;
    struct mail *order;
    if (!stopped)
        return;
    *helper = NULL;
    mailbox_put(stopped->orders, &stopped->last);
    pthread_join(stopped->thread, NULL);
    while ((order = mailbox_take(stopped->done)))
        stopped->task.drop(order);
    close_all(stopped);
}

void helper_put(struct helper *helper, struct mail *order)
{
    mailbox_put(helper->orders, order);
}

struct mail *helper_take(struct helper *helper)
{
    return mailbox_take(helper->done);
}

int helper_fd(const struct helper *helper)
{
    return mailbox_fd(helper->done);
}
