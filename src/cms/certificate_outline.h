/* Where the parts of a DER certificate lie, read without decoding its key: what a search by issuer and serial number
 * needs, at a hundredth of the cost of parsing (architecture.md, "What costs"). */
#ifndef SIPSEAL_CMS_CERTIFICATE_OUTLINE_H
#define SIPSEAL_CMS_CERTIFICATE_OUTLINE_H

#include "sipseal/bytes.h"

struct certificate_outline {
    struct span issuer;          /* DER Name */
    struct span serial;          /* DER INTEGER */
    struct span public_key_info; /* DER SubjectPublicKeyInfo */
};

/* RFC 5280 4.1. False when `der` is not one certificate in strict DER. */
bool certificate_outline(struct span der, struct certificate_outline *out);

/* Whether a DER IssuerAndSerialNumber names it. */
bool certificate_outline_is(const struct certificate_outline *outline, struct span issuer_and_serial);

#endif
