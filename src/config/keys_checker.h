/* The looks at what was loaded, handed from one kind of keys to the other. Private to src/config. */
#ifndef SIPSEAL_CONFIG_KEYS_CHECKER_H
#define SIPSEAL_CONFIG_KEYS_CHECKER_H

#include "config/keys.h"

struct checker {
    const struct keys *keys;
    const struct config *config;
    int64_t now;
    const struct keys_listener *listener;
    bool ok;
};

/* Notes a fault, or a warning. */
void checker_tell(struct checker *c, enum keys_setting setting, size_t index, bool warning, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Warns of a certificate that is not valid at present, or soon. */
void check_dates(struct checker *c, enum keys_setting setting, size_t index, const struct certificate *cert);

/* Anchors and lists together; null, with a fault, when one of them is refused. */
struct trust *check_trust(struct checker *c, enum keys_setting setting, const struct span *anchor, size_t anchor_count,
                          const struct span *crl, size_t crl_count);

/* Whether the key belongs to the certificate; a fault when not. `whose` is the setting of the certificate. */
void check_private_key(struct checker *c, enum keys_setting setting, size_t index, struct span certificate,
                       struct span key, enum keys_setting whose);

/* Who signs policy objects, where this server hands them out. */
void check_policy_object_keys(struct checker *c);

/* The keys for TLS; `message` is keys.certificate, or null. */
void check_tls_keys(struct checker *c, const struct certificate *message);

#endif
