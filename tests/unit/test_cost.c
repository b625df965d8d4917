/* How much work a message costs that cannot be opened: an attacker who measures the time must not learn from it what was
 * wrong (protocol.md 2.3, "No oracle"). No clock is asked, since one that is fine enough to tell is too noisy to test
 * with: the operations that take the time are counted, where libsipseal calls the library (link option --wrap).
 *
 *   what is wrong              | private key | deciphered        | signatures | chains of certificates
 *   ---------------------------+-------------+-------------------+------------+-----------------------
 *   not a reader               | 0           | nothing           | 0          | 0
 *   the key                    | 1           | key and content   | 0          | 0
 *   the tag, or the ciphertext | 1           | key and content   | 0          | 0
 *   CBC: the padding           | 1           | key and content   | 0          | 0
 *   CBC: nothing signed inside | 1           | key and content   | 0          | 0
 *   CBC: what was signed       | 1           | key and content   | 0          | 0
 *   CBC: the signature itself  | 1           | key and content   | 1          | 0
 *   CBC: whom it is by         | 1           | key and content   | 1          | 1
 *
 * Equal are the first three columns for everything that is wrong for a reader. Different is who is no reader, which the
 * RecipientInfos say in the open; and a signature under CBC that does not hold, or proves nothing, though all it covers
 * is as it was signed: it costs the check that finds it. "Key" is the unwrapping under ECDH; RSA does that with the private key. */
#include "test.h"

#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

#include "der_edit.h"
#include "legacy_scene.h"

/* --- counting --- */

struct cost {
    unsigned private_key, ciphers, signatures, chains;
    size_t deciphered; /* bytes */
};

static struct cost cost;

int __real_EVP_PKEY_decrypt(EVP_PKEY_CTX *c, unsigned char *out, size_t *out_len, const unsigned char *in, size_t len);
int __wrap_EVP_PKEY_decrypt(EVP_PKEY_CTX *c, unsigned char *out, size_t *out_len, const unsigned char *in, size_t len);
int __wrap_EVP_PKEY_decrypt(EVP_PKEY_CTX *c, unsigned char *out, size_t *out_len, const unsigned char *in, size_t len)
{
    cost.private_key++;
    return __real_EVP_PKEY_decrypt(c, out, out_len, in, len);
}

int __real_EVP_PKEY_derive(EVP_PKEY_CTX *c, unsigned char *out, size_t *len);
int __wrap_EVP_PKEY_derive(EVP_PKEY_CTX *c, unsigned char *out, size_t *len);
int __wrap_EVP_PKEY_derive(EVP_PKEY_CTX *c, unsigned char *out, size_t *len)
{
    cost.private_key++;
    return __real_EVP_PKEY_derive(c, out, len);
}

int __real_EVP_CipherUpdate(EVP_CIPHER_CTX *c, unsigned char *out, int *n, const unsigned char *in, int len);
int __wrap_EVP_CipherUpdate(EVP_CIPHER_CTX *c, unsigned char *out, int *n, const unsigned char *in, int len);
int __wrap_EVP_CipherUpdate(EVP_CIPHER_CTX *c, unsigned char *out, int *n, const unsigned char *in, int len)
{
    cost.ciphers++;
    cost.deciphered += (size_t)len;
    return __real_EVP_CipherUpdate(c, out, n, in, len);
}

int __real_EVP_PKEY_verify(EVP_PKEY_CTX *c, const unsigned char *s, size_t len, const unsigned char *hash, size_t n);
int __wrap_EVP_PKEY_verify(EVP_PKEY_CTX *c, const unsigned char *s, size_t len, const unsigned char *hash, size_t n);
int __wrap_EVP_PKEY_verify(EVP_PKEY_CTX *c, const unsigned char *s, size_t len, const unsigned char *hash, size_t n)
{
    cost.signatures++;
    return __real_EVP_PKEY_verify(c, s, len, hash, n);
}

int __real_EVP_DigestVerify(EVP_MD_CTX *c, const unsigned char *s, size_t len, const unsigned char *text, size_t n);
int __wrap_EVP_DigestVerify(EVP_MD_CTX *c, const unsigned char *s, size_t len, const unsigned char *text, size_t n);
int __wrap_EVP_DigestVerify(EVP_MD_CTX *c, const unsigned char *s, size_t len, const unsigned char *text, size_t n)
{
    cost.signatures++;
    return __real_EVP_DigestVerify(c, s, len, text, n);
}

int __real_X509_verify_cert(X509_STORE_CTX *c);
int __wrap_X509_verify_cert(X509_STORE_CTX *c);
int __wrap_X509_verify_cert(X509_STORE_CTX *c)
{
    cost.chains++;
    return __real_X509_verify_cert(c);
}

/* --- what is measured --- */

static struct scene scene;

static int open_scene(void **state)
{
    (void)state;
    scene_open(&scene);
    scene.legacy = CMS_LEGACY_ALL;
    return 0;
}

static int open_rsa_scene(void **state)
{
    open_scene(state);
    legacy_give_rsa(&scene);
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    scene_close(&scene);
    return 0;
}

static struct cost by_middle(struct span message, bool opens)
{
    struct verdict v;
    struct disclosed d;
    arena_reset(&scene.opening);
    cost = (struct cost){0};
    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part[0].state, opens ? PART_OPENED : PART_CLOSED);
    return cost;
}

static struct cost by_recipient(struct span message, bool opens)
{
    struct received r;
    cost = (struct cost){0};
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, opens ? RULE_OK : RULE_UNDECIPHERABLE);
    received_clear(&r);
    return cost;
}

