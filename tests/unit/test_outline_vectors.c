/* Bodies and labels that others wrote, read from where they lie outside the project (the build option `vectors`);
 * skipped where they are not there. */
#include "test.h"

#include "sipseal/outline.h"

static uint8_t message[64 * 1024];

/* The bytes of a file; an empty span when there is none. */
static struct span read_file(const char *name, uint8_t *room, size_t len)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return (struct span){0};
    struct span bytes = span_of(room, fread(room, 1, len, f));
    fclose(f);
    return bytes;
}

static void skip_without(struct span bytes, const char *name)
{
    if (bytes.len)
        return;
    printf("no test vectors at %s/%s\n", VECTORS, name);
    skip();
}

/* The example messages of draft-ietf-sip-e2m-sec-06 are templates: "{{ENVELOPED ...}} ... {{END}}", "{{CERT ...}}" and
 * "{{SIGNATURE ...}}" stand for what the draft does not print. */
static void fill_body(struct writer *w, struct span body)
{
    for (size_t at; (at = span_find_span(body, SPAN("{{"))) < body.len;) {
        writer_put(w, span_part(body, 0, at));
        writer_text(w, "bytes");
        body = span_part(body, at, body.len);
        bool block = span_starts(body, SPAN("{{ENVELOPED"));
        const struct span end = block ? SPAN("{{END}}") : SPAN("}}");
        body = span_part(body, span_find_span(body, end) + end.len, body.len);
    }
    writer_put(w, body);
}

static struct span filled_template(struct span text)
{
    static uint8_t body_room[16 * 1024];
    size_t head = span_find_span(text, SPAN("\r\n\r\n")) + 4;
    struct writer body = writer_over(body_room, sizeof body_room), w = writer_over(message, sizeof message);
    fill_body(&body, span_part(text, head, text.len));
    struct span start = span_part(text, 0, head);
    size_t length = span_find_span(start, SPAN("{{LEN}}"));
    writer_put(&w, span_part(start, 0, length));
    if (length < start.len) {
        writer_decimal(&w, body.len);
        writer_put(&w, span_part(start, length + 7, start.len));
    }
    writer_put(&w, writer_span(&body));
    assert_false(w.full || body.full);
    return writer_span(&w);
}

static enum rule outline_of(struct span bytes, struct message_outline *outline)
{
    static struct sip_message m;
    struct outline_source source;
    enum rule rule = sip_message_parse(bytes, SIP_DATAGRAM, &m);
    if (rule == RULE_OK)
        rule = outline_source_of(&m, &source);
    return rule == RULE_OK ? message_outline(&source, outline) : rule;
}

struct expectation {
    const char *file;
    size_t labels, cids, parts;
    enum mime_kind kind[2];
    const char *cid[2];
};

/* protocol.md 3: the draft's own examples differ from its grammar, and are read. */
static void the_examples_of_the_draft_are_read_in_spite_of_their_slips(void **state)
{
    (void)state;
    static const struct expectation cases[] = {
        {"01-invite-shared", 1, 1, 1, {MIME_SEALED}, {"1234@atlanta.example.com"}},
        {"02-200-answer", 0, 0, 1, {MIME_SEALED}, {"1234@atlanta.example.com"}},
        {"03-invite-two-parts", 1, 2, 2, {MIME_SEALED, MIME_SEALED},
         {"3333@atlanta.example.com", "4444@atlanta.example.com"}},
        {"04-496-whole-body", 0, 0, 1, {MIME_PLAIN}, {""}},
        {"05-message-shared", 1, 1, 1, {MIME_SEALED}, {"1234@atlanta.example.com"}},
        {"06-496-warning", 0, 0, 1, {MIME_PLAIN}, {""}},
        {"07-message-signed", 0, 0, 1, {MIME_CLEAR_SIGNED}, {""}},
        {"08-495", 0, 0, 0, {MIME_PLAIN}, {""}},
    };
    static uint8_t room[16 * 1024];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct expectation *c = &cases[i];
        char name[128];
        struct message_outline o;
        snprintf(name, sizeof name, "e2m-draft-examples/%s.tmpl", c->file);
        struct span text = read_file(name, room, sizeof room);
        skip_without(text, name);
        enum rule rule = outline_of(filled_template(text), &o);
        if (rule != RULE_OK)
            fail_msg("%s: %s", c->file, rule_name(rule));
        assert_int_equal(o.labels.count, c->labels);
        if (c->labels) {
            assert_span_text(o.labels.label[0].host, "ss1.atlanta.example.com");
            assert_int_equal(o.labels.label[0].cid_count, c->cids);
            assert_span_text(o.labels.label[0].cid[0], "1234@atlanta.example.com");
        }
        assert_int_equal(o.part_count, c->parts);
        for (size_t j = 0; j < c->parts; j++) {
            assert_int_equal(o.part[j].kind, c->kind[j]);
            assert_span_text(o.part[j].content_id, c->cid[j]);
        }
    }
}

