/* The denominators: the operations of OpenSSL's EVP that the default algorithms of protocol.md 2.2 cannot do without,
 * and nothing else. No parsing, no composing, no allocation of results.
 *
 *   open to one reader   the sender's ephemeral point decoded to a key, 1 ECDH on P-256, 1 SHA-256 (the KDF of
 *                        ANSI X9.63 gives a key of 16 bytes in one block), 1 AES-128 key unwrap, 1 AES-128-GCM
 *   verify               1 SHA-256 of the content, 1 SHA-256 of the signed attributes, 1 ECDSA verification on P-256
 *   seal to n readers    1 key generation on P-256 and the encoding of its point, 1 AES-128-GCM, and for each reader
 *                        1 ECDH, 1 SHA-256, 1 AES-128 key wrap
 *   sign                 1 SHA-256 of the content, 1 SHA-256 of the signed attributes, 1 ECDSA signature on P-256
 *   archive a record     1 AES-256-GCM (its key is sealed once for many records: not counted)
 *
 * Everything that can be ready beforehand is: algorithms are fetched, keys loaded, contexts made and initialised with
 * the keys that stay (the reader's for ECDH, the signer's for verification and signing, the curve's for generation).
 * The peer's key is not validated a second time. Random bytes for keys and nonces are not counted: they are no EVP
 * operation. */
#ifndef SIPSEAL_TESTS_BENCH_EVP_H
#define SIPSEAL_TESTS_BENCH_EVP_H

#include "parts.h"

enum { EVP_CONTENT_MAX = 64 * 1024 };

struct evp;
/* `reader` opens, `signer` signs; verification is by the signer's certificate. */
struct evp *evp_new(const struct identity *reader, const struct identity *signer);
void evp_free(struct evp *e);

/* Each does the operations and ends the program when one fails: a wrong tag, digest or signature too, so that what is
 * measured has been done on the right bytes. */
void evp_open(struct evp *e, const struct sealed_parts *parts);
struct span evp_opened(const struct evp *e); /* what evp_open decrypted last */
void evp_verify(struct evp *e, const struct signed_parts *parts);
void evp_seal(struct evp *e, struct certificate *const *readers, size_t count, struct span content);
void evp_sign(struct evp *e, const struct signed_parts *parts);
void evp_archive(struct evp *e, struct span content);

#endif
