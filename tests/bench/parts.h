/* Sealed and signed objects taken apart, so that the bare operations can be done on the bytes of each. Only the form
 * that libsipseal itself writes by default is understood; anything else ends the program. */
#ifndef SIPSEAL_TESTS_BENCH_PARTS_H
#define SIPSEAL_TESTS_BENCH_PARTS_H

#include "sipseal/certificate.h"

struct sealed_parts {
    struct span point;       /* the originator's ephemeral public key */
    struct span wrapped_key; /* of one reader */
    struct span nonce, ciphertext, mac;
};
struct signed_parts {
    struct span content;
    struct span attributes; /* as they are hashed but for the first byte: under the tag [0] */
    struct span digest;     /* message-digest, which they hold */
    struct span signature;
};

struct sealed_parts sealed_parts_of(struct span der, const struct certificate *reader);
struct signed_parts signed_parts_of(struct span der);

/* The body of a MIME entity. */
struct span entity_body(struct span entity);

#endif
