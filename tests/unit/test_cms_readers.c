/* Readers of every kind of key that protocol.md 2.2 names: what is written to them, what is read, what is refused. RFC
 * 5753, RFC 8418, RFC 3560 and RFC 4055 4. */
#include "test.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "cms/der.h"
#include "der_edit.h"
#include "forge.h"
#include "pki.h"

#define CONTENT SPAN("some content")
#define RECIPIENTS "1.0.1"
#define KARI RECIPIENTS ".0"
#define POINT KARI ".1.0.1"
#define TRANSPORTED_KEY KARI ".3"

#define NUL "\x05\x00"
#define SHA256_ID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define SHA384_ID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define SHA512_ID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"
#define PKCS1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define OAEP_ID PKCS1 "\x07"
#define MGF1(id) "\xa1\x1c\x30\x1a" PKCS1 "\x08\x30\x0d" id NUL
#define DIGEST(id) "\xa0\x0f\x30\x0d" id NUL
/* RSAES-OAEP-params with one digest (RFC 4055 4.1), in an AlgorithmIdentifier. */
#define OAEP(id) "\x30\x3c" OAEP_ID "\x30\x2f" DIGEST(id) MGF1(id)

enum who { P256, P384, X25519, RSA_2048, KINDS, AGAIN = KINDS, WHO_COUNT = 2 * KINDS };

struct fixture {
    struct arena arena, made;
    struct identity who[WHO_COUNT]; /* two of each kind */
    struct certificate *reader[WHO_COUNT];
    struct forge forge[KINDS]; /* what tests begin with: sealed to both of a kind */
};

static EVP_PKEY *new_key(enum who kind)
{
    switch (kind) {
    case P384:
        return EVP_EC_gen("P-384");
    case X25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    case RSA_2048:
        return EVP_RSA_gen(2048);
    default:
        return EVP_EC_gen("P-256");
    }
}

static struct certificate *certificate_for(struct arena *arena, const struct identity *authority, EVP_PKEY *key,
                                           const char *name)
{
    const char *const extensions[] = {"subjectKeyIdentifier=hash", NULL};
    const struct pki_odd odd = {.subject = name, .key = key, .authority = authority, .extensions = extensions};
    struct certificate *c;
    assert_rule(certificate_parse(pki_odd(arena, &odd, NULL), &c), RULE_OK);
    return c;
}

static int make_all(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, 1024 * 1024) && arena_open(&f.made, 1024 * 1024));
    for (enum who who = 0; who < WHO_COUNT; who++) {
        char name[] = {'C', 'A', (char)('a' + who), 0}; /* one for each: the serial numbers of pki_odd are the same */
        struct identity authority = pki_authority(name);
        f.who[who].key = new_key(who % KINDS);
        f.who[who].certificate = certificate_for(&f.arena, &authority, f.who[who].key, "reader");
        f.reader[who] = f.who[who].certificate;
        identity_clear(&authority);
    }
    arena_reset(&f.arena);
    *state = &f;
    return 0;
}

static int drop_all(void **state)
{
    struct fixture *f = *state;
    for (enum who who = 0; who < WHO_COUNT; who++)
        identity_clear(&f->who[who]);
    arena_close(&f->arena);
    arena_close(&f->made);
    return 0;
}

static int begin(void **state)
{
    struct fixture *f = *state;
    for (enum who kind = 0; kind < KINDS; kind++)
        f->forge[kind] = (struct forge){.reader = {f->reader[kind], f->reader[AGAIN + kind]},
                                        .content = CONTENT,
                                        .transport = {.algorithm = SPAN(OAEP(SHA256_ID))}};
    return 0;
}

