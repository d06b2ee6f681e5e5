/* A bundle of this machine sent to the broker's. */
#ifndef CLI_SEND_H
#define CLI_SEND_H

#include "common/transfer.h"

/* Checks the bundle in `folder` and sends what the broker lacks of it; the answer, a bundle_added,
 * is the caller's to free. */
MUST_CHECK int send_bundle(const char *endpoint, const char *folder, struct transfer_answer *added,
                           struct error *err);

#endif
