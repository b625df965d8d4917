/* Sender, middle and recipient against each other, through whole SIP messages (protocol.md 2 to 4). */
#include "test.h"

#include "scene.h"
#include "sipseal/cms.h"
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

static bool contains(struct span hay, const char *needle)
{
    return span_find_span(hay, span_text(needle)) < hay.len;
}

/* --- REQ-CONF-1, REQ-CONF-3, REQ-INT-2: what is meant for a middle and the recipient reaches both --- */

static void a_named_middle_opens_and_verifies_what_it_is_asked_to(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;

    assert_rule(scene_examine(&scene, scene_message(&scene, &draft), &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part_count, 1);
    assert_int_equal(v.part[0].state, PART_OPENED);
    assert_true(v.part[0].reader && v.part[0].labelled);
    assert_int_equal(v.part[0].asked, LABEL_VIEW | LABEL_VERIFY);
    assert_rule(v.part[0].label, RULE_OK);
    assert_rule(v.part[0].signature, RULE_OK);
    assert_int_equal(v.part[0].proof, PROOF_USER);
    assert_string_equal(v.part[0].signer, "sip:" ALICE);
    assert_int_equal(v.part[0].type_count, 1);
    assert_string_equal(v.part[0].type[0], "text/plain");
    assert_true(v.part[0].has_replay_key);
    assert_memory_not_equal(v.part[0].replay_key, v.part[0].archive_key, 32);
    assert_int_equal(d.count, 1);
    assert_true(contains(d.part[0].object, "smime-type=signed-data"));
}

static void the_recipient_sees_content_sender_and_readers(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct received r;

    scene_receive(&scene, &scene.bob, scene_message(&scene, &draft), &r);
    assert_rule(r.broken, RULE_OK);
    assert_int_equal(r.part_count, 1);
    assert_true(r.part[0].sealed && r.part[0].opened && r.part[0].has_content);
    assert_span_text(r.part[0].content.body, draft.text);
    assert_int_equal(r.part[0].proof.kind, PROOF_USER);
    assert_span_text(r.part[0].proof.identity, "sip:" ALICE);
    assert_int_equal(r.part[0].readers.count, 2);
    assert_true(r.part[0].has_sealed_for);
    assert_int_equal(r.part[0].sealed_for.reader_count, 2);
    assert_false(r.labels_differ);
    received_clear(&r);
}

/* REQ-CONF-2 */
static void what_is_sealed_end_to_end_is_closed_to_the_middle(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    struct received r;
    draft.reader_count = 1;
    draft.label = NULL;
    struct span message = scene_message(&scene, &draft);

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part[0].state, PART_CLOSED);
    assert_false(v.part[0].reader);
    assert_int_equal(d.count, 0);
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, RULE_OK);
    assert_int_equal(r.part[0].readers.count, 1);
    received_clear(&r);
}

static void a_label_on_a_part_sealed_to_others_opens_nothing(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    draft.reader_count = 1;

    assert_rule(scene_examine(&scene, scene_message(&scene, &draft), &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part[0].state, PART_CLOSED);
    assert_true(v.part[0].labelled);
    assert_rule(v.part[0].label, RULE_OK);
    assert_int_equal(d.count, 0);
}

/* --- labels: the signed copy decides (protocol.md 3) --- */

static void a_label_that_was_removed_leaves_the_part_closed_and_is_told(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    struct span message =
        scene_replace(&scene, scene_message(&scene, &draft), "Proxy-Inspect-Body:", "X-Nothing-Body:");

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part[0].state, PART_CLOSED);
    assert_true(v.part[0].reader);
    assert_rule(v.part[0].label, RULE_LABEL_ABSENT);
    assert_int_equal(d.count, 0);
}

static void a_label_for_another_proxy_is_as_good_as_none(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    struct span message = scene_replace(&scene, scene_message(&scene, &draft), PROXY ";cid", "proxy9.home.example;cid");

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.part[0].label, RULE_LABEL_ABSENT);
}

