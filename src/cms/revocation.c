#include "cms/revocation.h"

#include <openssl/x509v3.h>

#include "cms/primitives.h"
#include "cms/x509.h"

/* Extensions that make a list cover less, or other, than all certificates of its issuer; and what is critical and not
 * understood (RFC 5280 5.2). */
static bool covers_all(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_delta_crl || nid == NID_issuing_distribution_point || X509_EXTENSION_get_critical(extension))
            return false;
    }
    return true;
}

static bool read_list(struct revocation_list *list, struct span der)
{
    const uint8_t *at = der.at;
    *list = (struct revocation_list){.crl = d2i_X509_CRL(NULL, &at, (long)der.len)};
    return list->crl && at == der.at + der.len && covers_all(list->crl) && X509_CRL_get0_nextUpdate(list->crl) &&
           x509_time(X509_CRL_get0_lastUpdate(list->crl), &list->this_update) &&
           x509_time(X509_CRL_get0_nextUpdate(list->crl), &list->next_update);
}

enum rule revocation_add(struct revocation *r, struct span der)
{
    if (r->count == REVOCATION_LISTS_MAX)
        return RULE_CONFIG;
    if (der.len == 0 || !read_list(&r->list[r->count], der)) {
        X509_CRL_free(r->list[r->count].crl);
        r->list[r->count] = (struct revocation_list){0};
        return crypto_refused(RULE_CERT_SYNTAX);
    }
    r->count++;
    return RULE_OK;
}

void revocation_clear(struct revocation *r)
{
    for (size_t i = 0; i < r->count; i++) {
        X509_CRL_free(r->list[i].crl);
        X509_free(r->list[i].verified_by);
    }
    r->count = 0;
}

/* By name, and by key identifier where both have one: an authority may have changed its key and kept its name. */
static bool is_list_of(const struct revocation_list *list, X509 *issuer)
{
    if (X509_NAME_cmp(X509_CRL_get_issuer(list->crl), X509_get_subject_name(issuer)) != 0)
        return false;
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(issuer);
    AUTHORITY_KEYID *id = X509_CRL_get_ext_d2i(list->crl, NID_authority_key_identifier, NULL, NULL);
    bool same = !own || !id || !id->keyid || ASN1_OCTET_STRING_cmp(own, id->keyid) == 0;
    AUTHORITY_KEYID_free(id);
    return same;
}

static struct revocation_list *newest_of(struct revocation *r, X509 *issuer)
{
    struct revocation_list *newest = NULL;
    for (size_t i = 0; i < r->count; i++)
        if (is_list_of(&r->list[i], issuer) && (!newest || r->list[i].this_update > newest->this_update))
            newest = &r->list[i];
    return newest;
}

static bool is_signed_by(struct revocation_list *list, X509 *issuer)
{
    if (list->verified_by && X509_cmp(list->verified_by, issuer) == 0)
        return true;
    if (!(X509_get_key_usage(issuer) & KU_CRL_SIGN) ||
        X509_CRL_verify(list->crl, X509_get0_pubkey(issuer)) != 1 || !X509_up_ref(issuer))
        return false;
    X509_free(list->verified_by);
    list->verified_by = issuer;
    return true;
}

enum rule revocation_check(struct revocation *r, X509 *subject, X509 *issuer, int64_t now)
{
    struct revocation_list *list = newest_of(r, issuer);
    X509_REVOKED *entry = NULL;
    if (!list)
        return crypto_refused(RULE_OK);
    if (!is_signed_by(list, issuer) || now < list->this_update || now >= list->next_update)
        return crypto_refused(RULE_CERT_REVOCATION_UNKNOWN);
    int found = X509_CRL_get0_by_cert(list->crl, &entry, subject);
    return crypto_refused(found == 1 ? RULE_CERT_REVOKED : RULE_OK);
}
