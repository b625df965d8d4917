#include "test.h"

#include "forge.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "cms/der.h"

enum { KEY_MAX = 32, ROOM = 64 * 1024 };

struct forging {
    const struct forge *f;
    struct der_writer w;
    uint8_t key[KEY_MAX];
    size_t key_len;
};

static const char *or_else(const char *given, const char *usual)
{
    return given ? given : usual;
}

static void put_dotted(struct der_writer *w, const char *dotted)
{
    ASN1_OBJECT *object = OBJ_txt2obj(dotted, 1);
    assert_non_null(object);
    der_put_item(w, DER_OID, span_of(OBJ_get0_data(object), OBJ_length(object)));
    ASN1_OBJECT_free(object);
}

static void put_named_algorithm(struct der_writer *w, const char *name, struct span parameters)
{
    char dotted[64];
    size_t mark = der_mark(w);
    assert_true(OBJ_obj2txt(dotted, sizeof dotted, OBJ_nid2obj(OBJ_sn2nid(name)), 1) > 0);
    der_put(w, parameters);
    put_dotted(w, dotted);
    der_wrap(w, DER_SEQUENCE, mark);
}

static const char *cipher_of(const struct forge *f)
{
    return or_else(f->cipher, f->enveloped ? "AES-128-CBC" : "AES-128-GCM");
}

/* OpenSSL's short names for what it calls AES-128-WRAP and AES-128-GCM. */
static const char *short_name(const char *cipher)
{
    static const char *const names[][2] = {
        {"AES-128-GCM", "id-aes128-GCM"},   {"AES-192-GCM", "id-aes192-GCM"},   {"AES-256-GCM", "id-aes256-GCM"},
        {"AES-128-WRAP", "id-aes128-wrap"}, {"AES-192-WRAP", "id-aes192-wrap"}, {"AES-256-WRAP", "id-aes256-wrap"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(cipher, names[i][0]) == 0)
            return names[i][1];
    return cipher;
}

/* --- content --- */

static void encrypt(struct forging *g, const uint8_t *nonce, size_t nonce_len, uint8_t *out, uint8_t *tag,
                    size_t tag_len)
{
    const struct forge *f = g->f;
    int n;
    uint8_t set[1024], none[16];
    struct der_writer attributes = der_writer_over(set, sizeof set);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_of(f), NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(context, cipher, NULL, NULL, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)nonce_len, NULL), 1);
    assert_int_equal(EVP_EncryptInit_ex(context, NULL, NULL, g->key, nonce), 1);
    if (f->auth_attributes.len) {
        der_put_item(&attributes, DER_SET, f->auth_attributes);
        struct span aad = der_written(&attributes);
        assert_int_equal(EVP_EncryptUpdate(context, NULL, &n, aad.at, (int)aad.len), 1);
    }
    if (f->content.len)
        assert_int_equal(EVP_EncryptUpdate(context, out, &n, f->content.at, (int)f->content.len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, none, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, (int)tag_len, tag), 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
}

