/* A SIP message seen in place: the parser copies nothing and every span points into the bytes it was given, which
 * stay as they are (signatures need the exact bytes). Strict: what RFC 3261's grammar does not allow is refused, with
 * the tolerances that RFC 4475 asks for. */
#ifndef SIPSEAL_SIP_MESSAGE_H
#define SIPSEAL_SIP_MESSAGE_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"
#include "sipseal/sip_uri.h"

enum {
    SIP_HEADERS_MAX = 128,        /* header lines in a message */
    SIP_HEADER_LINE_MAX = 8192,   /* bytes of one header line with its continuations */
    SIP_MESSAGE_MAX = 128 * 1024, /* bytes of a message; configuration may lower it */
    SIP_HEAD_MAX = 32 * 1024,     /* bytes of start line and headers */
};

enum sip_method {
    SIP_METHOD_OTHER,
    SIP_INVITE,
    SIP_ACK,
    SIP_BYE,
    SIP_CANCEL,
    SIP_REGISTER,
    SIP_OPTIONS,
    SIP_MESSAGE,
    SIP_INFO,
    SIP_PRACK,
    SIP_UPDATE,
    SIP_SUBSCRIBE,
    SIP_NOTIFY,
    SIP_REFER,
    SIP_PUBLISH,
};

/* Headers that are looked up by number. Compact forms are the same header. */
enum sip_header_id {
    SIP_H_OTHER,
    SIP_H_VIA,
    SIP_H_FROM,
    SIP_H_TO,
    SIP_H_CALL_ID,
    SIP_H_CSEQ,
    SIP_H_CONTACT,
    SIP_H_MAX_FORWARDS,
    SIP_H_MAX_BREADTH,
    SIP_H_ROUTE,
    SIP_H_RECORD_ROUTE,
    SIP_H_PROXY_REQUIRE,
    SIP_H_REQUIRE,
    SIP_H_SUPPORTED,
    SIP_H_UNSUPPORTED,
    SIP_H_EXPIRES,
    SIP_H_DATE,
    SIP_H_WARNING,
    SIP_H_RETRY_AFTER,
    SIP_H_TIMESTAMP,
    SIP_H_AUTHORIZATION,
    SIP_H_PROXY_AUTHORIZATION,
    SIP_H_WWW_AUTHENTICATE,
    SIP_H_PROXY_AUTHENTICATE,
    SIP_H_SUBJECT,
    SIP_H_MIME_VERSION,
    SIP_H_CONTENT_TYPE,
    SIP_H_CONTENT_LENGTH,
    SIP_H_CONTENT_ENCODING,
    SIP_H_CONTENT_DISPOSITION,
    SIP_H_CONTENT_TRANSFER_ENCODING,
    SIP_H_CONTENT_ID,
    SIP_H_PROXY_INSPECT_BODY, /* also under its earlier name Proxy-Required-Body */
    SIP_H_SEALED_FOR,
    SIP_HEADER_ID_COUNT
};

struct sip_header {
    enum sip_header_id id;
    struct span name;  /* as written */
    struct span value; /* without white space at its ends; folds are still inside */
    struct span line;  /* the whole field with its continuations and its last CRLF */
};

struct sip_message {
    struct span bytes; /* the message as it was framed: head, empty line, body */
    struct span head;  /* start line and headers, up to and with the empty line */
    struct span body;

    bool is_request;
    enum sip_method method; /* of the request line; of CSeq in a response */
    struct span method_text;
    struct span request_uri; /* request */
    int status;              /* response */
    struct span reason;

    struct sip_header headers[SIP_HEADERS_MAX];
    size_t header_count;

    /* The headers that every message has, taken apart. */
    struct sip_via via; /* the topmost */
    struct sip_address from, to;
    struct span call_id;
    uint32_t cseq;
    struct span cseq_method;
    bool has_max_forwards;
    uint32_t max_forwards;
};

enum sip_framing {
    SIP_DATAGRAM, /* without Content-Length the body is the rest; bytes past it are ignored (RFC 3261 18.3) */
    SIP_STREAM,   /* Content-Length is required; the bytes are exactly one message */
};

