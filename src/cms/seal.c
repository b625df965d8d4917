#include <openssl/evp.h>

#include "cms/content_info.h"
#include "cms/key_agreement.h"
#include "sipseal/cms.h"
#include "sipseal/random.h"

enum {
    CONTENT_KEY_LEN = 16,    /* AES-128 (protocol.md 2.2) */
    FIXED_ROOM = 512,        /* everything but the content and what each reader takes */
    ROOM_FOR_EACH_READER = 64,
};

static const enum oid content_algorithm = OID_AES128_GCM;
static const enum oid wrap_algorithm = OID_AES128_WRAP;

/* What one sealing works with; wiped afterwards. */
struct sealing {
    const struct primitives *p;
    struct der_writer w;
    uint8_t key[CONTENT_KEY_LEN];
    uint8_t nonce[GCM_NONCE_LEN];
    struct certificate *const *readers;
    size_t reader_count;
};

/* A reader that stands twice would be counted twice by those who compare with Sealed-For (protocol.md 2.1). */
static enum rule check_readers(const struct primitives *p, struct certificate *const *readers, size_t count)
{
    struct agreement agreement;
    if (count == 0)
        return RULE_CMS_STRUCTURE;
    if (count > CMS_READERS_MAX)
        return RULE_CMS_LIMIT;
    for (size_t i = 0; i < count; i++) {
        if (!agreement_of(p, readers[i]->key_kind, &agreement))
            return RULE_CERT_KEY;
        for (size_t j = 0; j < i; j++)
            if (memcmp(readers[i]->hash, readers[j]->hash, CERTIFICATE_HASH_LEN) == 0)
                return RULE_CMS_STRUCTURE;
    }
    return RULE_OK;
}

static size_t room_for(struct certificate *const *readers, size_t count, struct span content)
{
    size_t room = FIXED_ROOM + content.len;
    for (size_t i = 0; i < count; i++)
        room += readers[i]->issuer_and_serial.len + ROOM_FOR_EACH_READER;
    return room;
}

/* mac, then the EncryptedContentInfo before it (RFC 5083 2.1, RFC 5084 3.2). */
static enum rule put_content(struct sealing *s, struct span content)
{
    const struct span no_aad[2] = {{0}, {0}};
    struct cipher_choice cipher;
    struct der_writer *w = &s->w;
    size_t mark = der_mark(w);
    uint8_t *mac = der_room(w, GCM_TAG_LEN);
    der_wrap(w, DER_OCTET_STRING, mark);
    size_t whole = der_mark(w);
    uint8_t *sealed = der_room(w, content.len);
    der_wrap(w, DER_CONTEXT(0), whole);
    if (w->full)
        return RULE_NO_MEMORY;
    if (!content_cipher(s->p, content_algorithm, &cipher) ||
        !gcm_seal(cipher.cipher, s->key, s->nonce, no_aad, content, sealed, mac))
        return RULE_CRYPTO_LIBRARY;
    mark = der_mark(w);
    der_put_small(w, GCM_TAG_LEN); /* written out: the default is 12 */
    der_put_item(w, DER_OCTET_STRING, span_of(s->nonce, sizeof s->nonce));
    der_wrap(w, DER_SEQUENCE, mark);
    der_put_oid(w, content_algorithm);
    der_wrap(w, DER_SEQUENCE, mark);
    der_put_oid(w, OID_DATA);
    der_wrap(w, DER_SEQUENCE, whole);
    return RULE_OK;
}

static enum rule put_encrypted_key(struct sealing *s, EVP_PKEY *ephemeral, const struct certificate *reader,
                                   const struct agreement_info *info)
{
    uint8_t wrapped[CONTENT_KEY_LEN + WRAP_OVERHEAD];
    size_t mark = der_mark(&s->w);
    enum rule rule = wrap_for(ephemeral, reader->key, info, span_of(s->key, sizeof s->key), wrapped);
    if (rule != RULE_OK)
        return rule;
    der_put_item(&s->w, DER_OCTET_STRING, span_of(wrapped, sizeof wrapped));
    der_put(&s->w, reader->issuer_and_serial);
    der_wrap(&s->w, DER_SEQUENCE, mark);
    return RULE_OK;
}

