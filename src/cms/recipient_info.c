#include "cms/recipient_info.h"

static struct recipient *add(struct recipients *list)
{
    struct recipient *r = &list->recipient[list->count++];
    *r = (struct recipient){0};
    return r;
}

static bool take_issuer_and_serial(struct cursor *c, struct span *whole)
{
    struct der item;
    struct span issuer, serial;
    if (!der_take_tag(c, DER_SEQUENCE, &item))
        return false;
    struct cursor in = cursor_over(item.content);
    *whole = item.whole;
    return der_take_content(&in, DER_SEQUENCE, &issuer) && der_take_content(&in, DER_INTEGER, &serial) &&
           cursor_done(&in);
}

/* RecipientKeyIdentifier and KEKIdentifier have one form: an identifier, a date, another attribute. */
static bool take_key_identifier(struct cursor *c, uint8_t tag, struct span *id)
{
    struct cursor in;
    struct span skipped;
    if (!der_enter(c, tag, &in) || !der_take_content(&in, DER_OCTET_STRING, id))
        return false;
    if (der_next_is(&in, DER_GENERALIZED_TIME) && !der_take_content(&in, DER_GENERALIZED_TIME, &skipped))
        return false;
    if (der_next_is(&in, DER_SEQUENCE) && !der_take_content(&in, DER_SEQUENCE, &skipped))
        return false;
    return cursor_done(&in) && id->len > 0;
}

/* RFC 5652 6.2.1: version 0 names by issuer and serial number, version 2 by subject key identifier. */
static enum rule read_key_transport(struct cursor c, struct recipients *list)
{
    struct recipient *r = add(list);
    uint32_t version;
    r->reader.kind = CMS_KEY_TRANSPORT;
    if (!der_take_small(&c, &version))
        return RULE_CMS_STRUCTURE;
    bool named = version == 0 ? take_issuer_and_serial(&c, &r->reader.issuer_and_serial)
                 : version == 2 ? der_take_content(&c, DER_CONTEXT(0), &r->reader.key_id) && r->reader.key_id.len > 0
                                : false;
    return named && der_take_algorithm(&c, &r->key_encryption) &&
                   der_take_content(&c, DER_OCTET_STRING, &r->encrypted_key) && cursor_done(&c)
               ? RULE_OK
               : RULE_CMS_STRUCTURE;
}

/* RFC 5652 6.2.3. */
static enum rule read_key_encryption_key(struct cursor c, struct recipients *list)
{
    struct recipient *r = add(list);
    uint32_t version;
    r->reader.kind = CMS_KEY_ENCRYPTION_KEY;
    return der_take_small(&c, &version) && version == 4 && take_key_identifier(&c, DER_SEQUENCE, &r->reader.key_id) &&
                   der_take_algorithm(&c, &r->key_encryption) &&
                   der_take_content(&c, DER_OCTET_STRING, &r->encrypted_key) && cursor_done(&c)
               ? RULE_OK
               : RULE_CMS_STRUCTURE;
}

/* OriginatorIdentifierOrKey; only the key is of use (RFC 5753 3.1.1). */
static bool read_originator(struct cursor c, struct recipient *r)
{
    struct span named;
    struct cursor key;
    if (der_next_is(&c, DER_SEQUENCE))
        return take_issuer_and_serial(&c, &named) && cursor_done(&c);
    if (der_next_is(&c, DER_CONTEXT(0)))
        return der_take_content(&c, DER_CONTEXT(0), &named) && cursor_done(&c);
    return der_enter(&c, DER_CONTEXT_CONSTRUCTED(1), &key) && der_take_algorithm(&key, &r->originator) &&
           der_take_bits(&key, &r->originator_point) && cursor_done(&key) && cursor_done(&c);
}

