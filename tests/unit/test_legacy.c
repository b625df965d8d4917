/* Legacy peers, through whole SIP messages: what middles and recipients read when it is switched on, and how little
 * somebody learns who alters it (protocol.md 2, 2.2, 2.3). */
#include "test.h"

#include "cms/der.h"
#include "der_edit.h"
#include "legacy_scene.h"
#include "sipseal/policy.h"

static struct scene scene;

static int open_scene(void **state)
{
    (void)state;
    scene_open(&scene);
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    scene_close(&scene);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    scene.legacy = CMS_LEGACY_ALL;
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    arena_reset(&scene.opening);
    arena_reset(&scene.arena);
    return 0;
}

static struct legacy_draft cbc_draft(void)
{
    return (struct legacy_draft){.draft = scene_draft(&scene), .enveloped = true};
}

/* --- what is asserted of a message --- */

static void assert_both_read(struct span message, const char *text)
{
    struct verdict v;
    struct disclosed d;
    struct received r;
    arena_reset(&scene.opening);
    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part[0].state, PART_OPENED);
    assert_rule(v.part[0].signature, RULE_OK);
    assert_int_equal(v.part[0].proof, PROOF_USER);
    assert_int_equal(d.count, 1);
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, RULE_OK);
    assert_span_text(r.part[0].content.body, text);
    assert_int_equal(r.part[0].proof.kind, PROOF_USER);
    received_clear(&r);
}

/* Closed to both, for the same reason and without a byte of it. */
static void assert_closed_to_both(struct span message)
{
    const struct policy_rule archive = {
        .require = LABEL_VIEW | LABEL_VERIFY, .plain = POLICY_PLAIN_REFUSE, .mode = POLICY_ENFORCE};
    const struct policy policy = {.rule = {archive}, .rule_count = 1};
    struct message_outline outline;
    struct verdict v;
    struct disclosed d;
    struct received r;
    arena_reset(&scene.opening);
    assert_rule(scene_outline(message, &outline), RULE_OK);
    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part_count, 1);
    assert_int_equal(v.part[0].state, PART_CLOSED);
    assert_rule(v.part[0].signature, RULE_SIGNATURE_ABSENT);
    assert_int_equal(v.part[0].proof, PROOF_NONE);
    assert_int_equal(v.part[0].type_count, 0);
    assert_int_equal(d.count, 0);
    struct decision decision = policy_decide(&policy, &outline, &v);
    assert_rule(decision.broken, RULE_POLICY_VIEW);
    assert_int_equal(decision.status, 496);
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, RULE_UNDECIPHERABLE);
    assert_false(r.part[0].opened || r.part[0].has_content || r.part[0].proof.signer);
    received_clear(&r);
}

static void assert_refused_by_both(struct span message, enum rule rule)
{
    struct verdict v;
    struct disclosed d;
    struct received r;
    arena_reset(&scene.opening);
    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.broken, rule);
    assert_int_equal(v.part[0].state, PART_CLOSED);
    assert_int_equal(d.count, 0);
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, rule);
    assert_false(r.part[0].opened || r.part[0].has_content);
    received_clear(&r);
}

/* --- the switch --- */

static void enveloped_data_is_refused_unless_it_is_switched_on(void **state)
{
    (void)state;
    struct legacy_draft draft = cbc_draft();
    struct span message = legacy_message(&scene, &draft);
    assert_both_read(message, draft.draft.text);
    scene.legacy = CMS_LEGACY_PKCS1;
    assert_refused_by_both(message, RULE_CMS_TYPE);
    scene.legacy = 0;
    assert_refused_by_both(message, RULE_CMS_TYPE);
}

static void a_part_that_is_called_by_the_other_type_is_refused(void **state)
{
    (void)state;
    static const char *const authenticated[] = {"authEnveloped-data", "auth-enveloped-data", "AUTHENVELOPED-DATA"};
    struct legacy_draft draft = cbc_draft();
    for (size_t i = 0; i < sizeof authenticated / sizeof *authenticated; i++) {
        draft.smime_type = authenticated[i];
        assert_refused_by_both(legacy_message(&scene, &draft), RULE_CMS_TYPE);
    }
    draft.smime_type = "";
    assert_both_read(legacy_message(&scene, &draft), draft.draft.text);
    draft.enveloped = false;
    assert_both_read(legacy_message(&scene, &draft), draft.draft.text);
    draft.smime_type = "Enveloped-Data";
    assert_refused_by_both(legacy_message(&scene, &draft), RULE_CMS_TYPE);
    scene.legacy = 0;
    assert_refused_by_both(legacy_message(&scene, &draft), RULE_CMS_TYPE);
}