/* KeyAgreeRecipientInfo for every reader whose key agrees in this way, with one ephemeral key (RFC 5753 3.1.1). */
static enum rule put_key_agreement(struct sealing *s, const struct agreement *agreement, EVP_PKEY *ephemeral,
                                   struct span point)
{
    uint8_t algorithm[32];
    struct der_writer a = der_writer_over(algorithm, sizeof algorithm), *w = &s->w;
    struct agreement_info info = {0};
    enum rule rule = RULE_OK;
    der_put_algorithm(&a, wrap_algorithm);
    info.wrap_algorithm = der_written(&a);
    if (a.full || !wrap_cipher(s->p, wrap_algorithm, &info.wrap))
        return RULE_INTERNAL;
    size_t whole = der_mark(w);
    for (size_t i = s->reader_count; rule == RULE_OK && i-- > 0;)
        if (s->readers[i]->key_kind == agreement->kind)
            rule = put_encrypted_key(s, ephemeral, s->readers[i], &info);
    der_wrap(w, DER_SEQUENCE, whole);
    size_t mark = der_mark(w);
    der_put(w, info.wrap_algorithm);
    der_put_oid(w, agreement->scheme);
    der_wrap(w, DER_SEQUENCE, mark);
    mark = der_mark(w);
    der_put_bits(w, point);
    der_put_algorithm(w, OID_EC_PUBLIC_KEY);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
    der_put_small(w, 3);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), whole);
    return rule;
}

static enum rule put_recipients_of_kind(struct sealing *s, enum key_kind kind)
{
    struct agreement agreement;
    uint8_t point[POINT_MAX];
    if (!agreement_of(s->p, kind, &agreement))
        return RULE_OK;
    EVP_PKEY *ephemeral = ephemeral_key(&agreement, point);
    enum rule rule = ephemeral ? put_key_agreement(s, &agreement, ephemeral, span_of(point, agreement.point_len))
                               : RULE_CRYPTO_LIBRARY;
    EVP_PKEY_free(ephemeral);
    return rule;
}

static enum rule put_recipients(struct sealing *s)
{
    enum rule rule = RULE_OK;
    size_t mark = der_mark(&s->w);
    for (enum key_kind kind = KEY_P256; rule == RULE_OK && kind <= KEY_X25519; kind++) {
        size_t i = 0;
        while (i < s->reader_count && s->readers[i]->key_kind != kind)
            i++;
        if (i < s->reader_count)
            rule = put_recipients_of_kind(s, kind);
    }
    der_wrap(&s->w, DER_SET, mark);
    return rule;
}

static enum rule put_all(struct sealing *s, struct span content)
{
    size_t mark = der_mark(&s->w);
    if (!random_bytes(s->key, sizeof s->key) || !random_bytes(s->nonce, sizeof s->nonce))
        return RULE_NO_RANDOM;
    enum rule rule = put_content(s, content);
    if (rule == RULE_OK)
        rule = put_recipients(s);
    if (rule != RULE_OK)
        return rule;
    der_put_small(&s->w, 0);
    content_info_wrap(&s->w, OID_AUTH_ENVELOPED_DATA, mark);
    return s->w.full ? RULE_INTERNAL : RULE_OK; /* room_for asked for too little */
}

enum rule cms_seal(struct arena *arena, struct certificate *const *readers, size_t reader_count, struct span content,
                   struct span *der)
{
    size_t before = arena_mark(arena);
    struct sealing s = {.p = primitives(), .readers = readers, .reader_count = reader_count};
    *der = (struct span){0};
    enum rule rule = s.p ? check_readers(s.p, readers, reader_count) : RULE_CRYPTO_LIBRARY;
    if (rule != RULE_OK)
        return rule;
    if (content.len > DER_LENGTH_MAX / 2)
        return RULE_CMS_LIMIT;
    size_t room = room_for(readers, reader_count, content);
    s.w = der_writer_over(arena_take(arena, room), room);
    rule = s.w.full ? RULE_NO_MEMORY : put_all(&s, content);
    bytes_wipe(s.key, sizeof s.key);
    if (rule != RULE_OK) {
        arena_rewind(arena, before);
        return crypto_refused(rule);
    }
    *der = der_written(&s.w);
    return RULE_OK;
}
