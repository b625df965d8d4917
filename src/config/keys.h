/* The keys and certificates that a configuration names: loaded, and looked at as those will who use them. */
#ifndef SIPSEAL_CONFIG_KEYS_H
#define SIPSEAL_CONFIG_KEYS_H

#include "config/config.h"
#include "config/locked.h"
#include "sipseal/certificate.h"

enum {
    KEYS_CRLS_MAX = 64,
    KEYS_FILE_MAX = 4 * 1024 * 1024,   /* bytes of a file with certificates or revocation lists */
    KEYS_SECRET_FILE_MAX = 16 * 1024,  /* bytes of a file with a private key */
    KEYS_PUBLIC_MAX = 32 * 1024 * 1024, /* bytes of all that is public, DER */
};

/* Where in `secret` a private key is read and decoded: the certificate's own, then the former ones. */
enum { KEYS_SECRET_ROOM = 2 * KEYS_SECRET_FILE_MAX };

struct keys {
    struct arena arena;
    struct span certificate; /* DER, as are all of them */
    struct span anchor[TRUST_ANCHORS_MAX];
    size_t anchor_count;
    struct span crl[KEYS_CRLS_MAX];
    size_t crl_count;
    struct span reader[CONFIG_READERS_MAX];
    size_t reader_count;
    struct locked_memory secret;
    struct span private_key; /* PKCS#8, in `secret`, as are the others */
    struct former_key {
        struct span certificate, private_key;
    } former[CONFIG_FORMER_KEYS_MAX];
    size_t former_count;

    struct span tls_certificate[TLS_CHAIN_MAX]; /* the server's own first */
    size_t tls_certificate_count;               /* 0: no TLS */
    struct span tls_anchor[TRUST_ANCHORS_MAX];
    size_t tls_anchor_count;
    struct span tls_crl[KEYS_CRLS_MAX];
    size_t tls_crl_count;
    struct locked_memory tls_secret;
    struct span tls_private_key;

    struct span policy_object_certificate; /* of who signs policy objects; empty: keys.certificate */
    struct locked_memory policy_object_secret;
    struct span policy_object_private_key;
};

/* To whom faults are told: which setting, its number where it is a list, whether one can do without, and "problem; what
 * to do". */
enum keys_setting {
    KEYS_CERTIFICATE,
    KEYS_PRIVATE_KEY,
    KEYS_TRUST,
    KEYS_FORMER_CERTIFICATE,
    KEYS_FORMER_PRIVATE_KEY,
    KEYS_READER,
    KEYS_TLS_CERTIFICATE,
    KEYS_TLS_PRIVATE_KEY,
    KEYS_TLS_TRUST,
    KEYS_POLICY_OBJECT_CERTIFICATE,
    KEYS_POLICY_OBJECT_PRIVATE_KEY,
    KEYS_SETTINGS,
};
struct keys_listener {
    void (*fault)(void *context, enum keys_setting setting, size_t index, bool warning, const char *text);
    void *context;
};

/* The name of a setting in the configuration: "keys.trust". */
const char *keys_setting_name(enum keys_setting setting);

/* Loads everything that the configuration names. False when something is missing or unfit; every fault is told. To be
 * closed either way. */
bool keys_load(struct keys *keys, const struct config *config, const struct keys_listener *listener);

/* Looks at what was loaded: the certificate can be sealed to, belongs to the private key and names the server; anchors
 * and revocation lists are well-formed; the archive's readers can be sealed to; who signs policy objects may, and
 * speaks for the domain or for this server. The certificate for TLS belongs to its
 * private key, which is not that of keys.certificate, and names a domain. At `now` (seconds). */
bool keys_check(const struct keys *keys, const struct config *config, int64_t now,
                const struct keys_listener *listener);

/* Loads and checks in a process of its own, which then ends, and with it whatever a cryptographic library leaves behind
 * of a private key in its memory. */
bool keys_try(const struct config *config, int64_t now, const struct keys_listener *listener);

/* Wipes and gives back. */
void keys_close(struct keys *keys);

#endif