/* --- no content without a signature inside --- */

static void nothing_but_one_opaque_signed_object_is_taken_out_of_cbc(void **state)
{
    (void)state;
    struct legacy_draft draft = cbc_draft();
    static const struct span inner[] = {
        SPAN_INIT("Content-Type: text/plain\r\n\r\nhello"),
        SPAN_INIT("Content-Type: multipart/mixed;boundary=b\r\n\r\n"
                  "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"),
        SPAN_INIT("Content-Type: application/pkcs7-mime;smime-type=signed-data\r\n\r\n"),
        SPAN_INIT("Content-Type: application/pkcs7-mime;smime-type=signed-data\r\n\r\nnone"),
        SPAN_INIT("no MIME at all\0\1\2"),
    };
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        draft.inner = inner[i];
        assert_closed_to_both(legacy_message(&scene, &draft));
    }
}

/* The same signature as in multipart/signed, whose preamble and epilogue nobody signed. */
static void what_is_signed_in_the_clear_is_not_taken_out_of_cbc(void **state)
{
    (void)state;
    struct legacy_draft draft = cbc_draft();
    struct span der = legacy_signed_data(legacy_inner(&scene, &draft.draft));
    struct span content = der_at(der, "1.0.2.1.0"), signed_part = span_part(content, 4, content.len);
    struct writer w = arena_writer(&scene.arena, 8192);
    writer_text(&w, "Content-Type: multipart/signed;protocol=\"application/pkcs7-signature\";boundary=c\r\n\r\n");
    writer_text(&w, "--c\r\n");
    writer_put(&w, signed_part);
    writer_text(&w, "\r\n--c\r\nContent-Type: application/pkcs7-signature\r\n\r\n");
    writer_put(&w, der_replace(&scene.arena, der, "1.0.2.1", SPAN("")));
    writer_text(&w, "\r\n--c--\r\n");
    assert_false(w.full);
    draft.inner = writer_span(&w);
    assert_closed_to_both(legacy_message(&scene, &draft));
    draft.enveloped = false; /* as it is read otherwise */
    assert_both_read(legacy_message(&scene, &draft), draft.draft.text);
}

static void a_signature_that_proves_nothing_leaves_cbc_closed(void **state)
{
    (void)state;
    const struct identity *const signer[] = {&scene.stranger, &scene.mallory, &scene.expired, &scene.revoked};
    for (size_t i = 0; i < sizeof signer / sizeof *signer; i++) {
        struct legacy_draft draft = cbc_draft();
        draft.draft.signer = signer[i];
        assert_closed_to_both(legacy_message(&scene, &draft));
    }
    struct legacy_draft draft = cbc_draft();
    draft.draft.date = SCENE_NOW - 3600;
    assert_closed_to_both(legacy_message(&scene, &draft));
    draft = cbc_draft();
    struct span inner = legacy_inner(&scene, &draft.draft);
    draft.inner = legacy_signed(&scene, der_flip(&scene.arena, legacy_signed_data(inner), "1.0.4.0.5", -1));
    assert_closed_to_both(legacy_message(&scene, &draft)); /* the signature itself */
    draft.inner = legacy_signed(&scene, der_flip(&scene.arena, legacy_signed_data(inner), "1.0.2.1.0", -1));
    assert_closed_to_both(legacy_message(&scene, &draft)); /* what it covers */
}

/* A legacy peer knows nothing of a copy of the headers: who wrote the content is proven, and no more (protocol.md
 * 2.1). */
static void what_a_legacy_peer_signed_without_a_copy_of_the_headers_is_shown_as_such(void **state)
{
    (void)state;
    struct legacy_draft draft = cbc_draft();
    struct verdict v;
    struct disclosed d;
    struct received r;
    struct span der;
    const struct span content = SPAN("Content-Type: text/plain\r\n\r\nold");
    assert_rule(cms_sign(&scene.arena, &scene.alice, NULL, 0, content, SCENE_NOW, &der), RULE_OK);
    draft.inner = legacy_signed(&scene, der);
    struct span message = legacy_message(&scene, &draft);
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, RULE_OK);
    assert_span_text(r.part[0].content.body, "old");
    assert_int_equal(r.part[0].proof.kind, PROOF_CONTENT);
    received_clear(&r);
    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part[0].state, PART_OPENED);
    assert_int_equal(v.part[0].proof, PROOF_CONTENT);
}

