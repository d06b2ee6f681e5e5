/*
 * A disk that is full, fails, or is held by another program does not end the broker. What the round
 * had written is rolled back and was told to nobody, so memory is read back from the database, as at
 * a start, and the broker is paused: it answers what only reads, refuses what would write, and
 * leases nothing. Workers keep what they have, as to them the broker does not know them; every
 * PAUSE_RETRY it tries to write a row, and when that is committed they say hello again, deliver, and
 * all goes on. Nothing here is different from a broker that was killed and started anew.
 */
#include <stdio.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

#define PAUSE_RETRY CLOCK_SECOND

static const char *reason(int code)
{
    switch (code) {
    case E_FULL:
        return "the disk is full";
    case E_BUSY:
        return "another program holds the database";
    case E_IO:
        return "the disk does not take what is written";
    }
    return NULL; /* it will not pass */
}

/* Memory as the database has it, with nothing leased. */
static int read_back(struct broker *b, struct error *err)
{
    lifecycle_drop_reductions(b);
    farm_free(&b->farm);
    b->farm = (struct farm){0};
    b->follow = false;
    b->expected = 0;
    b->next_expiry = INT64_MAX;
    return resume(b, err);
}

static void set_reason(struct broker *b, int code, const struct error *why)
{
    b->pause.code = code;
    snprintf(b->pause.text, sizeof b->pause.text, "paused: %s (%.900s)", reason(code), why->text);
    text_scrub(b->pause.text);
    log_error("%s; nothing is lost, it is tried again every second", b->pause.text);
}

bool pause_begin(struct broker *b)
{
    struct error err;
    if (!reason(b->doomed))
        return false;
    database_rollback(b->db);
    if (!b->pause.on)
        b->pause.since = clock_now();
    b->pause.on = true;
    b->pause.retry_at = clock_now() + PAUSE_RETRY;
    set_reason(b, b->doomed, &b->doom);
    b->doomed = 0;
    outbox_withdraw(b, b->pause.code, b->pause.text);
    watch_renew(b);
    int rc = read_back(b, &err);
    if (rc < 0)
        broker_doomed(b, rc, &err);
    return !b->doomed;
}

void pause_tend(struct broker *b, int64_t now)
{
    struct error err;
    if (!b->pause.on || now < b->pause.retry_at)
        return;
    database_set_patience(b->db, 0); /* the loop is not to wait for it */
    int rc = broker_note(b, "broker_resume", &err);
    database_set_patience(b->db, DATABASE_PATIENCE_MS);
    if (rc < 0) {
        database_rollback(b->db);
        b->pause.retry_at = now + PAUSE_RETRY;
        if (!reason(rc))
            broker_doomed(b, rc, &err);
        else if (rc != b->pause.code)
            set_reason(b, rc, &err);
        return;
    }
    log_info("goes on after %.1f s", (double)(now - b->pause.since) / (double)CLOCK_SECOND);
    b->pause.on = false;
    b->expected_until = now + b->options.silence_ms * CLOCK_MILLISECOND;
    watch_renew(b);
    broker_advance_all(b);
}

int64_t pause_deadline(const struct broker *b)
{
    return b->pause.on ? b->pause.retry_at : INT64_MAX;
}

const char *pause_notice(const struct broker *b)
{
    return b->pause.on ? b->pause.text : "";
}
