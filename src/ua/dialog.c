#include "ua/dialog.h"

/* --- what it keeps --- */

/* A copy of `s` in the room for identities; `*fits` becomes false when there is none left. */
static struct span keep(struct dialog *d, struct span s, bool *fits)
{
    uint8_t *at = d->identity_room + d->identity_len;
    if (s.len > sizeof d->identity_room - d->identity_len) {
        *fits = false;
        return (struct span){0};
    }
    if (s.len)
        memcpy(at, s.at, s.len);
    d->identity_len += s.len;
    return span_of(at, s.len);
}

static bool set_target(struct dialog *d, struct span uri)
{
    if (uri.len == 0 || uri.len > sizeof d->target_room)
        return false;
    memcpy(d->target_room, uri.at, uri.len);
    d->target = span_of(d->target_room, uri.len);
    return true;
}

/* The first Contact's URI; false when there is none that can be read. */
static bool contact_of(const struct sip_message *m, struct span *uri)
{
    struct sip_address contact;
    struct cursor c = cursor_over(sip_header_value(m, SIP_H_CONTACT));
    if (cursor_done(&c) || sip_address_take(&c, &contact) != RULE_OK)
        return false;
    *uri = contact.uri;
    return true;
}

/* All Record-Route values, each as "<URI>;params", in the order of the message. */
static bool take_routes(struct dialog *d, const struct sip_message *m)
{
    struct writer w = writer_over(d->route_room, sizeof d->route_room);
    const struct sip_header *h = NULL;
    d->route_count = 0;
    while ((h = sip_header_next(m, SIP_H_RECORD_ROUTE, h))) {
        struct cursor c = cursor_over(h->value);
        struct sip_address address;
        do {
            size_t start = w.len;
            if (d->route_count == DIALOG_ROUTES_MAX || sip_address_take(&c, &address) != RULE_OK)
                return false;
            writer_byte(&w, '<');
            writer_put(&w, address.uri);
            writer_byte(&w, '>');
            writer_put(&w, address.params);
            d->route[d->route_count++] = span_of(w.at + start, w.len - start);
        } while (cursor_accept(&c, ','));
    }
    return !w.full;
}

/* The caller's requests pass the proxies in the opposite order (12.1.2). */
static void reverse_routes(struct dialog *d)
{
    for (size_t i = 0; i < d->route_count / 2; i++) {
        struct span other = d->route[d->route_count - 1 - i];
        d->route[d->route_count - 1 - i] = d->route[i];
        d->route[i] = other;
    }
}

/* --- its beginning --- */

static bool keep_identity(struct dialog *d, const struct sip_message *m, const struct sip_address *local,
                          struct span local_tag, const struct sip_address *remote)
{
    bool fits = true;
    d->call_id = keep(d, m->call_id, &fits);
    d->local_uri = keep(d, local->uri, &fits);
    d->local_tag = keep(d, local_tag, &fits);
    d->remote_uri = keep(d, remote->uri, &fits);
    d->remote_tag = keep(d, remote->tag, &fits);
    return fits;
}

bool dialog_of_request(struct dialog *d, const struct sip_message *invite, struct span local_tag)
{
    struct span contact;
    memset(d, 0, sizeof *d);
    d->remote_cseq = invite->cseq;
    d->has_remote_cseq = true;
    return contact_of(invite, &contact) && set_target(d, contact) && take_routes(d, invite) &&
           keep_identity(d, invite, &invite->to, local_tag, &invite->from);
}

/* A response without a Contact, which only a 2xx must have (12.1.1 is not kept by all), leaves whom it was sent to. */
static bool take_way_back(struct dialog *d, const struct sip_message *response)
{
    struct span contact;
    if (!contact_of(response, &contact))
        contact = d->target.len > 0 ? d->target : response->to.uri;
    if (!set_target(d, contact) || !take_routes(d, response))
        return false;
    reverse_routes(d);
    return true;
}

bool dialog_of_response(struct dialog *d, const struct sip_message *response)
{
    memset(d, 0, sizeof *d);
    d->local_cseq = response->cseq;
    return response->to.tag.len > 0 && keep_identity(d, response, &response->from, response->from.tag, &response->to) &&
           take_way_back(d, response);
}

bool dialog_confirm(struct dialog *d, const struct sip_message *response)
{
    d->confirmed = true;
    return take_way_back(d, response);
}

/* --- what belongs to it --- */

