#include "proxy/binding_record.h"

#include "proxy/address.h"
#include "proxy/registrar.h"
#include "proxy/routing.h"

/* --- addresses --- */

static void write_hop(struct writer *w, const struct hop *hop)
{
    uint8_t room[ADDRESS_TEXT_MAX];
    struct writer host = writer_over(room, sizeof room);
    address_write_host(&host, &hop->address);
    writer_u8(w, (uint8_t)hop->transport);
    writer_block(w, writer_span(&host));
    writer_u16(w, address_port(&hop->address));
}

static bool read_hop(struct cursor *c, struct hop *hop)
{
    uint8_t transport;
    struct span host;
    uint16_t port;
    if (!cursor_u8(c, &transport) || !cursor_block(c, &host) || !cursor_u16(c, &port) || transport > SIP_TLS)
        return false;
    *hop = (struct hop){.transport = (enum sip_transport)transport};
    return transport == SIP_TRANSPORT_NONE || address_of_host(host, port, &hop->address, &hop->address_len);
}

/* --- records --- */

void binding_record_write(struct writer *w, const struct kept_binding *b, const struct hop *socket)
{
    const struct contact *c = &b->contact;
    const struct hop none = {.transport = SIP_TRANSPORT_NONE};
    writer_u8(w, BINDING_RECORD_VERSION);
    writer_block(w, c->uri);
    writer_block(w, c->path);
    writer_block(w, c->instance);
    writer_u32(w, c->reg_id);
    writer_u16(w, (uint16_t)c->q);
    writer_block(w, b->call_id);
    writer_u32(w, b->cseq);
    write_hop(w, c->flow_only ? &c->hop : &none);
    write_hop(w, c->flow_only && c->hop.transport == SIP_UDP ? socket : &none);
}

static bool read_fields(struct cursor *c, struct kept_binding *b, struct hop *socket)
{
    struct contact *contact = &b->contact;
    uint8_t version;
    uint16_t q;
    bool read = cursor_u8(c, &version) && version == BINDING_RECORD_VERSION && cursor_block(c, &contact->uri) &&
                cursor_block(c, &contact->path) && cursor_block(c, &contact->instance) &&
                cursor_u32(c, &contact->reg_id) && cursor_u16(c, &q) && cursor_block(c, &b->call_id) &&
                cursor_u32(c, &b->cseq) && read_hop(c, &contact->hop) && read_hop(c, socket) && cursor_done(c);
    contact->q = read ? q : 0;
    return read;
}

/* Nothing but what a REGISTER could have brought goes into a message. */
static bool is_path(struct span path)
{
    struct cursor values = cursor_over(path);
    struct sip_address address;
    struct sip_uri uri;
    do {
        if (sip_address_take(&values, &address) != RULE_OK || sip_uri_parse(address.uri, &uri) != RULE_OK)
            return false;
    } while (cursor_accept(&values, ','));
    return path.len <= LOCATION_PATH_MAX && span_find(path, '\r') == path.len && span_find(path, '\n') == path.len;
}

bool binding_record_read(struct span record, struct kept_binding *b, struct hop *socket)
{
    struct cursor c = cursor_over(record);
    struct contact *contact = &b->contact;
    struct sip_uri uri;
    *b = (struct kept_binding){0};
    if (!read_fields(&c, b, socket) || contact->q > LOCATION_Q_MAX || contact->uri.len > LOCATION_URI_MAX ||
        b->call_id.len > LOCATION_CALL_ID_MAX)
        return false;
    if (sip_uri_parse(contact->uri, &uri) != RULE_OK || uri.scheme != SIP_SCHEME_SIP || uri.headers.len ||
        (contact->instance.len && !register_is_instance(contact->instance)) ||
        (contact->path.len && !is_path(contact->path)))
        return false;
    contact->flow_only = contact->hop.transport != SIP_TRANSPORT_NONE;
    return contact->flow_only || contact->path.len || hop_of_uri(&uri, &contact->hop);
}
