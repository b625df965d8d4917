#include "cms/certificate_outline.h"

#include "cms/der.h"

static bool take_whole(struct cursor *c, uint8_t tag, struct span *whole)
{
    struct der item;
    if (!der_take_tag(c, tag, &item))
        return false;
    *whole = item.whole;
    return true;
}

bool certificate_outline(struct span der, struct certificate_outline *out)
{
    struct cursor c = cursor_over(der), tbs;
    struct span skipped;
    if (!der_well_formed(der) || !der_enter(&c, DER_SEQUENCE, &c) || !der_enter(&c, DER_SEQUENCE, &tbs))
        return false;
    if (der_next_is(&tbs, DER_CONTEXT_CONSTRUCTED(0)) && !take_whole(&tbs, DER_CONTEXT_CONSTRUCTED(0), &skipped))
        return false;
    return take_whole(&tbs, DER_INTEGER, &out->serial) && take_whole(&tbs, DER_SEQUENCE, &skipped) /* signature */ &&
           take_whole(&tbs, DER_SEQUENCE, &out->issuer) && take_whole(&tbs, DER_SEQUENCE, &skipped) /* validity */ &&
           take_whole(&tbs, DER_SEQUENCE, &skipped) /* subject */ &&
           take_whole(&tbs, DER_SEQUENCE, &out->public_key_info);
}

bool certificate_outline_is(const struct certificate_outline *outline, struct span issuer_and_serial)
{
    struct cursor c = cursor_over(issuer_and_serial);
    struct span issuer, serial;
    return der_enter(&c, DER_SEQUENCE, &c) && take_whole(&c, DER_SEQUENCE, &issuer) &&
           take_whole(&c, DER_INTEGER, &serial) && cursor_done(&c) && span_equal(issuer, outline->issuer) &&
           span_equal(serial, outline->serial);
}
