#include <openssl/evp.h>

#include "cms/attributes.h"
#include "cms/content_info.h"
#include "cms/recover_key.h"
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
        rule = recover_key(p, r, self, key, cipher.key_len);
    if (rule == RULE_OK)
        rule = decrypt(arena, &s, &cipher, nonce, key, content);
    bytes_wipe(key, sizeof key);
    return rule;
}
