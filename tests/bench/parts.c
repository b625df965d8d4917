#include "parts.h"

#include "cms/der.h"
#include "measure.h"

static struct der take(struct cursor *c, uint8_t tag)
{
    struct der item;
    if (!der_take_tag(c, tag, &item))
        DIE("an object has another form than libsipseal writes");
    return item;
}

static struct cursor enter(struct cursor *c, uint8_t tag)
{
    return cursor_over(take(c, tag).content);
}

static struct cursor content_info(struct span der)
{
    struct cursor c = cursor_over(der), in = enter(&c, DER_SEQUENCE);
    take(&in, DER_OID);
    c = enter(&in, DER_CONTEXT_CONSTRUCTED(0));
    return enter(&c, DER_SEQUENCE);
}

static void take_key_agreement(struct cursor c, const struct certificate *reader, struct sealed_parts *parts)
{
    take(&c, DER_INTEGER);
    struct cursor originator = enter(&c, DER_CONTEXT_CONSTRUCTED(0));
    originator = enter(&originator, DER_CONTEXT_CONSTRUCTED(1));
    take(&originator, DER_SEQUENCE);
    struct span bits = take(&originator, DER_BIT_STRING).content;
    parts->point = span_part(bits, 1, bits.len);
    take(&c, DER_SEQUENCE);
    struct cursor keys = enter(&c, DER_SEQUENCE);
    while (!cursor_done(&keys)) {
        struct cursor key = enter(&keys, DER_SEQUENCE);
        struct span named = take(&key, DER_SEQUENCE).whole;
        struct span wrapped = take(&key, DER_OCTET_STRING).content;
        if (span_equal(named, reader->issuer_and_serial))
            parts->wrapped_key = wrapped;
    }
}

struct sealed_parts sealed_parts_of(struct span der, const struct certificate *reader)
{
    struct sealed_parts parts = {0};
    struct cursor c = content_info(der);
    take(&c, DER_INTEGER);
    struct cursor recipients = enter(&c, DER_SET);
    take_key_agreement(enter(&recipients, DER_CONTEXT_CONSTRUCTED(1)), reader, &parts);
    NEED(cursor_done(&recipients));
    struct cursor encrypted = enter(&c, DER_SEQUENCE);
    take(&encrypted, DER_OID);
    struct cursor algorithm = enter(&encrypted, DER_SEQUENCE);
    take(&algorithm, DER_OID);
    struct cursor parameters = enter(&algorithm, DER_SEQUENCE);
    parts.nonce = take(&parameters, DER_OCTET_STRING).content;
    parts.ciphertext = take(&encrypted, DER_CONTEXT(0)).content;
    parts.mac = take(&c, DER_OCTET_STRING).content;
    NEED(parts.point.len == 65 && parts.wrapped_key.len == 24 && parts.nonce.len == 12 && parts.mac.len == 16);
    return parts;
}

/* message-digest is the attribute whose value is an OCTET STRING of 32 bytes. */
static struct span digest_among(struct cursor attributes)
{
    while (!cursor_done(&attributes)) {
        struct cursor attribute = enter(&attributes, DER_SEQUENCE);
        take(&attribute, DER_OID);
        struct cursor values = enter(&attribute, DER_SET);
        if (der_next_is(&values, DER_OCTET_STRING))
            return take(&values, DER_OCTET_STRING).content;
    }
    DIE("a signature without message-digest");
}

struct signed_parts signed_parts_of(struct span der)
{
    struct signed_parts parts = {0};
    struct cursor c = content_info(der);
    take(&c, DER_INTEGER);
    take(&c, DER_SET);
    struct cursor encapsulated = enter(&c, DER_SEQUENCE);
    take(&encapsulated, DER_OID);
    encapsulated = enter(&encapsulated, DER_CONTEXT_CONSTRUCTED(0));
    parts.content = take(&encapsulated, DER_OCTET_STRING).content;
    take(&c, DER_CONTEXT_CONSTRUCTED(0));
    struct cursor signer = enter(&c, DER_SET);
    signer = enter(&signer, DER_SEQUENCE);
    take(&signer, DER_INTEGER);
    take(&signer, DER_SEQUENCE);
    take(&signer, DER_SEQUENCE);
    struct der attributes = take(&signer, DER_CONTEXT_CONSTRUCTED(0));
    parts.attributes = attributes.whole;
    parts.digest = digest_among(cursor_over(attributes.content));
    take(&signer, DER_SEQUENCE);
    parts.signature = take(&signer, DER_OCTET_STRING).content;
    NEED(parts.digest.len == 32);
    return parts;
}

struct span entity_body(struct span entity)
{
    const struct span end = SPAN("\r\n\r\n");
    return span_part(entity, span_find_span(entity, end) + end.len, entity.len);
}
