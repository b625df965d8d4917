/* SIP and SIPS URIs, addresses and Via (RFC 3261 19.1, 20.10, 20.42), as views into the bytes that hold them. */
#ifndef SIPSEAL_SIP_URI_H
#define SIPSEAL_SIP_URI_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum sip_scheme { SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL, SIP_SCHEME_OTHER };

enum sip_transport { SIP_TRANSPORT_NONE, SIP_UDP, SIP_TCP, SIP_TLS, SIP_TRANSPORT_OTHER };

/* A URI taken apart. For a scheme other than sip and sips only `text` and `scheme` are set. */
struct sip_uri {
    struct span text;
    enum sip_scheme scheme;
    struct span user;     /* as written, still escaped; empty when there is none */
    struct span password; /* as written */
    struct span host;     /* as written; an IPv6 reference without its brackets */
    bool host_is_ipv6;
    bool host_is_ipv4;
    uint16_t port;       /* 0: not given */
    struct span params;  /* ";transport=tcp;lr": from the first semicolon on, or empty */
    struct span headers; /* after the question mark, or empty */
};

/* Takes apart one URI that is exactly `text`. RULE_SIP_URI when it is none. */
enum rule sip_uri_parse(struct span text, struct sip_uri *uri);

/* The value of a parameter; true and an empty value for a flag such as `lr`. Names compare without case. */
bool sip_uri_param(const struct sip_uri *uri, const char *name, struct span *value);
bool sip_uri_param_of(const struct sip_uri *uri, struct span name, struct span *value);
/* The next parameter of those that the cursor stands at; false at their end, or when it is broken. */
bool sip_uri_param_take(struct cursor *c, struct span *name, struct span *value);

/* The transport parameter: SIP_TRANSPORT_NONE when there is none. */
enum sip_transport sip_uri_transport(const struct sip_uri *uri);

/* "udp", "tcp", "tls" in any case, as in a URI or a Via. */
enum sip_transport sip_transport_of(struct span text);
/* "UDP", as in a Via; and "udp", as in a URI. Empty for SIP_TRANSPORT_NONE and _OTHER. */
const char *sip_transport_name(enum sip_transport transport);
const char *sip_transport_word(enum sip_transport transport);

/* Whether two URIs are equivalent by RFC 3261 19.1.4. A transport, user, ttl, method or maddr parameter in one of them
 * alone makes a difference, others do not. `headers` compare byte by byte; other schemes as text. */
bool sip_same_uri(const struct sip_uri *a, const struct sip_uri *b);

/* Whether two URIs are the same address-of-record as protocol.md 2.1 compares identities: user unescaped and exact,
 * host without regard to case; sip or sips, port and parameters ignored. Never true for other schemes. */
bool sip_same_aor(struct span uri_a, struct span uri_b);

/* Whether the host of `uri` is `domain`, without regard to case. */
bool sip_uri_in_domain(struct span uri, struct span domain);

/* "sip:user@host" of a URI, host in lower case, user as written: how identities are shown and stored. */
bool sip_write_aor(struct writer *w, struct span uri);

/* The same with needless escapes undone and the others in one form: two URIs of one address-of-record give the same
 * bytes, so that they can be a key. */
bool sip_write_aor_key(struct writer *w, struct span uri);

/* A name-addr or addr-spec with header parameters: From, To, Contact, Route, Record-Route. */
struct sip_address {
    struct span display; /* as written, with quotes if it has them */
    struct span uri;     /* without angle brackets */
    struct span params;  /* header parameters, from the first semicolon on */
    struct span tag;     /* the tag parameter, or empty */
};

/* Reads one address from the cursor up to a comma at its level or the end; there the cursor stands. */
enum rule sip_address_take(struct cursor *c, struct sip_address *address);
/* The whole value is one address. */
enum rule sip_address_parse(struct span value, struct sip_address *address);

/* The value of a header parameter ";name=value", quotes removed from a quoted string's ends, escapes kept. */
bool sip_param(struct span params, const char *name, struct span *value);

struct sip_via {
    struct span text;             /* the whole via-parm */
    enum sip_transport transport; /* of sent-protocol */
    struct span transport_text;
    struct span host; /* sent-by; an IPv6 reference without its brackets */
    bool host_is_ipv6;
    uint16_t port; /* 0: not given */
    struct span params;
    struct span branch;   /* empty when there is none */
    struct span received; /* without brackets (RFC 5118 4.5 allows both forms); empty when there is none */
    bool has_rport;
    uint16_t rport; /* 0 when without value (RFC 3581) */
};

/* Reads one via-parm up to a comma or the end. When only its parameters are broken, transport, `host` and `port` are
 * set and nothing else: a request can still be answered. */
enum rule sip_via_take(struct cursor *c, struct sip_via *via);

#endif
