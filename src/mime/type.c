/* Media types: what kind of body object an entity is, and whether a type fits a pattern. */
#include "type.h"

#include "param.h"

bool mime_take_type(struct cursor *c, struct span *type)
{
    struct span major, minor;
    mime_skip_space(c);
    const uint8_t *start = c->at;
    if (!mime_take_token(c, &major))
        return false;
    mime_skip_space(c); /* SLASH of RFC 3261 25.1 may have white space around it */
    if (!cursor_accept(c, '/'))
        return false;
    mime_skip_space(c);
    if (!mime_take_token(c, &minor))
        return false;
    *type = span_of(start, (size_t)(c->at - start));
    mime_skip_space(c);
    return true;
}

static void split(struct span type, struct span *major, struct span *minor)
{
    size_t slash = span_find(type, '/');
    *major = span_trim(span_part(type, 0, slash));
    *minor = span_trim(span_part(type, slash + 1, type.len));
}

bool mime_type_matches(struct span type, struct span pattern)
{
    struct span major, minor, wanted_major, wanted_minor;
    const struct span any = SPAN("*");
    if (span_equal(pattern, any))
        return true;
    split(type.len ? type : SPAN("text/plain"), &major, &minor); /* RFC 2045 5.2 */
    split(pattern, &wanted_major, &wanted_minor);
    return (span_equal(wanted_major, any) || span_equal_nocase(major, wanted_major)) &&
           (span_equal(wanted_minor, any) || span_equal_nocase(minor, wanted_minor));
}

/* RFC 8551 3.2.2; smime-type is only a SHOULD there, and new ones may be registered. What does not say that it is
 * readable counts as sealed, which is unknown data that matches every content pattern: otherwise leaving the parameter
 * out would carry a sealed body past a policy. */
static enum mime_kind pkcs7_kind(struct span params)
{
    struct span smime_type;
    if (!mime_param(params, "smime-type", &smime_type))
        return MIME_SEALED;
    if (span_equal_nocase(smime_type, SPAN("signed-data")))
        return MIME_SIGNED;
    if (span_equal_nocase(smime_type, SPAN("certs-only")))
        return MIME_CERTS_ONLY;
    return MIME_SEALED;
}

/* A multipart/signed with another protocol is read as any multipart (RFC 2046 5.1.3): its content is plain here, and
 * its signature proves nothing. */
static enum mime_kind multipart_kind(struct span type, struct span params)
{
    struct span protocol;
    bool clear_signed = mime_type_matches(type, SPAN("multipart/signed")) &&
                        mime_param(params, "protocol", &protocol) &&
                        span_equal_nocase(protocol, SPAN("application/pkcs7-signature"));
    return clear_signed ? MIME_CLEAR_SIGNED : MIME_MULTIPART;
}

enum mime_kind mime_kind_of(struct span type, struct span params)
{
    if (mime_type_matches(type, SPAN("multipart/*")))
        return multipart_kind(type, params);
    if (mime_type_matches(type, SPAN("application/pkcs7-mime")))
        return pkcs7_kind(params);
    if (mime_type_matches(type, SPAN("message/sipfrag")))
        return MIME_SIPFRAG;
    return MIME_PLAIN;
}