static int clean_up(void **state)
{
    struct fixture *f = *state;
    f->arena.fail_after = f->made.fail_after = SIZE_MAX;
    arena_reset(&f->arena);
    arena_reset(&f->made);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static struct span seal(struct fixture *f, struct certificate *const *readers, size_t count)
{
    struct span der;
    assert_rule(cms_seal(&f->arena, readers, count, CONTENT, &der), RULE_OK);
    assert_true(der_well_formed(der));
    return der;
}

static void assert_opens_as(struct fixture *f, enum who who, struct span der, enum rule expected)
{
    struct span content;
    assert_rule(cms_open(&f->made, der, &f->who[who], &content), expected);
    assert_span_equal(content, expected == RULE_OK ? CONTENT : SPAN(""));
    if (expected != RULE_OK)
        assert_true(f->made.used == 0 && f->made.at[0] == 0 &&
                    memcmp(f->made.at, f->made.at + 1, 4096) == 0); /* no plaintext is left */
    arena_reset(&f->made);
}

/* Both readers of the kind open it, or neither. */
static void assert_opens(struct fixture *f, enum who kind, struct span der, enum rule expected)
{
    assert_opens_as(f, kind, der, expected);
    assert_opens_as(f, AGAIN + kind, der, expected);
}

static void assert_forged(struct fixture *f, enum who kind, const struct forge *forge, enum rule expected)
{
    assert_opens(f, kind, forge_sealed(&f->arena, forge), expected);
    arena_reset(&f->arena);
}

static void assert_edited(struct fixture *f, enum who kind, const char *path, struct span bytes, enum rule expected)
{
    struct span der = forge_sealed(&f->arena, &f->forge[kind]);
    assert_opens_as(f, kind, der, RULE_OK);
    assert_opens_as(f, kind, der_replace(&f->arena, der, path, bytes), expected);
    arena_reset(&f->arena);
}

/* --- what is written --- */

static void every_kind_of_reader_opens_what_is_sealed_to_it(void **state)
{
    struct fixture *f = *state;
    for (enum who who = 0; who < WHO_COUNT; who++) {
        struct span der = seal(f, &f->reader[who], 1);
        for (enum who other = 0; other < WHO_COUNT; other++)
            assert_opens_as(f, other, der, other == who ? RULE_OK : RULE_CMS_NOT_READER);
        arena_reset(&f->arena);
    }
}

/* One KeyAgreeRecipientInfo for each kind, one KeyTransRecipientInfo for each reader with RSA, in DER's order. */
static void readers_of_all_kinds_open_one_object(void **state)
{
    struct fixture *f = *state;
    struct span der = seal(f, f->reader, WHO_COUNT), recipients = der_at(der, RECIPIENTS), set;
    struct cms_readers readers;
    for (enum who who = 0; who < WHO_COUNT; who++)
        assert_opens_as(f, who, der, RULE_OK);
    assert_rule(cms_readers_of(der, &readers), RULE_OK);
    assert_int_equal(readers.count, WHO_COUNT);
    for (enum who who = 0; who < WHO_COUNT; who++)
        assert_true(cms_readers_include(&readers, f->reader[who]));
    struct cursor c = cursor_over(recipients);
    assert_true(der_take_content(&c, DER_SET, &set) && der_set_is_sorted(set));
    size_t agreements = 0, transports = 0;
    struct der item;
    for (c = cursor_over(set); der_take(&c, &item);) {
        agreements += item.tag == DER_CONTEXT_CONSTRUCTED(1);
        transports += item.tag == DER_SEQUENCE;
    }
    assert_int_equal(agreements, 3);
    assert_int_equal(transports, 2);
}

static void each_kind_of_reader_has_its_algorithms(void **state)
{
    struct fixture *f = *state;
    const struct {
        struct span key, scheme, wrap, content;
    } wanted[] = {
        [P256] = {SPAN("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"), SPAN("\x06\x06\x2b\x81\x04\x01\x0b\x01"),
                  SPAN("\x05"), SPAN("\x06")},
        [P384] = {SPAN("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"), SPAN("\x06\x06\x2b\x81\x04\x01\x0b\x02"),
                  SPAN("\x2d"), SPAN("\x2e")},
        [X25519] = {SPAN("\x30\x05\x06\x03\x2b\x65\x6e"),
                    SPAN("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x13"), SPAN("\x05"), SPAN("\x06")},
    };
    for (enum who kind = P256; kind <= X25519; kind++) {
        struct span der = seal(f, &f->reader[kind], 1), wrap = der_at(der, KARI ".2.1.0");
        struct span content = der_at(der, "1.0.2.1.0");
        assert_span_equal(der_at(der, KARI ".1.0.0"), wanted[kind].key);
        assert_span_equal(der_at(der, KARI ".2.0"), wanted[kind].scheme);
        assert_span_equal(span_part(wrap, wrap.len - 1, 1), wanted[kind].wrap);
        assert_span_equal(span_part(content, content.len - 1, 1), wanted[kind].content);
    }
    assert_int_equal(der_at(seal(f, &f->reader[X25519], 1), POINT).len, 2 + 1 + 32);
    struct span der = seal(f, &f->reader[RSA_2048], 1), content = der_at(der, "1.0.2.1.0");
    assert_span_equal(der_at(der, KARI ".0"), SPAN("\x02\x01\x00"));
    assert_span_equal(der_at(der, KARI ".1"), f->reader[RSA_2048]->issuer_and_serial);
    assert_span_equal(der_at(der, KARI ".2"), SPAN(OAEP(SHA256_ID)));
    assert_int_equal(der_at(der, TRANSPORTED_KEY).len, 4 + 256);
    assert_span_equal(span_part(content, content.len - 1, 1), SPAN("\x06"));
}

/* A reader with P-384 asks for AES-256 for all, and the caller may. */
static void aes_256_is_written_when_a_reader_or_the_caller_asks(void **state)
{
    struct fixture *f = *state;
    struct certificate *const two[] = {f->reader[P256], f->reader[P384]};
    const struct cms_choice aes256 = {.aes256 = true}, usual = {.aes256 = false};
    struct span der = seal(f, two, 2);
    assert_span_equal(der_at(der, "1.0.2.1.0"), SPAN("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2e"));
    assert_opens_as(f, P256, der, RULE_OK);
    for (enum who who = 0; who < KINDS; who++) {
        assert_rule(cms_seal_as(&f->arena, &aes256, &f->reader[who], 1, CONTENT, &der), RULE_OK);
        assert_span_equal(der_at(der, "1.0.2.1.0"), SPAN("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2e"));
        assert_opens_as(f, who, der, RULE_OK);
        if (who != RSA_2048) /* AES-256 key wrap */
            assert_span_equal(der_at(der, KARI ".2.1"), SPAN("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2d"));
    }
    assert_rule(cms_seal_as(&f->arena, &usual, two, 1, CONTENT, &der), RULE_OK);
    assert_span_equal(der_at(der, "1.0.2.1.0"), SPAN("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x06"));
}

static void no_two_sealings_share_a_transported_or_an_ephemeral_key(void **state)
{
    struct fixture *f = *state;
    for (enum who kind = 0; kind < KINDS; kind++) {
        struct span a = seal(f, &f->reader[kind], 1), b = seal(f, &f->reader[kind], 1);
        const char *path = kind == RSA_2048 ? TRANSPORTED_KEY : POINT;
        assert_false(span_equal(der_at(a, path), der_at(b, path)));
        assert_false(span_equal(der_at(a, "1.0.2.2"), der_at(b, "1.0.2.2")));
    }
}

/* --- key agreement as read: RFC 5753 7.1.4, RFC 8418 2 --- */

static void every_kdf_wrap_and_cipher_of_the_profile_is_read(void **state)
{
    struct fixture *f = *state;
    const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM"}, *const wraps[] = {"AES-128-WRAP", "AES-256-WRAP"};
    const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
    const char *const x963[] = {"1.3.132.1.11.1", "1.3.132.1.11.2", "1.3.132.1.11.3"};
    const char *const hkdf[] = {"1.2.840.113549.1.9.16.3.19", "1.2.840.113549.1.9.16.3.20",
                                "1.2.840.113549.1.9.16.3.21"};
    for (enum who kind = P256; kind <= X25519; kind++)
        for (size_t i = 0; i < 12; i++) {
            struct forge *forge = &f->forge[kind];
            forge->scheme = kind == X25519 ? hkdf[i % 3] : x963[i % 3];
            forge->kdf_digest = digests[i % 3];
            forge->cipher = ciphers[i / 3 % 2];
            forge->wrap = wraps[i / 6];
            assert_forged(f, kind, forge, RULE_OK);
            forge->kdf_digest = digests[(i + 1) % 3];
            assert_forged(f, kind, forge, RULE_CMS_OPEN);
        }
}

static void user_keying_material_enters_the_key(void **state)
{
    struct fixture *f = *state;
    for (enum who kind = P256; kind <= X25519; kind++) {
        f->forge[kind].ukm = SPAN("sixteen bytes of");
        assert_forged(f, kind, &f->forge[kind], RULE_OK);
        struct span der = forge_sealed(&f->arena, &f->forge[kind]);
        assert_opens(f, kind, der_flip(&f->arena, der, KARI ".2.0", 0), RULE_CMS_OPEN);
        f->forge[kind].ukm = SPAN("");
        assert_forged(f, kind, &f->forge[kind], RULE_OK); /* present and empty is not the same as absent */
    }
}

static void a_kdf_of_the_other_family_or_with_sha1_is_refused(void **state)
{
    struct fixture *f = *state;
    struct forge *forge = &f->forge[X25519];
    forge->scheme = "1.3.132.1.11.1"; /* RFC 8418 2.1 allows it; protocol.md 2.2 says HKDF */
    forge->kdf = "X963KDF";
    assert_forged(f, X25519, forge, RULE_CMS_ALGORITHM);
    forge->scheme = "1.3.133.16.840.63.0.2";
    forge->kdf_digest = "SHA1";
    assert_forged(f, X25519, forge, RULE_CMS_ALGORITHM);
    assert_forged(f, P384, &(struct forge){.reader = {f->reader[P384], f->reader[AGAIN + P384]}, .content = CONTENT,
                                           .scheme = "1.3.133.16.840.63.0.2", .kdf_digest = "SHA1"},
                  RULE_CMS_ALGORITHM);
    f->forge[P256].scheme = "1.2.840.113549.1.9.16.3.19";
    f->forge[P256].kdf = "HKDF";
    assert_forged(f, P256, &f->forge[P256], RULE_CMS_ALGORITHM);
}

static void an_originators_key_of_another_kind_is_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum who kind;
        const char *parameters;
        uint8_t len;
        enum rule rule;
    } cases[] = {
        {X25519, "\x05\x00", 2, RULE_CMS_ALGORITHM}, /* RFC 8410 3: absent */
        {P384, "\x05\x00", 2, RULE_OK},
        {P384, "\x06\x05\x2b\x81\x04\x00\x22", 7, RULE_OK},
        {P384, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10, RULE_CMS_ALGORITHM}, /* P-256 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct forge forge = f->forge[cases[i].kind];
        forge.originator_parameters = span_of(cases[i].parameters, cases[i].len);
        assert_forged(f, cases[i].kind, &forge, cases[i].rule);
    }
    struct span curve = SPAN("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01");
    assert_edited(f, X25519, KARI ".1.0.0", curve, RULE_CMS_ALGORITHM);
    assert_edited(f, P384, KARI ".1.0.0", SPAN("\x30\x05\x06\x03\x2b\x65\x6e"), RULE_CMS_ALGORITHM);
    /* A point of another curve, by its length. */
    struct span der = forge_sealed(&f->arena, &f->forge[P256]), other = forge_sealed(&f->arena, &f->forge[P384]);
    assert_opens(f, P384, der_replace(&f->arena, other, POINT, der_at(der, POINT)), RULE_CMS_ALGORITHM);
    assert_opens(f, P256, der_replace(&f->arena, der, POINT, der_at(other, POINT)), RULE_CMS_ALGORITHM);
    assert_opens(f, P384, der_flip(&f->arena, other, POINT, -1), RULE_CMS_OPEN); /* off the curve */
    assert_edited(f, X25519, POINT, SPAN("\x03\x01\x00"), RULE_CMS_ALGORITHM);
    assert_edited(f, X25519, POINT, SPAN("\x03\x20\x00" "0123456789012345678901234567890"), RULE_CMS_ALGORITHM);
}

