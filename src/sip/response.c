/* Composes responses (RFC 3261 8.2.6, 18.2.1). */
#include "field.h"
#include "lex.h"
#include "sipseal/sip_request.h"
#include "sipseal/sip_response.h"

/* Writes a header line with `old`, which lies in it, replaced by what the caller writes in between. */
static void write_before(struct writer *w, struct span line, struct span old)
{
    writer_put(w, span_part(line, 0, (size_t)(old.at - line.at)));
}

static void write_after(struct writer *w, struct span line, struct span old)
{
    writer_put(w, span_part(line, (size_t)(old.at - line.at) + old.len, line.len));
}

/* The topmost Via with the source put in; when its parameters were broken, as it came. */
static void write_via(struct writer *w, const struct sip_message *request, const struct sip_header *header,
                      const struct sip_source *source)
{
    const struct sip_via *via = &request->via;
    if (!span_within(via->text, header->line) || via->text.len == 0) {
        writer_put(w, header->line);
        return;
    }
    write_before(w, header->line, via->text);
    sip_via_write_source(w, via, source);
    write_after(w, header->line, via->text);
}

static void write_vias(struct writer *w, const struct sip_message *request, const struct sip_source *source)
{
    const struct sip_header *via = sip_header_next(request, SIP_H_VIA, NULL);
    write_via(w, request, via, source);
    while ((via = sip_header_next(request, SIP_H_VIA, via)) != NULL)
        writer_put(w, via->line);
}

/* A To that could not be read, or that has a tag, is copied as it stands. */
static void write_to(struct writer *w, const struct sip_message *request, struct span tag)
{
    const struct sip_header *to = sip_header_next(request, SIP_H_TO, NULL);
    if (tag.len == 0 || request->to.uri.len == 0 || request->to.tag.len) {
        writer_put(w, to->line);
        return;
    }
    write_before(w, to->line, to->value);
    writer_put(w, to->value);
    writer_text(w, ";tag=");
    writer_put(w, tag);
    write_after(w, to->line, to->value);
}

static void write_lines(struct writer *w, const struct sip_message *request, enum sip_header_id id)
{
    const struct sip_header *header = NULL;
    while ((header = sip_header_next(request, id, header)) != NULL)
        writer_put(w, header->line);
}

static void write_first_line(struct writer *w, const struct sip_message *request, enum sip_header_id id)
{
    const struct sip_header *header = sip_header_next(request, id, NULL);
    if (header)
        writer_put(w, header->line);
}

static void write_status_line(struct writer *w, const struct sip_response *response)
{
    writer_text(w, "SIP/2.0 ");
    writer_decimal(w, (uint64_t)response->status);
    writer_byte(w, ' ');
    if (response->reason.len)
        writer_put(w, response->reason);
    else
        writer_text(w, sip_reason_phrase(response->status));
    writer_text(w, "\r\n");
}

static bool is_fit(const struct sip_message *request, const struct sip_response *response)
{
    struct cursor tag = cursor_over(response->to_tag);
    lex_run(&tag, LEX_TOKEN);
    return sip_message_answerable(request) && response->status >= 100 && response->status <= 699 &&
           field_is_one_line(response->reason) && cursor_done(&tag) && sip_header_lines_are_whole(response->headers);
}

bool sip_response_write(struct writer *w, const struct sip_message *request, const struct sip_source *source,
                        const struct sip_response *response)
{
    if (!is_fit(request, response))
        return false;
    write_status_line(w, response);
    write_vias(w, request, source);
    if (response->record_route)
        write_lines(w, request, SIP_H_RECORD_ROUTE);
    write_first_line(w, request, SIP_H_FROM);
    write_to(w, request, response->to_tag);
    write_first_line(w, request, SIP_H_CALL_ID);
    write_first_line(w, request, SIP_H_CSEQ);
    if (response->status == 100)
        write_first_line(w, request, SIP_H_TIMESTAMP);
    writer_put(w, response->headers);
    writer_text(w, "Content-Length: ");
    writer_decimal(w, response->body.len);
    writer_text(w, "\r\n\r\n");
    writer_put(w, response->body);
    return !w->full;
}
