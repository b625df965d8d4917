/* What OpenSSL's own CMS calls make of an object: the other opinion of the fuzz targets. */
#ifndef SIPSEAL_TESTS_FUZZ_OPENSSL_CMS_H
#define SIPSEAL_TESTS_FUZZ_OPENSSL_CMS_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"

enum openssl_says {
    OPENSSL_CANNOT_READ,      /* it is no CMS object */
    OPENSSL_CANNOT_READ_PART, /* nor is it, for a part that libsipseal does not look into: the name of an issuer (its
                                 bytes are compared), another's certificate, a revocation list, an originator; or
                                 for authenticated attributes, of which OpenSSL 3.0 has the tag wrong */
    OPENSSL_REFUSES,     /* it is one, and its key or signature does not do */
    OPENSSL_ACCEPTS,
};

/* Opens a sealed object; the content is in the arena. */
enum openssl_says openssl_open(struct arena *arena, struct span der, const struct identity *self, struct span *content);

/* Verifies the signatures; who signed, and with what certificate, is not judged. */
enum openssl_says openssl_verify(struct arena *arena, struct span der, const struct span *detached,
                                 struct span *content);

/* How many keys are encrypted in a sealed object, or how many signers a signed object has: OPENSSL_ACCEPTS, and the
 * number. */
enum openssl_says openssl_count_readers(struct span der, size_t *count);
enum openssl_says openssl_count_signers(struct span der, size_t *count);

#endif