static void a_label_that_nobody_signed_is_refused(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    draft.label = NULL;
    struct span message = scene_replace(&scene, scene_message(&scene, &draft), "MIME-Version: 1.0\r\n",
                                        "MIME-Version: 1.0\r\nProxy-Inspect-Body: " PROXY ";cid=\"" CID "\"\r\n");

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.part[0].signature, RULE_OK);
    assert_rule(v.part[0].label, RULE_LABEL_UNSIGNED);
}

static void a_label_whose_action_was_changed_is_refused(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    struct span message = scene_replace(&scene, scene_message(&scene, &draft), "action=\"view verify\"", "action=view");

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.part[0].label, RULE_LABEL_UNSIGNED);
}

static void a_label_on_what_nobody_signed_is_told(void **state)
{
    (void)state;
    struct verdict v;
    struct disclosed d;
    struct span message = scene_message_of(&scene, "c1@x",
                                           SPAN("Proxy-Inspect-Body: " PROXY ";cid=\"" CID "\"\r\n"
                                                "Content-ID: <" CID ">\r\nContent-Type: text/plain\r\n"),
                                           SPAN("hello"));

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_true(v.part[0].labelled);
    assert_rule(v.part[0].label, RULE_LABEL_UNSIGNED);
}

static void a_signed_label_whose_header_was_removed_is_told(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    draft.reader_count = 0;
    draft.label = PROXY ";cid=\"" CID "\";action=verify";
    struct span message =
        scene_replace(&scene, scene_message(&scene, &draft), "Proxy-Inspect-Body:", "X-Nothing-Body:");

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.part[0].signature, RULE_OK);
    assert_rule(v.part[0].label, RULE_LABEL_DIFFERS);
}

static void the_recipient_is_told_of_labels_that_differ(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct received r;
    struct span message =
        scene_replace(&scene, scene_message(&scene, &draft), "Proxy-Inspect-Body:", "X-Nothing-Body:");

    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, RULE_OK);
    assert_true(r.labels_differ);
    received_clear(&r);
}

/* --- signatures (protocol.md 2.1): each rule alone is broken, and both who rely on it say which --- */

static void both_say(struct span message, enum rule wanted)
{
    struct verdict v;
    struct disclosed d;
    struct received r;

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part_count, 1);
    assert_rule(v.part[0].signature, wanted);
    assert_int_equal(v.part[0].proof, PROOF_NONE);
    assert_string_equal(v.part[0].signer, "");
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, wanted);
    received_clear(&r);
}

static void a_signature_made_for_another_message_is_refused(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct span message = scene_message(&scene, &draft);
    both_say(scene_replace(&scene, message, "Call-ID: c1@", "Call-ID: c2@"), RULE_CONTEXT_MISMATCH);
    both_say(scene_replace(&scene, message, "CSeq: 1 ", "CSeq: 2 "), RULE_CONTEXT_MISMATCH);
    both_say(scene_replace(&scene, message, "To: <sip:bob@", "To: <sip:eve@"), RULE_CONTEXT_MISMATCH);
    both_say(scene_replace(&scene, message, "From: <sip:alice@", "From: <sip:alicf@"), RULE_CONTEXT_MISMATCH);
    both_say(scene_replace(&scene, message, ";tag=a1", ";tag=a2"), RULE_CONTEXT_MISMATCH);
}

static void a_signer_is_who_the_certificate_says(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    draft.signer = &scene.mallory;
    both_say(scene_message(&scene, &draft), RULE_IDENTITY_MISMATCH);
    draft.signer = &scene.stranger;
    both_say(scene_message(&scene, &draft), RULE_CERT_UNTRUSTED);
    draft.signer = &scene.expired;
    both_say(scene_message(&scene, &draft), RULE_CERT_EXPIRED);
    draft.signer = &scene.revoked;
    both_say(scene_message(&scene, &draft), RULE_CERT_REVOKED);
    draft.signer = &scene.domain; /* vouches for its users only over something sealed */
    both_say(scene_message(&scene, &draft), RULE_IDENTITY_MISMATCH);
    draft.signer = &scene.proxy;
    both_say(scene_message(&scene, &draft), RULE_IDENTITY_MISMATCH);
}

