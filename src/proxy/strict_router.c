/* Requests of strict routers, the elements of RFC 2543 (RFC 3261 16.4): such a one writes the next Route into the
 * Request-URI and the target as the last Route. Put back as a loose router would have sent it, the request needs no
 * other care. */
#include "proxy/core.h"

/* The last Route value, and what must go for it to be gone: its header line, or from the comma before it on. */
static bool find_last_route(const struct sip_message *m, struct span *uri, struct span *gone)
{
    const struct sip_header *last = NULL;
    for (const struct sip_header *h = sip_header_next(m, SIP_H_ROUTE, NULL); h; h = sip_header_next(m, SIP_H_ROUTE, h))
        last = h;
    if (!last)
        return false;
    struct cursor values = cursor_over(last->value);
    struct sip_address address;
    *gone = last->line;
    if (sip_address_take(&values, &address) != RULE_OK)
        return false;
    for (const uint8_t *comma = values.at; cursor_accept(&values, ','); comma = values.at) {
        struct span before = span_trim(span_of(last->value.at, (size_t)(comma - last->value.at)));
        *gone = span_part(last->value, before.len, last->value.len);
        if (sip_address_take(&values, &address) != RULE_OK)
            return false;
    }
    *uri = address.uri;
    return true;
}

/* Every Record-Route of this proxy has `lr`. */
static bool is_own_record_route(const struct proxy *p, struct span text)
{
    struct sip_uri uri;
    struct span value;
    return sip_uri_parse(text, &uri) == RULE_OK && sip_uri_param(&uri, "lr", &value) &&
           routing_is_self(&p->routing, &uri);
}

bool is_of_strict_router(const struct proxy *p, const struct sip_message *m)
{
    struct span uri, gone;
    return is_own_record_route(p, m->request_uri) && find_last_route(m, &uri, &gone);
}

struct packet *undo_strict_routing(struct proxy *p, const struct sip_message *m)
{
    uint8_t line[SIP_HEADER_LINE_MAX];
    struct writer route = writer_over(line, sizeof line), w = writer_over(p->scratch, p->scratch_len);
    struct sip_edits edits = {.count = 0};
    struct span uri, gone;
    if (!find_last_route(m, &uri, &gone))
        return NULL;
    writer_text(&route, "Route: <");
    writer_put(&route, m->request_uri);
    writer_text(&route, ">\r\n");
    sip_edit_replace(&edits, m, m->request_uri, uri);
    sip_edit_insert(&edits, m, m->headers[0].line, writer_span(&route));
    sip_edit_replace(&edits, m, gone, (struct span){0});
    if (route.full || edits.full || !sip_edits_apply(&edits, m, &w))
        return NULL;
    return packet_copy(writer_span(&w));
}
