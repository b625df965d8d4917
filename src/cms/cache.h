/* Parsed certificates and the chains that were proven for them, bounded, the longest unused leaving first.
 *
 * Certificates without a proven chain leave before those with one, so that strangers who send junk cannot push out the
 * certificates of those one talks with. */
#ifndef SIPSEAL_CMS_CACHE_H
#define SIPSEAL_CMS_CACHE_H

#include <openssl/x509.h>

#include "sipseal/certificate.h"

struct cached {
    struct certificate *certificate; /* one reference is held */
    STACK_OF(X509) *chain;           /* from the certificate to the anchor; null until proven */
    int64_t valid_from, valid_until; /* the whole chain is in date at valid_from, no more at valid_until */
    struct cached *newer, *older;    /* in its list */
    struct cached *same_bucket;
};

struct cache;

/* Null without memory. */
struct cache *cache_new(void);
void cache_free(struct cache *cache);

/* Null when it is not there. What is found becomes the youngest. Entries are good until the next cache_add. */
struct cached *cache_find(struct cache *cache, const uint8_t hash[CERTIFICATE_HASH_LEN]);
/* Holds a certificate that is not there yet; the oldest leaves when there is no room. */
struct cached *cache_add(struct cache *cache, struct certificate *certificate);
/* Takes the chain over. */
void cache_prove(struct cache *cache, struct cached *entry, STACK_OF(X509) *chain, int64_t from, int64_t until);
/* Forgets every chain, since anchors have changed; parsed certificates stay. */
void cache_forget_chains(struct cache *cache);

#endif
