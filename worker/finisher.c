/* One slot under one lock: `given` is the outcome that the thread is at, NULL where it is idle. */
#include "worker/finisher.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct finisher {
    struct mailbox *reports;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct outcome *given;
    bool ending;
};

static void *finish_thread(void *state)
{
    struct finisher *finisher = state;
    pthread_mutex_lock(&finisher->lock);
    while (!finisher->ending || finisher->given) {
        struct outcome *outcome = finisher->given;
        if (!outcome) {
            pthread_cond_wait(&finisher->changed, &finisher->lock);
            continue;
        }
        pthread_mutex_unlock(&finisher->lock);
        outcome_finish(outcome);
        outcome_log(outcome);
        pthread_mutex_lock(&finisher->lock);
        finisher->given = NULL;
        outcome->letter.kind = LETTER_DONE; /* with the lock, so that no later outcome overtakes it */
        mailbox_put(finisher->reports, &outcome->letter.mail);
        pthread_cond_broadcast(&finisher->changed);
    }
    pthread_mutex_unlock(&finisher->lock);
    return NULL;
}

int finisher_begin(struct mailbox *reports, struct finisher **finisher, struct error *err)
{
    struct finisher *begun = calloc(1, sizeof *begun);
    if (!begun)
        return error_set(err, E_MEMORY, "no memory for the thread that finishes files");
    begun->reports = reports;
    pthread_mutex_init(&begun->lock, NULL);
    pthread_cond_init(&begun->changed, NULL);
    int code = pthread_create(&begun->thread, NULL, finish_thread, begun);
    if (code) {
        pthread_cond_destroy(&begun->changed);
        pthread_mutex_destroy(&begun->lock);
        free(begun);
        return error_set(err, E_MEMORY, "pthread_create: %s", strerror(code));
    }
    *finisher = begun;
    return 0;
}

void finisher_wait(struct finisher *finisher)
{
    pthread_mutex_lock(&finisher->lock);
    while (finisher->given)
        pthread_cond_wait(&finisher->changed, &finisher->lock);
    pthread_mutex_unlock(&finisher->lock);
}

void finisher_give(struct finisher *finisher, struct outcome *outcome)
{
    pthread_mutex_lock(&finisher->lock);
    assert(!finisher->given && !finisher->ending);
    finisher->given = outcome;
    pthread_cond_broadcast(&finisher->changed);
    pthread_mutex_unlock(&finisher->lock);
}

void finisher_end(struct finisher **finisher)
{
    struct finisher *ended = *finisher;
    if (!ended)
        return;
    *finisher = NULL;
    pthread_mutex_lock(&ended->lock);
    ended->ending = true;
    pthread_cond_broadcast(&ended->changed);
    pthread_mutex_unlock(&ended->lock);
    pthread_join(ended->thread, NULL);
    pthread_cond_destroy(&ended->changed);
    pthread_mutex_destroy(&ended->lock);
    free(ended);
}
