#include "ua/compose.h"

#include "sipseal/random.h"
#include "sipseal/sip_transaction.h"

bool compose_token(char out[COMPOSE_TOKEN_LEN + 1])
{
    uint8_t random[COMPOSE_TOKEN_LEN / 2];
    struct writer w = writer_over(out, COMPOSE_TOKEN_LEN);
    if (!random_bytes(random, sizeof random))
        return false;
    writer_hex(&w, span_of(random, sizeof random));
    out[w.len] = 0;
    return true;
}

bool compose_branch(char out[COMPOSE_BRANCH_LEN + 1])
{
    size_t cookie = strlen(SIP_MAGIC_COOKIE);
    memcpy(out, SIP_MAGIC_COOKIE, cookie);
    return compose_token(out + cookie);
}

bool compose_identify(struct compose_identifiers *ids, int64_t now)
{
    struct writer date = writer_over(ids->date, CLOCK_DATE_LEN);
    memset(ids, 0, sizeof *ids);
    clock_write_date(&date, now);
    ids->cseq = 1;
    return !date.full && compose_token(ids->from_tag) && compose_token(ids->call_id) && compose_branch(ids->branch);
}

bool compose_identify_again(struct compose_identifiers *ids, int64_t now)
{
    struct writer date = writer_over(ids->date, CLOCK_DATE_LEN);
    clock_write_date(&date, now);
    ids->cseq++;
    return !date.full && compose_branch(ids->branch);
}

void compose_context(const struct compose_identifiers *ids, struct span method, struct span from_uri,
                     struct span to_uri, struct message_context *context)
{
    *context = (struct message_context){
        .from_uri = from_uri,
        .from_tag = span_text(ids->from_tag),
        .to_uri = to_uri,
        .call_id = span_text(ids->call_id),
        .cseq = ids->cseq,
        .method = method,
        .date = span_text(ids->date),
    };
}

void compose_address(struct writer *w, struct span uri, const char *tag)
{
    writer_byte(w, '<');
    writer_put(w, uri);
    writer_byte(w, '>');
    if (tag[0]) {
        writer_text(w, ";tag=");
        writer_text(w, tag);
    }
}

enum { ADDRESS_MAX = 1024, HEADERS_MAX = 24 * 1024 };

bool compose_request(struct writer *w, const struct compose_identifiers *ids, const struct compose_way *way,
                     const struct compose_draft *draft)
{
    uint8_t header_room[HEADERS_MAX], from_room[ADDRESS_MAX], to_room[ADDRESS_MAX];
    struct writer headers = writer_over(header_room, sizeof header_room);
    struct writer from = writer_over(from_room, sizeof from_room), to = writer_over(to_room, sizeof to_room);

    writer_text(&headers, "Date: ");
    writer_text(&headers, ids->date);
    writer_text(&headers, "\r\n");
    writer_put(&headers, draft->headers);
    compose_address(&from, draft->from_uri, ids->from_tag);
    compose_address(&to, draft->to_uri, "");
    const struct sip_request request = {
        .method = draft->method,
        .uri = draft->request_uri,
        .transport = way->transport,
        .sent_by = way->sent_by,
        .branch = span_text(ids->branch),
        .rport = way->transport == SIP_UDP,
        .max_forwards = SIP_MAX_FORWARDS,
        .from = writer_span(&from),
        .to = writer_span(&to),
        .call_id = span_text(ids->call_id),
        .cseq = ids->cseq,
        .headers = writer_span(&headers),
        .body = draft->body,
    };
    return !headers.full && !from.full && !to.full && sip_request_write(w, &request);
}

bool compose_plain_headers(struct writer *w, struct span content_type)
{
    writer_text(w, "MIME-Version: 1.0\r\nContent-Type: ");
    writer_put(w, content_type);
    writer_text(w, "\r\n");
    return !w->full;
}
