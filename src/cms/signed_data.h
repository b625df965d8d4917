/* SignedData (RFC 5652 5), as written: structure is judged, nothing is verified. */
#ifndef SIPSEAL_CMS_SIGNED_DATA_H
#define SIPSEAL_CMS_SIGNED_DATA_H

#include "cms/attributes.h"

struct signed_data {
    struct span announced; /* digestAlgorithms: AlgorithmIdentifiers, one after the other */
    struct span content; /* eContent */
    bool has_content;
    bool extras; /* something stands there that neither the signature covers nor its verification needs */
    struct span bag[CERTIFICATES_IN_BAG_MAX]; /* DER certificates; other kinds are passed over */
    size_t bag_count;
    /* of the one SignerInfo: */
    struct span issuer_and_serial; /* DER, or */
    struct span key_id;
    struct der_algorithm digest, signature_algorithm;
    struct der signed_attributes; /* `whole` is empty when absent; `attributes` has none then */
    struct attributes attributes;
    struct span signature;
};

/* RULE_CMS_DER, RULE_CMS_STRUCTURE, RULE_CMS_TYPE, RULE_CMS_LIMIT; RULE_SIGNATURE_ABSENT without a signer,
 * RULE_SIGNATURE_SIGNERS with several. */
enum rule signed_data_read(struct span der, struct signed_data *out);

#endif
