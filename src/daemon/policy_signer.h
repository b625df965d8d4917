/* The policy object that this server hands out (protocol.md 6): made of its configuration, and signed. */
#ifndef SIPSEAL_DAEMON_POLICY_SIGNER_H
#define SIPSEAL_DAEMON_POLICY_SIGNER_H

#include "config/keys.h"
#include "sipseal/policy_object.h"

/* What the configuration says to others: the rules that are in force, about the server under the first of its names.
 * Spans point into `config` and `keys`. */
void policy_signer_describe(const struct config *config, const struct keys *keys, int64_t now,
                            struct policy_object *out);

/* Makes and signs it as of `now`, in a process of its own, which then ends, and with it whatever a cryptographic library
 * leaves behind of a private key in its memory. `*der` lies in `room`, POLICY_OBJECT_BYTES_MAX bytes. Those of
 * policy_object_sign; RULE_CRYPTO_LIBRARY when that process failed. */
enum rule policy_signer_run(const struct config *config, const struct keys *keys, int64_t now, uint8_t *room,
                            struct span *der);

#endif
