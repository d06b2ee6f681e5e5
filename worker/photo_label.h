/* `facefarm label --images DIR`: photos scored by a bundle's labellers, and judged where the truth is known. */
#ifndef WORKER_PHOTO_LABEL_H
#define WORKER_PHOTO_LABEL_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

struct photo_label_options {
    const char *images;    /* folder: its .png, .jpg and .jpeg files, in the order of their names */
    const char *bundle;    /* folder */
    const char *truth;     /* list of attributes (common/truth.h), or NULL */
    const char *partition; /* list of parts, or NULL */
    const char *scores;    /* CSV file to write, a line a photo, or NULL */
    const char *device;    /* as in device_select, or NULL */
    size_t batch;
    bool json;
};

/*
 * Labels the folder's photos and prints, for each attribute, how many have it (with Wilson's 95 %
 * interval), and where the truth is known the quality of each part (photo_quality.h). Photos that cannot
 * be read are told on stderr and counted; that none can is E_INVALID.
 */
MUST_CHECK int photo_label(const struct photo_label_options *options, FILE *out,
                           struct error *err);

#endif
