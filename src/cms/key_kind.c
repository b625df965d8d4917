#include "cms/key_kind.h"

#include <openssl/evp.h>

#include "cms/der.h"

enum { RSA_EXPONENT_MAX = 5 }; /* bytes, with the zero that a highest bit set needs */

static const struct key_traits table[] = {
    {KEY_P256, OID_EC_PUBLIC_KEY, OID_P256, 256, 256, true, true, false},
    {KEY_P384, OID_EC_PUBLIC_KEY, OID_P384, 384, 384, true, true, false},
    {KEY_RSA, OID_RSA, OID_UNKNOWN, 2048, 8192, true, false, true},
    {KEY_ED25519, OID_ED25519, OID_UNKNOWN, 0, 512, true, false, false},
    {KEY_X25519, OID_X25519, OID_UNKNOWN, 0, 512, false, true, false},
};

static bool curve_is(const struct der_algorithm *algorithm, enum oid curve)
{
    struct cursor c = cursor_over(algorithm->parameters);
    enum oid named;
    if (curve == OID_UNKNOWN)
        return der_no_parameters(algorithm);
    return der_take_oid(&c, &named) && cursor_done(&c) && named == curve;
}

/* OpenSSL takes one zero byte for a key: the point at infinity, with which every secret is the same. */
static bool is_infinity(struct span point, enum oid curve)
{
    return curve != OID_UNKNOWN && point.len <= 1;
}

/* RSAPublicKey (RFC 3279 2.3.1). With 1 as exponent anyone could sign; with one of thousands of bits each verification
 * costs a stranger's server as much as a private-key operation. */
static bool exponent_is_sound(struct span bits)
{
    struct cursor c = cursor_over(bits);
    struct span modulus, exponent;
    if (!der_well_formed(bits) || !der_enter(&c, DER_SEQUENCE, &c) || !der_take_content(&c, DER_INTEGER, &modulus) ||
        !der_take_content(&c, DER_INTEGER, &exponent) || !cursor_done(&c))
        return false;
    bool odd = exponent.len && exponent.at[exponent.len - 1] & 1;
    return odd && exponent.len <= RSA_EXPONENT_MAX && !span_equal(exponent, SPAN("\x01"));
}

static bool value_is_sound(const struct key_traits *traits, struct span bits)
{
    return traits->kind == KEY_RSA ? exponent_is_sound(bits) : !is_infinity(bits, traits->curve);
}

const struct key_traits *key_traits_of(struct span public_key_info, EVP_PKEY *key)
{
    struct cursor c = cursor_over(public_key_info);
    struct der_algorithm algorithm;
    struct span bits;
    if (!der_enter(&c, DER_SEQUENCE, &c) || !der_take_algorithm(&c, &algorithm) || !der_take_bits(&c, &bits))
        return NULL;
    int size = EVP_PKEY_get_bits(key);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (algorithm.oid == table[i].algorithm && curve_is(&algorithm, table[i].curve))
            return size >= table[i].bits_min && size <= table[i].bits_max && value_is_sound(&table[i], bits)
                       ? &table[i]
                       : NULL;
    return NULL;
}