/* Reads one message. On failure `m` holds what was understood before the fault, so that a request can still be
 * answered: see sip_message_answerable. */
enum rule sip_message_parse(struct span bytes, enum sip_framing framing, struct sip_message *m);

/* Whether enough was read (a request with topmost Via, From, To, Call-ID and CSeq) to send a response to it. Never for
 * an ACK. */
bool sip_message_answerable(const struct sip_message *m);

/* The next header with `id` after `from` (start with null); null when there is none. */
const struct sip_header *sip_header_next(const struct sip_message *m, enum sip_header_id id,
                                         const struct sip_header *from);
/* The value of the first header with `id`; an empty span when there is none. */
struct span sip_header_value(const struct sip_message *m, enum sip_header_id id);
size_t sip_header_count(const struct sip_message *m, enum sip_header_id id);

/* Reads header fields alone, without a start line and with or without a closing empty line: a message/sipfrag
 * (RFC 3420) without its start line, or MIME headers. Spans point into `bytes`; `*rest` (may be null) is what follows
 * the empty line. RULE_SIP_SYNTAX, RULE_SIP_HEADERS past `max`, RULE_SIP_HEADER_TWICE as in a message. */
enum rule sip_headers_parse(struct span bytes, struct sip_header *headers, size_t max, size_t *count,
                            struct span *rest);

enum sip_header_id sip_header_id_of(struct span name);
enum sip_method sip_method_of(struct span token);
const char *sip_method_name(enum sip_method method); /* "MESSAGE"; "" for SIP_METHOD_OTHER */

/* CSeq "1 MESSAGE" (RFC 3261 20.16: the number is below 2^31). */
enum rule sip_cseq_parse(struct span value, uint32_t *number, struct span *method);

/* The reason phrase that RFC 3261 21 and protocol.md 5 give for a status code. */
const char *sip_reason_phrase(int status);

/* --- forwarding by edits --- */

enum { SIP_EDITS_MAX = 24 };

/* Changes to a message that leave every other byte as it came. */
struct sip_edits {
    struct sip_edit {
        size_t at;       /* offset in the message's bytes */
        size_t cut;      /* bytes taken away there */
        struct span put; /* bytes put there; they must live until the edits are applied */
    } edit[SIP_EDITS_MAX];
    size_t count;
    bool full;
};

/* Replaces `old`, which lies in `m->bytes`, by `put`; edits must not overlap. */
void sip_edit_replace(struct sip_edits *e, const struct sip_message *m, struct span old, struct span put);
/* Puts `put` before the byte at which `before` starts. */
void sip_edit_insert(struct sip_edits *e, const struct sip_message *m, struct span before, struct span put);
/* Writes the edited message. Edits apply in the order of their offsets, insertions at one place in the order given.
 * False when there were too many edits, they overlap, or `w` is full. */
bool sip_edits_apply(const struct sip_edits *e, const struct sip_message *m, struct writer *w);

/* --- stream framing (RFC 3261 18.3) --- */

enum sip_frame { SIP_FRAME_MORE, SIP_FRAME_MESSAGE, SIP_FRAME_KEEPALIVE, SIP_FRAME_BROKEN };

/* Looks for one message at the start of what a stream has brought. SIP_FRAME_MESSAGE: `*len` bytes are one message.
 * SIP_FRAME_KEEPALIVE: `*len` bytes of CRLF to pass over (RFC 5626 3.5.1; `*pong` when a double CRLF asks for an
 * answer; one CRLF alone is SIP_FRAME_MORE, since it may be half of a ping). SIP_FRAME_BROKEN: the stream cannot be read
 * on, for `*why`; `*len` bytes, read as SIP_DATAGRAM, hold what may still be answered. A message that is wrong in itself
 * does not break a stream as long as its end is certain.
 * `scanned` remembers between calls how far the search has come; it begins at 0 for each message. */
enum sip_frame sip_stream_frame(struct span buffered, size_t message_max, size_t *scanned, size_t *len, bool *pong,
                                enum rule *why);

#endif
