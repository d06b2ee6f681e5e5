/* Whether a bundle's networks give what bundle.yaml says of their values, on a few faces. */
#ifndef WORKER_CHECK_VALUES_H
#define WORKER_CHECK_VALUES_H

#include <stdio.h>

#include "common/error.h"
#include "worker/device.h"

/*
 * Makes eight faces with the bundle in `folder` and looks at every tensor: values that are no numbers, or
 * that cannot be what bundle.yaml says (probabilities that are none), are E_INVALID; what is possible but
 * strange is printed to `out`, a line each with "warning: " in front, that says what was found and what
 * might be meant.
 */
MUST_CHECK int check_values(struct device *device, const char *folder, FILE *out,
                            struct error *err);

#endif