/* --- no place for altered bytes --- */

/* Each is read under AES-GCM, where nobody can put it there. */
static void assert_closed_under_cbc_alone(struct legacy_draft draft)
{
    draft.enveloped = true;
    assert_closed_to_both(legacy_message(&scene, &draft));
    draft.enveloped = false;
    assert_both_read(legacy_message(&scene, &draft), draft.draft.text);
}

/* Two items where one was. */
static struct span joined(struct span first, struct span second)
{
    struct writer w = arena_writer(&scene.arena, first.len + second.len);
    writer_put(&w, first);
    writer_put(&w, second);
    assert_false(w.full);
    return writer_span(&w);
}

static void under_cbc_no_byte_of_a_signed_object_stands_outside_of_the_signature(void **state)
{
    (void)state;
    const struct span attribute = SPAN("\xa1\x0b\x30\x09\x06\x03\x2a\x03\x04\x31\x02\x05\x00");
    const struct span sha384 = SPAN("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02");
    struct legacy_draft draft = cbc_draft();
    struct span der = legacy_signed_data(legacy_inner(&scene, &draft.draft));
    const struct {
        const char *path;
        struct span bytes;
    } more[] = {
        {"1.0.1.0", joined(der_at(der, "1.0.1.0"), sha384)},                             /* a second digest */
        {"1.0.3.0", joined(der_at(der, "1.0.3.0"), scene.stranger.certificate->der)},    /* whom nobody trusts */
        {"1.0.3.0", joined(der_at(der, "1.0.3.0"), SPAN("\x30\x03\x04\x01x"))},         /* no certificate */
        {"1.0.3.0", joined(der_at(der, "1.0.3.0"), SPAN("\xa3\x03\x04\x01x"))},         /* one of another kind */
        {"1.0.4", joined(SPAN("\xa1\x00"), der_at(der, "1.0.4"))},                       /* revocation lists */
        {"1.0.4.0.5", joined(der_at(der, "1.0.4.0.5"), attribute)},                      /* unsigned attributes */
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        draft.inner = legacy_signed(&scene, der_replace(&scene.arena, der, more[i].path, more[i].bytes));
        assert_closed_under_cbc_alone(draft);
    }
    draft.inner = legacy_signed(&scene, joined(der, SPAN("\x05\x00")));
    draft.enveloped = true;
    assert_closed_to_both(legacy_message(&scene, &draft));
    draft.inner = legacy_signed(&scene, der);
    assert_both_read(legacy_message(&scene, &draft), draft.draft.text);
}

/* Where the work for certificates is bounded, those of a known signer are not read again; under AES-CBC they are. */
static void a_known_signer_is_read_under_cbc_each_time_and_a_stranger_beside_him_never(void **state)
{
    (void)state;
    struct legacy_draft draft = cbc_draft();
    struct span der = legacy_signed_data(legacy_inner(&scene, &draft.draft));
    struct span both = joined(der_at(der, "1.0.3.0"), scene.stranger.certificate->der);
    for (int i = 0; i < 3; i++) {
        trust_allow(scene.trust, 100, SCENE_NOW);
        draft.inner = legacy_signed(&scene, der);
        assert_both_read(legacy_message(&scene, &draft), draft.draft.text);
        trust_allow(scene.trust, 100, SCENE_NOW);
        draft.inner = legacy_signed(&scene, der_replace(&scene.arena, der, "1.0.3.0", both));
        assert_closed_under_cbc_alone(draft);
        draft.enveloped = true;
    }
}

static void under_cbc_the_head_of_a_signed_object_has_room_for_nothing_else(void **state)
{
    (void)state;
    struct legacy_draft draft = cbc_draft();
    struct span inner = legacy_inner(&scene, &draft.draft);
    char longer[600];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *const more[] = {"\xe2\x82\xac", "a*b", longer}; /* other bytes; too many of those that may be there */
    uint8_t room[16384];
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        struct writer w = writer_over(room, sizeof room);
        writer_text(&w, "X-More: ");
        writer_text(&w, more[i]);
        writer_text(&w, "\r\n");
        writer_put(&w, inner);
        assert_false(w.full);
        draft.inner = writer_span(&w);
        assert_closed_under_cbc_alone(draft);
    }
}