static void a_date_outside_the_window_is_stale_on_either_side(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    draft.date = SCENE_NOW - PROOF_WINDOW_DEFAULT - 1;
    both_say(scene_message(&scene, &draft), RULE_DATE_STALE);
    draft.date = SCENE_NOW + PROOF_WINDOW_DEFAULT + 1;
    both_say(scene_message(&scene, &draft), RULE_DATE_STALE);

    struct verdict v;
    struct disclosed d;
    draft.date = SCENE_NOW - PROOF_WINDOW_DEFAULT;
    assert_rule(scene_examine(&scene, scene_message(&scene, &draft), &v, &d), RULE_OK);
    assert_rule(v.part[0].signature, RULE_OK);
}

/* protocol.md 2.1, Replay: the signer's key, the signed attributes and, where it counts, the Request-URI. */
static void a_replay_key_is_of_signer_attributes_and_request_uri(void **state)
{
    (void)state;
    struct certificate signer = {.key_hash = {1}};
    struct proof proof = {.signer = &signer, .attributes_hash = {2}};
    const struct span uri = SPAN("sip:" BOB), other = SPAN("sip:bob@192.0.2.1");
    uint8_t first[32], key[32];
    assert_rule(proof_replay_key(&proof, &uri, first), RULE_OK);
    assert_rule(proof_replay_key(&proof, &uri, key), RULE_OK);
    assert_memory_equal(key, first, 32);
    assert_rule(proof_replay_key(&proof, &other, key), RULE_OK);
    assert_memory_not_equal(key, first, 32);
    assert_rule(proof_replay_key(&proof, NULL, key), RULE_OK);
    assert_memory_not_equal(key, first, 32);
    proof.attributes_hash[31] = 3;
    assert_rule(proof_replay_key(&proof, &uri, key), RULE_OK);
    assert_memory_not_equal(key, first, 32);
    proof.attributes_hash[31] = 0;
    signer.key_hash[31] = 3;
    assert_rule(proof_replay_key(&proof, &uri, key), RULE_OK);
    assert_memory_not_equal(key, first, 32);
}

#define FRAG(disposition)                                                                                              \
    "--b\r\nContent-Type: message/sipfrag\r\nContent-Disposition: " disposition ";handling=optional\r\n\r\n"           \
    "From: <sip:" ALICE ">;tag=a1\r\nTo: <sip:" BOB ">\r\nCall-ID: c1@ua1.home.example\r\nCSeq: 1 MESSAGE\r\n"         \
    "Date: Mon, 23 Nov 2026 13:00:00 GMT\r\n\r\n"
#define TEXT "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"

/* A message that alice signs, whose signed entity has these parts. */
static struct span signed_parts(const char *parts)
{
    struct span der;
    struct writer w = arena_writer(&scene.arena, 4096);
    writer_text(&w, "Content-Type: multipart/mixed;boundary=b\r\n\r\n");
    writer_text(&w, parts);
    writer_text(&w, "--b--\r\n");
    assert_false(w.full);
    assert_rule(cms_sign(&scene.arena, &scene.alice, NULL, 0, writer_span(&w), SCENE_NOW, &der), RULE_OK);
    return scene_message_of(&scene, "c1@ua1.home.example",
                            SPAN("Content-Type: application/pkcs7-mime;smime-type=signed-data\r\n"), der);
}

/* protocol.md 2.4: exactly two parts, the content first, the only `aib` last. What else is signed is content, and says
 * nothing of the message. */
static void the_copy_is_the_only_one_and_the_last_of_two_parts(void **state)
{
    (void)state;
    static const struct {
        const char *parts;
        enum rule wanted;
    } row[] = {
        {TEXT FRAG("aib"), RULE_OK},
        {FRAG("aib") TEXT, RULE_CONTEXT_ABSENT},
        {FRAG("aib") FRAG("aib"), RULE_CONTEXT_ABSENT},
        {TEXT TEXT FRAG("aib"), RULE_CONTEXT_ABSENT},
        {TEXT FRAG("aib") TEXT, RULE_CONTEXT_ABSENT},
        {TEXT FRAG("attachment"), RULE_CONTEXT_ABSENT},
    };
    struct verdict v;
    struct disclosed d;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_rule(scene_examine(&scene, signed_parts(row[i].parts), &v, &d), RULE_OK);
        assert_rule(v.part[0].signature, row[i].wanted);
        assert_int_equal(v.part[0].proof, row[i].wanted == RULE_OK ? PROOF_USER : PROOF_CONTENT);
    }
}

