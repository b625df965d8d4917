/* Requests of a user agent, composed (RFC 3261 8.1.1). */
#ifndef SIPSEAL_SIP_REQUEST_H
#define SIPSEAL_SIP_REQUEST_H

#include "sipseal/bytes.h"
#include "sipseal/sip_message.h"

enum { SIP_MAX_FORWARDS = 70 };

struct sip_request {
    struct span method;
    struct span uri; /* the Request-URI */
    enum sip_transport transport;
    struct span sent_by; /* "192.0.2.1:5060", "[2001:db8::1]:5060" */
    struct span branch;  /* with the magic cookie */
    bool rport;          /* ask for symmetric responses (RFC 3581) */
    uint32_t max_forwards;
    struct span from; /* the whole value: "<sip:alice@home.example>;tag=a1" */
    struct span to;
    struct span call_id;
    uint32_t cseq;
    struct span headers; /* further header lines, each whole with its CRLF: Route, Contact, Date, Content-Type, ... */
    struct span body;
};

/* Writes start line, Via, Max-Forwards, From, To, Call-ID, CSeq, the further headers, Content-Length and body. False
 * when `w` is full, or when a part that is to stand on one line is empty or holds CR, LF or NUL, or `headers` is not a
 * sequence of whole lines. */
bool sip_request_write(struct writer *w, const struct sip_request *request);

/* Whether `headers` is a sequence of whole header lines, each with a name and its CRLF, and no empty line. */
bool sip_header_lines_are_whole(struct span headers);

#endif
