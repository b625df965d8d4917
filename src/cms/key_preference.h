/* SMIMEEncryptionKeyPreference (RFC 8551 2.5.3): the signed attribute that names the signer's sealing certificate. */
#ifndef SIPSEAL_CMS_KEY_PREFERENCE_H
#define SIPSEAL_CMS_KEY_PREFERENCE_H

#include "cms/der.h"
#include "sipseal/certificate.h"

/* The attribute's value: by issuer and serial number. */
void key_preference_put(struct der_writer *w, const struct certificate *sealing);

/* What a value says; each is empty but one. */
struct key_preference {
    struct span issuer_and_serial; /* the content of the SEQUENCE */
    struct span key_id;            /* a subject key identifier */
};
bool key_preference_read(struct span value, struct key_preference *out);
bool key_preference_names(const struct key_preference *preference, const struct certificate *certificate);

#endif