/* --- what readers could do, since every one of them holds the key --- */

#define SEALED_HEADERS                                                                                                 \
    "Proxy-Inspect-Body: " PROXY ";cid=\"" CID "\";action=\"view verify\"\r\n"                                         \
    "MIME-Version: 1.0\r\nContent-ID: <" CID ">\r\n"                                                                   \
    "Content-Type: application/pkcs7-mime;smime-type=authEnveloped-data\r\n"                                           \
    "Content-Transfer-Encoding: binary\r\n"

/* What a reader of `message` finds inside the sealing. */
static struct span open_as(const struct identity *reader, struct span message)
{
    struct span content;
    assert_rule(cms_open(&scene.arena, scene_body(message), reader, &content), RULE_OK);
    return content;
}

static struct span seal_again(struct span content, const struct identity *const *reader, size_t count)
{
    struct certificate *readers[4];
    struct span der;
    for (size_t i = 0; i < count; i++)
        readers[i] = reader[i]->certificate;
    assert_rule(cms_seal(&scene.arena, readers, count, content, &der), RULE_OK);
    return scene_message_of(&scene, "c1@ua1.home.example", SPAN(SEALED_HEADERS), der);
}

static void content_sealed_again_for_somebody_else_is_refused(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct span content = open_as(&scene.proxy, scene_message(&scene, &draft));
    struct received r;

    const struct identity *same_number[] = {&scene.mallory, &scene.proxy};
    scene_receive(&scene, &scene.mallory, seal_again(content, same_number, 2), &r);
    assert_rule(r.broken, RULE_SEALED_FOR);
    received_clear(&r);

    const struct identity *one_more[] = {&scene.bob, &scene.proxy, &scene.mallory};
    scene_receive(&scene, &scene.bob, seal_again(content, one_more, 3), &r);
    assert_rule(r.broken, RULE_SEALED_FOR);
    received_clear(&r);
}

static void a_signature_cut_out_of_its_sealing_is_refused(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct mime_entity inner;
    struct verdict v;
    struct disclosed d;
    struct span content = open_as(&scene.proxy, scene_message(&scene, &draft));
    assert_rule(mime_entity_parse(content, &inner), RULE_OK);
    struct span message = scene_message_of(&scene, "c1@ua1.home.example",
                                           SPAN("Content-ID: <" CID ">\r\nContent-Type: application/pkcs7-mime;"
                                                "smime-type=signed-data\r\n"),
                                           inner.body);

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part[0].state, PART_SIGNED);
    assert_rule(v.part[0].signature, RULE_SEALED_FOR);
}

/* Whoever seals what was signed for everybody could name any readers: nothing says that the signer meant them. */
static void what_was_signed_in_the_clear_does_not_serve_in_a_sealing(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    const struct identity *readers[] = {&scene.bob, &scene.proxy};
    draft.reader_count = 0;
    struct span der = scene_body(scene_message(&scene, &draft));
    struct writer w = arena_writer(&scene.arena, der.len + 256);
    writer_text(&w, "Content-Type: application/pkcs7-mime;smime-type=signed-data\r\n\r\n");
    writer_put(&w, der);
    assert_false(w.full);
    both_say(seal_again(writer_span(&w), readers, 2), RULE_SEALED_FOR);
}

static void a_signed_part_moved_into_a_part_of_another_name_is_refused(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct span message = scene_message(&scene, &draft);
    /* Every Content-ID outside is renamed alike, so that only the signed Sealed-For still tells. */
    message = scene_replace(&scene, message, "cid=\"" CID "\"", "cid=\"body2@ua1.home.example\"");
    message = scene_replace(&scene, message, "Content-ID: <" CID ">", "Content-ID: <body2@ua1.home.example>");
    both_say(message, RULE_SEALED_FOR);
}

