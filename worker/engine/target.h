/* Devices as lowering sees them. */
#ifndef WORKER_ENGINE_TARGET_H
#define WORKER_ENGINE_TARGET_H

#include "worker/engine/network.h"

/* What lowering is told of an open device. */
void target_of(const struct device *device, const struct network_options *options,
               struct lowering_target *target);

/* Where there is no device, for checks. */
const struct lowering_target *target_unknown(void);

#endif