/* Keys of small order, with which every secret is zero (RFC 7748 6.1, RFC 8418 2). */
static const uint8_t small_order[][32] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
     0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static void an_ephemeral_key_of_small_order_opens_nothing(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++) {
        uint8_t item[35] = {0x03, 0x21, 0x00};
        memcpy(item + 3, small_order[i], 32);
        assert_edited(f, X25519, POINT, span_of(item, sizeof item), RULE_CMS_OPEN);
    }
}

static void nothing_is_sealed_to_a_key_of_small_order(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++) {
        struct identity authority = pki_authority("Test CA");
        EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, small_order[i], 32);
        struct certificate *reader = certificate_for(&f->arena, &authority, key, "weak");
        struct span der;
        arena_reset(&f->arena);
        assert_rule(cms_seal(&f->arena, &reader, 1, CONTENT, &der), RULE_CRYPTO_LIBRARY);
        assert_int_equal(f->arena.used, 0);
        certificate_release(reader);
        EVP_PKEY_free(key);
        identity_clear(&authority);
    }
}

/* --- key transport as read: RFC 3560, RFC 4055 4.1 --- */

static void assert_transport(struct fixture *f, struct forge_transport transport, enum rule expected)
{
    f->forge[RSA_2048].transport = transport;
    assert_forged(f, RSA_2048, &f->forge[RSA_2048], expected);
}

