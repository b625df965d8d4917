#include <openssl/evp.h>

#include "cms/attributes.h"
#include "cms/content_info.h"
#include "cms/key_agreement.h"
#include "cms/recipient_info.h"
#include "sipseal/cms.h"

/* AuthEnvelopedData (RFC 5083 2.1), as written. */
struct sealed {
    struct recipients recipients;
    struct der_algorithm content_algorithm;
    struct span ciphertext;
    struct der auth_attributes; /* `whole` is empty when absent */
    struct span mac;
};

/* EncryptedContentInfo (RFC 5652 6.1). Content that is kept elsewhere is not supported. */
static enum rule read_encrypted_content(struct cursor c, struct sealed *s)
{
    enum oid type;
    if (!der_take_oid(&c, &type))
        return RULE_CMS_STRUCTURE;
    if (type != OID_DATA) /* protocol.md 2.4: inner content types id-data */
        return RULE_CMS_TYPE;
    return der_take_algorithm(&c, &s->content_algorithm) &&
                   der_take_content(&c, DER_CONTEXT(0), &s->ciphertext) && cursor_done(&c)
               ? RULE_OK
               : RULE_CMS_STRUCTURE;
}

/* SET OF Attribute under an IMPLICIT tag. */
static enum rule read_optional_attributes(struct cursor *c, uint8_t tag, struct der *item)
{
    struct attributes attributes;
    if (!der_next_is(c, tag))
        return RULE_OK;
    return der_take(c, item) ? attributes_read(item->content, &attributes) : RULE_CMS_DER;
}

static enum rule read_tail(struct cursor *c, struct sealed *s)
{
    struct der unprotected = {0};
    enum rule rule = read_optional_attributes(c, DER_CONTEXT_CONSTRUCTED(1), &s->auth_attributes);
    if (rule != RULE_OK)
        return rule;
    if (!der_take_content(c, DER_OCTET_STRING, &s->mac))
        return RULE_CMS_STRUCTURE;
    rule = read_optional_attributes(c, DER_CONTEXT_CONSTRUCTED(2), &unprotected);
    return rule == RULE_OK && !cursor_done(c) ? RULE_CMS_STRUCTURE : rule;
}

static enum rule read_sealed(struct span der, struct sealed *s)
{
    struct cursor c, content;
    struct span recipients, originator;
    uint32_t version;
    s->auth_attributes = (struct der){0};
    enum rule rule = content_info_open(der, OID_AUTH_ENVELOPED_DATA, &c);
    if (rule != RULE_OK)
        return rule;
    if (!der_take_small(&c, &version) || version != 0)
        return RULE_CMS_STRUCTURE;
    if (der_next_is(&c, DER_CONTEXT_CONSTRUCTED(0)) &&
        !der_take_content(&c, DER_CONTEXT_CONSTRUCTED(0), &originator)) /* certificates of the originator: not used */
        return RULE_CMS_STRUCTURE;
    if (!der_take_content(&c, DER_SET, &recipients))
        return RULE_CMS_STRUCTURE;
    rule = recipients_read(recipients, &s->recipients);
    if (rule != RULE_OK)
        return rule;
    if (!der_enter(&c, DER_SEQUENCE, &content))
        return RULE_CMS_STRUCTURE;
    rule = read_encrypted_content(content, s);
    return rule == RULE_OK ? read_tail(&c, s) : rule;
}

enum rule cms_readers_of(struct span der, struct cms_readers *out)
{
    struct sealed s;
    out->count = 0;
    enum rule rule = read_sealed(der, &s);
    if (rule != RULE_OK)
        return rule;
    for (size_t i = 0; i < s.recipients.count; i++)
        out->reader[i] = s.recipients.recipient[i].reader;
    out->count = s.recipients.count;
    return RULE_OK;
}

/* GCMParameters (RFC 5084 3.2): a nonce of 12 bytes and the full tag, which is not the default and so must be written.
 * Short tags can be forged (protocol.md 2.2). */
static enum rule judge_content_algorithm(const struct primitives *p, const struct sealed *s,
                                         struct cipher_choice *cipher, struct span *nonce)
{
    struct cursor c = cursor_over(s->content_algorithm.parameters);
    uint32_t tag_len = 12;
    if (!content_cipher(p, s->content_algorithm.oid, cipher))
        return RULE_CMS_ALGORITHM;
    if (!der_enter(&c, DER_SEQUENCE, &c) || !der_take_content(&c, DER_OCTET_STRING, nonce) ||
        (!cursor_done(&c) && !der_take_small(&c, &tag_len)) || !cursor_done(&c))
        return RULE_CMS_STRUCTURE;
    if (nonce->len != GCM_NONCE_LEN || tag_len != GCM_TAG_LEN)
        return RULE_CMS_ALGORITHM;
    return s->mac.len == GCM_TAG_LEN ? RULE_OK : RULE_CMS_STRUCTURE;
}

