/* The configuration of sipseald: read whole, checked whole, with the place of every fault.
 *
 * YAML (libyaml's document API) under a typed schema. Every error is one line: `file:line:column: key: problem; what to
 * do`. All strings and arrays live in the config's arena until config_free. */
#ifndef SIPSEAL_CONFIG_CONFIG_H
#define SIPSEAL_CONFIG_CONFIG_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "config/limit_list.h"
#include "sipseal/arena.h"
#include "sipseal/bytes.h"
#include "sipseal/middle.h"
#include "sipseal/policy.h"
#include "sipseal/rule.h"
#include "sipseal/sip_uri.h"
#include "tls/tls.h"

enum {
    CONFIG_LISTEN_MAX = 16,
    CONFIG_ROUTES_MAX = 256,
    CONFIG_ALLOW_MAX = 32,
    CONFIG_READERS_MAX = 8,
    CONFIG_VAULTS_MAX = 32,
    CONFIG_FORMER_KEYS_MAX = MIDDLE_IDENTITIES_MAX - 1,
    CONFIG_BYTES_MAX = 1024 * 1024, /* of the file */
    CONFIG_ERRORS_MAX = 16 * 1024,  /* bytes for the lines of all faults */
    CONFIG_WARNINGS_MAX = 16,
    CONFIG_KEY_MAX = 16 * 1024,     /* bytes of a private key, DER */
    CONFIG_CRL_MAX = 250 * 1024,    /* bytes of a revocation list, DER */
    CONFIG_HEP_PASSWORD_MAX = 64, /* bytes */
    CONFIG_URI_MAX = 512,  /* bytes of a URI */
    CONFIG_TOKEN_MAX = 80, /* bytes of a method or of a pattern of media types */
};

/* A transport and an address: where to listen, where to send. */
struct hop {
    enum sip_transport transport;
    struct sockaddr_storage address;
    socklen_t address_len;
};

struct address_block { /* 192.0.2.0/24, 2001:db8::/32 */
    struct sockaddr_storage address;
    unsigned prefix;
};
/* Whether an address lies in the block; IPv4-mapped IPv6 addresses count as IPv4. */
bool address_block_holds(const struct address_block *block, const struct sockaddr *address);

struct route {
    struct span domain; /* lower case; "*": every other domain */
    bool registrar;     /* an own domain: users register here, requests go to their bindings */
    struct address_block allow[CONFIG_ALLOW_MAX]; /* who may register; none: nobody */
    size_t allow_count;
    bool has_next;
    struct hop next; /* resolved when the configuration was read */
    struct span next_uri;
    bool record_route; /* stay on the way of dialogs that are made over this route; true */
};

/* What of content is exported. */
enum config_bodies { CONFIG_BODIES_NONE, CONFIG_BODIES_WIRE };

struct config {
    struct arena arena;
    struct span path;                   /* of the file; relative paths in it are relative to its folder */
    struct span name[MIDDLE_NAMES_MAX]; /* server.names; the first is what it calls itself */
    size_t name_count;
    struct hop listen[CONFIG_LISTEN_MAX];
    size_t listen_count;
    struct span user; /* server.user: whom the processes run as when started as root; empty: not given */
    const char *control_path; /* server.control, or where that is by default; null: that would be too long */
    bool control_given;       /* it is written in the configuration */
    unsigned vaults;  /* server.vaults; 0 when no keys are configured */
    unsigned log_level;  /* server.log, an enum log_level (daemon/log.h) */
    unsigned log_format; /* server.log_format, an enum log_format */

    const char *certificate_path; /* keys.*; null when not given: then nothing can be opened */
    const char *private_key_path;
    struct former_key_paths {
        const char *certificate, *private_key;
    } former_key[CONFIG_FORMER_KEYS_MAX]; /* keys.former: what is sealed to them is still opened */
    size_t former_key_count;
    const char *trust_path; /* a PEM file, or a folder of them: anchors and CRLs */
    int64_t window;         /* keys.window, seconds */
    unsigned legacy;        /* keys.legacy, enum cms_legacy (sipseal/cms.h); 0: nothing */

    const char *tls_certificate_path; /* tls.*; null when not given: then there is no TLS */
    const char *tls_private_key_path;
    const char *tls_trust_path; /* as trust_path, for the other ends of TLS connections */
    enum tls_clients tls_clients;

    struct route route[CONFIG_ROUTES_MAX];
    size_t route_count;
    struct policy policy; /* policy.domain: those of the routes with a registrar, and server.domains */
    struct policy_object_settings {
        struct span domain; /* empty: no policy object is handed out */
        int64_t expires_in; /* seconds */
        const char *certificate_path, *private_key_path; /* of the signer; null: keys.certificate signs */
    } policy_object;

    const char *archive_path; /* null: no archive */
    const char *archive_reader_path[CONFIG_READERS_MAX];
    size_t archive_reader_count;
    const char *store_path; /* replay memory; default: sipseald.db in the folder of the configuration */
    struct limits limits;

    bool metrics;              /* section metrics: */
    struct hop metrics_listen; /* metrics.listen, on loopback */

    bool hep;              /* section hep: */
    struct hop hep_to;     /* hep.to: a capture server, by UDP */
    uint32_t hep_id;       /* hep.id */
    struct span hep_password; /* hep.password; empty: none */
    unsigned hep_bodies;   /* hep.bodies, enum config_bodies */

    /* What is no fault and yet worth a word, as "file:line:column: key: problem; what to do": a certificate that
     * expires. */
    const char *warning[CONFIG_WARNINGS_MAX];
    size_t warning_count;
};

/* Reads and checks the file; the caller frees `*config`. On failure `error` (CONFIG_ERRORS_MAX bytes hold them all) has
 * every line to show, as many as fit, and nothing is to be freed. Also checks that what it names exists, can be read
 * and fits together. RULE_FILE, RULE_CONFIG, RULE_NO_MEMORY. */
enum rule config_read(const char *path, struct config **config, char *error, size_t error_len);
/* The same from bytes, without a look at anything outside of them: no files, no names resolved. */
enum rule config_parse(const char *path, struct span text, struct config **config, char *error, size_t error_len);
void config_free(struct config *config);

#endif