static void oaep_is_read_with_each_digest_and_without_a_label(void **state)
{
    struct fixture *f = *state;
    assert_transport(f, (struct forge_transport){SPAN(OAEP(SHA256_ID)), .digest = "SHA256"}, RULE_OK);
    assert_transport(f, (struct forge_transport){SPAN(OAEP(SHA384_ID)), .digest = "SHA384"}, RULE_OK);
    assert_transport(f, (struct forge_transport){SPAN(OAEP(SHA512_ID)), .digest = "SHA512"}, RULE_OK);
    struct span no_null = SPAN("\x30\x38" OAEP_ID "\x30\x2b\xa0\x0d\x30\x0b" SHA256_ID "\xa1\x1a\x30\x18" PKCS1
                               "\x08\x30\x0b" SHA256_ID);
    assert_transport(f, (struct forge_transport){.algorithm = no_null}, RULE_OK);
    struct span empty_label = SPAN("\x30\x4d" OAEP_ID "\x30\x40" DIGEST(SHA256_ID) MGF1(SHA256_ID)
                                   "\xa2\x0f\x30\x0d" PKCS1 "\x09\x04\x00");
    assert_transport(f, (struct forge_transport){.algorithm = empty_label}, RULE_OK);
    f->forge[RSA_2048].by_key_id = true;
    assert_transport(f, (struct forge_transport){.algorithm = SPAN(OAEP(SHA256_ID))}, RULE_OK);
    f->forge[RSA_2048].cipher = "AES-256-GCM";
    assert_transport(f, (struct forge_transport){.algorithm = SPAN(OAEP(SHA256_ID))}, RULE_OK);
}

