/*
 * What tuning found on a device: for a shape of convolution, the blocks and tiles that were fastest.
 * Kept in a file per device and driver, since it is good for nothing else.
 *
 * Tuning changes no result: the form (which decides how sums are added) is never part of it.
 */
#ifndef WORKER_ENGINE_TUNING_H
#define WORKER_ENGINE_TUNING_H

#include "worker/engine/ops/conv_winograd.h"

#define TUNING_KEY_MAX 128

struct tuning; /* opaque */

/*
 * What is known of the device: an empty table where there is no file, or where it is damaged (which is
 * logged; tuning anew replaces it). The file is FOLDER/tuning/DEVICE.txt with FOLDER from
 * FACEFARM_CACHE, or XDG_CACHE_HOME/facefarm, or HOME/.cache/facefarm; without any, nothing is kept.
 */
MUST_CHECK int tuning_open(const struct device_info *device, struct tuning **tuning,
                           struct error *err);
void tuning_close(struct tuning **tuning);

/* The name of a convolution among those of a form: shapes, padding, rows, `whole` as conv_choose. */
void tuning_key(const struct conv *conv, enum winograd_form form, size_t rows, bool whole,
                char key[TUNING_KEY_MAX]);

/* NULL if the key was not tuned. */
const struct winograd *tuning_find(const struct tuning *tuning, const char *key);
/* Adds or replaces. */
MUST_CHECK int tuning_set(struct tuning *tuning, const char *key, const struct winograd *winograd,
                          struct error *err);
/* Writes the file, whole or not at all. */
MUST_CHECK int tuning_save(struct tuning *tuning, struct error *err);
/* The file's path, or "" where nothing is kept. */
const char *tuning_path(const struct tuning *tuning);

#endif
