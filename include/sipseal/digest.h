/* SHA-256 (FIPS 180-4). */
#ifndef SIPSEAL_DIGEST_H
#define SIPSEAL_DIGEST_H

#include "sipseal/bytes.h"

enum { SHA256_LEN = 32 };

/* The hash of one span. False when the library fails; `out` is then zero. */
bool sha256(struct span s, uint8_t out[SHA256_LEN]);

/* The hash of bytes that come in pieces. A zeroed struct may be ended or abandoned. */
struct sha256 {
    void *context; /* OpenSSL's; owned */
    bool failed;
};
void sha256_begin(struct sha256 *h);
void sha256_more(struct sha256 *h, struct span s);
/* False when anything failed since sha256_begin; `out` is then zero. Frees what was begun. */
bool sha256_end(struct sha256 *h, uint8_t out[SHA256_LEN]);
/* Frees what was begun without asking for the hash. */
void sha256_abandon(struct sha256 *h);

#endif