/* Each of these encrypted keys fits its own algorithm. */
static void key_transport_of_another_form_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct forge_transport cases[] = {
        {SPAN("\x30\x0d" OAEP_ID "\x30\x00"), .digest = "SHA1"}, /* all defaults */
        {SPAN("\x30\x0b" OAEP_ID), .digest = "SHA1"},
        {SPAN("\x30\x0d" OAEP_ID NUL), .digest = "SHA256"},
        {SPAN("\x30\x1e" OAEP_ID "\x30\x11" DIGEST(SHA256_ID)), .digest = "SHA256", .mgf1 = "SHA1"},
        {SPAN("\x30\x3c" OAEP_ID "\x30\x2f" DIGEST(SHA256_ID) MGF1(SHA512_ID)), .mgf1 = "SHA512"},
        {SPAN("\x30\x4e" OAEP_ID "\x30\x41" DIGEST(SHA256_ID) MGF1(SHA256_ID) "\xa2\x10\x30\x0e" PKCS1
              "\x09\x04\x01x"), .label = "x"},
        {SPAN("\x30\x3e" OAEP_ID "\x30\x31" DIGEST(SHA256_ID) MGF1(SHA256_ID) NUL), .digest = NULL},
        {SPAN("\x30\x0d" PKCS1 "\x01" NUL), .padding = RSA_PKCS1_PADDING}, /* protocol.md 2.2 */
        {SPAN("\x30\x0d" PKCS1 "\x0a" NUL), .digest = NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_transport(f, cases[i], RULE_CMS_ALGORITHM);
}

/* protocol.md 2.3: whatever is wrong with what is transported looks the same. */
static void everything_wrong_with_a_transported_key_looks_like_a_wrong_tag(void **state)
{
    struct fixture *f = *state;
    const struct span oaep = SPAN(OAEP(SHA256_ID));
    const size_t lengths[] = {1, 8, 15, 17, 24, 32, 64};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_transport(f, (struct forge_transport){oaep, .key_len = lengths[i]}, RULE_CMS_OPEN);
    assert_transport(f, (struct forge_transport){oaep, .digest = "SHA384"}, RULE_CMS_OPEN);
    assert_transport(f, (struct forge_transport){oaep, .mgf1 = "SHA384"}, RULE_CMS_OPEN);
    assert_transport(f, (struct forge_transport){oaep, .label = "x"}, RULE_CMS_OPEN);
    assert_transport(f, (struct forge_transport){oaep, .padding = RSA_PKCS1_PADDING}, RULE_CMS_OPEN);
    f->forge[RSA_2048].wrong_content_key = true;
    assert_transport(f, (struct forge_transport){.algorithm = oaep}, RULE_CMS_OPEN);
    f->forge[RSA_2048].wrong_content_key = false;
    f->forge[RSA_2048].transport = (struct forge_transport){.algorithm = oaep};
    uint8_t bytes[1200] = {0};
    struct der_writer w;
    const size_t sizes[] = {0, 1, 255, 256, 257, 1024, 1100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t room[1300];
        w = der_writer_over(room, sizeof room);
        der_put_item(&w, DER_OCTET_STRING, span_of(bytes, sizes[i]));
        assert_edited(f, RSA_2048, TRANSPORTED_KEY, der_written(&w), RULE_CMS_OPEN);
    }
    memset(bytes, 0xff, sizeof bytes); /* more than the modulus */
    uint8_t room[300];
    w = der_writer_over(room, sizeof room);
    der_put_item(&w, DER_OCTET_STRING, span_of(bytes, 256));
    assert_edited(f, RSA_2048, TRANSPORTED_KEY, der_written(&w), RULE_CMS_OPEN);
}

/* What cannot be decrypted is no key that a stranger could guess, and so seal with: not zeros, nor what is too long or
 * too short cut to size. */
static void nobody_can_seal_with_the_key_that_stands_for_a_broken_one(void **state)
{
    struct fixture *f = *state;
    struct forge *forge = &f->forge[RSA_2048];
    forge->zero_content_key = true;
    assert_forged(f, RSA_2048, forge, RULE_OK);
    struct span der = forge_sealed(&f->arena, forge);
    assert_opens_as(f, RSA_2048, der_flip(&f->arena, der, TRANSPORTED_KEY, 5), RULE_CMS_OPEN);
    assert_opens_as(f, RSA_2048, der_replace(&f->arena, der, TRANSPORTED_KEY, SPAN("\x04\x00")), RULE_CMS_OPEN);
    const size_t lengths[] = {1, 15, 17, 32};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        forge->transport.key_len = lengths[i];
        assert_forged(f, RSA_2048, forge, RULE_CMS_OPEN);
    }
}

