#include "cms/key_preference.h"

/* The content of an IssuerAndSerialNumber; empty when it is none. */
static struct span inside(struct span issuer_and_serial)
{
    struct cursor c = cursor_over(issuer_and_serial);
    struct span content;
    return der_take_content(&c, DER_SEQUENCE, &content) ? content : (struct span){0};
}

void key_preference_put(struct der_writer *w, const struct certificate *sealing)
{
    der_put_item(w, DER_CONTEXT_CONSTRUCTED(0), inside(sealing->issuer_and_serial)); /* IMPLICIT */
}

static bool read_issuer_and_serial(struct cursor *c, struct span *content)
{
    struct span issuer, serial;
    if (!der_take_content(c, DER_CONTEXT_CONSTRUCTED(0), content))
        return false;
    struct cursor in = cursor_over(*content);
    return der_take_content(&in, DER_SEQUENCE, &issuer) && der_take_content(&in, DER_INTEGER, &serial) &&
           cursor_done(&in);
}

/* RecipientKeyIdentifier; what may follow the identifier tells nothing about a certificate. */
static bool read_recipient_key_id(struct cursor *c, struct span *id)
{
    struct cursor in;
    return der_enter(c, DER_CONTEXT_CONSTRUCTED(1), &in) && der_take_content(&in, DER_OCTET_STRING, id) && id->len;
}

bool key_preference_read(struct span value, struct key_preference *out)
{
    struct cursor c = cursor_over(value);
    *out = (struct key_preference){0};
    bool read = der_next_is(&c, DER_CONTEXT_CONSTRUCTED(0))   ? read_issuer_and_serial(&c, &out->issuer_and_serial)
                : der_next_is(&c, DER_CONTEXT_CONSTRUCTED(1)) ? read_recipient_key_id(&c, &out->key_id)
                                                              : der_take_content(&c, DER_CONTEXT(2), &out->key_id) &&
                                                                    out->key_id.len;
    return read && cursor_done(&c);
}

bool key_preference_names(const struct key_preference *preference, const struct certificate *certificate)
{
    if (preference->issuer_and_serial.len)
        return span_equal(preference->issuer_and_serial, inside(certificate->issuer_and_serial));
    return preference->key_id.len && span_equal(preference->key_id, certificate->subject_key_id);
}