/* The parameters of the originator's key are absent, NULL, or the curve (RFC 5753 3.1.1), which is then the
 * reader's. */
static bool fits_curve(const struct der_algorithm *originator, const struct agreement *agreement)
{
    struct cursor c = cursor_over(originator->parameters);
    enum oid curve;
    if (originator->oid != OID_EC_PUBLIC_KEY)
        return false;
    return der_no_parameters(originator) ||
           (der_take_oid(&c, &curve) && cursor_done(&c) && curve == agreement->curve);
}

/* Everything about the key management that can be judged without the private key. */
static enum rule judge_recipient(const struct primitives *p, const struct recipient *r, enum key_kind own_kind,
                                 struct agreement *agreement, struct agreement_info *info)
{
    struct cursor c = cursor_over(r->key_encryption.parameters);
    struct der_algorithm wrap;
    if (r->reader.kind != CMS_KEY_AGREEMENT || !agreement_of(p, own_kind, agreement) ||
        r->key_encryption.oid != agreement->scheme || !fits_curve(&r->originator, agreement))
        return RULE_CMS_ALGORITHM;
    if (!der_take_algorithm(&c, &wrap) || !cursor_done(&c))
        return RULE_CMS_STRUCTURE;
    if (wrap.parameters.len || !wrap_cipher(p, wrap.oid, &info->wrap)) /* RFC 3565 2.3.2: absent */
        return RULE_CMS_ALGORITHM;
    if (!is_uncompressed(agreement, r->originator_point))
        return RULE_CMS_ALGORITHM;
    info->wrap_algorithm = wrap.whole;
    info->ukm = r->ukm;
    return RULE_OK;
}

static enum rule recover_key(const struct primitives *p, const struct recipient *r, const struct identity *self,
                             size_t key_len, uint8_t key[CONTENT_KEY_MAX])
{
    struct agreement agreement;
    struct agreement_info info;
    enum rule rule = judge_recipient(p, r, self->certificate->key_kind, &agreement, &info);
    if (rule != RULE_OK)
        return rule;
    if (r->encrypted_key.len != key_len + WRAP_OVERHEAD)
        return RULE_CMS_OPEN;
    EVP_PKEY *peer = peer_key(&agreement, r->originator_point);
    rule = peer ? unwrap_from(self->key, peer, &info, r->encrypted_key, key) : RULE_CMS_OPEN;
    EVP_PKEY_free(peer);
    return crypto_refused(rule);
}

/* Authenticated attributes are authenticated as a SET OF: their own bytes, under another tag (RFC 5083 2.2). */
static enum rule decrypt(struct arena *arena, const struct sealed *s, const struct cipher_choice *cipher,
                         struct span nonce, const uint8_t *key, struct span *content)
{
    struct span attributes = s->auth_attributes.whole;
    const struct span aad[2] = {attributes.len ? SPAN("\x31") : SPAN(""), span_part(attributes, 1, attributes.len)};
    size_t mark = arena_mark(arena);
    uint8_t *plain = arena_take(arena, s->ciphertext.len);
    if (!plain)
        return RULE_NO_MEMORY;
    if (!gcm_open(cipher->cipher, key, nonce.at, aad, s->ciphertext, s->mac.at, plain)) {
        arena_rewind(arena, mark);
        return RULE_CMS_OPEN;
    }
    *content = span_of(plain, s->ciphertext.len);
    return RULE_OK;
}

/* Only the first entry that names the reader is tried: one that stands twice is nobody's honest work. */
static const struct recipient *find_self(const struct sealed *s, const struct certificate *self)
{
    for (size_t i = 0; i < s->recipients.count; i++)
        if (cms_reader_is(&s->recipients.recipient[i].reader, self))
            return &s->recipients.recipient[i];
    return NULL;
}

/* protocol.md 2.3: the reader's entry is found first, the algorithms are judged next, and the private key is used
 * last. */
enum rule cms_open(struct arena *arena, struct span der, const struct identity *self, struct span *content)
{
    struct sealed s;
    struct cipher_choice cipher;
    struct span nonce;
    uint8_t key[CONTENT_KEY_MAX] = {0};
    const struct primitives *p = primitives();
    *content = (struct span){0};
    enum rule rule = p ? read_sealed(der, &s) : RULE_CRYPTO_LIBRARY;
    if (rule != RULE_OK)
        return rule;
    const struct recipient *r = find_self(&s, self->certificate);
    if (!r)
        return RULE_CMS_NOT_READER;
    rule = judge_content_algorithm(p, &s, &cipher, &nonce);
    if (rule == RULE_OK)
        rule = recover_key(p, r, self, cipher.key_len, key);
    if (rule == RULE_OK)
        rule = decrypt(arena, &s, &cipher, nonce, key, content);
    bytes_wipe(key, sizeof key);
    return rule;
}
