/* SipHash-2-4 (Aumasson and Bernstein, 2012): a short hash under a secret key, so that strangers who choose what is
 * hashed cannot choose collisions, and cannot make a value that passes for ours. Not for signatures. */
#ifndef SIPSEAL_PROXY_KEYED_HASH_H
#define SIPSEAL_PROXY_KEYED_HASH_H

#include "sipseal/bytes.h"

enum { KEYED_HASH_KEY_LEN = 16 };

struct keyed_hash {
    uint64_t v0, v1, v2, v3;
    uint64_t word;  /* bytes that do not make a whole word yet */
    uint64_t total; /* bytes taken */
};

void keyed_hash_begin(struct keyed_hash *h, const uint8_t key[KEYED_HASH_KEY_LEN]);
void keyed_hash_bytes(struct keyed_hash *h, struct span s);
/* The bytes and their length, so that neighbouring fields cannot lend each other bytes. */
void keyed_hash_field(struct keyed_hash *h, struct span s);
uint64_t keyed_hash_end(struct keyed_hash *h);

uint64_t keyed_hash_of(const uint8_t key[KEYED_HASH_KEY_LEN], struct span s);

#endif
