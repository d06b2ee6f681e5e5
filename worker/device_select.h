/*
 * Which devices a worker uses: what people write after --device, against the list of devices.
 *
 *     selection := item {"," item}
 *     item      := what [":" threads]
 *     what      := "all" | "gpu" | "cpu" | "other" | an index of device_list | (a part of) a name
 *
 * A kind means every device of that kind; a name must mean one device. Case does not matter.
 * ":threads" limits a CPU; the same CPU may stand several times as long as its threads suffice, and
 * its parts then lie side by side.
 */
#ifndef WORKER_DEVICE_SELECT_H
#define WORKER_DEVICE_SELECT_H

#include "worker/device.h"

#define DEVICE_CHOICES_MAX 64

struct device_choice {
    int index;                     /* of device_list's order */
    struct device_options options; /* as device_open takes them */
    double share;                  /* of the device's compute units, so also of its memory */
};

/*
 * Chooses among list[count], by `wanted` or, where that is NULL, every GPU, or without one the
 * other device with the most compute units. `threads` (0: all) limits each chosen CPU that has no
 * limit of its own. At most DEVICE_CHOICES_MAX choices are written, *chosen says how many, at
 * least 1.
 *
 * E_NOT_FOUND, E_INVALID: the text names the item, what is wrong with it, and the devices that
 * there are.
 */
MUST_CHECK int device_select(const struct device_info *list, size_t count, const char *wanted,
                             unsigned threads, struct device_choice *choices, size_t *chosen,
                             struct error *err);

#endif
