/* The hashes of Digest (RFC 7616 3.4.1 to 3.4.3). */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "sipseal/digest.h"
#include "sipseal/sip_digest.h"

/* As OpenSSL calls them. */
static const char *const library_names[DIGEST_ALGORITHM_COUNT] = {
    [DIGEST_MD5] = "MD5",
    [DIGEST_SHA256] = "SHA2-256",
    [DIGEST_SHA512_256] = "SHA2-512/256",
};

/* Fetched once: a fetch by name costs more than the hash. Null where the library lacks it (MD5 under FIPS). */
static const EVP_MD *library_algorithm(enum digest_algorithm algorithm)
{
    static EVP_MD *fetched[DIGEST_ALGORITHM_COUNT];
    if (!fetched[algorithm])
        fetched[algorithm] = EVP_MD_fetch(NULL, library_names[algorithm], NULL);
    return fetched[algorithm];
}

static bool update(EVP_MD_CTX *context, const struct span *part, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && EVP_DigestUpdate(context, ":", 1) != 1) ||
            (part[i].len > 0 && EVP_DigestUpdate(context, part[i].at, part[i].len) != 1))
            return false;
    return true;
}

/* H of the parts with a colon between each two, in hexadecimal. */
static bool hash_joined(enum digest_algorithm algorithm, const struct span *part, size_t count, struct digest_hex *out)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *md = library_algorithm(algorithm);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *out = (struct digest_hex){{0}};
    bool done = md && context && EVP_DigestInit_ex2(context, md, NULL) == 1 && update(context, part, count) &&
                EVP_DigestFinal_ex(context, hash, &len) == 1 && len * 2 == digest_hex_len(algorithm);
    EVP_MD_CTX_free(context);
    if (done) {
        struct writer w = writer_over(out->text, DIGEST_HEX_MAX);
        writer_hex(&w, span_of(hash, len));
    } else {
        ERR_clear_error();
    }
    bytes_wipe(hash, sizeof hash);
    return done;
}

bool digest_ha1(enum digest_algorithm algorithm, struct span username, struct span realm, struct span password,
                struct digest_hex *ha1)
{
    const struct span part[] = {username, realm, password};
    return hash_joined(algorithm, part, 3, ha1);
}

bool digest_ha2(enum digest_algorithm algorithm, enum digest_qop qop, struct span method, struct span uri,
                struct span body, struct digest_hex *ha2)
{
    struct digest_hex of_body;
    struct span part[] = {method, uri, {0}};
    if (qop != DIGEST_AUTH_INT)
        return hash_joined(algorithm, part, 2, ha2);
    if (!hash_joined(algorithm, &body, 1, &of_body))
        return false;
    part[2] = span_text(of_body.text);
    return hash_joined(algorithm, part, 3, ha2);
}

bool digest_response(const struct digest_round *round, const struct digest_hex *ha1, const struct digest_hex *ha2,
                     struct digest_hex *response)
{
    const struct span part[] = {
        span_text(ha1->text), round->nonce, round->nc_text, round->cnonce,
        round->qop == DIGEST_AUTH_INT ? SPAN("auth-int") : SPAN("auth"), span_text(ha2->text),
    };
    return hash_joined(round->algorithm, part, sizeof part / sizeof part[0], response);
}

bool digest_response_is(struct span given, const struct digest_hex *wanted)
{
    uint8_t a[DIGEST_HEX_MAX / 2], b[DIGEST_HEX_MAX / 2];
    size_t len = strlen(wanted->text) / 2;
    return len > 0 && given.len == len * 2 && hex_decode(given, a, len) &&
           hex_decode(span_text(wanted->text), b, len) && bytes_equal_secret(a, b, len);
}

bool digest_replay_key(const struct digest_credentials *credentials, uint8_t key[32])
{
    struct sha256 h;
    sha256_begin(&h);
    sha256_more(&h, SPAN("digest"));
    sha256_more(&h, credentials->nc_text); /* of fixed length */
    sha256_more(&h, credentials->nonce);
    return sha256_end(&h, key);
}
