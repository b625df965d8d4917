/* Private keys as they are stored. */
#ifndef SIPSEAL_CMS_PRIVATE_KEY_H
#define SIPSEAL_CMS_PRIVATE_KEY_H

#include <openssl/evp.h>

#include "sipseal/arena.h"
#include "sipseal/rule.h"

/* The whole of `der` as PKCS#8 PrivateKeyInfo (RFC 5208 5); null when it is none. The caller frees it. */
EVP_PKEY *private_key_read(struct span der);

/* The reverse, into the arena. */
enum rule private_key_write(struct arena *arena, EVP_PKEY *key, struct span *der);

#endif
