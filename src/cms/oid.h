/* The object identifiers that the profile knows (protocol.md 2.2, 2.4), in one table. */
#ifndef SIPSEAL_CMS_OID_H
#define SIPSEAL_CMS_OID_H

#include "sipseal/bytes.h"

#define OID_DOTTED_SIP_DOMAIN "1.3.6.1.5.5.7.3.20"

/*  X(constant, dotted, content octets of the DER, where it is defined) */
/* clang-format off */
#define OIDS(X)                                                                                                        \
    X(OID_DATA, "1.2.840.113549.1.7.1", "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", "RFC 5652 4")                          \
    X(OID_SIGNED_DATA, "1.2.840.113549.1.7.2", "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "RFC 5652 5.1")                 \
    X(OID_ENVELOPED_DATA, "1.2.840.113549.1.7.3", "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", "RFC 5652 6.1")              \
    X(OID_AUTH_ENVELOPED_DATA, "1.2.840.113549.1.9.16.1.23",                                                           \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", "RFC 5083 2")                                                    \
    X(OID_CONTENT_TYPE, "1.2.840.113549.1.9.3", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03", "RFC 5652 11.1")               \
    X(OID_MESSAGE_DIGEST, "1.2.840.113549.1.9.4", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04", "RFC 5652 11.2")             \
    X(OID_SIGNING_TIME, "1.2.840.113549.1.9.5", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05", "RFC 5652 11.3")               \
    X(OID_SIGNING_CERTIFICATE_V2, "1.2.840.113549.1.9.16.2.47",                                                        \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f", "RFC 5035 3")                                                    \
    X(OID_ENCRYPTION_KEY_PREFERENCE, "1.2.840.113549.1.9.16.2.11",                                                     \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0b", "RFC 8551 2.5.3")                                                \
    X(OID_SHA256, "2.16.840.1.101.3.4.2.1", "\x60\x86\x48\x01\x65\x03\x04\x02\x01", "RFC 5754 2.2")                    \
    X(OID_SHA384, "2.16.840.1.101.3.4.2.2", "\x60\x86\x48\x01\x65\x03\x04\x02\x02", "RFC 5754 2.3")                    \
    X(OID_SHA512, "2.16.840.1.101.3.4.2.3", "\x60\x86\x48\x01\x65\x03\x04\x02\x03", "RFC 5754 2.4")                    \
    X(OID_ECDSA_WITH_SHA256, "1.2.840.10045.4.3.2", "\x2a\x86\x48\xce\x3d\x04\x03\x02", "RFC 5754 3.3")                \
    X(OID_ECDSA_WITH_SHA384, "1.2.840.10045.4.3.3", "\x2a\x86\x48\xce\x3d\x04\x03\x03", "RFC 5754 3.3")                \
    X(OID_ECDSA_WITH_SHA512, "1.2.840.10045.4.3.4", "\x2a\x86\x48\xce\x3d\x04\x03\x04", "RFC 5754 3.3")                \
    X(OID_RSASSA_PSS, "1.2.840.113549.1.1.10", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "RFC 4055 3.1")                 \
    X(OID_MGF1, "1.2.840.113549.1.1.8", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08", "RFC 4055 2.2")                        \
    X(OID_SHA256_WITH_RSA, "1.2.840.113549.1.1.11", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "RFC 5754 3.2")            \
    X(OID_SHA384_WITH_RSA, "1.2.840.113549.1.1.12", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", "RFC 5754 3.2")            \
    X(OID_SHA512_WITH_RSA, "1.2.840.113549.1.1.13", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", "RFC 5754 3.2")            \
    X(OID_AES128_GCM, "2.16.840.1.101.3.4.1.6", "\x60\x86\x48\x01\x65\x03\x04\x01\x06", "RFC 5084 3.2")                \
    X(OID_AES256_GCM, "2.16.840.1.101.3.4.1.46", "\x60\x86\x48\x01\x65\x03\x04\x01\x2e", "RFC 5084 3.2")               \
    X(OID_AES128_CBC, "2.16.840.1.101.3.4.1.2", "\x60\x86\x48\x01\x65\x03\x04\x01\x02", "RFC 3565 4.1")                \
    X(OID_AES256_CBC, "2.16.840.1.101.3.4.1.42", "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", "RFC 3565 4.1")               \
    X(OID_AES128_WRAP, "2.16.840.1.101.3.4.1.5", "\x60\x86\x48\x01\x65\x03\x04\x01\x05", "RFC 3565 2.3.2")             \
    X(OID_AES256_WRAP, "2.16.840.1.101.3.4.1.45", "\x60\x86\x48\x01\x65\x03\x04\x01\x2d", "RFC 3565 2.3.2")            \
    X(OID_ECDH_STD_SHA256KDF, "1.3.132.1.11.1", "\x2b\x81\x04\x01\x0b\x01", "RFC 5753 7.1.4")                          \
    X(OID_ECDH_STD_SHA384KDF, "1.3.132.1.11.2", "\x2b\x81\x04\x01\x0b\x02", "RFC 5753 7.1.4")                          \
    X(OID_ECDH_STD_SHA512KDF, "1.3.132.1.11.3", "\x2b\x81\x04\x01\x0b\x03", "RFC 5753 7.1.4")                          \
    X(OID_ECDH_STD_HKDF_SHA256, "1.2.840.113549.1.9.16.3.19",                                                          \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x13", "RFC 8418 6")                                                    \
    X(OID_ECDH_STD_HKDF_SHA384, "1.2.840.113549.1.9.16.3.20",                                                          \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x14", "RFC 8418 6")                                                    \
    X(OID_ECDH_STD_HKDF_SHA512, "1.2.840.113549.1.9.16.3.21",                                                          \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x15", "RFC 8418 6")                                                    \
    X(OID_RSAES_OAEP, "1.2.840.113549.1.1.7", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07", "RFC 4055 4.1")                  \
    X(OID_P_SPECIFIED, "1.2.840.113549.1.1.9", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x09", "RFC 4055 4.1")                 \
    X(OID_EC_PUBLIC_KEY, "1.2.840.10045.2.1", "\x2a\x86\x48\xce\x3d\x02\x01", "RFC 5480 2.1.1")                        \
    X(OID_P256, "1.2.840.10045.3.1.7", "\x2a\x86\x48\xce\x3d\x03\x01\x07", "RFC 5480 2.1.1.1")                         \
    X(OID_P384, "1.3.132.0.34", "\x2b\x81\x04\x00\x22", "RFC 5480 2.1.1.1")                                            \
    X(OID_RSA, "1.2.840.113549.1.1.1", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "RFC 3279 2.3.1")                       \
    X(OID_X25519, "1.3.101.110", "\x2b\x65\x6e", "RFC 8410 3")                                                         \
    X(OID_ED25519, "1.3.101.112", "\x2b\x65\x70", "RFC 8410 3")                                                        \
    X(OID_EMAIL_PROTECTION, "1.3.6.1.5.5.7.3.4", "\x2b\x06\x01\x05\x05\x07\x03\x04", "RFC 5280 4.2.1.12")              \
    X(OID_SERVER_AUTH, "1.3.6.1.5.5.7.3.1", "\x2b\x06\x01\x05\x05\x07\x03\x01", "RFC 5280 4.2.1.12")                   \
    X(OID_CLIENT_AUTH, "1.3.6.1.5.5.7.3.2", "\x2b\x06\x01\x05\x05\x07\x03\x02", "RFC 5280 4.2.1.12")                   \
    X(OID_SIP_DOMAIN, OID_DOTTED_SIP_DOMAIN, "\x2b\x06\x01\x05\x05\x07\x03\x14", "RFC 5924 4.1")                       \
    X(OID_ANY_EXTENDED_KEY_USAGE, "2.5.29.37.0", "\x55\x1d\x25\x00", "RFC 5280 4.2.1.12")
/* clang-format on */

enum oid {
    OID_UNKNOWN,
#define OID_CONSTANT(constant, dotted, octets, source) constant,
    OIDS(OID_CONSTANT)
#undef OID_CONSTANT
        OID_COUNT
};

/* Which one the content octets of an OBJECT IDENTIFIER are. */
enum oid oid_of(struct span octets);

/* The content octets; empty for OID_UNKNOWN. */
struct span oid_octets(enum oid oid);

#endif
