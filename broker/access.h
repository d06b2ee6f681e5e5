/*
 * Who may say what: the keys of the file that --keys names. The roles of each message are in
 * dispatch.c.
 *
 * Without keys (plain text on loopback or ipc) whoever reaches the socket is a user of this machine
 * and may do everything; owners are what messages say. With keys the sender of a message is the key
 * that its connection proved to have, looked up at every message, so that a key that is taken out
 * of the file counts from the next message on.
 */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

#include <stdbool.h>

#include "broker/farm.h"
#include "common/socket.h"

struct access {
    bool on;          /* there are keys */
    const char *path; /* the file of authorized keys */
    struct key_pair own;
    struct key_table keys;
    struct key_seal seal; /* of lease tokens; a function of the broker's secret */
};

/* Reads the broker's pair and the authorized keys; with both NULL access stays off. E_INVALID where
 * one is missing. */
MUST_CHECK int access_open(struct access *access, const char *secret, const char *keys,
                           struct error *err);
void access_close(struct access *access);

/* Reads the file again; after an error the keys are what they were. */
MUST_CHECK int access_reload(struct access *access, struct error *err);

/* The entry of a message's sender; NULL where access is off, or the key is not in the file (any
 * more). */
const struct key_entry *access_entry(const struct access *access,
                                     const struct socket_identity *from);

/* Of a set of roles. */
#define ACCESS_ROLE(role) (1u << (role))

/* Whether the sender's role is among those allowed to say that: E_DENIED with what it is and what it
 * would have to be. */
MUST_CHECK int access_check(const struct access *access, const struct socket_identity *from,
                            enum wire_type type, unsigned allowed, struct error *err);

/* Whether the sender may see and cancel that owner's jobs. */
bool access_sees(const struct access *access, const struct socket_identity *from,
                 const char *owner);

/* Whose a job of this sender is: its key's owner, or what the message claims where access is off.
 */
const char *access_owner(const struct access *access, const struct socket_identity *from,
                         const char *claimed);

/* Whether the sender may name folders and other things of the broker's machine. */
bool access_is_local(const struct access *access, const struct socket_identity *from);

/*
 * What a lease proves to the broker that gave it, also after its restart: a keyed hash (SipHash-2-4
 * by libsodium, 63 bits) over stage, range, epoch and the worker's key. 0 where access is off.
 */
uint64_t access_token(const struct access *access, const char *user, uint64_t stage, uint64_t start,
                      uint64_t count, uint64_t epoch);
/* Whether the sender was given that task of that stage. */
bool access_held(const struct access *access, const struct socket_identity *from, uint64_t stage,
                 const struct wire_task *task);
/* Whether the sender, over whatever connection, is that worker and was given that task: then it may
 * send the task's files. */
bool access_uploads(const struct access *access, const struct socket_identity *from,
                    const struct farm_worker *worker, uint64_t stage,
                    const struct wire_task *task);

#endif