static bool read_ukm(struct cursor *c, struct recipient *r)
{
    struct cursor in;
    if (!der_next_is(c, DER_CONTEXT_CONSTRUCTED(1)))
        return true;
    return der_enter(c, DER_CONTEXT_CONSTRUCTED(1), &in) && der_take_content(&in, DER_OCTET_STRING, &r->ukm) &&
           cursor_done(&in);
}

/* RecipientEncryptedKey. */
static bool read_encrypted_key(struct cursor *keys, struct recipient *r)
{
    struct cursor c;
    if (!der_enter(keys, DER_SEQUENCE, &c))
        return false;
    bool named = der_next_is(&c, DER_SEQUENCE)
                     ? take_issuer_and_serial(&c, &r->reader.issuer_and_serial)
                     : take_key_identifier(&c, DER_CONTEXT_CONSTRUCTED(0), &r->reader.key_id);
    return named && der_take_content(&c, DER_OCTET_STRING, &r->encrypted_key) && cursor_done(&c);
}

/* RFC 5652 6.2.2: each of its RecipientEncryptedKeys is a recipient. */
static enum rule read_key_agreement(struct cursor c, struct recipients *list)
{
    struct recipient common = {.reader.kind = CMS_KEY_AGREEMENT};
    struct cursor originator, keys;
    uint32_t version;
    if (!der_take_small(&c, &version) || version != 3 || !der_enter(&c, DER_CONTEXT_CONSTRUCTED(0), &originator) ||
        !read_originator(originator, &common) || !read_ukm(&c, &common) ||
        !der_take_algorithm(&c, &common.key_encryption) || !der_enter(&c, DER_SEQUENCE, &keys) || !cursor_done(&c) ||
        cursor_done(&keys))
        return RULE_CMS_STRUCTURE;
    while (!cursor_done(&keys)) {
        if (list->count == CMS_READERS_MAX)
            return RULE_CMS_LIMIT;
        struct recipient *r = add(list);
        *r = common;
        if (!read_encrypted_key(&keys, r))
            return RULE_CMS_STRUCTURE;
    }
    return RULE_OK;
}

static enum rule read_one(const struct der *item, struct recipients *list)
{
    struct cursor c = cursor_over(item->content);
    if (list->count == CMS_READERS_MAX)
        return RULE_CMS_LIMIT;
    switch (item->tag) {
    case DER_SEQUENCE:
        return read_key_transport(c, list);
    case DER_CONTEXT_CONSTRUCTED(1):
        return read_key_agreement(c, list);
    case DER_CONTEXT_CONSTRUCTED(2):
        return read_key_encryption_key(c, list);
    case DER_CONTEXT_CONSTRUCTED(3): /* a password */
    case DER_CONTEXT_CONSTRUCTED(4): /* another kind */
        return RULE_CMS_ALGORITHM;
    default:
        return RULE_CMS_STRUCTURE;
    }
}

enum rule recipients_read(struct span content, struct recipients *out)
{
    struct cursor c = cursor_over(content);
    struct der item;
    out->count = 0;
    if (cursor_done(&c))
        return RULE_CMS_STRUCTURE;
    while (!cursor_done(&c)) {
        if (!der_take(&c, &item))
            return RULE_CMS_DER;
        enum rule rule = read_one(&item, out);
        if (rule != RULE_OK)
            return rule;
    }
    return RULE_OK;
}

bool cms_reader_is(const struct cms_reader *reader, const struct certificate *certificate)
{
    if (reader->kind == CMS_KEY_ENCRYPTION_KEY)
        return false; /* its identifier is that of a symmetric key */
    if (reader->issuer_and_serial.len)
        return span_equal(reader->issuer_and_serial, certificate->issuer_and_serial);
    return reader->key_id.len && span_equal(reader->key_id, certificate->subject_key_id);
}

bool cms_readers_include(const struct cms_readers *readers, const struct certificate *certificate)
{
    for (size_t i = 0; i < readers->count; i++)
        if (cms_reader_is(&readers->reader[i], certificate))
            return true;
    return false;
}
