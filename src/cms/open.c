#include <openssl/evp.h>

#include "cms/attributes.h"
#include "cms/cbc.h"
#include "cms/content_info.h"
#include "cms/key_transport.h"
#include "cms/recover_key.h"
#include "sipseal/cms.h"
#include "sipseal/random.h"

/* AuthEnvelopedData (RFC 5083 2.1) or EnvelopedData (RFC 5652 6.1), as written. */
struct sealed {
    bool authenticated; /* AuthEnvelopedData */
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

/* What follows the content. In EnvelopedData that is attributes which nothing protects, and nobody looks at. */
static enum rule read_tail(struct cursor *c, struct sealed *s)
{
    struct der unprotected = {0};
    if (!s->authenticated) {
        enum rule rule = read_optional_attributes(c, DER_CONTEXT_CONSTRUCTED(1), &unprotected);
        return rule == RULE_OK && !cursor_done(c) ? RULE_CMS_STRUCTURE : rule;
    }
    enum rule rule = read_optional_attributes(c, DER_CONTEXT_CONSTRUCTED(1), &s->auth_attributes);
    if (rule != RULE_OK)
        return rule;
    if (!der_take_content(c, DER_OCTET_STRING, &s->mac))
        return RULE_CMS_STRUCTURE;
    rule = read_optional_attributes(c, DER_CONTEXT_CONSTRUCTED(2), &unprotected);
    return rule == RULE_OK && !cursor_done(c) ? RULE_CMS_STRUCTURE : rule;
}

static enum rule enter_sealed(struct span der, struct sealed *s, struct cursor *c)
{
    enum rule rule = content_info_open(der, OID_AUTH_ENVELOPED_DATA, c);
    s->authenticated = rule != RULE_CMS_TYPE;
    return s->authenticated ? rule : content_info_open(der, OID_ENVELOPED_DATA, c);
}

/* AuthEnvelopedData is version 0; EnvelopedData is 0 or 2 with the recipients that are read here, by rules that no
 * reader needs (RFC 5652 6.1). Judged after the recipients: a password makes it 3, and is itself what is refused. */
static bool is_version(const struct sealed *s, uint32_t version)
{
    return version == 0 || (version == 2 && !s->authenticated);
}

static enum rule read_sealed(struct span der, struct sealed *s)
{
    struct cursor c, content;
    struct span recipients, originator;
    uint32_t version;
    s->auth_attributes = (struct der){0};
    enum rule rule = enter_sealed(der, s, &c);
    if (rule != RULE_OK)
        return rule;
    if (!der_take_small(&c, &version))
        return RULE_CMS_STRUCTURE;
    if (der_next_is(&c, DER_CONTEXT_CONSTRUCTED(0)) &&
        !der_take_content(&c, DER_CONTEXT_CONSTRUCTED(0), &originator)) /* certificates of the originator: not used */
        return RULE_CMS_STRUCTURE;
    if (!der_take_content(&c, DER_SET, &recipients))
        return RULE_CMS_STRUCTURE;
    rule = recipients_read(recipients, &s->recipients);
    if (rule != RULE_OK)
        return rule;
    if (!is_version(s, version) || !der_enter(&c, DER_SEQUENCE, &content))
        return RULE_CMS_STRUCTURE;
    rule = read_encrypted_content(content, s);
    return rule == RULE_OK ? read_tail(&c, s) : rule;
}

enum rule cms_readers_of(struct span der, struct cms_readers *out)
{
    struct sealed s;
    out->count = 0;
    out->legacy = 0;
    enum rule rule = read_sealed(der, &s);
    if (rule != RULE_OK)
        return rule;
    out->legacy = s.authenticated ? 0 : CMS_LEGACY_CBC;
    for (size_t i = 0; i < s.recipients.count; i++) {
        const struct recipient *r = &s.recipients.recipient[i];
        out->reader[i] = r->reader;
        if (r->reader.kind == CMS_KEY_TRANSPORT && transport_is_pkcs1(&r->key_encryption))
            out->legacy |= CMS_LEGACY_PKCS1;
    }
    out->count = s.recipients.count;
    return RULE_OK;
}

/* GCMParameters (RFC 5084 3.2): a nonce of 12 bytes and the full tag, which is not the default and so must be written.
 * Short tags can be forged (protocol.md 2.2). */
static enum rule judge_gcm(const struct primitives *p, const struct sealed *s, struct cipher_choice *cipher,
                           struct span *nonce)
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

/* The parameter is the initialization vector (RFC 3565 4.1). Anybody can see whether the blocks are whole. */
static enum rule judge_cbc(const struct primitives *p, const struct sealed *s, struct cipher_choice *cipher,
                           struct span *iv)
{
    struct cursor c = cursor_over(s->content_algorithm.parameters);
    if (!cbc_cipher(p, s->content_algorithm.oid, cipher))
        return RULE_CMS_ALGORITHM;
    if (!der_take_content(&c, DER_OCTET_STRING, iv) || !cursor_done(&c) || iv->len != CBC_BLOCK_LEN)
        return RULE_CMS_STRUCTURE;
    return s->ciphertext.len > 0 && s->ciphertext.len % CBC_BLOCK_LEN == 0 ? RULE_OK : RULE_CMS_STRUCTURE;
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

/* What comes out is worth nothing before somebody vouched for it. Padding and signature are looked at whatever the
 * other is like, and fail as one. */
static enum rule decrypt_cbc(struct arena *arena, const struct sealed *s, const struct cipher_choice *cipher,
                             struct span iv, const uint8_t *key, const struct cms_legacy_terms *terms,
                             struct span *content)
{
    struct span candidate;
    size_t mark = arena_mark(arena);
    uint8_t *plain = arena_take(arena, s->ciphertext.len);
    if (!plain)
        return RULE_NO_MEMORY;
    size_t decrypted = arena_mark(arena);
    if (!cbc_decrypt(cipher->cipher, key, iv.at, s->ciphertext, plain)) {
        arena_rewind(arena, mark);
        return RULE_CRYPTO_LIBRARY;
    }
    bool padded = cbc_content(span_of(plain, s->ciphertext.len), &candidate);
    bool vouched = terms->vouch(terms->context, arena, candidate);
    if (!(padded & vouched)) {
        arena_rewind(arena, mark);
        return RULE_CMS_OPEN;
    }
    arena_rewind(arena, decrypted);
    *content = candidate;
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

/* A key that cannot be had is replaced by one that nobody knows: everything wrong with it then shows where a wrong
 * content does, after the same work (protocol.md 2.3). */
static enum rule key_or_random(const struct primitives *p, const struct recipient *r, const struct identity *self,
                               unsigned legacy, uint8_t *key, size_t len)
{
    enum rule rule = recover_key(p, r, self, legacy, key, len);
    if (rule != RULE_CMS_OPEN)
        return rule;
    return random_bytes(key, len) ? RULE_OK : RULE_NO_RANDOM;
}

/* protocol.md 2.3: the reader's entry is found first, the algorithms are judged next, and the private key is used
 * last. */
enum rule cms_open_legacy(struct arena *arena, struct span der, const struct identity *self,
                          const struct cms_legacy_terms *terms, struct span *content)
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
    if (!s.authenticated && !(terms->allowed & CMS_LEGACY_CBC))
        return RULE_CMS_TYPE;
    const struct recipient *r = find_self(&s, self->certificate);
    if (!r)
        return RULE_CMS_NOT_READER;
    rule = s.authenticated ? judge_gcm(p, &s, &cipher, &nonce) : judge_cbc(p, &s, &cipher, &nonce);
    if (rule == RULE_OK)
        rule = key_or_random(p, r, self, terms->allowed, key, cipher.key_len);
    if (rule == RULE_OK)
        rule = s.authenticated ? decrypt(arena, &s, &cipher, nonce, key, content)
                               : decrypt_cbc(arena, &s, &cipher, nonce, key, terms, content);
    bytes_wipe(key, sizeof key);
    return rule;
}

enum rule cms_open(struct arena *arena, struct span der, const struct identity *self, struct span *content)
{
    return cms_open_legacy(arena, der, self, &(struct cms_legacy_terms){0}, content);
}
