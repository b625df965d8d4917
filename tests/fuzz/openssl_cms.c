#include "openssl_cms.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "cms/der.h"

/* Which of its own types OpenSSL was reading when it failed: its errors name them. */
static enum openssl_says why(void)
{
    static const char *const parts[] = {"Type=CMS_IssuerAndSerialNumber", "Type=CMS_CertificateChoices",
                                        "Type=CMS_RevocationInfoChoice", "Type=CMS_OriginatorInfo",
                                        "Type=CMS_OtherKeyAttribute"};
    enum openssl_says says = OPENSSL_CANNOT_READ;
    const char *data;
    while (ERR_get_error_all(NULL, NULL, NULL, &data, NULL))
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            if (data && strstr(data, parts[i]))
                says = OPENSSL_CANNOT_READ_PART;
    return says;
}

/* OpenSSL 3.0 looks for the authenticated attributes of AuthEnvelopedData under the tag 2, where RFC 5083 has 1. */
static bool has_authenticated_attributes(struct span der)
{
    struct cursor c = cursor_over(der), info, content, object, skipped;
    struct span type;
    return der_enter(&c, DER_SEQUENCE, &info) && der_take_content(&info, DER_OID, &type) &&
           der_enter(&info, DER_CONTEXT_CONSTRUCTED(0), &content) && der_enter(&content, DER_SEQUENCE, &object) &&
           der_enter(&object, DER_INTEGER, &skipped) &&
           (!der_next_is(&object, DER_CONTEXT_CONSTRUCTED(0)) ||
            der_enter(&object, DER_CONTEXT_CONSTRUCTED(0), &skipped)) &&
           der_enter(&object, DER_SET, &skipped) && der_enter(&object, DER_SEQUENCE, &skipped) &&
           der_next_is(&object, DER_CONTEXT_CONSTRUCTED(1));
}

static enum openssl_says read_object(struct span der, CMS_ContentInfo **cms)
{
    const unsigned char *at = der.at;
    ERR_clear_error();
    *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    if (*cms && at == der.at + der.len)
        return OPENSSL_ACCEPTS;
    CMS_ContentInfo_free(*cms);
    *cms = NULL;
    enum openssl_says says = why();
    return has_authenticated_attributes(der) ? OPENSSL_CANNOT_READ_PART : says;
}

/* Ends with the object and what it was read for. */
static enum openssl_says conclude(struct arena *arena, CMS_ContentInfo *cms, BIO *out, int accepted,
                                  struct span *content)
{
    char *at;
    long len = BIO_get_mem_data(out, &at);
    if (accepted == 1)
        *content = arena_copy(arena, span_of(at, (size_t)len), NULL);
    BIO_free(out);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return accepted == 1 ? OPENSSL_ACCEPTS : OPENSSL_REFUSES;
}

enum openssl_says openssl_open(struct arena *arena, struct span der, const struct identity *self, struct span *content)
{
    CMS_ContentInfo *cms;
    enum openssl_says says = read_object(der, &cms);
    if (says != OPENSSL_ACCEPTS)
        return says;
    BIO *out = BIO_new(BIO_s_mem());
    int accepted = CMS_decrypt(cms, self->key, self->certificate->x509, NULL, out, CMS_BINARY);
    return conclude(arena, cms, out, accepted, content);
}

enum openssl_says openssl_verify(struct arena *arena, struct span der, const struct span *detached,
                                 struct span *content)
{
    CMS_ContentInfo *cms;
    enum openssl_says says = read_object(der, &cms);
    if (says != OPENSSL_ACCEPTS)
        return says;
    BIO *in = detached ? BIO_new_mem_buf(detached->at, (int)detached->len) : NULL, *out = BIO_new(BIO_s_mem());
    int accepted = CMS_verify(cms, NULL, NULL, in, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY);
    BIO_free(in);
    return conclude(arena, cms, out, accepted, content);
}

static int count_keys(CMS_RecipientInfo *info)
{
    if (CMS_RecipientInfo_type(info) != CMS_RECIPINFO_AGREE)
        return 1;
    STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(info);
    return sk_CMS_RecipientEncryptedKey_num(keys);
}

enum openssl_says openssl_count_readers(struct span der, size_t *count)
{
    CMS_ContentInfo *cms;
    enum openssl_says says = read_object(der, &cms);
    STACK_OF(CMS_RecipientInfo) *infos = cms ? CMS_get0_RecipientInfos(cms) : NULL;
    *count = 0;
    for (int i = 0; infos && i < sk_CMS_RecipientInfo_num(infos); i++)
        *count += (size_t)count_keys(sk_CMS_RecipientInfo_value(infos, i));
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return says;
}

enum openssl_says openssl_count_signers(struct span der, size_t *count)
{
    CMS_ContentInfo *cms;
    enum openssl_says says = read_object(der, &cms);
    STACK_OF(CMS_SignerInfo) *infos = cms ? CMS_get0_SignerInfos(cms) : NULL;
    *count = infos ? (size_t)sk_CMS_SignerInfo_num(infos) : 0;
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return says;
}