/* An entry for another kind of key than the reader's is refused without the key being used. */
static void an_entry_that_does_not_fit_the_readers_key_is_refused(void **state)
{
    struct fixture *f = *state;
    for (enum who entry = 0; entry < KINDS; entry++)
        for (enum who reader = 0; reader < KINDS; reader++) {
            struct identity keyless = {f->reader[reader], NULL};
            const char *path = entry == RSA_2048 ? KARI ".1" : KARI ".3.0.0";
            struct span der = seal(f, &f->reader[entry], 1), content;
            if (entry == reader)
                continue;
            der = der_replace(&f->arena, der, path, f->reader[reader]->issuer_and_serial);
            assert_rule(cms_open(&f->made, der, &keyless, &content), RULE_CMS_ALGORITHM);
            arena_reset(&f->arena);
        }
}

static void a_wrong_key_under_the_right_name_opens_nothing(void **state)
{
    struct fixture *f = *state;
    for (enum who kind = 0; kind < KINDS; kind++) {
        struct identity mixed = {f->reader[kind], f->who[AGAIN + kind].key};
        struct span content;
        assert_rule(cms_open(&f->made, seal(f, &f->reader[kind], 1), &mixed, &content), RULE_CMS_OPEN);
        assert_int_equal(f->made.used, 0);
    }
}

