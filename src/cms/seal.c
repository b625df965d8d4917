#include <openssl/evp.h>

#include "cms/content_info.h"
#include "cms/key_agreement.h"
#include "cms/key_transport.h"
#include "sipseal/cms.h"
#include "sipseal/random.h"

enum {
    FIXED_ROOM = 1024, /* everything but the content and what each reader takes */
    ROOM_FOR_EACH_READER = 160,
};

/* What one sealing works with; wiped afterwards. */
struct sealing {
    const struct primitives *p;
    struct arena *arena;
    struct der_writer w;
    struct cipher_choice content, wrap;
    uint8_t key[CONTENT_KEY_MAX];
    uint8_t nonce[GCM_NONCE_LEN];
    struct certificate *const *readers;
    size_t reader_count;
};

static struct span content_key(const struct sealing *s)
{
    return span_of(s->key, s->content.key_len);
}

/* A reader that stands twice would be counted twice by those who compare with Sealed-For (protocol.md 2.1). */
static enum rule check_readers(const struct primitives *p, struct certificate *const *readers, size_t count)
{
    struct agreement agreement;
    if (count == 0)
        return RULE_CMS_STRUCTURE;
    if (count > CMS_READERS_MAX)
        return RULE_CMS_LIMIT;
    for (size_t i = 0; i < count; i++) {
        if (readers[i]->key_kind != KEY_RSA && !agreement_of(p, readers[i]->key_kind, &agreement))
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
        room += readers[i]->issuer_and_serial.len + ROOM_FOR_EACH_READER +
                (readers[i]->key_kind == KEY_RSA ? (size_t)EVP_PKEY_get_size(readers[i]->key) : 0);
    return room;
}

/* protocol.md 2.2. Every peer can read AES-256 (RFC 8551 2.7), so one reader's strong key decides for all. */
static bool choose_ciphers(struct sealing *s, const struct cms_choice *choice)
{
    bool aes256 = choice && choice->aes256;
    for (size_t i = 0; i < s->reader_count; i++)
        aes256 = aes256 || asks_for_aes256(s->readers[i]->key_kind);
    return written_ciphers(s->p, aes256, &s->content, &s->wrap);
}

/* mac, then the EncryptedContentInfo before it (RFC 5083 2.1, RFC 5084 3.2). */
static enum rule put_content(struct sealing *s, struct span content)
{
    const struct span no_aad[2] = {{0}, {0}};
    struct der_writer *w = &s->w;
    size_t mark = der_mark(w);
    uint8_t *mac = der_room(w, GCM_TAG_LEN);
    der_wrap(w, DER_OCTET_STRING, mark);
    size_t whole = der_mark(w);
    uint8_t *sealed = der_room(w, content.len);
    der_wrap(w, DER_CONTEXT(0), whole);
    if (w->full)
        return RULE_NO_MEMORY;
    if (!gcm_seal(s->content.cipher, s->key, s->nonce, no_aad, content, sealed, mac))
        return RULE_CRYPTO_LIBRARY;
    mark = der_mark(w);
    der_put_small(w, GCM_TAG_LEN); /* written out: the default is 12 */
    der_put_item(w, DER_OCTET_STRING, span_of(s->nonce, sizeof s->nonce));
    der_wrap(w, DER_SEQUENCE, mark);
    der_put_oid(w, s->content.oid);
    der_wrap(w, DER_SEQUENCE, mark);
    der_put_oid(w, OID_DATA);
    der_wrap(w, DER_SEQUENCE, whole);
    return RULE_OK;
}

static enum rule put_encrypted_key(struct sealing *s, EVP_PKEY *ephemeral, const struct certificate *reader,
                                   const struct agreement_info *info)
{
    uint8_t wrapped[CONTENT_KEY_MAX + WRAP_OVERHEAD];
    size_t mark = der_mark(&s->w);
    enum rule rule = wrap_for(ephemeral, reader->key, info, content_key(s), wrapped);
    if (rule != RULE_OK)
        return rule;
    der_put_item(&s->w, DER_OCTET_STRING, span_of(wrapped, s->content.key_len + WRAP_OVERHEAD));
    der_put(&s->w, reader->issuer_and_serial);
    der_wrap(&s->w, DER_SEQUENCE, mark);
    return RULE_OK;
}

/* OriginatorPublicKey (RFC 5753 3.1.1, RFC 8418 3.2): parameters absent. */
static void put_originator(struct der_writer *w, const struct agreement *agreement, struct span point)
{
    size_t mark = der_mark(w);
    der_put_bits(w, point);
    der_put_algorithm(w, agreement->key);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
}

/* KeyAgreeRecipientInfo for every reader whose key agrees in this way, with one ephemeral key (RFC 5753 3.1.1). */
static enum rule put_key_agreement(struct sealing *s, const struct agreement *agreement, EVP_PKEY *ephemeral,
                                   struct span point)
{
    uint8_t algorithm[32];
    struct der_writer a = der_writer_over(algorithm, sizeof algorithm), *w = &s->w;
    struct agreement_info info = {.wrap = s->wrap};
    enum rule rule = RULE_OK;
    der_put_algorithm(&a, s->wrap.oid);
    info.wrap_algorithm = der_written(&a);
    if (a.full || !derivation_of(s->p, agreement->scheme, agreement->kind, &info.derivation))
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
    put_originator(w, agreement, point);
    der_put_small(w, 3);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), whole);
    return rule;
}

