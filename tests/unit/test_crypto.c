/* The small ones: digests, AEAD, random bytes, PEM, the X9.63 key derivation, and the preparation of the library. */
#include "test.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "cms/key_agreement.h"
#include "sipseal/aead.h"
#include "sipseal/arena.h"
#include "sipseal/crypto.h"
#include "sipseal/digest.h"
#include "sipseal/pem.h"
#include "sipseal/random.h"

static void assert_hex(struct span s, const char *hex)
{
    static uint8_t room[1024];
    struct writer w = writer_over(room, sizeof room);
    writer_hex(&w, s);
    assert_span_text(writer_span(&w), hex);
}

static void sha256_gives_the_known_answers_in_one_piece_and_in_several(void **state)
{
    (void)state;
    uint8_t hash[SHA256_LEN];
    /* FIPS 180-4 examples */
    assert_true(sha256(SPAN("abc"), hash));
    assert_hex(span_of(hash, sizeof hash), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(sha256(SPAN(""), hash));
    assert_hex(span_of(hash, sizeof hash), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct sha256 h;
    sha256_begin(&h);
    sha256_more(&h, SPAN("a"));
    sha256_more(&h, SPAN(""));
    sha256_more(&h, SPAN("bc"));
    assert_true(sha256_end(&h, hash));
    assert_hex(span_of(hash, sizeof hash), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct sha256 zeroed = {0};
    assert_false(sha256_end(&zeroed, hash));
    sha256_begin(&h);
    sha256_abandon(&h);
    sha256_abandon(&h);
}

static void aead_gives_the_known_answer(void **state)
{
    (void)state;
    /* McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16 */
    uint8_t key[32], nonce[12], aad[20], plain[60], out[60 + AEAD_TAG_LEN];
    assert_true(hex_decode(SPAN("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"), key, 32));
    assert_true(hex_decode(SPAN("cafebabefacedbaddecaf888"), nonce, 12));
    assert_true(hex_decode(SPAN("feedfacedeadbeeffeedfacedeadbeefabaddad2"), aad, 20));
    assert_true(hex_decode(SPAN("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf"
                                "0e2449a6b525b16aedf5aa0de657ba637b39"),
                           plain, 60));
    assert_true(aead_seal(key, nonce, span_of(aad, 20), span_of(plain, 60), out));
    assert_hex(span_of(out, sizeof out),
               "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
               "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
               "76fc6ece0f4e1768cddf8853bb2d551b");
}

static void aead_opens_nothing_that_was_changed_and_leaves_nothing_behind(void **state)
{
    (void)state;
    uint8_t key[32] = {1}, nonce[12] = {2}, sealed[5 + AEAD_TAG_LEN], out[5];
    assert_true(aead_seal(key, nonce, SPAN("about"), SPAN("plain"), sealed));
    assert_true(aead_open(key, nonce, SPAN("about"), span_of(sealed, sizeof sealed), out));
    assert_span_text(span_of(out, 5), "plain");
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(out, 0x55, sizeof out);
        assert_false(aead_open(key, nonce, SPAN("about"), span_of(sealed, sizeof sealed), out));
        assert_hex(span_of(out, 5), "0000000000");
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_false(aead_open(key, nonce, SPAN("About"), span_of(sealed, sizeof sealed), out));
    for (size_t len = 0; len < sizeof sealed; len++)
        assert_false(aead_open(key, nonce, SPAN("about"), span_of(sealed, len), out));
    key[0] = 2;
    assert_false(aead_open(key, nonce, SPAN("about"), span_of(sealed, sizeof sealed), out));
    assert_int_equal(ERR_peek_error(), 0);
}

static void aead_takes_empty_text(void **state)
{
    (void)state;
    uint8_t key[32] = {1}, nonce[12] = {2}, sealed[AEAD_TAG_LEN], out[1];
    assert_true(aead_seal(key, nonce, SPAN(""), SPAN(""), sealed));
    assert_true(aead_open(key, nonce, SPAN(""), span_of(sealed, sizeof sealed), out));
    sealed[0] ^= 1;
    assert_false(aead_open(key, nonce, SPAN(""), span_of(sealed, sizeof sealed), out));
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[16] = {0}, b[16] = {0};
    assert_true(random_bytes(a, sizeof a) && random_bytes(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(random_bytes(a, 0));
}

static void the_x963_kdf_gives_the_known_answers(void **state)
{
    (void)state;
    uint8_t secret[24], info[16], out[128];
    /* NIST CAVP, ANSI X9.63-2001 KDF with SHA-256 */
    assert_true(hex_decode(SPAN("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08"), secret, 24));
    assert_true(x963_kdf(primitives()->sha256, span_of(secret, 24), SPAN(""), out, 16));
    assert_hex(span_of(out, 16), "443024c3dae66b95e6f5670601558f71");
    assert_true(hex_decode(SPAN("22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d"), secret, 24));
    assert_true(hex_decode(SPAN("75eef81aa3041e33b80971203d2c0c52"), info, 16));
    assert_true(x963_kdf(primitives()->sha256, span_of(secret, 24), span_of(info, 16), out, 128));
    assert_hex(span_of(out, 128), "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e"
                                  "52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485"
                                  "500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269"
                                  "142d43525a78e5bc79a17f59676a5706dc54d54d4d1f0bd7e386128ec26afc21");
}

static void the_x963_kdf_is_that_of_openssl(void **state)
{
    (void)state;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "X963KDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA256";
    for (size_t len = 1; len < 100; len += 7) {
        uint8_t secret[32], info[40], ours[100], theirs[100];
        assert_true(random_bytes(secret, sizeof secret) && random_bytes(info, sizeof info));
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, sizeof secret),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info),
            OSSL_PARAM_construct_end(),
        };
        assert_int_equal(EVP_KDF_derive(context, theirs, len, params), 1);
        const EVP_MD *sha256 = primitives()->sha256;
        assert_true(x963_kdf(sha256, span_of(secret, sizeof secret), span_of(info, sizeof info), ours, len));
        assert_memory_equal(ours, theirs, len);
    }
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void hkdf_gives_the_known_answers(void **state)
{
    (void)state;
    uint8_t secret[22], salt[13], info[10], out[42];
    memset(secret, 0x0b, sizeof secret);
    for (uint8_t i = 0; i < sizeof salt; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(0xf0 + i);
    /* RFC 5869 A.1 and A.3 */
    const EVP_MD *sha256 = primitives()->sha256;
    assert_true(hkdf(sha256, span_of(salt, sizeof salt), span_of(secret, sizeof secret), span_of(info, sizeof info),
                     out, sizeof out));
    assert_hex(span_of(out, sizeof out), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                                         "34007208d5b887185865");
    assert_true(hkdf(sha256, SPAN(""), span_of(secret, sizeof secret), SPAN(""), out, sizeof out));
    assert_hex(span_of(out, sizeof out), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                                         "9d201395faa4b61a96c8");
}

static void points_off_the_curve_make_no_key_of(enum key_kind kind)
{
    struct agreement agreement;
    uint8_t point[POINT_MAX];
    assert_true(agreement_of(primitives(), kind, &agreement));
    EVP_PKEY *own = ephemeral_key(&agreement, point);
    assert_non_null(own);
    EVP_PKEY *peer = peer_key(&agreement, span_of(point, agreement.point_len));
    assert_non_null(peer);
    EVP_PKEY_free(peer);
    /* For one x there are two y, which differ in many bits. */
    for (size_t at = (agreement.point_len + 1) / 2; at < agreement.point_len; at++) {
        point[at] ^= 1;
        assert_null(peer_key(&agreement, span_of(point, agreement.point_len)));
        point[at] ^= 1;
    }
    uint8_t zero[POINT_MAX] = {4}, infinity[1] = {0};
    assert_null(peer_key(&agreement, span_of(zero, agreement.point_len)));
    assert_null(peer_key(&agreement, span_of(infinity, sizeof infinity)));
    assert_null(peer_key(&agreement, span_of(point, agreement.point_len - 1)));
    EVP_PKEY_free(own);
    ERR_clear_error();
}

static void points_off_the_curve_make_no_key(void **state)
{
    (void)state;
    points_off_the_curve_make_no_key_of(KEY_P256);
    points_off_the_curve_make_no_key_of(KEY_P384);
}

static void the_library_can_be_prepared_more_than_once(void **state)
{
    (void)state;
    assert_rule(crypto_prepare(), RULE_OK);
    assert_rule(crypto_prepare(), RULE_OK);
    assert_int_equal(ERR_peek_error(), 0);
}

/* --- PEM --- */

static int open_arena(void **state)
{
    static struct arena arena;
    assert_true(arena_open(&arena, 64 * 1024));
    *state = &arena;
    return 0;
}

static int close_arena(void **state)
{
    arena_close(*state);
    return 0;
}

static void pem_reads_what_it_writes(void **state)
{
    struct arena *arena = *state;
    for (size_t len = 1; len < 200; len++) {
        uint8_t bytes[200];
        struct span der;
        assert_true(random_bytes(bytes, len));
        struct writer w = arena_writer(arena, 1024);
        pem_write(&w, PEM_CERTIFICATE, span_of(bytes, len));
        assert_rule(pem_only(arena, writer_span(&w), PEM_CERTIFICATE, &der), RULE_OK);
        assert_span_equal(der, span_of(bytes, len));
        arena_reset(arena);
    }
}

static void pem_finds_every_block_of_a_type_between_other_things(void **state)
{
    struct arena *arena = *state;
    struct span rest = SPAN("subject=x\n"
                            "-----BEGIN CERTIFICATE-----\r\nYQ==\r\n-----END CERTIFICATE-----\r\n"
                            "-----BEGIN PRIVATE KEY-----\nYg==\n-----END PRIVATE KEY-----\n"
                            "\n-----BEGIN CERTIFICATE-----\nYw==\n-----END CERTIFICATE-----");
    struct span text = rest, der;
    assert_rule(pem_next(arena, &rest, PEM_CERTIFICATE, &der), RULE_OK);
    assert_span_text(der, "a");
    assert_rule(pem_next(arena, &rest, PEM_CERTIFICATE, &der), RULE_OK);
    assert_span_text(der, "c");
    assert_rule(pem_next(arena, &rest, PEM_CERTIFICATE, &der), RULE_OK);
    assert_int_equal(der.len, 0);
    assert_rule(pem_only(arena, text, PEM_PRIVATE_KEY, &der), RULE_OK);
    assert_span_text(der, "b");
    assert_rule(pem_only(arena, text, PEM_CERTIFICATE, &der), RULE_FILE_FORMAT); /* two */
    assert_rule(pem_only(arena, text, PEM_CRL, &der), RULE_FILE_FORMAT);         /* none */
}

static void pem_refuses_what_is_broken(void **state)
{
    struct arena *arena = *state;
    static const char *const broken[] = {
        "-----BEGIN CERTIFICATE-----\nYQ==\n",
        "-----BEGIN CERTIFICATE-----\nYQ==\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nY\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nYQ==\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct span rest = span_text(broken[i]), der;
        assert_rule(pem_next(arena, &rest, PEM_CERTIFICATE, &der), RULE_FILE_FORMAT);
    }
    struct span rest = SPAN("-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"), der;
    arena->fail_after = 0;
    assert_rule(pem_next(arena, &rest, PEM_CERTIFICATE, &der), RULE_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_known_answers_in_one_piece_and_in_several),
        cmocka_unit_test(aead_gives_the_known_answer),
        cmocka_unit_test(aead_opens_nothing_that_was_changed_and_leaves_nothing_behind),
        cmocka_unit_test(aead_takes_empty_text),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(the_x963_kdf_gives_the_known_answers),
        cmocka_unit_test(the_x963_kdf_is_that_of_openssl),
        cmocka_unit_test(points_off_the_curve_make_no_key),
        cmocka_unit_test(hkdf_gives_the_known_answers),
        cmocka_unit_test(the_library_can_be_prepared_more_than_once),
        cmocka_unit_test_setup_teardown(pem_reads_what_it_writes, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(pem_finds_every_block_of_a_type_between_other_things, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(pem_refuses_what_is_broken, open_arena, close_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
