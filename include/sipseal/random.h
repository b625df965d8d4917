/* Random bytes from the cryptographic library's generator. */
#ifndef SIPSEAL_RANDOM_H
#define SIPSEAL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* Fills `len` bytes, fit for keys and nonces. False (RULE_NO_RANDOM for the caller) when the generator fails; the bytes
 * are then zero and must not be used. */
bool random_bytes(void *at, size_t len);

#endif
