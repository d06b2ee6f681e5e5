/*
 * What the gate cut, told in the log and the journal: the first at once, then at most once a minute, as those who are cut
 * come back as often as they like.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "common/clock.h"
#include "common/log.h"

#define INTERVAL (60 * CLOCK_SECOND)

void cuts_notice(struct broker *b, int64_t now)
{
    gate_hear(b->gate);
    if (b->cuts.next == 0)
        b->cuts.next = b->cuts.told_at ? b->cuts.told_at + INTERVAL : now;
}

void cuts_tell(struct broker *b, int64_t now)
{
    char text[256];
    if (b->cuts.next == 0 || now < b->cuts.next || b->pause.on)
        return;
    struct gate_counts counts = gate_look(b->gate);
    snprintf(text, sizeof text,
             "%" PRIu64 " connections were cut that had not proved a key, as too many came at once, and %" PRIu64
             " as descriptors ran out; the last came from %s; %" PRIu64 " are open",
             counts.crowded - b->cuts.told.crowded, counts.full - b->cuts.told.full, counts.address, counts.open);
    b->cuts = (struct cuts){.told = counts, .told_at = now};
    log_warning("%s", text);
    broker_remark(b, "connections_cut", text);
}

int64_t cuts_deadline(const struct broker *b)
{
    return b->cuts.next && !b->pause.on ? b->cuts.next : INT64_MAX;
}
