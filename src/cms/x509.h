/* What several files need of OpenSSL's X509 objects. */
#ifndef SIPSEAL_CMS_X509_H
#define SIPSEAL_CMS_X509_H

#include <openssl/x509.h>

#include "sipseal/bytes.h"

/* Seconds since 1970. */
bool x509_time(const ASN1_TIME *time, int64_t *seconds);

#endif