/* Padded by hand, as RFC 5652 6.3 says. */
static struct span encrypt_cbc(struct forging *g, const uint8_t iv[16])
{
    const struct forge *f = g->f;
    int n;
    uint8_t pad = (uint8_t)(16 - f->content.len % 16), none[16];
    size_t len = f->content.len + pad;
    uint8_t *plain = malloc(len), *sealed = malloc(len);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_of(f), NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (f->content.len)
        memcpy(plain, f->content.at, f->content.len);
    memset(plain + f->content.len, pad, pad);
    if (f->broken_padding)
        plain[len - 1] = 0;
    assert_int_equal(EVP_EncryptInit_ex(context, cipher, NULL, g->key, iv), 1);
    EVP_CIPHER_CTX_set_padding(context, 0);
    assert_int_equal(EVP_EncryptUpdate(context, sealed, &n, plain, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, none, &n), 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    free(plain);
    return span_of(sealed, len);
}

/* EncryptedContentInfo of EnvelopedData (RFC 5652 6.1, RFC 3565 4.1). */
static void put_enveloped_content(struct forging *g)
{
    uint8_t iv[16], room[32];
    struct der_writer *w = &g->w, parameters = der_writer_over(room, sizeof room);
    RAND_bytes(iv, sizeof iv);
    struct span sealed = encrypt_cbc(g, iv);
    if (g->f->unauth_attributes.len)
        der_put_item(w, DER_CONTEXT_CONSTRUCTED(1), g->f->unauth_attributes);
    size_t mark = der_mark(w);
    der_put_item(w, DER_CONTEXT(0), sealed);
    der_put_item(&parameters, DER_OCTET_STRING, span_of(iv, sizeof iv));
    put_named_algorithm(w, cipher_of(g->f), der_written(&parameters));
    der_put_oid(w, OID_DATA);
    der_wrap(w, DER_SEQUENCE, mark);
    free((void *)(uintptr_t)sealed.at);
}

static void put_content(struct forging *g)
{
    const struct forge *f = g->f;
    struct der_writer *w = &g->w;
    uint8_t nonce[64], tag[16], room[256];
    size_t nonce_len = f->nonce_len ? f->nonce_len : 12, tag_len = f->tag_len ? f->tag_len : 16, mark;
    RAND_bytes(nonce, sizeof nonce);
    uint8_t *sealed = malloc(f->content.len + 1);
    encrypt(g, nonce, nonce_len, sealed, tag, tag_len);
    if (f->unauth_attributes.len)
        der_put_item(w, DER_CONTEXT_CONSTRUCTED(2), f->unauth_attributes);
    der_put_item(w, DER_OCTET_STRING, span_of(tag, tag_len));
    if (f->auth_attributes.len)
        der_put_item(w, DER_CONTEXT_CONSTRUCTED(1), f->auth_attributes);
    mark = der_mark(w);
    der_put_item(w, DER_CONTEXT(0), span_of(sealed, f->content.len));
    struct der_writer parameters = der_writer_over(room, sizeof room);
    size_t inner = der_mark(&parameters);
    if (!f->icv_default)
        der_put_small(&parameters, (uint32_t)tag_len);
    der_put_item(&parameters, DER_OCTET_STRING, span_of(nonce, nonce_len));
    der_wrap(&parameters, DER_SEQUENCE, inner);
    put_named_algorithm(w, short_name(cipher_of(f)), der_written(&parameters));
    der_put_oid(w, OID_DATA);
    der_wrap(w, DER_SEQUENCE, mark);
    free(sealed);
}

/* --- readers --- */

static size_t agreed_secret(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[66])
{
    size_t len = 66;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    assert_int_equal(EVP_PKEY_derive_init(context), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(context, peer), 1);
    assert_int_equal(EVP_PKEY_derive(context, secret, &len), 1);
    EVP_PKEY_CTX_free(context);
    return len;
}

/* ECC-CMS-SharedInfo, written out by hand from RFC 5753 7.2. */
static struct span shared_info(const struct forge *f, uint32_t bits, struct span wrap_algorithm, struct der_writer *w)
{
    uint8_t length[] = {0x04, 0x04, 0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
    uint8_t room[256];
    der_put_item(w, 0xa2, span_of(length, sizeof length));
    if (f->ukm.at) {
        struct der_writer ukm = der_writer_over(room, sizeof room);
        der_put_item(&ukm, 0x04, f->ukm);
        der_put_item(w, 0xa0, der_written(&ukm));
    }
    der_put(w, wrap_algorithm);
    der_wrap(w, 0x30, w->cap);
    return der_written(w);
}

static enum key_kind kind_of(const struct forge *f)
{
    return f->reader[0]->key_kind;
}

static OSSL_PARAM octets(const char *name, struct span s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)s.at, s.len);
}

