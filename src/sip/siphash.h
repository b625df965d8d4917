/* SipHash-2-4 with a result of 128 bits (Aumasson, Bernstein 2012): a keyed digest of what strangers choose. Whoever
 * does not know the key can neither make two inputs collide nor fill one bucket of a table. */
#ifndef SIPSEAL_SIP_SIPHASH_H
#define SIPSEAL_SIP_SIPHASH_H

#include "sipseal/bytes.h"

struct siphash {
    uint64_t v[4];
    uint64_t word; /* bytes that do not make eight yet */
    uint64_t len;
};

struct digest {
    uint64_t half[2];
};

void siphash_begin(struct siphash *h, const uint8_t key[16]);
void siphash_add(struct siphash *h, struct span s);
/* The length first, so that fields cannot run into one another. */
void siphash_add_field(struct siphash *h, struct span s);
struct digest siphash_end(struct siphash *h);

static inline bool digest_equal(struct digest a, struct digest b)
{
    return a.half[0] == b.half[0] && a.half[1] == b.half[1];
}

#endif
