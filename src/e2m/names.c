/* Whom a certificate names, in SIP's terms (protocol.md 2.1 item 3, 2.2): the comparison that the CMS layer, which
 * knows nothing of SIP, cannot make. */
#include "sipseal/certificate.h"
#include "sipseal/sip_uri.h"

bool certificate_names_aor(const struct certificate *c, struct span uri)
{
    for (size_t i = 0; i < c->name_count; i++)
        if (c->name[i].kind == NAME_URI && sip_same_aor(c->name[i].text, uri))
            return true;
    return false;
}

/* RFC 5922 7.1: a sip: URI with a user names that user, never the domain. */
static bool is_host_uri(struct span text, struct span host)
{
    struct sip_uri uri;
    return sip_uri_parse(text, &uri) == RULE_OK && uri.scheme == SIP_SCHEME_SIP && uri.user.len == 0 &&
           span_equal_nocase(uri.host, host);
}

bool certificate_names_host(const struct certificate *c, struct span host)
{
    for (size_t i = 0; host.len && i < c->name_count; i++) {
        const struct certificate_name *name = &c->name[i];
        if (name->kind == NAME_DNS ? span_equal_nocase(name->text, host) : is_host_uri(name->text, host))
            return true;
    }
    return false;
}
