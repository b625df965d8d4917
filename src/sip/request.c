/* Composes requests of a user agent (RFC 3261 8.1.1). */
#include "field.h"
#include "sipseal/sip_request.h"

bool sip_header_lines_are_whole(struct span headers)
{
    struct cursor c = cursor_over(headers);
    struct sip_header header;
    struct span field;
    enum field_found found;
    while ((found = field_take(&c, &field)) == FIELD_TAKEN)
        if (!field_split(field, &header))
            return false;
    return found == FIELD_NONE;
}

static bool is_fit(const struct sip_request *r)
{
    const struct span parts[] = {r->method, r->uri, r->sent_by, r->branch, r->from, r->to, r->call_id};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].len == 0 || !field_is_one_line(parts[i]))
            return false;
    return sip_transport_name(r->transport)[0] != '\0' && r->cseq <= INT32_MAX && r->max_forwards <= 255 &&
           sip_header_lines_are_whole(r->headers);
}

static void write_line(struct writer *w, const char *name, struct span value)
{
    writer_text(w, name);
    writer_put(w, value);
    writer_text(w, "\r\n");
}

static void write_via(struct writer *w, const struct sip_request *r)
{
    writer_text(w, "Via: SIP/2.0/");
    writer_text(w, sip_transport_name(r->transport));
    writer_byte(w, ' ');
    writer_put(w, r->sent_by);
    writer_text(w, ";branch=");
    writer_put(w, r->branch);
    writer_text(w, r->rport ? ";rport\r\n" : "\r\n");
}

static void write_number(struct writer *w, const char *name, uint64_t number)
{
    writer_text(w, name);
    writer_decimal(w, number);
}

bool sip_request_write(struct writer *w, const struct sip_request *r)
{
    if (!is_fit(r))
        return false;
    writer_put(w, r->method);
    writer_byte(w, ' ');
    writer_put(w, r->uri);
    writer_text(w, " SIP/2.0\r\n");
    write_via(w, r);
    write_number(w, "Max-Forwards: ", r->max_forwards);
    writer_text(w, "\r\n");
    write_line(w, "From: ", r->from);
    write_line(w, "To: ", r->to);
    write_line(w, "Call-ID: ", r->call_id);
    write_number(w, "CSeq: ", r->cseq);
    writer_byte(w, ' ');
    write_line(w, "", r->method);
    writer_put(w, r->headers);
    write_number(w, "Content-Length: ", r->body.len);
    writer_text(w, "\r\n\r\n");
    writer_put(w, r->body);
    return !w->full;
}