/* Nothing sealed goes unsigned (protocol.md 2). */
static void content_that_a_reader_forged_proves_nothing(void **state)
{
    (void)state;
    const struct identity *readers[] = {&scene.bob, &scene.proxy};
    struct span message = seal_again(SPAN("Content-Type: text/plain\r\n\r\nforged"), readers, 2);
    struct verdict v;
    struct disclosed d;
    struct received r;

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part[0].state, PART_OPENED);
    assert_rule(v.part[0].signature, RULE_SIGNATURE_ABSENT);
    assert_rule(v.part[0].label, RULE_LABEL_UNSIGNED);
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, RULE_OK);
    assert_rule(r.part[0].proof.broken, RULE_SIGNATURE_ABSENT);
    assert_int_equal(r.part[0].proof.kind, PROOF_NONE);
    received_clear(&r);
}

/* protocol.md 2.3: a wrong key, a flipped bit and another reader's part look alike. */
static void every_failure_to_open_looks_alike(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct span message = scene_message(&scene, &draft);
    struct verdict v;
    struct disclosed d;
    struct received r;
    bool ok;

    struct span flipped = arena_copy(&scene.arena, message, &ok);
    assert_true(ok);
    ((uint8_t *)(uintptr_t)flipped.at)[flipped.len - 1] ^= 1; /* the last byte of the tag */
    assert_rule(scene_examine(&scene, flipped, &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part[0].state, PART_CLOSED);
    assert_int_equal(d.count, 0);
    scene_receive(&scene, &scene.bob, flipped, &r);
    assert_rule(r.broken, RULE_UNDECIPHERABLE);
    assert_false(r.part[0].has_content);
    received_clear(&r);

    scene_receive(&scene, &scene.mallory, message, &r);
    assert_rule(r.broken, RULE_UNDECIPHERABLE);
    assert_false(r.part[0].has_content);
    received_clear(&r);
}

/* protocol.md 2.3: whoever alters ciphertexts and looks at what comes back learns nothing from it. */
static void a_thousand_altered_ciphertexts_are_answered_alike(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct span message = scene_message(&scene, &draft);
    uint8_t *bytes = (uint8_t *)(uintptr_t)message.at;
    const struct policy_rule archive = {
        .require = LABEL_VIEW | LABEL_VERIFY, .plain = POLICY_PLAIN_REFUSE, .mode = POLICY_ENFORCE};
    const struct policy policy = {.rule = {archive}, .rule_count = 1};
    struct message_outline outline;
    struct verdict v;
    struct disclosed d;
    struct received r;
    assert_rule(scene_outline(message, &outline), RULE_OK);

    for (size_t i = 0; i < 1000; i++) {
        /* Anywhere in the 16 bytes of the tag, which end the object, or in the ciphertext: before the two bytes that say
         * how long the tag is. 1,500 bytes are less than both. */
        size_t back = i * 1543 % 1500;
        size_t at = message.len - 1 - (back < 16 ? back : back + 2);
        uint8_t bit = (uint8_t)(1 << i % 8);
        bytes[at] ^= bit;
        arena_reset(&scene.opening);
        assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
        struct decision decision = policy_decide(&policy, &outline, &v);
        assert_rule(decision.broken, RULE_POLICY_VIEW);
        assert_int_equal(decision.status, 496);
        assert_int_equal(d.count, 0);
        scene_receive(&scene, &scene.bob, message, &r);
        assert_rule(r.broken, RULE_UNDECIPHERABLE);
        received_clear(&r);
        bytes[at] ^= bit;
    }
    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part[0].state, PART_OPENED);
}

static void a_part_that_is_optional_and_closed_is_skipped(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct received r;
    struct span message =
        scene_replace(&scene, scene_message(&scene, &draft), "handling=required", "handling=optional");
    scene_receive(&scene, &scene.mallory, message, &r);
    assert_rule(r.broken, RULE_OK);
    assert_false(r.part[0].has_content);
    received_clear(&r);
}

/* --- shapes --- */

