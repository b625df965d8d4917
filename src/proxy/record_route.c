/* How this proxy stays on the way of a dialog (RFC 3261 16.6 step 4, RFC 5658). */
#include "proxy/address.h"
#include "proxy/core.h"

/* Requests that make a dialog, and a NOTIFY, which may be the first of its own (RFC 6665 4.3). */
static bool makes_dialog(enum sip_method method)
{
    return method == SIP_INVITE || method == SIP_SUBSCRIBE || method == SIP_REFER || method == SIP_NOTIFY;
}

/* Whoever was in a dialog through this proxy can show it; nobody else can (see check_target). Its key ends with the
 * process. */
struct span dialog_token(const struct proxy *p, struct span call_id, uint8_t room[16])
{
    uint8_t bytes[8];
    struct siphash h;
    struct writer number = writer_over(bytes, sizeof bytes), w = writer_over(room, 16);
    siphash_begin(&h, p->hash_key);
    siphash_add_field(&h, SPAN("dialog"));
    siphash_add_field(&h, call_id);
    writer_u64(&number, siphash_end(&h).half[0]);
    writer_hex(&w, writer_span(&number));
    return writer_span(&w);
}

/* The socket on which the request came, as its sender sees it; the number of sockets when that is not known. */
static size_t local_of_source(const struct proxy *p, const struct proxy_source *source)
{
    const struct hop hop = {source->transport, source->address, source->address_len};
    for (size_t i = 0; source->transport == SIP_UDP && i < p->settings.listen_count; i++)
        if (p->settings.listen[i].transport == SIP_UDP && p->settings.listen_flow[i] == source->flow)
            return i;
    return routing_local(&p->routing, &hop);
}

/* The address, which everybody can reach without asking for it, where it is known; else the name. */
static void write_one(const struct proxy *p, struct writer *w, size_t local, struct span token)
{
    const struct hop *hop = &p->settings.listen[local];
    bool v6 = hop->address.ss_family == AF_INET6;
    writer_text(w, "Record-Route: <sip:");
    if (address_is_wildcard(&hop->address) || hop->transport == SIP_TLS) { /* a certificate has names */
        writer_put(w, p->settings.name[0]);
    } else {
        writer_text(w, v6 ? "[" : "");
        address_write_host(w, &hop->address);
        writer_text(w, v6 ? "]" : "");
    }
    writer_byte(w, ':');
    writer_decimal(w, address_port(&hop->address));
    writer_text(w, hop->transport == SIP_TCP ? ";transport=tcp" : hop->transport == SIP_TLS ? ";transport=tls" : "");
    writer_text(w, ";lr;dialog=");
    writer_put(w, token);
    writer_text(w, ">\r\n");
}

void write_record_route(const struct proxy *p, struct writer *w, const struct branch *b, const struct sip_message *m)
{
    uint8_t room[16];
    size_t in = local_of_source(p, &b->pass->source), out = branch_local(p, b);
    if (!b->pass->record_route || !makes_dialog(m->method) || out == p->settings.listen_count)
        return;
    struct span token = dialog_token(p, m->call_id, room);
    write_one(p, w, out, token); /* the callee sees this one first */
    if (in == p->settings.listen_count)
        return;
    const struct hop *from = &p->settings.listen[in], *to = &p->settings.listen[out];
    if (from->transport != to->transport || from->address.ss_family != to->address.ss_family)
        write_one(p, w, in, token);
}