static void assert_cost(struct cost got, struct cost wanted)
{
    assert_int_equal(got.private_key, wanted.private_key);
    assert_int_equal(got.ciphers, wanted.ciphers);
    assert_int_equal(got.deciphered, wanted.deciphered);
    assert_int_equal(got.signatures, wanted.signatures);
    assert_int_equal(got.chains, wanted.chains);
}

/* What a message costs both that cannot be opened; the bytes are those of the whole body's ciphertext. */
static void assert_fails_at(struct span message, struct cost wanted)
{
    assert_cost(by_middle(message, false), wanted);
    assert_cost(by_recipient(message, false), wanted);
}

static struct span altered(struct span message, const char *path, int offset)
{
    struct span body = scene_body(message), head = span_part(message, 0, message.len - body.len);
    struct span changed = der_flip(&scene.arena, body, path, offset);
    struct writer w = arena_writer(&scene.arena, message.len);
    assert_int_equal(changed.len, body.len);
    writer_put(&w, head);
    writer_put(&w, changed);
    return writer_span(&w);
}

/* The operations of one who opens it, without the signatures that follow. */
static struct cost of_opening(struct span message)
{
    struct cost opened = by_middle(message, true), received = by_recipient(message, true);
    assert_int_equal(opened.private_key, 1);
    assert_true(opened.ciphers > 0 && opened.signatures > 0);
    assert_int_equal(received.private_key, 1);
    assert_int_equal(received.deciphered, opened.deciphered);
    opened.signatures = opened.chains = 0;
    return opened;
}

/* Of both readers. */
static struct span with_wrong_keys(const struct legacy_draft *draft, struct span message)
{
    bool rsa = draft->draft.reader[0]->certificate->key_kind == KEY_RSA;
    message = altered(message, rsa ? "1.0.1.0.3" : "1.0.1.0.3.0.1", 7);
    return altered(message, rsa ? "1.0.1.1.3" : "1.0.1.0.3.1.1", 7);
}

static void judge_common(const struct legacy_draft *draft, struct span message, struct cost opening)
{
    struct legacy_draft other = *draft;
    assert_fails_at(with_wrong_keys(draft, message), opening);
    other.wrong_content_key = true;
    assert_fails_at(legacy_message(&scene, &other), opening);
    assert_fails_at(altered(message, "1.0.2.2", -1), opening); /* under CBC, padding; under GCM, content */
    assert_fails_at(altered(message, "1.0.2.2", -200), opening);
    if (!draft->enveloped)
        assert_fails_at(altered(message, "1.0.3", 3), opening); /* the tag */
    other = *draft;
    other.draft.reader[0] = &scene.mallory;
    other.draft.reader_count = 1;
    other.inner = SPAN("whatever");
    if (scene.mallory.certificate->key_kind == draft->draft.reader[0]->certificate->key_kind)
        assert_fails_at(legacy_message(&scene, &other), (struct cost){0});
}

/* Under CBC what is inside has to be looked at. */
static void judge_inside(const struct legacy_draft *draft, struct cost opening)
{
    struct legacy_draft other = *draft;
    struct span der = legacy_signed_data(draft->inner);
    other.broken_padding = true;
    assert_fails_at(legacy_message(&scene, &other), opening);
    other = *draft;
    opening.deciphered = 0; /* of another length: compared by the other counts */
    static const struct span unsigned_content = SPAN_INIT("Content-Type: text/plain\r\n\r\nhello");
    other.draft.signer = &scene.stranger;
    const struct {
        struct span inner;
        unsigned signatures, chains;
    } cases[] = {
        {unsigned_content, 0, 0},
        {legacy_signed(&scene, der_flip(&scene.arena, der, "1.0.2.1.0", -1)), 0, 0}, /* what was signed */
        {legacy_signed(&scene, der_flip(&scene.arena, der, "1.0.4.0.5", -1)), 1, 0}, /* the signature itself */
        {legacy_inner(&scene, &other.draft), 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        other.inner = cases[i].inner;
        struct span message = legacy_message(&scene, &other);
        opening.signatures = cases[i].signatures;
        opening.chains = cases[i].chains;
        struct cost middle = by_middle(message, false), recipient = by_recipient(message, false);
        assert_int_equal(middle.deciphered, recipient.deciphered);
        middle.deciphered = recipient.deciphered = 0;
        assert_cost(middle, opening);
        assert_cost(recipient, opening);
    }
}

static void judge(bool enveloped, bool pkcs1)
{
    struct legacy_draft draft = {.draft = scene_draft(&scene), .enveloped = enveloped, .pkcs1 = pkcs1};
    draft.inner = legacy_inner(&scene, &draft.draft); /* signatures are not always of one length */
    struct span message = legacy_message(&scene, &draft);
    struct cost opening = of_opening(message);
    judge_common(&draft, message, opening);
    if (enveloped)
        judge_inside(&draft, opening);
    arena_reset(&scene.opening);
    arena_reset(&scene.arena);
}

static void everything_wrong_costs_a_reader_with_ecdh_the_same(void **state)
{
    (void)state;
    judge(false, false);
    judge(true, false);
}

static void everything_wrong_costs_a_reader_with_rsa_the_same(void **state)
{
    (void)state;
    judge(false, false);
    judge(false, true);
    judge(true, false);
    judge(true, true);
}

int main(void)
{
    const struct CMUnitTest ec[] = {cmocka_unit_test(everything_wrong_costs_a_reader_with_ecdh_the_same)};
    const struct CMUnitTest rsa[] = {cmocka_unit_test(everything_wrong_costs_a_reader_with_rsa_the_same)};
    int failed = cmocka_run_group_tests(ec, open_scene, close_scene);
    return failed + cmocka_run_group_tests(rsa, open_rsa_scene, close_scene);
}
