/* The cryptographic library, made ready. */
#ifndef SIPSEAL_CRYPTO_H
#define SIPSEAL_CRYPTO_H

#include "sipseal/rule.h"

/* Fetches every algorithm that libsipseal uses and performs one operation of each kind, so that the library has read
 * its configuration, seeded its random generator and loaded its modules: afterwards a process can be fenced. Everything
 * else in libsipseal calls what is needed of it by itself, once in a process; calling this first is never required.
 * RULE_CRYPTO_LIBRARY, RULE_NO_RANDOM. */
enum rule crypto_prepare(void);

#endif
