/* Which messages a broker takes, of whom, at what cost, and who handles them: a table. */
#ifndef BROKER_DISPATCH_H
#define BROKER_DISPATCH_H

#include "common/error.h"
#include "common/socket.h"
#include "common/wire.h"

struct broker;

/* Whether the sender may say it, now. E_UNSUPPORTED: it is no message to a broker; E_DENIED, with
 * what the sender is and would have to be; the pause's own code, where the queue is paused. */
MUST_CHECK int dispatch_admit(const struct broker *b, const struct socket_identity *from,
                              enum wire_type type, struct error *err);

/* Handles a message that was admitted. `request` becomes the number that a refusal repeats, where
 * the message has one. */
MUST_CHECK int dispatch(struct broker *b, const struct socket_identity *from,
                        const struct wire_message *m, uint64_t *request, struct error *err);

/* What a message takes of its connection's rate (rate.h), handled or refused (rc < 0). */
unsigned dispatch_cost(enum wire_type type, int rc);

#endif
