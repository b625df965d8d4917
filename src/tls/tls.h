/* TLS for SIP connections (RFC 3261 26.2.1, RFC 5922), over OpenSSL: TLS 1.2 with ECDHE and AEAD, TLS 1.3. Nothing here
 * waits: the caller owns the socket, which is non-blocking, and calls again when it can be read or written.
 *
 * A server must prove to be the host that was to be reached, before a byte of SIP is sent to it. A client that presents
 * a certificate must prove its chain, or the handshake fails; its domains are then what it has proven (RFC
 * 5922 7.3, 7.4). Sessions are resumed, so that a connection that is opened again costs little; what a session proved
 * is looked at again each time. There is no early data, no renegotiation, no compression. */
#ifndef SIPSEAL_TLS_TLS_H
#define SIPSEAL_TLS_TLS_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum {
    TLS_CHAIN_MAX = 8,     /* certificates that are presented: one's own, and authorities */
    TLS_HOST_MAX = 255,    /* bytes of a host name */
    TLS_SESSIONS_MAX = 64, /* of servers, kept to be resumed */
    TLS_PORT = 5061,       /* RFC 3261 19.1.2 */

    TLS_RECORD_MAX = 16384, /* bytes that a record carries (RFC 8446 5.1) */
};

/* What a server asks of its clients. */
enum tls_clients { TLS_CLIENTS_NONE, TLS_CLIENTS_OPTIONAL, TLS_CLIENTS_REQUIRED };

/* Has the library load and fetch whatever it loads and fetches late, by shaking hands with itself in each version: to
 * be called before a process closes itself in. `now` in seconds since 1970. RULE_CRYPTO_LIBRARY, RULE_NO_MEMORY. */
enum rule tls_rehearse(int64_t now);

/* --- settings, which connections hold for as long as they live --- */

struct tls_context;

/* Empty: trusts nobody, has no certificate. Null when there is no memory. */
struct tls_context *tls_context_new(void);
struct tls_context *tls_context_hold(struct tls_context *c);
void tls_context_release(struct tls_context *c); /* null is allowed */

/* Authorities, and their revocation lists (trust_add_anchor, trust_add_crl), DER. */
enum rule tls_context_add_anchor(struct tls_context *c, struct span der);
enum rule tls_context_add_crl(struct tls_context *c, struct span der);

/* One's own certificate first, then the authorities that lead to an anchor of others; the key in PKCS#8; all of it DER
 * and copied. RULE_CERT_KEY, RULE_CERT_SYNTAX, RULE_FILE_FORMAT, RULE_CRYPTO_LIBRARY. Without it a context can open
 * connections, and cannot accept them. */
struct tls_own {
    struct span certificate[TLS_CHAIN_MAX];
    size_t certificate_count;
    struct span private_key;
};
enum rule tls_context_present(struct tls_context *c, const struct tls_own *own);

/* --- one connection --- */

struct tls;

/* The server's end of a connection over a socket; null without memory, or when the context has no certificate. */
struct tls *tls_accept(struct tls_context *c, enum tls_clients clients, int fd);
/* The client's end, to a server that must be `host`, which is copied. Null without memory, and for a host that is empty
 * or longer than TLS_HOST_MAX. */
struct tls *tls_connect(struct tls_context *c, struct span host, int fd);
/* Tells the other end that this one closes, if that is possible at once. */
void tls_end(struct tls *t);
/* Null is allowed. The socket stays open, and is not used. */
void tls_free(struct tls *t);

enum tls_step {
    TLS_DONE,
    TLS_WANTS_READ,  /* call again when the socket can be read */
    TLS_WANTS_WRITE, /* call again when it can be written */
    TLS_CLOSED,      /* the other end has closed the connection, properly or not: SIP is framed by Content-Length */
    TLS_FAILED,
};

/* Goes on with the handshake; `now` in seconds since 1970. `*why` is set by TLS_FAILED (and TLS_CLOSED): RULE_TLS_...,
 * RULE_CERT_..., RULE_NO_MEMORY. */
enum tls_step tls_handshake(struct tls *t, int64_t now, enum rule *why);

/* Once the handshake is done. Reads at most `cap` bytes, and begins a record only where all of it has room: who gives
 * TLS_RECORD_MAX or more leaves nothing inside, where no poll sees it. Less takes a record in pieces. TLS_DONE with at
 * least one byte. */
enum tls_step tls_read(struct tls *t, uint8_t *at, size_t cap, size_t *got);
/* Writes some of the bytes, at least one for TLS_DONE. After TLS_WANTS_... the same bytes are to be offered again. */
enum tls_step tls_write(struct tls *t, struct span bytes, size_t *sent);

/* Whether the other end is this host: a server for which the connection was opened, or, after the handshake, whoever
 * proved to be it (RFC 5922 7.2, RFC 5923 8). Never true for an empty host. */
bool tls_leads_to(const struct tls *t, struct span host);
/* Whom the server must be, as given to tls_connect; empty for a server's end. */
struct span tls_host(const struct tls *t);
/* The (first) domain that the other end proved; empty for none. Lives as long as the connection. */
struct span tls_peer(const struct tls *t);
/* Whether the handshake was short, by a session of before. */
bool tls_resumed(const struct tls *t);

#endif
