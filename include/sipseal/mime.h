/* MIME entities (RFC 2045, 2046) as they stand in SIP (RFC 3261 7.4, RFC 5621, RFC 8262): seen in place, bounded.
 *
 * An entity is a head and a body. The one that a SIP message carries has its head among the SIP headers; parts of a
 * multipart and what is signed or sealed carry theirs in front of their bodies. */
#ifndef SIPSEAL_MIME_H
#define SIPSEAL_MIME_H

#include "sipseal/arena.h"
#include "sipseal/bytes.h"
#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

enum {
    MIME_PARTS_MAX = 32,      /* leaf and inner parts in a whole body, at all depths */
    MIME_DEPTH_MAX = 6,       /* multiparts, signatures and sealings nested in one another */
    MIME_CHILDREN_MAX = 16,   /* direct parts of one multipart */
    MIME_HEADERS_MAX = 16,    /* header lines of one part */
    MIME_HEAD_MAX = 8192,     /* bytes of the head of one part */
    MIME_BOUNDARY_MAX = 70,   /* RFC 2046 5.1.1 */
    MIME_BOUNDARY_LEN = 32,   /* of the boundaries that sipseal writes: 128 random bits in hexadecimal */
};

enum mime_transfer_encoding { MIME_BINARY, MIME_BASE64, MIME_7BIT, MIME_8BIT, MIME_ENCODING_OTHER };

/* What kind of body object an entity is (protocol.md 2). */
enum mime_kind {
    MIME_PLAIN,     /* a leaf that is none of the others */
    MIME_MULTIPART, /* any multipart, also a multipart/signed with another protocol, but not MIME_CLEAR_SIGNED */
    MIME_SEALED,    /* application/pkcs7-mime; smime-type authEnveloped-data, auth-enveloped-data, enveloped-data, one
                       that is not known, or none: what does not say that it can be read counts as sealed */
    MIME_SIGNED,    /* application/pkcs7-mime; smime-type signed-data */
    MIME_CLEAR_SIGNED, /* multipart/signed; protocol="application/pkcs7-signature" */
    MIME_CERTS_ONLY,
    MIME_SIPFRAG, /* message/sipfrag (RFC 3420) */
};

struct mime_entity {
    struct span bytes; /* head and body, exactly; empty when the head is among SIP headers */
    struct span body;
    enum mime_kind kind;
    struct span type;                  /* "text/plain" as written, without parameters; empty: text/plain is meant */
    struct span type_params;           /* ";charset=UTF-8" */
    enum mime_transfer_encoding encoding; /* absent: MIME_BINARY (SIP) */
    struct span content_id;            /* without brackets and quotes; empty when there is none */
    struct span disposition;           /* the disposition type as written; empty when there is none */
    struct span disposition_params;
    bool content_encoded; /* a Content-Encoding other than identity is there */
};

/* Takes apart `bytes`, a head, an empty line and a body. An entity without any header starts with the empty line; one
 * that ends with its head has an empty body. RULE_MIME_SYNTAX (also for a NUL, a bare CR or LF in the head, a header or
 * parameter that stands twice), RULE_MIME_HEADERS. */
enum rule mime_entity_parse(struct span bytes, struct mime_entity *entity);

/* The entity that a SIP message carries. RULE_MIME_SYNTAX. Without a body everything in the entity is empty, whatever
 * the headers say; a body without a Content-Type is refused (RFC 3261 20.15). */
enum rule mime_entity_of_message(const struct sip_message *m, struct mime_entity *entity);

/* The value of a parameter in ";a=b;c=\"d\"": quotes removed, no escapes undone. Names compare without case. */
bool mime_param(struct span params, const char *name, struct span *value);

/* Content-ID values compare without brackets and quotes (protocol.md 2.4): removes them. */
struct span mime_bare_content_id(struct span value);

/* Whether `type` ("text/plain") fits `pattern` ("text/plain", "text/ *" without the space, "*"), without regard to
 * case. An empty type is text/plain (RFC 2045 5.2). */
bool mime_type_matches(struct span type, struct span pattern);

/* Whether Content-Disposition says `handling=optional` (RFC 3261 20.11). */
bool mime_handling_optional(const struct mime_entity *entity);

/* What may still be spent on one body; passed down through every level of it, opened layers too. */
struct mime_budget {
    unsigned parts;
    unsigned depth;
};
#define MIME_BUDGET_WHOLE ((struct mime_budget){MIME_PARTS_MAX, MIME_DEPTH_MAX})

struct mime_parts {
    struct mime_entity part[MIME_CHILDREN_MAX];
    size_t count;
};

/* The direct parts of a multipart (of multipart/signed too). Takes each from the budget and one level of depth, which
 * the caller gives back when it is done with them (`budget->depth++`); a failure takes no level. Preamble and epilogue
 * are passed over. A part's bytes are exact: the CRLF before a delimiter belongs to the delimiter (RFC 2046 5.1.1).
 * A part with a duplicate Content-ID among its siblings breaks RULE_MIME_CONTENT_ID_TWICE; more parts or levels than
 * the limits RULE_MIME_PARTS and RULE_MIME_DEPTH; a transfer encoding that a multipart must not have (RFC 2045 6.4)
 * RULE_MIME_TRANSFER_ENCODING; everything else RULE_MIME_SYNTAX: no closing delimiter, no boundary or a bad one, a line
 * that starts with a delimiter and goes on, a multipart/signed that has not two parts (RFC 1847 2.1). */
enum rule mime_parts_of(const struct mime_entity *multipart, struct mime_budget *budget, struct mime_parts *parts);

/* The body with its transfer encoding undone: the body itself for binary, 7bit and 8bit; decoded into the arena for
 * base64; RULE_MIME_TRANSFER_ENCODING for others. */
enum rule mime_decode(const struct mime_entity *entity, struct arena *arena, struct span *content);

/* --- writing --- */

/* MIME_BOUNDARY_LEN hexadecimal digits from 16 random bytes, and a NUL. */
void mime_boundary(const uint8_t random[16], char boundary[MIME_BOUNDARY_LEN + 1]);

/* A head as this profile writes it, with CRLF after each line and an empty line at the end. Empty spans leave their
 * line out; `content_id` gets its brackets. */
struct mime_head {
    struct span content_type; /* with its parameters */
    struct span content_id;
    struct span disposition; /* with its parameters */
    bool binary;             /* writes Content-Transfer-Encoding: binary */
    bool base64;             /* writes Content-Transfer-Encoding: base64 */
};
void mime_write_head(struct writer *w, const struct mime_head *head);

/* The delimiter in front of a part; the one that closes, with CRLF after it (protocol.md 2.4). */
void mime_write_delimiter(struct writer *w, const char *boundary, bool first);
void mime_write_close(struct writer *w, const char *boundary);

#endif