static void derive(const struct forge *f, struct span secret, struct span info, uint8_t *key, size_t len)
{
    char digest[16];
    const char *name = or_else(f->kdf, kind_of(f) == KEY_X25519 ? "HKDF" : "X963KDF");
    bool salted = strcmp(name, "HKDF") == 0 && f->ukm.len;
    snprintf(digest, sizeof digest, "%s", or_else(f->kdf_digest, "SHA256"));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_SECRET, secret),
        octets(OSSL_KDF_PARAM_INFO, info),
        salted ? octets(OSSL_KDF_PARAM_SALT, f->ukm) : OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    if (strcmp(name, "HKDF") == 0)
        params[1].key = OSSL_KDF_PARAM_KEY;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    assert_int_equal(EVP_KDF_derive(context, key, len, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static size_t wrap(EVP_CIPHER *cipher, const uint8_t *kek, const uint8_t *key, size_t len, uint8_t *out)
{
    int n = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    assert_int_equal(EVP_EncryptInit_ex(context, cipher, NULL, kek, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, out, &n, key, (int)len), 1);
    EVP_CIPHER_CTX_free(context);
    return (size_t)n;
}

static void put_reader(struct forging *g, EVP_PKEY *ephemeral, const struct certificate *reader,
                       struct span wrap_algorithm)
{
    struct der_writer *w = &g->w;
    uint8_t secret[66], room[512], kek[KEY_MAX], wrapped[KEY_MAX + 8], key[KEY_MAX];
    struct der_writer info = der_writer_over(room, sizeof room);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, or_else(g->f->wrap, "AES-128-WRAP"), NULL);
    size_t kek_len = (size_t)EVP_CIPHER_get_key_length(cipher), mark = der_mark(w);
    size_t len = agreed_secret(ephemeral, reader->key, secret);
    derive(g->f, span_of(secret, len), shared_info(g->f, (uint32_t)kek_len * 8, wrap_algorithm, &info), kek, kek_len);
    memcpy(key, g->key, sizeof key);
    key[0] ^= g->f->wrong_content_key;
    len = wrap(cipher, kek, key, g->key_len, wrapped);
    der_put_item(w, DER_OCTET_STRING, span_of(wrapped, len));
    if (g->f->by_key_id) {
        size_t id = der_mark(w);
        der_put_item(w, DER_OCTET_STRING, reader->subject_key_id);
        der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), id);
    } else {
        der_put(w, reader->issuer_and_serial);
    }
    der_wrap(w, DER_SEQUENCE, mark);
    EVP_CIPHER_free(cipher);
}

static void put_originator(struct forging *g, EVP_PKEY *ephemeral)
{
    struct der_writer *w = &g->w;
    unsigned char *point;
    size_t mark = der_mark(w), len = EVP_PKEY_get1_encoded_public_key(ephemeral, &point);
    if (g->f->compressed) {
        point[0] = (unsigned char)(0x02 | (point[len - 1] & 1));
        len = 33;
    }
    der_put_bits(w, span_of(point, len));
    size_t algorithm = der_mark(w);
    der_put(w, g->f->originator_parameters);
    der_put_oid(w, kind_of(g->f) == KEY_X25519 ? OID_X25519 : OID_EC_PUBLIC_KEY);
    der_wrap(w, DER_SEQUENCE, algorithm);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
    OPENSSL_free(point);
}

static EVP_PKEY *new_ephemeral(const struct forge *f)
{
    if (kind_of(f) == KEY_X25519)
        return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    return kind_of(f) == KEY_P384 ? EVP_EC_gen("P-384") : EVP_EC_gen("P-256");
}

static const char *usual_scheme(const struct forge *f)
{
    return kind_of(f) == KEY_X25519 ? "1.2.840.113549.1.9.16.3.19" : "1.3.132.1.11.1";
}

static void put_key_agreement(struct forging *g, const struct certificate *const *readers, size_t count)
{
    uint8_t room[128];
    struct der_writer *w = &g->w, algorithm = der_writer_over(room, sizeof room);
    EVP_PKEY *ephemeral = new_ephemeral(g->f);
    put_named_algorithm(&algorithm, short_name(or_else(g->f->wrap, "AES-128-WRAP")), g->f->wrap_parameters);
    size_t whole = der_mark(w), mark;
    for (size_t i = count; i-- > 0;)
        put_reader(g, ephemeral, readers[i], der_written(&algorithm));
    der_wrap(w, DER_SEQUENCE, whole);
    mark = der_mark(w);
    der_put(w, der_written(&algorithm));
    put_dotted(w, or_else(g->f->scheme, usual_scheme(g->f)));
    der_wrap(w, DER_SEQUENCE, mark);
    if (g->f->ukm.at) {
        mark = der_mark(w);
        der_put_item(w, DER_OCTET_STRING, g->f->ukm);
        der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
    }
    put_originator(g, ephemeral);
    der_put_small(w, 3);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), whole);
    EVP_PKEY_free(ephemeral);
}

