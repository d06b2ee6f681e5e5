/* The store: STORE/bundles/<hash>/ holds the files of registered bundles. */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include "common/bundle.h"

/*
 * Copies the bundle in `folder`, loaded and checked as `bundle` with `hash`, to
 * STORE/bundles/<hash>. A bundle appears whole or not at all: a temporary folder, fsync, rename;
 * what is there already and whole is left as it is. The copy is checked again before it gets its
 * name.
 */
MUST_CHECK int store_add_bundle(const char *store, const char *folder, const struct bundle *bundle,
                                const char *hash, struct error *err);

#endif