static void the_signed_messages_of_rfc_8591_are_seen_as_such(void **state)
{
    (void)state;
    static const char *const names[] = {"rfc8591/message1.sip", "rfc8591/message2.sip"};
    for (size_t i = 0; i < 2; i++) {
        struct message_outline o;
        struct span bytes = read_file(names[i], message, sizeof message);
        skip_without(bytes, names[i]);
        assert_rule(outline_of(bytes, &o), RULE_OK);
        assert_int_equal(o.part_count, 1);
        assert_int_equal(o.part[0].kind, MIME_SIGNED);
        assert_int_equal(o.part[0].encoding, MIME_BINARY);
        assert_int_equal(o.part[0].body.at[0], 0x30); /* a DER sequence */
        assert_true(outline_protected(&o));
    }
}

/* Repaired: the bytes that the archive of RFC 6216 had doubled were taken back. What is sealed there (enveloped-data) and
 * signed there (SHA-1) is refused by who opens and verifies it (test_cms_vectors.c). As published, Content-Length is
 * short: a body is cut before its closing delimiter, or has DER that is cut. */
static void the_messages_of_rfc_6216_have_the_shape_that_they_should(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t parts;
        enum mime_kind kind;
        enum rule published;
    } cases[] = {
        {"cms-smime-msg", 1, MIME_CLEAR_SIGNED, RULE_MIME_SYNTAX},
        {"noeku-cms-smime-msg", 1, MIME_CLEAR_SIGNED, RULE_MIME_SYNTAX},
        {"smime-msg", 1, MIME_CLEAR_SIGNED, RULE_MIME_SYNTAX},
        {"noeku-smime-msg", 1, MIME_CLEAR_SIGNED, RULE_MIME_SYNTAX},
        {"smime-sign-encrypt", 1, MIME_CLEAR_SIGNED, RULE_MIME_SYNTAX},
        {"noeku-smime-sign-encrypt", 1, MIME_CLEAR_SIGNED, RULE_MIME_SYNTAX},
        {"smime-encrypted", 1, MIME_SEALED, RULE_OK},
        {"noeku-smime-encrypted", 1, MIME_SEALED, RULE_OK},
        {"message-tls", 1, MIME_PLAIN, RULE_OK},
        {"message-tls-resp", 0, MIME_PLAIN, RULE_OK},
        {"smime-msg-what-got-signed", 0, MIME_PLAIN, RULE_SIP_SYNTAX}, /* an entity, no message */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[128];
        struct message_outline o;
        snprintf(name, sizeof name, "rfc6216/archive/%s.dat", cases[i].name);
        struct span bytes = read_file(name, message, sizeof message);
        skip_without(bytes, name);
        if (outline_of(bytes, &o) != cases[i].published)
            fail_msg("%s is not %s but %s", name, rule_name(cases[i].published), rule_name(outline_of(bytes, &o)));
        snprintf(name, sizeof name, "rfc6216/repaired/%s.dat", cases[i].name);
        enum rule rule = outline_of(read_file(name, message, sizeof message), &o);
        if (rule != (cases[i].published == RULE_SIP_SYNTAX ? RULE_SIP_SYNTAX : RULE_OK))
            fail_msg("%s: %s", name, rule_name(rule));
        if (rule != RULE_OK)
            continue;
        assert_int_equal(o.part_count, cases[i].parts);
        if (cases[i].parts)
            assert_int_equal(o.part[0].kind, cases[i].kind);
    }
}

/* RFC 4475 3.1.1.11: a multipart with a binary part. */
static void the_multipart_of_the_torture_messages_is_taken_apart(void **state)
{
    (void)state;
    struct message_outline o;
    struct span bytes = read_file("rfc4475/mpart01.dat", message, sizeof message);
    skip_without(bytes, "rfc4475/mpart01.dat");
    assert_rule(outline_of(bytes, &o), RULE_OK);
    assert_int_equal(o.part_count, 2);
    assert_span_text(o.part[0].type, "text/plain");
    assert_span_text(o.part[0].body, "Hello");
    assert_span_text(o.part[1].type, "application/octet-stream");
    assert_int_equal(o.part[1].body.at[0], 0x30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_draft_are_read_in_spite_of_their_slips),
        cmocka_unit_test(the_signed_messages_of_rfc_8591_are_seen_as_such),
        cmocka_unit_test(the_messages_of_rfc_6216_have_the_shape_that_they_should),
        cmocka_unit_test(the_multipart_of_the_torture_messages_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
