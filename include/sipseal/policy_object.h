/* A policy object: what the proxies of a domain need of messages, said by the domain or by one of them, and signed
 * (protocol.md 6; REQ-GEN-4). It says what a proxy wants, never that it may have it: that is for the user to say
 * (ua/policy_trust.h).
 *
 * On the wire it is an opaque SignedData, without a signed copy of headers, over one MIME entity of type
 * POLICY_OBJECT_TYPE, whose content is JSON. */
#ifndef SIPSEAL_POLICY_OBJECT_H
#define SIPSEAL_POLICY_OBJECT_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "sipseal/policy.h"

#define POLICY_OBJECT_TYPE "application/vnd.sipseal.policy+json"

enum {
    POLICY_OBJECT_BYTES_MAX = 64 * 1024,      /* of the SignedData, and of the JSON in it */
    POLICY_OBJECT_PROXIES_MAX = 8,            /* in one object */
    POLICY_OBJECT_SEAL_TO_MAX = 4,            /* certificates of one proxy */
    POLICY_OBJECT_TOKEN_MAX = 80,             /* bytes of a method or of a pattern of media types */
    POLICY_OBJECT_PURPOSE_MAX = 128,          /* bytes of what a rule says it is for */
    POLICY_OBJECT_EXPIRES_MAX = 604800,       /* seconds that an object may count */
    POLICY_OBJECT_EXPIRES_DEFAULT = 86400,    /* that sipseald writes */
    POLICY_OBJECT_FUTURE_SECONDS = 300,       /* that its clock may be ahead of ours */
    POLICY_OBJECT_ARENA = 4 * POLICY_OBJECT_BYTES_MAX, /* room that reading, and making, one takes */
};

struct policy_object_proxy {
    struct span host;                               /* lower case */
    struct span seal_to[POLICY_OBJECT_SEAL_TO_MAX]; /* certificates, DER */
    size_t seal_to_count;                           /* 0: it views nothing */
    bool cek_reuse;
};

struct policy_object_rule {
    struct policy_rule rule; /* as a proxy enforces it: mode is POLICY_ENFORCE */
    bool present;            /* content of this kind must be there */
    struct span purpose;     /* for people, in the proxy's own words; may be empty */
};

struct policy_object {
    struct span domain; /* lower case */
    int64_t issued;     /* seconds since 1970 */
    uint32_t expires_in;
    struct policy_object_proxy proxy[POLICY_OBJECT_PROXIES_MAX];
    size_t proxy_count; /* at least 1 */
    struct policy_object_rule rule[POLICY_RULES_MAX];
    size_t rule_count;
    uint32_t bytes, parts, depth; /* the proxy's limits; 0: it says nothing of it */
};

/* Reads the JSON. Everything that `out` points to is in the arena. Members that are not known are passed over.
 * RULE_POLICY_OBJECT_SYNTAX: no JSON, a key that stands twice, a member that is missing or not of its type.
 * RULE_POLICY_OBJECT_LIMIT: more of something than the limits above. RULE_POLICY_OBJECT_UNUSABLE: a version, or a word
 * in `require`, `direction` or `plain`, that is not known: what it asks for cannot be told. RULE_NO_MEMORY. */
enum rule policy_object_read(struct span json, struct arena *arena, struct policy_object *out);

/* Writes the JSON, which policy_object_read reads to the same. False when `w` is full, there is no memory, or a text is
 * no UTF-8. */
bool policy_object_write(struct writer *w, const struct policy_object *object);

/* --- signed --- */

/* Writes and signs it as of `object->issued`: the SignedData is in the arena. RULE_POLICY_OBJECT_LIMIT when it is larger
 * than POLICY_OBJECT_BYTES_MAX; those of cms_sign. */
enum rule policy_object_sign(const struct policy_object *object, const struct identity *signer, struct arena *arena,
                             struct span *der);

struct policy_object_terms {
    struct trust *trust;
    int64_t now;
    struct span host;    /* the proxy that it is wanted about; empty: whichever it is about */
    bool has_issued;     /* an object about the same was accepted before, */
    int64_t issued;      /* and that is when it was issued */
};

struct policy_object_accepted {
    struct policy_object object;
    bool by_domain; /* signed by `object.domain`; else by the one proxy that it is about, and what it says of a domain
                       proves nothing: a proxy belongs to a domain only by an object that the domain signed */
    struct certificate *signer;                                                         /* a reference */
    struct certificate *seal_to[POLICY_OBJECT_PROXIES_MAX][POLICY_OBJECT_SEAL_TO_MAX];  /* references */
};

/* Accepts what arrived, or says why not. Nothing of it is read before its signature holds and its signer's certificate
 * chains to an anchor. What `out` points to is in the arena; on failure there is nothing to clear.
 * - those of cms_verify, and of trust_check: forged, untrusted, revoked, expired certificates; of a proxy's too
 * - those of policy_object_read; RULE_POLICY_OBJECT_SYNTAX also for content of another type
 * - RULE_POLICY_OBJECT_SIGNER: no subjectAltName of the signer is the domain, nor, of an object about one proxy, its host
 * - RULE_POLICY_OBJECT_SEAL_TO: a certificate to seal to that does not name the proxy
 * - RULE_POLICY_OBJECT_EXPIRED, also for one that is to count for longer than POLICY_OBJECT_EXPIRES_MAX;
 *   RULE_POLICY_OBJECT_FUTURE; RULE_POLICY_OBJECT_OLDER than the one accepted before
 * - RULE_POLICY_OBJECT_HOST: it is not about `terms->host` */
enum rule policy_object_accept(struct span der, const struct policy_object_terms *terms, struct arena *arena,
                               struct policy_object_accepted *out);
void policy_object_accepted_clear(struct policy_object_accepted *accepted);

/* What one says, whoever signed it, and whether or not it counts: to be shown, or to be compared with what was accepted
 * before; nothing of it is to be acted on. Errors as policy_object_accept, of its form and its signature's alone. */
enum rule policy_object_look(struct span der, struct arena *arena, struct policy_object *out);

/* Which of its proxies has this name; `proxy_count` when none has. */
size_t policy_object_proxy_named(const struct policy_object *object, struct span host);

/* --- what it asks for --- */

/* A message, as far as its sender knows what it is going to be. */
struct policy_object_question {
    const struct message_context *context;
    const struct span *type; /* of its contents */
    size_t type_count;
    bool sealed; /* its contents are sealed: a proxy that cannot open them takes them for anything (protocol.md 6) */
    bool plain;  /* they are neither sealed nor signed */
};

/* What the proxies of an object require of the message: enum label_action, 0 for nothing. `*purpose` is that of the
 * first rule that requires something. `*protect`: a rule refuses the message for being plain. */
unsigned policy_object_requires(const struct policy_object *object, const struct policy_object_question *question,
                                struct span *purpose, bool *protect);

#endif