static bool is_between(const struct dialog *d, const struct sip_message *m, struct span local_tag,
                       struct span remote_tag)
{
    return span_equal(d->call_id, m->call_id) && span_equal(d->local_tag, local_tag) &&
           span_equal(d->remote_tag, remote_tag);
}

bool dialog_has_request(const struct dialog *d, const struct sip_message *request)
{
    return is_between(d, request, request->to.tag, request->from.tag);
}

bool dialog_has_response(const struct dialog *d, const struct sip_message *response)
{
    return is_between(d, response, response->from.tag, response->to.tag);
}

enum rule dialog_take_request(struct dialog *d, const struct sip_message *request)
{
    if (d->has_remote_cseq && request->cseq <= d->remote_cseq)
        return RULE_SIP_ORDER;
    d->remote_cseq = request->cseq;
    d->has_remote_cseq = true;
    return RULE_OK;
}

void dialog_refresh_target(struct dialog *d, const struct sip_message *m)
{
    struct span contact;
    if (contact_of(m, &contact))
        set_target(d, contact);
}

/* --- its requests --- */

static struct span route_uri(const struct dialog *d, size_t i)
{
    return span_part(d->route[i], 1, span_find(d->route[i], '>') - 1);
}

struct span dialog_next_hop(const struct dialog *d)
{
    return d->route_count > 0 ? route_uri(d, 0) : d->target;
}

/* Whether the first proxy is a loose router; one of RFC 2543 is not (12.2.1.1). */
static bool is_loose(const struct dialog *d)
{
    struct sip_uri uri;
    struct span value;
    return sip_uri_parse(route_uri(d, 0), &uri) == RULE_OK && sip_uri_param(&uri, "lr", &value);
}

static void write_route(struct writer *w, struct span value)
{
    writer_text(w, "Route: ");
    writer_put(w, value);
    writer_text(w, "\r\n");
}

/* Gives the Request-URI, and writes the Route lines: a strict router finds itself in the Request-URI, and the remote
 * target behind the others. */
static struct span write_routes(const struct dialog *d, struct writer *w)
{
    bool strict = d->route_count > 0 && !is_loose(d);
    for (size_t i = strict ? 1 : 0; i < d->route_count; i++)
        write_route(w, d->route[i]);
    if (!strict)
        return d->target;
    writer_text(w, "Route: <");
    writer_put(w, d->target);
    writer_text(w, ">\r\n");
    return route_uri(d, 0);
}

/* "<URI>;tag=TAG" */
static void write_address(struct writer *w, struct span uri, struct span tag)
{
    compose_address(w, uri, "");
    if (tag.len > 0) { /* a peer of RFC 2543 has none */
        writer_text(w, ";tag=");
        writer_put(w, tag);
    }
}

enum { HEADERS_ROOM = 24 * 1024, ADDRESS_ROOM = DIALOG_IDENTITY_MAX + 16 };

bool dialog_write(const struct dialog *d, struct writer *w, const struct compose_way *way,
                  const struct dialog_draft *draft)
{
    uint8_t header_room[HEADERS_ROOM], from_room[ADDRESS_ROOM], to_room[ADDRESS_ROOM];
    struct writer headers = writer_over(header_room, sizeof header_room);
    struct writer from = writer_over(from_room, sizeof from_room), to = writer_over(to_room, sizeof to_room);
    struct span uri = write_routes(d, &headers);
    writer_put(&headers, draft->headers);
    write_address(&from, d->local_uri, d->local_tag);
    write_address(&to, d->remote_uri, d->remote_tag);
    const struct sip_request request = {
        .method = draft->method,
        .uri = uri,
        .transport = way->transport,
        .sent_by = way->sent_by,
        .branch = draft->branch,
        .rport = way->transport == SIP_UDP,
        .max_forwards = SIP_MAX_FORWARDS,
        .from = writer_span(&from),
        .to = writer_span(&to),
        .call_id = d->call_id,
        .cseq = draft->cseq,
        .headers = writer_span(&headers),
        .body = draft->body,
    };
    return !headers.full && !from.full && !to.full && sip_request_write(w, &request);
}

struct message_context dialog_context(const struct dialog *d, struct span method, uint32_t cseq)
{
    return (struct message_context){
        .from_uri = d->local_uri,
        .from_tag = d->local_tag,
        .to_uri = d->remote_uri,
        .to_tag = d->remote_tag,
        .call_id = d->call_id,
        .cseq = cseq,
        .method = method,
    };
}
