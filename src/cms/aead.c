#include "sipseal/aead.h"

#include "cms/primitives.h"

_Static_assert((int)AEAD_NONCE_LEN == (int)GCM_NONCE_LEN && (int)AEAD_TAG_LEN == (int)GCM_TAG_LEN, "one GCM");

bool aead_seal(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], struct span aad, struct span plain,
               uint8_t *out)
{
    const struct primitives *p = primitives();
    const struct span pieces[2] = {aad};
    return p && gcm_seal(p->aes256_gcm, key, nonce, pieces, plain, out, out + plain.len);
}

bool aead_open(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], struct span aad,
               struct span sealed, uint8_t *out)
{
    const struct primitives *p = primitives();
    const struct span pieces[2] = {aad};
    if (!p || sealed.len < AEAD_TAG_LEN)
        return false;
    size_t len = sealed.len - AEAD_TAG_LEN;
    return gcm_open(p->aes256_gcm, key, nonce, pieces, span_part(sealed, 0, len), sealed.at + len, out);
}
