/* Digest authentication for SIP (RFC 7616, RFC 8760, RFC 3261 22), without input or output: header values in, decisions
 * and header values out.
 *
 * Who checks credentials needs of the password only HA1, the hash of "user:realm:password", and only in
 * digest_response: so that HA1 can stay in another process than the one that speaks SIP.
 *
 * Not done: the -sess algorithms and userhash, which nothing here offers; credentials without qop (RFC 2069), which can
 * be replayed. Quoted values with a backslash are refused: RFC 7616 leaves open whether it is hashed. */
#ifndef SIPSEAL_SIP_DIGEST_H
#define SIPSEAL_SIP_DIGEST_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum {
    DIGEST_HEX_MAX = 64,        /* hexadecimal digits of the longest hash */
    DIGEST_VALUE_MAX = 512,     /* bytes of one value: user name, realm, nonce, ... */
    DIGEST_PARAMS_MAX = 24,
    DIGEST_NONCE_LEN = 56,      /* characters of a nonce made here */
    DIGEST_NONCE_KEY_LEN = 32,
    DIGEST_NONCE_RANDOM = 12,   /* bytes that make a nonce its own */
};

/* In the order of preference (RFC 8760 2.4): the later, the better. */
enum digest_algorithm { DIGEST_MD5, DIGEST_SHA256, DIGEST_SHA512_256, DIGEST_ALGORITHM_COUNT };
enum digest_qop { DIGEST_AUTH = 1, DIGEST_AUTH_INT = 2 };

/* "SHA-256" */
const char *digest_algorithm_name(enum digest_algorithm algorithm);
/* False for one that is not known. */
bool digest_algorithm_of(struct span name, enum digest_algorithm *algorithm);
/* Hexadecimal digits of its hashes: 32 or 64. */
size_t digest_hex_len(enum digest_algorithm algorithm);

/* A hash in hexadecimal, zero-terminated. */
struct digest_hex {
    char text[DIGEST_HEX_MAX + 1];
};

/* --- reading --- */

/* WWW-Authenticate, Proxy-Authenticate. Spans point into the value, without quotes. */
struct digest_challenge {
    struct span realm, nonce, opaque;
    enum digest_algorithm algorithm; /* MD5 where none is named */
    unsigned qop;                    /* set of enum digest_qop; 0: none is offered, which is of no use here */
    bool stale;
};
/* RULE_DIGEST_SYNTAX; RULE_DIGEST_UNSUPPORTED for another scheme than Digest, or an algorithm that is not known: the
 * next challenge may do. */
enum rule digest_read_challenge(struct span value, struct digest_challenge *out);

/* Authorization, Proxy-Authorization. */
struct digest_credentials {
    struct span username, realm, nonce, uri, response, cnonce, opaque;
    enum digest_algorithm algorithm;
    enum digest_qop qop;
    struct span nc_text; /* eight digits */
    uint32_t nc;
};
enum rule digest_read_credentials(struct span value, struct digest_credentials *out);

/* Authentication-Info, Proxy-Authentication-Info (RFC 7615). What is absent is empty. */
struct digest_info {
    struct span nextnonce, rspauth, cnonce, nc_text;
    enum digest_qop qop;
};
enum rule digest_read_info(struct span value, struct digest_info *out);

/* --- computing (RFC 7616 3.4); each gives false when the library lacks the algorithm or fails --- */

/* H(username ":" realm ":" password): to be treated like the password. */
bool digest_ha1(enum digest_algorithm algorithm, struct span username, struct span realm, struct span password,
                struct digest_hex *ha1);

/* H(method ":" uri), or with the hash of the body for DIGEST_AUTH_INT. An empty method is that of rspauth. */
bool digest_ha2(enum digest_algorithm algorithm, enum digest_qop qop, struct span method, struct span uri,
                struct span body, struct digest_hex *ha2);

/* What the nonce and both hashes give. */
struct digest_round {
    enum digest_algorithm algorithm;
    enum digest_qop qop;
    struct span nonce, nc_text, cnonce;
};
bool digest_response(const struct digest_round *round, const struct digest_hex *ha1, const struct digest_hex *ha2,
                     struct digest_hex *response);

/* Whether the credentials' response is this one, of either case, in time that does not depend on it. */
bool digest_response_is(struct span given, const struct digest_hex *wanted);

/* --- writing: header values --- */

/* Digest realm="...", nonce="...", ... Offers auth and auth-int. The realm has neither quotes nor backslashes. */
void digest_write_challenge(struct writer *w, struct span realm, struct span nonce, enum digest_algorithm algorithm,
                            bool stale);
/* `out` with response filled in. */
void digest_write_credentials(struct writer *w, const struct digest_credentials *credentials);
void digest_write_info(struct writer *w, const struct digest_round *round, const struct digest_hex *rspauth);
/* "0000002a" */
void digest_write_nc(uint32_t nc, char out[9]);

/* --- nonces that need no memory (RFC 7616 5.4) --- */

/* A nonce says when it was made, and proves by a MAC that it was made here, for this realm. Its key must be secret and
 * random, and be made anew whenever the memory of the counts that were used is lost. */
bool digest_nonce(const uint8_t key[DIGEST_NONCE_KEY_LEN], int64_t now, const uint8_t random[DIGEST_NONCE_RANDOM],
                  struct span realm, char nonce[DIGEST_NONCE_LEN + 1]);

enum digest_nonce_state {
    DIGEST_NONCE_GOOD,
    DIGEST_NONCE_STALE,   /* made here, too long ago: ask again, with stale=true */
    DIGEST_NONCE_FOREIGN, /* not made with this key, or for another realm */
};
/* `lifetime` in seconds. A nonce from the future, by more than a clock may be set back, is foreign. */
enum digest_nonce_state digest_nonce_check(const uint8_t key[DIGEST_NONCE_KEY_LEN], struct span nonce,
                                           struct span realm, int64_t now, int64_t lifetime, int64_t *made);

/* What must not come twice: SHA-256 over nonce and count, for the replay memory. */
bool digest_replay_key(const struct digest_credentials *credentials, uint8_t key[32]);

#endif
