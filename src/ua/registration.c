#include "ua/registration.h"

bool registration_begin(struct registration *r, struct span aor, struct span contact, uint32_t expires, uint64_t now)
{
    *r = (struct registration){
        .aor = aor,
        .contact = contact,
        .expires = expires,
        .due = now,
        .retry_ms = REGISTRATION_RETRY_MIN_MS,
    };
    bool identified = compose_identify(&r->ids, 0);
    r->ids.cseq = 0;
    return identified;
}

/* "sip:far.example" of "sip:bob@far.example": the Request-URI names the domain, without user (RFC 3261 10.2). */
static bool write_domain(struct writer *w, struct span aor)
{
    struct sip_uri uri;
    if (sip_uri_parse(aor, &uri) != RULE_OK)
        return false;
    writer_text(w, "sip:");
    writer_text(w, uri.host_is_ipv6 ? "[" : "");
    writer_put(w, uri.host);
    writer_text(w, uri.host_is_ipv6 ? "]" : "");
    return !w->full;
}

static void write_wish(struct writer *w, const struct registration *r, enum registration_wish wish)
{
    if (wish == REGISTRATION_LIST)
        return;
    if (wish == REGISTRATION_REMOVE_ALL) {
        writer_text(w, "Contact: *\r\nExpires: 0\r\n");
        return;
    }
    writer_text(w, "Contact: <");
    writer_put(w, r->contact);
    writer_text(w, ">;expires=");
    writer_decimal(w, wish == REGISTRATION_REMOVE ? 0 : r->expires);
    writer_text(w, "\r\n");
}

bool registration_write(struct registration *r, struct writer *w, const struct compose_way *way,
                        enum registration_wish wish)
{
    uint8_t domain_room[512], header_room[1024], address_room[2][1024];
    struct writer domain = writer_over(domain_room, sizeof domain_room);
    struct writer headers = writer_over(header_room, sizeof header_room);
    struct writer from = writer_over(address_room[0], sizeof address_room[0]);
    struct writer to = writer_over(address_room[1], sizeof address_room[1]);

    r->ids.cseq++;
    r->due = UINT64_MAX;
    if (!compose_branch(r->ids.branch) || !write_domain(&domain, r->aor))
        return false;
    write_wish(&headers, r, wish);
    compose_address(&from, r->aor, r->ids.from_tag);
    compose_address(&to, r->aor, "");
    const struct sip_request request = {
        .method = SPAN("REGISTER"),
        .uri = writer_span(&domain),
        .transport = way->transport,
        .sent_by = way->sent_by,
        .branch = span_text(r->ids.branch),
        .rport = way->transport == SIP_UDP,
        .max_forwards = SIP_MAX_FORWARDS,
        .from = writer_span(&from),
        .to = writer_span(&to),
        .call_id = span_text(r->ids.call_id),
        .cseq = r->ids.cseq,
        .headers = writer_span(&headers),
    };
    return !headers.full && !from.full && !to.full && sip_request_write(w, &request);
}

/* What the registrar grants: the expires parameter of one's own Contact, else Expires, else what was asked for
 * (RFC 3261 10.2.4). */
static uint32_t granted(const struct registration *r, const struct sip_message *response)
{
    const struct sip_header *h = NULL;
    struct sip_address address;
    struct span text;
    uint32_t seconds;
    while ((h = sip_header_next(response, SIP_H_CONTACT, h))) {
        struct cursor c = cursor_over(h->value);
        while (sip_address_take(&c, &address) == RULE_OK) {
            if (span_equal(address.uri, r->contact) && sip_param(address.params, "expires", &text) &&
                span_decimal(text, UINT32_MAX, &seconds))
                return seconds;
            if (!cursor_accept(&c, ','))
                break;
        }
    }
    if (span_decimal(sip_header_value(response, SIP_H_EXPIRES), UINT32_MAX, &seconds))
        return seconds;
    return r->expires;
}

/* Refreshes when nine tenths are over; what is granted for very short is refreshed at half. */
static void hold(struct registration *r, uint32_t seconds, uint64_t now)
{
    uint64_t ms = (uint64_t)seconds * 1000;
    r->state = REGISTRATION_HELD;
    r->granted = seconds;
    r->retry_ms = REGISTRATION_RETRY_MIN_MS;
    r->due = now + (seconds > 20 ? ms / 10 * 9 : ms / 2);
}

static struct span header_named(const struct sip_message *m, const char *name)
{
    for (size_t i = 0; i < m->header_count; i++)
        if (span_equal_nocase(m->headers[i].name, span_text(name)))
            return m->headers[i].value;
    return SPAN("");
}

/* 423 Interval Too Brief (RFC 3261 10.2.8). */
static bool accept_longer(struct registration *r, const struct sip_message *response, uint64_t now)
{
    uint32_t least;
    if (!span_decimal(header_named(response, "Min-Expires"), REGISTRATION_EXPIRES_MAX, &least) || least <= r->expires)
        return false;
    r->expires = least;
    r->state = REGISTRATION_WANTED;
    r->due = now;
    return true;
}

void registration_answered(struct registration *r, const struct sip_message *response, uint64_t now)
{
    r->status = response->status;
    if (response->status < 200)
        return;
    if (response->status < 300) {
        uint32_t seconds = granted(r, response);
        if (seconds > 0)
            hold(r, seconds, now);
        else
            r->state = REGISTRATION_WANTED;
        return;
    }
    if (response->status == 423 && accept_longer(r, response, now))
        return;
    if (response->status == 408 || response->status == 480 || response->status >= 500)
        registration_failed(r, now);
    else
        r->state = REGISTRATION_REFUSED;
}

void registration_failed(struct registration *r, uint64_t now)
{
    r->state = REGISTRATION_WANTED;
    r->due = now + r->retry_ms;
    r->retry_ms = r->retry_ms < REGISTRATION_RETRY_MAX_MS / 2 ? r->retry_ms * 2 : REGISTRATION_RETRY_MAX_MS;
}
