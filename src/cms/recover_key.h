/* The content-encryption key out of the entry that names a reader, with the reader's private key (RFC 5652 6.2). */
#ifndef SIPSEAL_CMS_RECOVER_KEY_H
#define SIPSEAL_CMS_RECOVER_KEY_H

#include "cms/algorithms.h"
#include "cms/recipient_info.h"

/* `len` is that of the content cipher's key, at most CONTENT_KEY_MAX. RULE_CMS_ALGORITHM and RULE_CMS_STRUCTURE are
 * decided before the private key is used. RULE_CMS_OPEN when the key does not come out; with key transport a random one
 * does instead. PKCS#1 v1.5 is read when `legacy` (enum cms_legacy) has it. RULE_NO_RANDOM, RULE_CRYPTO_LIBRARY. */
enum rule recover_key(const struct primitives *p, const struct recipient *r, const struct identity *self,
                      unsigned legacy, uint8_t *key, size_t len);

#endif