static enum rule put_agreement_of_kind(struct sealing *s, const struct agreement *agreement)
{
    uint8_t point[POINT_MAX];
    EVP_PKEY *ephemeral = ephemeral_key(agreement, point);
    enum rule rule = ephemeral ? put_key_agreement(s, agreement, ephemeral, span_of(point, agreement->point_len))
                               : RULE_CRYPTO_LIBRARY;
    EVP_PKEY_free(ephemeral);
    return rule;
}

/* KeyTransRecipientInfo (RFC 5652 6.2.1), named by issuer and serial number. */
static enum rule put_key_transport(struct sealing *s, const struct certificate *reader)
{
    uint8_t encrypted[ENCRYPTED_KEY_MAX];
    size_t len, mark = der_mark(&s->w);
    enum rule rule = transport_encrypt(reader->key, content_key(s), encrypted, &len);
    if (rule != RULE_OK)
        return rule;
    der_put_item(&s->w, DER_OCTET_STRING, span_of(encrypted, len));
    transport_put_algorithm(&s->w);
    der_put(&s->w, reader->issuer_and_serial);
    der_put_small(&s->w, 0);
    der_wrap(&s->w, DER_SEQUENCE, mark);
    return RULE_OK;
}

/* --- RecipientInfos: one for each reader with RSA, one for all readers of each other kind --- */

static bool has_kind_before(const struct sealing *s, size_t i)
{
    size_t j = 0;
    while (j < i && s->readers[j]->key_kind != s->readers[i]->key_kind)
        j++;
    return j < i;
}

static enum rule put_recipient_info(struct sealing *s, size_t i)
{
    struct agreement agreement;
    if (s->readers[i]->key_kind == KEY_RSA)
        return put_key_transport(s, s->readers[i]);
    if (has_kind_before(s, i))
        return RULE_OK;
    return agreement_of(s->p, s->readers[i]->key_kind, &agreement) ? put_agreement_of_kind(s, &agreement)
                                                                    : RULE_INTERNAL;
}

/* What was written since the mark, item by item, becomes a DER SET OF: which goes first is known only now. */
static enum rule put_in_order(struct sealing *s, size_t mark)
{
    struct span items[CMS_READERS_MAX];
    struct der item;
    size_t count = 0, before = arena_mark(s->arena);
    bool copied;
    struct span written = span_of(s->w.at + s->w.start, mark - s->w.start);
    struct span copy = arena_copy(s->arena, written, &copied);
    struct cursor c = cursor_over(copy);
    if (!copied)
        return RULE_NO_MEMORY;
    while (count < CMS_READERS_MAX && der_take(&c, &item))
        items[count++] = item.whole;
    s->w.start = mark;
    der_put_set_of(&s->w, DER_SET, items, count);
    arena_rewind(s->arena, before);
    return RULE_OK;
}

static enum rule put_recipients(struct sealing *s)
{
    enum rule rule = RULE_OK;
    size_t mark = der_mark(&s->w);
    for (size_t i = 0; rule == RULE_OK && i < s->reader_count; i++)
        rule = put_recipient_info(s, i);
    if (rule != RULE_OK)
        return rule;
    return s->w.full ? RULE_INTERNAL : put_in_order(s, mark); /* room_for asked for too little */
}

static enum rule put_all(struct sealing *s, struct span content)
{
    size_t mark = der_mark(&s->w);
    if (!random_bytes(s->key, s->content.key_len) || !random_bytes(s->nonce, sizeof s->nonce))
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
    return cms_seal_as(arena, NULL, readers, reader_count, content, der);
}

enum rule cms_seal_as(struct arena *arena, const struct cms_choice *choice, struct certificate *const *readers,
                      size_t reader_count, struct span content, struct span *der)
{
    size_t before = arena_mark(arena);
    struct sealing s = {.p = primitives(), .arena = arena, .readers = readers, .reader_count = reader_count};
    *der = (struct span){0};
    enum rule rule = s.p ? check_readers(s.p, readers, reader_count) : RULE_CRYPTO_LIBRARY;
    if (rule != RULE_OK)
        return rule;
    if (content.len > DER_LENGTH_MAX / 2)
        return RULE_CMS_LIMIT;
    if (!choose_ciphers(&s, choice))
        return RULE_INTERNAL;
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
