/* The parameters of RSASSA-PSS and RSAES-OAEP (RFC 4055 3.1, 4.1), of which one shape each is written and read: one
 * digest throughout, also in the mask generation function, which is MGF1. Their defaults are all SHA-1 and so are
 * refused; digests have parameters NULL, as the constants of RFC 4055 2.1 write them, and are read without as well. */
#ifndef SIPSEAL_CMS_RSA_PARAMETERS_H
#define SIPSEAL_CMS_RSA_PARAMETERS_H

#include "cms/der.h"

/* RSASSA-PSS-params: a salt of `salt_len` bytes, the trailer 1. False for anything but this digest and salt. */
bool pss_parameters_are(struct span parameters, enum oid digest, uint32_t salt_len);
void pss_parameters_put(struct der_writer *w, enum oid digest, uint32_t salt_len);

/* RSAES-OAEP-params: no label. False for anything else; `*digest` is not judged. */
bool oaep_parameters_read(struct span parameters, enum oid *digest);
void oaep_parameters_put(struct der_writer *w, enum oid digest);

#endif
