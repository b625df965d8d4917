#include "cms/rsa_parameters.h"

/* The digest under an explicit tag. */
static bool take_digest(struct cursor *c, uint8_t tag, enum oid *digest)
{
    struct der_algorithm algorithm;
    struct cursor in;
    if (!der_enter(c, tag, &in) || !der_take_algorithm(&in, &algorithm) || !cursor_done(&in))
        return false;
    *digest = algorithm.oid;
    return der_no_parameters(&algorithm);
}

/* MaskGenAlgorithm: MGF1 with this digest. */
static bool take_mask_generation(struct cursor *c, enum oid digest)
{
    struct der_algorithm mask, inner;
    struct cursor in, parameters;
    if (!der_enter(c, DER_CONTEXT_CONSTRUCTED(1), &in) || !der_take_algorithm(&in, &mask) || !cursor_done(&in))
        return false;
    parameters = cursor_over(mask.parameters);
    return mask.oid == OID_MGF1 && der_take_algorithm(&parameters, &inner) && cursor_done(&parameters) &&
           inner.oid == digest && der_no_parameters(&inner);
}

static bool take_number(struct cursor *c, uint8_t tag, uint32_t wanted)
{
    struct cursor in;
    uint32_t number;
    return der_enter(c, tag, &in) && der_take_small(&in, &number) && cursor_done(&in) && number == wanted;
}

/* RFC 4055 3.1: the trailer is left out, or written out as the 1 that it must be. */
bool pss_parameters_are(struct span parameters, enum oid digest, uint32_t salt_len)
{
    struct cursor c = cursor_over(parameters), in;
    enum oid found;
    return der_enter(&c, DER_SEQUENCE, &in) && cursor_done(&c) &&
           take_digest(&in, DER_CONTEXT_CONSTRUCTED(0), &found) && found == digest &&
           take_mask_generation(&in, digest) && take_number(&in, DER_CONTEXT_CONSTRUCTED(2), salt_len) &&
           (cursor_done(&in) || (take_number(&in, DER_CONTEXT_CONSTRUCTED(3), 1) && cursor_done(&in)));
}

/* PSourceAlgorithm: the empty label, which is the default and should be left out (RFC 4055 4.1). */
static bool take_no_label(struct cursor *c)
{
    struct der_algorithm source;
    struct cursor in;
    return der_enter(c, DER_CONTEXT_CONSTRUCTED(2), &in) && der_take_algorithm(&in, &source) && cursor_done(&in) &&
           source.oid == OID_P_SPECIFIED && span_equal(source.parameters, SPAN("\x04\x00"));
}

bool oaep_parameters_read(struct span parameters, enum oid *digest)
{
    struct cursor c = cursor_over(parameters), in;
    return der_enter(&c, DER_SEQUENCE, &in) && cursor_done(&c) &&
           take_digest(&in, DER_CONTEXT_CONSTRUCTED(0), digest) && take_mask_generation(&in, *digest) &&
           (cursor_done(&in) || (take_no_label(&in) && cursor_done(&in)));
}

static void put_digest(struct der_writer *w, enum oid digest)
{
    size_t mark = der_mark(w);
    der_put_item(w, DER_NULL, SPAN(""));
    der_put_oid(w, digest);
    der_wrap(w, DER_SEQUENCE, mark);
}

/* hashAlgorithm and maskGenAlgorithm, with which both kinds of parameters begin. */
static void put_digests(struct der_writer *w, enum oid digest)
{
    size_t mark = der_mark(w);
    put_digest(w, digest);
    der_put_oid(w, OID_MGF1);
    der_wrap(w, DER_SEQUENCE, mark);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
    mark = der_mark(w);
    put_digest(w, digest);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
}

void pss_parameters_put(struct der_writer *w, enum oid digest, uint32_t salt_len)
{
    size_t mark = der_mark(w);
    der_put_small(w, salt_len);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(2), mark);
    put_digests(w, digest);
    der_wrap(w, DER_SEQUENCE, mark);
}

void oaep_parameters_put(struct der_writer *w, enum oid digest)
{
    size_t mark = der_mark(w);
    put_digests(w, digest);
    der_wrap(w, DER_SEQUENCE, mark);
}
