/* The store: STORE/bundles/<hash>/ holds the files of registered bundles. */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include "common/buffer.h"
#include "common/bundle.h"

/*
 * Copies the bundle in `folder`, loaded and checked as `bundle` with `hash`, to
 * STORE/bundles/<hash>. A bundle appears whole or not at all: a temporary folder, fsync, rename;
 * what is there already and whole is left as it is. The copy is checked again before it gets its
 * name.
 */
MUST_CHECK int store_add_bundle(const char *store, const char *folder, const struct bundle *bundle,
                                const char *hash, struct error *err);

/* Whether the bundle of that hash is there and whole. */
bool store_has_bundle(const char *store, const char *hash);

/* Renames a folder of the store's file system, checked and synced, to STORE/bundles/<hash>. What lay
 * there, if anything, lies at `from` then. */
MUST_CHECK int store_take_bundle(const char *store, const char *from, const char *hash,
                                 struct error *err);

/* As bundle_load, of that bundle of the store; and its bundle.yaml, into an empty buffer. */
MUST_CHECK int store_load_bundle(const char *store, const char *hash, struct bundle **bundle,
                                 struct error *err);
MUST_CHECK int store_read_yaml(const char *store, const char *hash, struct buffer *yaml,
                               struct error *err);

#endif
