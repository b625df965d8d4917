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
static bool names_domain(struct span text, struct span *host)
{
    struct sip_uri uri;
    if (sip_uri_parse(text, &uri) != RULE_OK || uri.scheme != SIP_SCHEME_SIP || span_find(text, '@') < text.len)
        return false;
    *host = uri.host;
    return true;
}

static bool is_host_uri(struct span text, struct span host)
{
    struct span named;
    return names_domain(text, &named) && span_equal_nocase(named, host);
}

size_t certificate_sip_domains(const struct certificate *c, struct span out[CERTIFICATE_NAMES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < c->name_count; i++)
        if (c->name[i].kind == NAME_URI && names_domain(c->name[i].text, &out[count]))
            count++;
    for (size_t i = 0, found = count; found == 0 && i < c->name_count; i++)
        if (c->name[i].kind == NAME_DNS)
            out[count++] = c->name[i].text;
    return count;
}

bool certificate_is_sip_domain(const struct certificate *c, struct span host)
{
    struct span domain[CERTIFICATE_NAMES_MAX];
    size_t count = host.len ? certificate_sip_domains(c, domain) : 0;
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(domain[i], host))
            return true;
    return false;
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