/* --- every bit and every length --- */

/* The highest bit of a key of X25519, which is not part of it (RFC 7748 5); none for other kinds. */
static size_t bit_without_meaning(enum who kind, struct span der)
{
    if (kind != X25519)
        return SIZE_MAX;
    struct span point = der_at(der, POINT);
    return (size_t)(point.at + point.len - 1 - der.at) * 8 + 7;
}

static void a_flipped_bit_never_gives_other_content(void **state)
{
    struct fixture *f = *state;
    for (enum who kind = 0; kind < KINDS; kind++) {
        struct span der = seal(f, &f->reader[kind], 1), content;
        size_t ignored = bit_without_meaning(kind, der);
        for (size_t bit = 0; bit < der.len * 8; bit++) {
            uint8_t *byte = (uint8_t *)(uintptr_t)&der.at[bit / 8];
            *byte ^= (uint8_t)(1 << bit % 8);
            enum rule rule = cms_open(&f->made, der, &f->who[kind], &content);
            *byte ^= (uint8_t)(1 << bit % 8);
            assert_true((rule == RULE_OK) == (bit == ignored));
            assert_span_equal(content, bit == ignored ? CONTENT : SPAN(""));
            assert_true(bit == ignored || f->made.used == 0);
            arena_reset(&f->made);
        }
        assert_opens_as(f, kind, der, RULE_OK);
        arena_reset(&f->arena);
    }
}

static void every_truncation_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = seal(f, f->reader, WHO_COUNT);
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *exact = malloc(len ? len : 1); /* so that a read past the end is seen */
        memcpy(exact, der.at, len);
        assert_opens_as(f, len % WHO_COUNT, span_of(exact, len), RULE_CMS_DER);
        free(exact);
    }
}

static void without_memory_nothing_is_sealed_or_opened_and_nothing_is_left(void **state)
{
    struct fixture *f = *state;
    struct span der;
    enum rule rule;
    for (size_t allowed = 0;; allowed++) {
        f->made.fail_after = allowed;
        rule = cms_seal(&f->made, f->reader, WHO_COUNT, CONTENT, &der);
        if (rule == RULE_OK)
            break;
        assert_rule(rule, RULE_NO_MEMORY);
        assert_int_equal(f->made.used, 0);
    }
    f->made.fail_after = SIZE_MAX;
    arena_reset(&f->made);
    der = seal(f, f->reader, WHO_COUNT);
    for (enum who who = 0; who < WHO_COUNT; who++) {
        f->made.fail_after = 0;
        assert_opens_as(f, who, der, RULE_NO_MEMORY);
        f->made.fail_after = SIZE_MAX;
        assert_opens_as(f, who, der, RULE_OK);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_reader_opens_what_is_sealed_to_it),
        TEST(readers_of_all_kinds_open_one_object),
        TEST(each_kind_of_reader_has_its_algorithms),
        TEST(aes_256_is_written_when_a_reader_or_the_caller_asks),
        TEST(no_two_sealings_share_a_transported_or_an_ephemeral_key),
        TEST(every_kdf_wrap_and_cipher_of_the_profile_is_read),
        TEST(user_keying_material_enters_the_key),
        TEST(a_kdf_of_the_other_family_or_with_sha1_is_refused),
        TEST(an_originators_key_of_another_kind_is_refused),
        TEST(an_ephemeral_key_of_small_order_opens_nothing),
        TEST(nothing_is_sealed_to_a_key_of_small_order),
        TEST(oaep_is_read_with_each_digest_and_without_a_label),
        TEST(key_transport_of_another_form_is_refused),
        TEST(everything_wrong_with_a_transported_key_looks_like_a_wrong_tag),
        TEST(nobody_can_seal_with_the_key_that_stands_for_a_broken_one),
        TEST(an_entry_that_does_not_fit_the_readers_key_is_refused),
        TEST(a_wrong_key_under_the_right_name_opens_nothing),
        TEST(a_flipped_bit_never_gives_other_content),
        TEST(every_truncation_is_refused),
        TEST(without_memory_nothing_is_sealed_or_opened_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
