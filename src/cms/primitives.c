#include "cms/primitives.h"

#include <limits.h>
#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/params.h>

/* Written once, under pthread_once, and only read afterwards. */
static struct primitives fetched;
static bool fetched_all;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static EVP_PKEY *curve_parameters(char *group)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *parameters = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &parameters, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
        parameters = NULL;
    EVP_PKEY_CTX_free(context);
    return parameters;
}

static void fetch(void)
{
    char p256[] = "P-256", p384[] = "P-384";
    fetched = (struct primitives){
        .sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL),
        .sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL),
        .sha512 = EVP_MD_fetch(NULL, "SHA2-512", NULL),
        .aes128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL),
        .aes256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL),
        .aes128_cbc = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL),
        .aes256_cbc = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL),
        .aes128_wrap = EVP_CIPHER_fetch(NULL, "AES-128-WRAP", NULL),
        .aes256_wrap = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL),
        .hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL),
        .p256 = curve_parameters(p256),
        .p384 = curve_parameters(p384),
    };
    fetched_all = fetched.sha256 && fetched.sha384 && fetched.sha512 && fetched.aes128_gcm && fetched.aes256_gcm &&
                  fetched.aes128_cbc && fetched.aes256_cbc && fetched.aes128_wrap && fetched.aes256_wrap && fetched.hkdf && fetched.p256 && fetched.p384;
    ERR_clear_error();
}

const struct primitives *primitives(void)
{
    return pthread_once(&fetch_once, fetch) == 0 && fetched_all ? &fetched : NULL;
}

enum rule crypto_refused(enum rule rule)
{
    ERR_clear_error();
    return rule;
}

bool hash_of(const EVP_MD *digest, struct span s, uint8_t hash[EVP_MAX_MD_SIZE], size_t *len)
{
    unsigned n = 0;
    bool ok = EVP_Digest(s.at, s.len, hash, &n, digest, NULL) == 1;
    *len = n;
    if (!ok)
        ERR_clear_error();
    return ok;
}

/* EVP counts in int. */
static bool fits(struct span s)
{
    return s.len <= INT_MAX / 2;
}

static bool gcm_begin(EVP_CIPHER_CTX *context, EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *nonce,
                      const struct span aad[2], int encrypt)
{
    int n;
    if (!context || !EVP_CipherInit_ex2(context, cipher, key, nonce, encrypt, NULL))
        return false;
    for (size_t i = 0; i < 2; i++)
        if (aad[i].len && (!fits(aad[i]) || !EVP_CipherUpdate(context, NULL, &n, aad[i].at, (int)aad[i].len)))
            return false;
    return true;
}

bool gcm_seal(EVP_CIPHER *cipher, const uint8_t *key, const uint8_t nonce[GCM_NONCE_LEN], const struct span aad[2],
              struct span plain, uint8_t *out, uint8_t tag[GCM_TAG_LEN])
{
    int n;
    uint8_t none[1]; /* GCM has no last block: nothing is written here */
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = fits(plain) && gcm_begin(context, cipher, key, nonce, aad, 1) &&
              (plain.len == 0 || EVP_CipherUpdate(context, out, &n, plain.at, (int)plain.len)) &&
              EVP_CipherFinal_ex(context, none, &n) &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!ok)
        ERR_clear_error();
    return ok;
}

bool gcm_open(EVP_CIPHER *cipher, const uint8_t *key, const uint8_t nonce[GCM_NONCE_LEN], const struct span aad[2],
              struct span sealed, const uint8_t tag[GCM_TAG_LEN], uint8_t *out)
{
    int n;
    uint8_t none[1], expected[GCM_TAG_LEN];
    memcpy(expected, tag, GCM_TAG_LEN); /* EVP takes it without const */
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = fits(sealed) && gcm_begin(context, cipher, key, nonce, aad, 0) &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, expected) == 1 &&
              (sealed.len == 0 || EVP_CipherUpdate(context, out, &n, sealed.at, (int)sealed.len)) &&
              EVP_CipherFinal_ex(context, none, &n) > 0;
    EVP_CIPHER_CTX_free(context);
    if (!ok) {
        bytes_wipe(out, sealed.len);
        ERR_clear_error();
    }
    return ok;
}

bool cbc_decrypt(EVP_CIPHER *cipher, const uint8_t *key, const uint8_t iv[CBC_BLOCK_LEN], struct span sealed,
                 uint8_t *out)
{
    int n = 0;
    uint8_t none[CBC_BLOCK_LEN]; /* without padding there is no last block: nothing is written here */
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context && fits(sealed) && EVP_CipherInit_ex2(context, cipher, key, iv, 0, NULL) &&
              EVP_CIPHER_CTX_set_padding(context, 0) &&
              EVP_CipherUpdate(context, out, &n, sealed.at, (int)sealed.len) && EVP_CipherFinal_ex(context, none, &n);
    EVP_CIPHER_CTX_free(context);
    if (!ok)
        ERR_clear_error();
    return ok;
}
