#include "sipseal/certificate.h"

#include <stdlib.h>

#include <openssl/x509v3.h>

#include "cms/certificate_outline.h"
#include "cms/der.h"
#include "cms/key_kind.h"
#include "cms/primitives.h"
#include "cms/x509.h"
#include "sipseal/digest.h"

/* An owned copy; false without memory. */
static bool keep(struct span s, struct span *kept)
{
    uint8_t *copy = malloc(s.len ? s.len : 1);
    if (!copy)
        return false;
    if (s.len)
        memcpy(copy, s.at, s.len);
    *kept = span_of(copy, s.len);
    return true;
}

static enum rule read_issuer_and_serial(struct certificate *c, const struct certificate_outline *outline)
{
    uint8_t bytes[CERTIFICATE_ISSUER_MAX];
    struct der_writer w = der_writer_over(bytes, sizeof bytes);
    size_t mark = der_mark(&w);
    der_put(&w, outline->serial);
    der_put(&w, outline->issuer);
    der_wrap(&w, DER_SEQUENCE, mark);
    if (w.full)
        return RULE_CERT_SYNTAX;
    return keep(der_written(&w), &c->issuer_and_serial) ? RULE_OK : RULE_NO_MEMORY;
}

static enum rule read_key(struct certificate *c, const struct certificate_outline *outline, uint32_t key_usage)
{
    if (!sha256(outline->public_key_info, c->key_hash))
        return RULE_CRYPTO_LIBRARY;
    c->key = X509_get_pubkey(c->x509);
    if (!c->key)
        return RULE_CERT_KEY;
    const struct key_traits *traits = key_traits_of(outline->public_key_info, c->key);
    if (!traits)
        return RULE_CERT_KEY;
    c->key_kind = traits->kind;
    /* RFC 8550 4.4.2: either bit serves for signing messages. Without the extension the bits are all set. */
    c->may_sign = traits->signs && (key_usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION));
    c->may_agree = traits->agrees && (key_usage & KU_KEY_AGREEMENT);
    c->may_encipher = traits->enciphers && (key_usage & KU_KEY_ENCIPHERMENT);
    return RULE_OK;
}

/* The extension decoded; null with true when it is absent. OpenSSL says -1 for absent, -2 for twice. */
static bool extension(const struct certificate *c, int nid, void **value)
{
    int critical = 0;
    *value = X509_get_ext_d2i(c->x509, nid, &critical, NULL);
    return *value || critical == -1;
}

/* RFC 8550 4.4.4 and RFC 5922 7.1: absent means any purpose. */
static enum rule read_purposes(struct certificate *c)
{
    void *value;
    if (!extension(c, NID_ext_key_usage, &value))
        return RULE_CERT_SYNTAX;
    EXTENDED_KEY_USAGE *purposes = value;
    c->purpose_email = c->purpose_sip = c->purpose_server = c->purpose_client = !purposes;
    for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++) {
        const ASN1_OBJECT *purpose = sk_ASN1_OBJECT_value(purposes, i);
        enum oid oid = oid_of(span_of(OBJ_get0_data(purpose), OBJ_length(purpose)));
        bool any = oid == OID_ANY_EXTENDED_KEY_USAGE;
        c->purpose_email |= oid == OID_EMAIL_PROTECTION || any;
        c->purpose_sip |= oid == OID_SIP_DOMAIN || any;
        c->purpose_server |= oid == OID_SERVER_AUTH || any;
        c->purpose_client |= oid == OID_CLIENT_AUTH || any;
        c->for_tls |= oid == OID_SERVER_AUTH || oid == OID_CLIENT_AUTH;
    }
    EXTENDED_KEY_USAGE_free(purposes);
    return RULE_OK;
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] >= 0x7f)
            return false;
    return s.len > 0;
}

/* A URI and a DNS name are IA5String (RFC 5280 4.2.1.6). A zero inside would end the name early for whoever prints
 * it. */