static void a_sealed_part_hidden_in_a_nested_multipart_counts_as_closed(void **state)
{
    (void)state;
    struct verdict v;
    struct disclosed d;
    struct span body = SPAN("--a\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n"
                            "--b\r\nContent-Type: text/plain\r\n\r\nharmless\r\n"
                            "--b\r\nContent-Type: application/pkcs7-mime;smime-type=authEnveloped-data\r\n"
                            "Content-ID: <hidden@x>\r\n\r\nstolen\r\n--b--\r\n\r\n--a--\r\n");
    struct span message = scene_message_of(
        &scene, "c1@x", SPAN("Content-Type: multipart/mixed;boundary=a\r\nMIME-Version: 1.0\r\n"), body);

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_rule(v.broken, RULE_OK);
    assert_int_equal(v.part_count, 2);
    assert_int_equal(v.part[0].state, PART_PLAIN);
    assert_string_equal(v.part[0].type[0], "text/plain");
    assert_int_equal(v.part[1].state, PART_CLOSED);
    assert_string_equal(v.part[1].cid, "hidden@x");
}

static void a_plain_body_is_disclosed_with_its_head(void **state)
{
    (void)state;
    struct verdict v;
    struct disclosed d;
    struct span message =
        scene_message_of(&scene, "c1@x", SPAN("Content-Type: text/plain;charset=UTF-8\r\n"), SPAN("hello"));

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part[0].state, PART_PLAIN);
    assert_rule(v.part[0].signature, RULE_SIGNATURE_ABSENT);
    assert_int_equal(d.count, 1);
    assert_true(contains(d.part[0].object, "Content-Type: text/plain;charset=UTF-8\r\n"));
    assert_true(contains(d.part[0].object, "\r\n\r\nhello"));
}

static void a_message_signed_in_the_clear_is_verified_without_opening(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct verdict v;
    struct disclosed d;
    struct received r;
    draft.reader_count = 0;
    draft.label = PROXY ";cid=\"" CID "\";action=verify";
    struct span message = scene_message(&scene, &draft);

    assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
    assert_int_equal(v.part[0].state, PART_SIGNED);
    assert_rule(v.part[0].signature, RULE_OK);
    assert_rule(v.part[0].label, RULE_OK);
    assert_int_equal(v.part[0].proof, PROOF_USER);
    scene_receive(&scene, &scene.bob, message, &r);
    assert_rule(r.broken, RULE_OK);
    assert_false(r.part[0].sealed);
    assert_span_text(r.part[0].content.body, draft.text);
    received_clear(&r);
}

/* REQ-INT-1, REQ-INT-2: signed(sealed(signed(content))), where the middle checks the outer signature alone. The
 * domain's certificate also serves for that one (protocol.md 2.1, rule 3). */
static void an_outer_signature_is_verified_over_what_stays_closed(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct certificate *readers[] = {scene.bob.certificate};
    struct verdict v;
    struct disclosed d;
    const struct identity *signers[] = {&scene.alice, &scene.domain};
    const enum proof_kind kinds[] = {PROOF_USER, PROOF_DOMAIN};
    assert_rule(cms_seal(&scene.arena, readers, 1, SPAN("Content-Type: text/plain\r\n\r\nclosed"), &draft.sealed),
                RULE_OK);
    draft.reader_count = 0;
    draft.label = PROXY ";cid=\"" CID "\";action=verify";

    for (size_t i = 0; i < 2; i++) {
        draft.signer = signers[i];
        assert_rule(scene_examine(&scene, scene_message(&scene, &draft), &v, &d), RULE_OK);
        assert_rule(v.broken, RULE_OK);
        assert_int_equal(v.part_count, 2);
        assert_int_equal(v.part[0].state, PART_SIGNED);
        assert_rule(v.part[0].label, RULE_OK);
        assert_int_equal(v.part[1].state, PART_CLOSED);
        for (size_t j = 0; j < 2; j++) {
            assert_rule(v.part[j].signature, RULE_OK);
            assert_int_equal(v.part[j].proof, kinds[i]);
        }
        assert_string_equal(v.part[1].signer, v.part[0].signer);
    }
    draft.signer = &scene.mallory;
    assert_rule(scene_examine(&scene, scene_message(&scene, &draft), &v, &d), RULE_OK);
    assert_rule(v.part[1].signature, RULE_IDENTITY_MISMATCH);
    assert_int_equal(v.part[1].proof, PROOF_NONE);
}