/* OAEP keeps the label that it is given. */
static void set_label(EVP_PKEY_CTX *context, const char *label)
{
    unsigned char *copy = OPENSSL_malloc(strlen(label));
    memcpy(copy, label, strlen(label));
    assert_true(EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)strlen(label)) > 0);
}

static struct span encrypt_key(struct forging *g, EVP_PKEY *key, uint8_t room[1024])
{
    const struct forge_transport *t = &g->f->transport;
    uint8_t bytes[64] = {0};
    size_t len = 1024;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    memcpy(bytes, g->key, g->key_len);
    bytes[0] ^= g->f->wrong_content_key;
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(context, t->padding ? t->padding : RSA_PKCS1_OAEP_PADDING) > 0);
    if (!t->padding) {
        EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_get_digestbyname(or_else(t->digest, "SHA256")));
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_get_digestbyname(or_else(t->mgf1, or_else(t->digest, "SHA256"))));
        if (t->label)
            set_label(context, t->label);
    }
    assert_int_equal(EVP_PKEY_encrypt(context, room, &len, bytes, t->key_len ? t->key_len : g->key_len), 1);
    EVP_PKEY_CTX_free(context);
    return span_of(room, len);
}

static void put_key_transport(struct forging *g, const struct certificate *reader)
{
    uint8_t room[1024];
    struct der_writer *w = &g->w;
    size_t mark = der_mark(w);
    der_put_item(w, DER_OCTET_STRING, encrypt_key(g, reader->key, room));
    der_put(w, g->f->transport.algorithm);
    if (g->f->by_key_id)
        der_put_item(w, DER_CONTEXT(0), reader->subject_key_id);
    else
        der_put(w, reader->issuer_and_serial);
    der_put_small(w, g->f->by_key_id ? 2 : 0);
    der_wrap(w, DER_SEQUENCE, mark);
}

static void put_readers(struct forging *g, size_t count)
{
    if (kind_of(g->f) == KEY_RSA)
        for (size_t i = count; i-- > 0;)
            put_key_transport(g, g->f->reader[i]);
    else if (g->f->key_for_each)
        for (size_t i = count; i-- > 0;)
            put_key_agreement(g, &g->f->reader[i], 1);
    else
        put_key_agreement(g, g->f->reader, count);
}

struct span forge_sealed(struct arena *arena, const struct forge *f)
{
    struct forging g = {.f = f, .w = der_writer_over(arena_take(arena, ROOM), ROOM)};
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_of(f), NULL);
    size_t count = 0, whole = der_mark(&g.w), mark;
    assert_false(g.w.full);
    g.key_len = (size_t)EVP_CIPHER_get_key_length(cipher);
    EVP_CIPHER_free(cipher);
    if (!f->zero_content_key)
        RAND_bytes(g.key, sizeof g.key);
    if (f->enveloped)
        put_enveloped_content(&g);
    else
        put_content(&g);
    mark = der_mark(&g.w);
    while (count < 4 && f->reader[count])
        count++;
    put_readers(&g, count);
    der_wrap(&g.w, DER_SET, mark);
    der_put_small(&g.w, f->enveloped && kind_of(f) != KEY_RSA ? 2 : 0);
    der_wrap(&g.w, DER_SEQUENCE, whole);
    der_wrap(&g.w, DER_CONTEXT_CONSTRUCTED(0), whole);
    der_put_oid(&g.w, f->enveloped ? OID_ENVELOPED_DATA : OID_AUTH_ENVELOPED_DATA);
    der_wrap(&g.w, DER_SEQUENCE, whole);
    assert_false(g.w.full);
    return der_written(&g.w);
}