/* --- a thousand times the same answer --- */

/* One bit of each item is turned over at a time; what of them stands in front of `from` stays. */
static void assert_a_thousand_alike(struct span message, const struct span *item, size_t count, size_t from)
{
    for (size_t i = 0; i < 1000; i++) {
        size_t at = from + i * 1543 % (item[0].len - from);
        uint8_t bit = (uint8_t)(1 << i % 8);
        for (size_t k = 0; k < count; k++)
            ((uint8_t *)(uintptr_t)item[k].at)[at] ^= bit;
        assert_closed_to_both(message);
        for (size_t k = 0; k < count; k++)
            ((uint8_t *)(uintptr_t)item[k].at)[at] ^= bit;
    }
}

static void a_thousand_altered_ciphertexts_of_cbc_are_answered_alike(void **state)
{
    (void)state;
    struct legacy_draft draft = cbc_draft();
    struct span message = legacy_message(&scene, &draft), sealed = der_at(scene_body(message), "1.0.2.2");
    /* Past the first blocks: there, the case of a letter in the head says nothing different. */
    assert_a_thousand_alike(message, &sealed, 1, 4 + 128);
    assert_both_read(message, draft.draft.text);
}

/* --- RSA --- */

static int open_rsa_scene(void **state)
{
    open_scene(state);
    legacy_give_rsa(&scene);
    return 0;
}

static void pkcs1_is_refused_unless_it_is_switched_on(void **state)
{
    (void)state;
    for (int enveloped = 0; enveloped < 2; enveloped++) {
        struct legacy_draft draft = cbc_draft();
        struct verdict v;
        struct disclosed d;
        struct received r;
        draft.pkcs1 = true;
        draft.enveloped = enveloped;
        struct span message = legacy_message(&scene, &draft);
        scene.legacy = CMS_LEGACY_ALL;
        assert_both_read(message, draft.draft.text);
        scene.legacy = CMS_LEGACY_CBC;
        assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
        assert_rule(v.broken, RULE_CMS_ALGORITHM);
        assert_int_equal(v.part[0].state, PART_CLOSED);
        assert_int_equal(d.count, 0);
        scene_receive(&scene, &scene.bob, message, &r);
        assert_rule(r.broken, RULE_UNDECIPHERABLE);
        assert_false(r.part[0].opened);
        received_clear(&r);
    }
}

static void a_thousand_altered_keys_of_pkcs1_are_answered_alike(void **state)
{
    (void)state;
    for (int enveloped = 0; enveloped < 2; enveloped++) {
        struct legacy_draft draft = cbc_draft();
        draft.pkcs1 = true;
        draft.enveloped = enveloped;
        struct span message = legacy_message(&scene, &draft), body = scene_body(message);
        const struct span key[] = {der_at(body, "1.0.1.0.3"), der_at(body, "1.0.1.1.3")};
        assert_a_thousand_alike(message, key, 2, 4);
        assert_both_read(message, draft.draft.text);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)
    const struct CMUnitTest ec[] = {
        TEST(enveloped_data_is_refused_unless_it_is_switched_on),
        TEST(a_part_that_is_called_by_the_other_type_is_refused),
        TEST(nothing_but_one_opaque_signed_object_is_taken_out_of_cbc),
        TEST(what_is_signed_in_the_clear_is_not_taken_out_of_cbc),
        TEST(a_signature_that_proves_nothing_leaves_cbc_closed),
        TEST(what_a_legacy_peer_signed_without_a_copy_of_the_headers_is_shown_as_such),
        TEST(under_cbc_no_byte_of_a_signed_object_stands_outside_of_the_signature),
        TEST(a_known_signer_is_read_under_cbc_each_time_and_a_stranger_beside_him_never),
        TEST(under_cbc_the_head_of_a_signed_object_has_room_for_nothing_else),
        TEST(a_thousand_altered_ciphertexts_of_cbc_are_answered_alike),
    };
    const struct CMUnitTest rsa[] = {
        TEST(pkcs1_is_refused_unless_it_is_switched_on),
        TEST(a_thousand_altered_keys_of_pkcs1_are_answered_alike),
    };
    int failed = cmocka_run_group_tests(ec, open_scene, close_scene);
    return failed + cmocka_run_group_tests(rsa, open_rsa_scene, close_scene);
}
