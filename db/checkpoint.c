/*
 * Two threads: the writer's, which calls everything here, and ours, which only runs `copy`. `state`
 * is what they share; a turn is ours from WANTED to COPIED, and the writer's otherwise.
 */
#include "db/checkpoint.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum state {
    RESTING,
    WANTED, /* the thread is to copy, or does */
    COPIED, /* the writer is to copy the rest */
    ENDING,
};

struct checkpoint {
    sqlite3 *writer;
    const char *path;
    int pages; /* in the log */
    int due;   /* so many make the next one due */
    bool running;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum state state; /* under the mutex */
};

/* SQLite calls it after each commit that wrote. */
static int note_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct checkpoint *)context)->pages = pages;
    return SQLITE_OK;
}

int checkpoint_open(sqlite3 *writer, const char *path, struct checkpoint **checkpoint,
                    struct error *err)
{
    struct checkpoint *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, E_MEMORY, "%s: no memory for its checkpoints", path);
    made->writer = writer;
    made->path = path;
    made->due = CHECKPOINT_PAGES;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->changed, NULL);
    sqlite3_wal_hook(writer, note_pages, made);
    *checkpoint = made;
    return 0;
}

/* ---- our thread ---- */

static void copy(sqlite3 *db)
{
    int pages, copied;
    if (sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied) ==
            SQLITE_OK &&
        pages - copied > CHECKPOINT_PAGES / 10)
        (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void *copy_thread(void *context)
{
    struct checkpoint *checkpoint = context;
    sqlite3 *db = NULL;
    bool opened = sqlite3_open_v2(checkpoint->path, &db,
                                  SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;
    pthread_mutex_lock(&checkpoint->mutex);
    for (;;) {
        while (checkpoint->state != WANTED && checkpoint->state != ENDING)
            pthread_cond_wait(&checkpoint->changed, &checkpoint->mutex);
        if (checkpoint->state == ENDING)
            break;
        pthread_mutex_unlock(&checkpoint->mutex);
        if (opened)
            copy(db);
        pthread_mutex_lock(&checkpoint->mutex);
        if (checkpoint->state == WANTED)
            checkpoint->state = COPIED;
    }
    pthread_mutex_unlock(&checkpoint->mutex);
    sqlite3_close(db);
    return NULL;
}

/* ---- the writer's ---- */

static enum state turn_of(struct checkpoint *checkpoint)
{
    pthread_mutex_lock(&checkpoint->mutex);
    enum state state = checkpoint->state;
    pthread_mutex_unlock(&checkpoint->mutex);
    return state;
}

static void set_state(struct checkpoint *checkpoint, enum state state)
{
    pthread_mutex_lock(&checkpoint->mutex);
    checkpoint->state = state;
    pthread_cond_signal(&checkpoint->changed);
    pthread_mutex_unlock(&checkpoint->mutex);
}

/* Copies what came while the thread copied. Where that was all, the next commit begins the log
 * anew. */
static void copy_rest(struct checkpoint *checkpoint)
{
    int pages = 0, copied = -1;
    int code = sqlite3_wal_checkpoint_v2(checkpoint->writer, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                         &pages, &copied);
    bool all = code == SQLITE_OK && pages == copied;
    checkpoint->due = CHECKPOINT_PAGES + (all ? 0 : checkpoint->pages);
    if (all)
        checkpoint->pages = 0;
    set_state(checkpoint, RESTING);
}

static void want(struct checkpoint *checkpoint)
{
    set_state(checkpoint, WANTED);
    if (!checkpoint->running)
        checkpoint->running =
            pthread_create(&checkpoint->thread, NULL, copy_thread, checkpoint) == 0;
    if (!checkpoint->running) /* then the writer does all of it, as SQLite would */
        copy_rest(checkpoint);
}

void checkpoint_tend(struct checkpoint *checkpoint)
{
    if (checkpoint->pages < checkpoint->due)
        return;
    switch (turn_of(checkpoint)) {
    case RESTING:
        want(checkpoint);
        break;
    case COPIED:
        copy_rest(checkpoint);
        break;
    case WANTED:
    case ENDING:
        break;
    }
}

int checkpoint_pages(const struct checkpoint *checkpoint)
{
    return checkpoint->pages;
}

void checkpoint_close(struct checkpoint **checkpoint)
{
    struct checkpoint *old = *checkpoint;
    if (!old)
        return;
    *checkpoint = NULL;
    if (old->running) {
        set_state(old, ENDING);
        pthread_join(old->thread, NULL);
    }
    sqlite3_wal_hook(old->writer, NULL, NULL);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->mutex);
    free(old);
}