/* Whoever opens the outer sealing has not opened the inner one, which has other readers. */
static void a_sealing_inside_that_stays_closed_is_not_told_as_opened(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct certificate *readers[] = {scene.proxy.certificate};
    struct received r;
    assert_rule(cms_seal(&scene.arena, readers, 1, SPAN("Content-Type: text/plain\r\n\r\nclosed"), &draft.sealed),
                RULE_OK);
    scene_receive(&scene, &scene.bob, scene_message(&scene, &draft), &r);
    assert_rule(r.broken, RULE_UNDECIPHERABLE);
    assert_int_equal(r.part_count, 1);
    assert_true(r.part[0].sealed);
    assert_false(r.part[0].opened);
    assert_false(r.part[0].has_content);
    assert_false(cms_readers_include(&r.part[0].readers, scene.bob.certificate));
    received_clear(&r);
}

/* --- resources --- */

static void running_out_of_memory_anywhere_is_told_and_opens_nothing_by_mistake(void **state)
{
    (void)state;
    struct scene_draft draft = scene_draft(&scene);
    struct span message = scene_message(&scene, &draft);
    struct verdict v;
    struct disclosed d;
    bool done = false;

    for (size_t n = 0; !done; n++) {
        assert_true(n < 200);
        arena_reset(&scene.opening);
        scene.opening.fail_after = n;
        assert_rule(scene_examine(&scene, message, &v, &d), RULE_OK);
        done = v.broken == RULE_OK;
        if (done)
            assert_rule(v.part[0].signature, RULE_OK);
        else
            assert_rule(v.broken, RULE_NO_MEMORY);
    }
    scene.opening.fail_after = SIZE_MAX;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_middle_opens_and_verifies_what_it_is_asked_to),
        cmocka_unit_test(the_recipient_sees_content_sender_and_readers),
        cmocka_unit_test(what_is_sealed_end_to_end_is_closed_to_the_middle),
        cmocka_unit_test(a_label_on_a_part_sealed_to_others_opens_nothing),
        cmocka_unit_test(a_label_that_was_removed_leaves_the_part_closed_and_is_told),
        cmocka_unit_test(a_label_for_another_proxy_is_as_good_as_none),
        cmocka_unit_test(a_label_that_nobody_signed_is_refused),
        cmocka_unit_test(a_label_whose_action_was_changed_is_refused),
        cmocka_unit_test(a_label_on_what_nobody_signed_is_told),
        cmocka_unit_test(a_signed_label_whose_header_was_removed_is_told),
        cmocka_unit_test(the_recipient_is_told_of_labels_that_differ),
        cmocka_unit_test(a_signature_made_for_another_message_is_refused),
        cmocka_unit_test(a_signer_is_who_the_certificate_says),
        cmocka_unit_test(a_date_outside_the_window_is_stale_on_either_side),
        cmocka_unit_test(a_replay_key_is_of_signer_attributes_and_request_uri),
        cmocka_unit_test(the_copy_is_the_only_one_and_the_last_of_two_parts),
        cmocka_unit_test(content_sealed_again_for_somebody_else_is_refused),
        cmocka_unit_test(a_signature_cut_out_of_its_sealing_is_refused),
        cmocka_unit_test(what_was_signed_in_the_clear_does_not_serve_in_a_sealing),
        cmocka_unit_test(a_signed_part_moved_into_a_part_of_another_name_is_refused),
        cmocka_unit_test(content_that_a_reader_forged_proves_nothing),
        cmocka_unit_test(every_failure_to_open_looks_alike),
        cmocka_unit_test(a_thousand_altered_ciphertexts_are_answered_alike),
        cmocka_unit_test(a_part_that_is_optional_and_closed_is_skipped),
        cmocka_unit_test(a_sealed_part_hidden_in_a_nested_multipart_counts_as_closed),
        cmocka_unit_test(a_plain_body_is_disclosed_with_its_head),
        cmocka_unit_test(a_message_signed_in_the_clear_is_verified_without_opening),
        cmocka_unit_test(an_outer_signature_is_verified_over_what_stays_closed),
        cmocka_unit_test(a_sealing_inside_that_stays_closed_is_not_told_as_opened),
        cmocka_unit_test(running_out_of_memory_anywhere_is_told_and_opens_nothing_by_mistake),
    };
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
