/* A nonce is base64 of 42 bytes: when it was made (8), random bytes (12), and the first bytes of a MAC over both and the
 * realm (22). */
#include <openssl/err.h>
#include <openssl/hmac.h>

#include "sipseal/digest.h"
#include "sipseal/sip_digest.h"

enum {
    MADE_LEN = 8,
    MAC_AT = MADE_LEN + DIGEST_NONCE_RANDOM,
    MAC_LEN = 22,
    NONCE_BYTES = MAC_AT + MAC_LEN,
    SET_BACK_MAX = 5, /* seconds by which a clock may have been set back since */
};

static bool mac(const uint8_t key[DIGEST_NONCE_KEY_LEN], const uint8_t *head, struct span realm, uint8_t out[SHA256_LEN])
{
    uint8_t input[MAC_AT + SHA256_LEN];
    unsigned len = 0;
    memcpy(input, head, MAC_AT);
    bool done = sha256(realm, input + MAC_AT) && HMAC(EVP_sha256(), key, DIGEST_NONCE_KEY_LEN, input, sizeof input, out,
                                                      &len) != NULL && len == SHA256_LEN;
    if (!done)
        ERR_clear_error();
    return done;
}

bool digest_nonce(const uint8_t key[DIGEST_NONCE_KEY_LEN], int64_t now, const uint8_t random[DIGEST_NONCE_RANDOM],
                  struct span realm, char nonce[DIGEST_NONCE_LEN + 1])
{
    uint8_t bytes[NONCE_BYTES], tag[SHA256_LEN];
    struct writer w = writer_over(bytes, sizeof bytes), text = writer_over(nonce, DIGEST_NONCE_LEN);
    writer_i64(&w, now);
    writer_put(&w, span_of(random, DIGEST_NONCE_RANDOM));
    if (!mac(key, bytes, realm, tag))
        return false;
    writer_put(&w, span_of(tag, MAC_LEN));
    writer_base64(&text, writer_span(&w));
    nonce[text.len] = 0;
    return !w.full && !text.full && text.len == DIGEST_NONCE_LEN;
}

enum digest_nonce_state digest_nonce_check(const uint8_t key[DIGEST_NONCE_KEY_LEN], struct span nonce,
                                           struct span realm, int64_t now, int64_t lifetime, int64_t *made)
{
    uint8_t bytes[DIGEST_NONCE_LEN], tag[SHA256_LEN];
    size_t len;
    if (nonce.len != DIGEST_NONCE_LEN || !base64_decode(nonce, bytes, &len) || len != NONCE_BYTES ||
        !mac(key, bytes, realm, tag) || !bytes_equal_secret(bytes + MAC_AT, tag, MAC_LEN))
        return DIGEST_NONCE_FOREIGN;
    struct cursor c = cursor_over(span_of(bytes, len));
    if (!cursor_i64(&c, made) || *made > now + SET_BACK_MAX)
        return DIGEST_NONCE_FOREIGN;
    return now - *made > lifetime ? DIGEST_NONCE_STALE : DIGEST_NONCE_GOOD;
}