static enum rule read_name(struct certificate *c, const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    if ((type != GEN_URI && type != GEN_DNS) || c->name_count == CERTIFICATE_NAMES_MAX)
        return RULE_OK;
    struct span text = span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    if (!is_printable(text))
        return RULE_CERT_SYNTAX;
    struct certificate_name *slot = &c->name[c->name_count];
    slot->kind = type == GEN_URI ? NAME_URI : NAME_DNS;
    if (!keep(text, &slot->text))
        return RULE_NO_MEMORY;
    c->name_count++;
    return RULE_OK;
}

static enum rule read_names(struct certificate *c)
{
    void *value;
    if (!extension(c, NID_subject_alt_name, &value))
        return RULE_CERT_SYNTAX;
    GENERAL_NAMES *names = value;
    enum rule rule = RULE_OK;
    for (int i = 0; rule == RULE_OK && i < sk_GENERAL_NAME_num(names); i++)
        rule = read_name(c, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    return rule;
}

static enum rule read_extensions(struct certificate *c)
{
    if (X509_get_extension_flags(c->x509) & EXFLAG_INVALID)
        return RULE_CERT_SYNTAX;
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(c->x509);
    if (id && !keep(span_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)), &c->subject_key_id))
        return RULE_NO_MEMORY;
    enum rule rule = read_purposes(c);
    return rule == RULE_OK ? read_names(c) : rule;
}

static enum rule read_all(struct certificate *c)
{
    struct certificate_outline outline;
    if (!certificate_outline(c->der, &outline))
        return RULE_CERT_SYNTAX;
    const uint8_t *at = c->der.at;
    c->x509 = d2i_X509(NULL, &at, (long)c->der.len);
    if (!c->x509 || at != c->der.at + c->der.len ||
        !x509_time(X509_get0_notBefore(c->x509), &c->not_before) ||
        !x509_time(X509_get0_notAfter(c->x509), &c->not_after))
        return RULE_CERT_SYNTAX;
    if (!sha256(c->der, c->hash))
        return RULE_CRYPTO_LIBRARY;
    enum rule rule = read_extensions(c);
    if (rule == RULE_OK)
        rule = read_issuer_and_serial(c, &outline);
    return rule == RULE_OK ? read_key(c, &outline, X509_get_key_usage(c->x509)) : rule;
}

enum rule certificate_parse(struct span der, struct certificate **out)
{
    *out = NULL;
    if (der.len == 0 || der.len > CERTIFICATE_MAX)
        return RULE_CERT_SYNTAX;
    struct certificate *c = calloc(1, sizeof *c);
    if (!c)
        return RULE_NO_MEMORY;
    c->references = 1;
    enum rule rule = keep(der, &c->der) ? read_all(c) : RULE_NO_MEMORY;
    if (rule != RULE_OK) {
        certificate_release(c);
        return crypto_refused(rule);
    }
    *out = c;
    return RULE_OK;
}

struct certificate *certificate_hold(struct certificate *c)
{
    c->references++;
    return c;
}

static void drop(struct span kept)
{
    free((void *)(uintptr_t)kept.at); /* ours from keep(); const only for readers */
}

void certificate_release(struct certificate *c)
{
    if (!c || --c->references)
        return;
    drop(c->der);
    drop(c->issuer_and_serial);
    drop(c->subject_key_id);
    for (size_t i = 0; i < c->name_count; i++)
        drop(c->name[i].text);
    EVP_PKEY_free(c->key);
    X509_free(c->x509);
    free(c);
}

struct span certificate_shown_name(const struct certificate *c)
{
    for (size_t i = 0; i < c->name_count; i++)
        if (c->name[i].kind == NAME_URI && (span_starts_nocase(c->name[i].text, SPAN("sip:")) ||
                                            span_starts_nocase(c->name[i].text, SPAN("sips:"))))
            return c->name[i].text;
    for (size_t i = 0; i < c->name_count; i++)
        if (c->name[i].kind == NAME_DNS)
            return c->name[i].text;
    return (struct span){0};
}

struct span certificate_serial(const struct certificate *c)
{
    struct cursor in = cursor_over(c->issuer_and_serial);
    struct span issuer, serial = {0};
    if (der_enter(&in, DER_SEQUENCE, &in) && der_take_content(&in, DER_SEQUENCE, &issuer))
        der_take_content(&in, DER_INTEGER, &serial);
    return serial;
}
