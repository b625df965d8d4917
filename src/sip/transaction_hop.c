/* Requests that a client transaction makes by itself, of the INVITE that it has sent. */
#include "transaction.h"

#include <stdlib.h>

#include "sipseal/sip_request.h"

enum { HOP_REQUEST_ROOM = 256 }; /* what these requests have and the INVITE has not */

static void write_line(struct writer *w, const char *name, struct span value)
{
    writer_text(w, name);
    writer_put(w, value);
    writer_text(w, "\r\n");
}

static void write_hop_request(struct writer *w, const struct sip_message *invite, const char *method, struct span to)
{
    writer_text(w, method);
    writer_byte(w, ' ');
    writer_put(w, invite->request_uri);
    writer_text(w, " SIP/2.0\r\n");
    write_line(w, "Via: ", invite->via.text);
    writer_text(w, "Max-Forwards: ");
    writer_decimal(w, SIP_MAX_FORWARDS);
    write_line(w, "\r\nFrom: ", sip_header_value(invite, SIP_H_FROM));
    write_line(w, "To: ", to);
    write_line(w, "Call-ID: ", invite->call_id);
    writer_text(w, "CSeq: ");
    writer_decimal(w, invite->cseq);
    writer_byte(w, ' ');
    writer_text(w, method);
    writer_text(w, "\r\n");
    for (const struct sip_header *h = sip_header_next(invite, SIP_H_ROUTE, NULL); h;
         h = sip_header_next(invite, SIP_H_ROUTE, h))
        writer_put(w, h->line);
    writer_text(w, "Content-Length: 0\r\n\r\n");
}

struct span hop_request(struct span invite, const char *method, struct span to)
{
    struct sip_message m;
    if (sip_message_parse(invite, SIP_DATAGRAM, &m) != RULE_OK)
        return (struct span){0};
    size_t room = m.head.len + to.len + HOP_REQUEST_ROOM;
    uint8_t *bytes = malloc(room);
    if (!bytes)
        return (struct span){0};
    struct writer w = writer_over(bytes, room);
    write_hop_request(&w, &m, method, to);
    if (!w.full)
        return writer_span(&w);
    free(bytes);
    return (struct span){0};
}
