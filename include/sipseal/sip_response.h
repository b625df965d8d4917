/* Responses to a request, composed (RFC 3261 8.2.6), and where they go (18.2). */
#ifndef SIPSEAL_SIP_RESPONSE_H
#define SIPSEAL_SIP_RESPONSE_H

#include "sipseal/bytes.h"
#include "sipseal/sip_message.h"

/* From where a request came, as the socket says. */
struct sip_source {
    struct span address; /* "192.0.2.1", "2001:db8::1" without brackets; empty: leave the topmost Via as it is */
    uint16_t port;
};

struct sip_response {
    int status;
    struct span reason;  /* empty: the phrase of sip_reason_phrase */
    struct span to_tag;  /* added to To where the request's has none; empty: not added (100, stateless proxies aside) */
    struct span headers; /* further header lines, each whole with its CRLF; Content-Type among them */
    struct span body;
    bool record_route; /* copy Record-Route (12.1.1: 2xx and 101 to 199 that make a dialog) */
};

/* Writes the response to `request`, which may have failed to parse as long as it is answerable: Via lines, From, To,
 * Call-ID and CSeq as they stand, Timestamp in a 100, and Content-Length. The topmost Via gets `source` as
 * sip_via_write_source says. False when `w` is full, or when a part that is to stand on one line holds CR, LF or NUL,
 * or `headers` is not a sequence of whole lines: nothing a stranger wrote can add a header. */
bool sip_response_write(struct writer *w, const struct sip_message *request, const struct sip_source *source,
                        const struct sip_response *response);

/* Writes a via-parm with `received` and the value of `rport` put in as a server must (RFC 3261 18.2.1, RFC 3581 4):
 * received where the client asked for rport or the sent-by host is not the source address; what stood there under these
 * names is replaced. The rest stays byte for byte. */
void sip_via_write_source(struct writer *w, const struct sip_via *via, const struct sip_source *source);

/* Where a response with this topmost Via goes over an unreliable transport, or over a new connection (RFC 3261 18.2.2,
 * RFC 3581 4): received, else the sent-by host; rport, else the sent-by port, else 5060, or 5061 for TLS. maddr is not
 * obeyed: no multicast is sent. */
void sip_via_destination(const struct sip_via *via, struct span *host, uint16_t *port);

#endif
