#include "test.h"

#include "sipseal/outline.h"

/* A request with these header lines and this body, parsed; one at a time. */
static const struct sip_message *request(const char *headers, const char *body)
{
    static char text[16 * 1024];
    static struct sip_message m;
    int len = snprintf(text, sizeof text,
                       "MESSAGE sip:bob@192.0.2.1 SIP/2.0\r\n"
                       "Via: SIP/2.0/TCP ua1.home.example;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
                       "From: Alice <sip:alice@home.example>;tag=a1\r\nTo: \"Bob\" <sip:bob@far.example;x=y>;tag=b1\r\n"
                       "Call-ID: c1@ua1\r\nCSeq: 7 MESSAGE\r\nDate: Mon, 23 Nov 2026 13:00:00 GMT\r\n"
                       "%sContent-Length: %zu\r\n\r\n%s", headers, strlen(body), body);
    assert_in_range(len, 1, sizeof text - 1);
    assert_rule(sip_message_parse(span_of(text, (size_t)len), SIP_STREAM, &m), RULE_OK);
    return &m;
}

static enum rule outline(const char *headers, const char *body, struct message_outline *out)
{
    struct outline_source source;
    enum rule rule = outline_source_of(request(headers, body), &source);
    return rule == RULE_OK ? message_outline(&source, out) : rule;
}

#define MIXED "Content-Type: multipart/mixed;boundary=B\r\n"
#define SEALED "Content-Type: application/pkcs7-mime;smime-type=authEnveloped-data\r\n"
#define SIGNED "Content-Type: application/pkcs7-mime;smime-type=signed-data\r\n"

static void a_context_holds_what_a_signature_binds(void **state)
{
    (void)state;
    struct outline_source source;
    assert_rule(outline_source_of(request("Contact: <sip:alice@ua1;transport=tcp>;q=1, <sip:x@y>\r\n"
                                          "Contact: sip:z@y\r\nContent-Type: text/plain\r\n", "hi"), &source), RULE_OK);
    const struct message_context *c = &source.context;
    assert_false(c->is_response);
    assert_span_text(c->request_uri, "sip:bob@192.0.2.1");
    assert_span_text(c->from_uri, "sip:alice@home.example");
    assert_span_text(c->from_tag, "a1");
    assert_span_text(c->to_uri, "sip:bob@far.example;x=y");
    assert_span_text(c->to_tag, "b1");
    assert_span_text(c->call_id, "c1@ua1");
    assert_int_equal(c->cseq, 7);
    assert_span_text(c->method, "MESSAGE");
    assert_span_text(c->date, "Mon, 23 Nov 2026 13:00:00 GMT");
    assert_span_text(c->contact_uri, "sip:alice@ua1;transport=tcp");
    assert_span_text(source.body.body, "hi");
    assert_int_equal(source.label_count, 0);
}

static void a_response_has_a_status_and_no_request_uri(void **state)
{
    (void)state;
    struct sip_message m;
    struct outline_source source;
    assert_rule(sip_message_parse(SPAN("SIP/2.0 202 Accepted\r\nVia: SIP/2.0/TCP ua1;branch=z9hG4bK1\r\n"
                                       "From: <sip:alice@home.example>;tag=a1\r\nTo: <sip:bob@far.example>;tag=b1\r\n"
                                       "Call-ID: c1\r\nCSeq: 7 MESSAGE\r\nContent-Length: 0\r\n\r\n"), SIP_STREAM, &m),
                RULE_OK);
    assert_rule(outline_source_of(&m, &source), RULE_OK);
    assert_true(source.context.is_response);
    assert_int_equal(source.context.status, 202);
    assert_int_equal(source.context.request_uri.len, 0);
    assert_span_text(source.context.method, "MESSAGE");
    assert_int_equal(source.context.date.len, 0);
    assert_int_equal(source.context.contact_uri.len, 0);
}

static void a_message_without_a_body_has_no_parts(void **state)
{
    (void)state;
    struct message_outline o;
    assert_rule(outline("Proxy-Inspect-Body: p1;cid=\"a@b\"\r\n", "", &o), RULE_OK);
    assert_int_equal(o.part_count, 0);
    assert_int_equal(o.labels.count, 1);
    assert_false(outline_protected(&o));
    assert_rule(outline(MIXED, "", &o), RULE_OK);
    assert_int_equal(o.part_count, 0);
}

static void a_single_body_is_the_only_part(void **state)
{
    (void)state;
    struct message_outline o;
    assert_rule(outline("Content-Type: text/plain\r\n", "hi", &o), RULE_OK);
    assert_int_equal(o.part_count, 1);
    assert_false(outline_protected(&o));
    assert_rule(outline(SEALED "Content-ID: <a@b>\r\n", "x", &o), RULE_OK);
    assert_int_equal(o.part_count, 1);
    assert_int_equal(o.part[0].kind, MIME_SEALED);
    assert_span_text(o.part[0].content_id, "a@b");
    assert_true(outline_protected(&o));
    assert_rule(outline(SIGNED, "x", &o), RULE_OK);
    assert_true(outline_protected(&o));
    assert_rule(outline("Content-Type: application/pkcs7-mime;smime-type=certs-only\r\n", "x", &o), RULE_OK);
    assert_false(outline_protected(&o));
}

static void the_top_level_parts_of_a_multipart_are_its_direct_parts(void **state)
{
    (void)state;
    struct message_outline o;
    assert_rule(outline(MIXED "Content-ID: <all@b>\r\n",
                        "--B\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
                        "--B\r\n" SEALED "Content-ID: <one@b>\r\n\r\nx\r\n"
                        "--B\r\nContent-Type: multipart/alternative;boundary=C\r\n\r\n"
                        "--C\r\n\r\n1\r\n--C--\r\n--B--", &o),
                RULE_OK);
    assert_int_equal(o.part_count, 3);
    assert_int_equal(o.part[0].kind, MIME_PLAIN);
    assert_int_equal(o.part[1].kind, MIME_SEALED);
    assert_span_text(o.part[1].content_id, "one@b");
    assert_int_equal(o.part[2].kind, MIME_MULTIPART);
    assert_true(outline_protected(&o));
}

static void a_multipart_signed_is_one_part(void **state)
{
    (void)state;
    struct message_outline o;
    const char *head = "Content-Type: multipart/signed;protocol=\"application/pkcs7-signature\";boundary=B\r\n";
    assert_rule(outline(head, "--B\r\n\r\nhi\r\n"
                              "--B\r\nContent-Type: application/pkcs7-signature\r\n\r\ns\r\n--B--", &o), RULE_OK);
    assert_int_equal(o.part_count, 1);
    assert_int_equal(o.part[0].kind, MIME_CLEAR_SIGNED);
    assert_true(outline_protected(&o));
    assert_rule(outline(head, "--B\r\n\r\nhi\r\n--B--", &o), RULE_MIME_SYNTAX);
}

/* protocol.md 2: Content-IDs in one message are unique; a duplicate is 400. */
static void a_content_id_stands_once_in_a_whole_message(void **state)
{
    (void)state;
    struct message_outline o;
    assert_rule(outline(MIXED "Content-ID: <a@b>\r\n", "--B\r\nContent-ID: <a@b>\r\n\r\n1\r\n--B--", &o),
                RULE_MIME_CONTENT_ID_TWICE);
    assert_rule(outline(MIXED, "--B\r\nContent-ID: <a@b>\r\n\r\n1\r\n--B\r\nContent-ID: a@b\r\n\r\n2\r\n--B--", &o),
                RULE_MIME_CONTENT_ID_TWICE);
    /* Also where a multipart hides it below the top. */
    assert_rule(outline(MIXED, "--B\r\nContent-ID: <a@b>\r\n\r\n1\r\n"
                               "--B\r\nContent-Type: multipart/mixed;boundary=C\r\n\r\n"
                               "--C\r\nContent-ID: <a@b>\r\n\r\n2\r\n--C--\r\n--B--", &o), RULE_MIME_CONTENT_ID_TWICE);
    assert_rule(outline(MIXED, "--B\r\nContent-ID: <a@b>\r\n\r\n1\r\n--B\r\nContent-ID: <c@b>\r\n\r\n2\r\n--B--", &o),
                RULE_OK);
}

/* protocol.md 2.4 */
static void protected_parts_have_no_content_encoding(void **state)
{
    (void)state;
    struct message_outline o;
    assert_rule(outline(SEALED "Content-Encoding: gzip\r\n", "x", &o), RULE_MIME_CONTENT_ENCODING);
    assert_rule(outline(SIGNED "Content-Encoding: gzip\r\n", "x", &o), RULE_MIME_CONTENT_ENCODING);
    assert_rule(outline(SIGNED "Content-Encoding: identity\r\n", "x", &o), RULE_OK);
    assert_rule(outline(MIXED "Content-Encoding: gzip\r\n", "--B\r\n\r\n1\r\n--B--", &o), RULE_MIME_CONTENT_ENCODING);
    assert_rule(outline("Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", "x", &o), RULE_OK);
    assert_rule(outline(MIXED, "--B\r\n" SEALED "Content-Encoding: gzip\r\n\r\nx\r\n--B--", &o),
                RULE_MIME_CONTENT_ENCODING);
}

static void every_label_is_read_and_a_broken_one_breaks_the_message(void **state)
{
    (void)state;
    struct message_outline o;
    const char *line = "Proxy-Inspect-Body: p1;cid=\"a@b\"\r\n";
    char headers[1024] = "Content-Type: text/plain\r\n";
    for (int i = 0; i < LABELS_MAX; i++)
        strcat(headers, line);
    assert_rule(outline(headers, "hi", &o), RULE_OK);
    assert_int_equal(o.labels.count, LABELS_MAX);
    assert_span_text(o.labels.label[7].host, "p1");
    strcat(headers, line);
    assert_rule(outline(headers, "hi", &o), RULE_LABEL_LIMIT);
    assert_rule(outline("Proxy-Inspect-Body: p1\r\n", "", &o), RULE_LABEL_SYNTAX);

    /* What came from another process is not believed either. */
    struct outline_source source = {.label_count = LABELS_MAX + 1};
    assert_rule(message_outline(&source, &o), RULE_LABEL_LIMIT);
}

/* `depth` multiparts around one leaf, each with a boundary of its own. */
static void write_nested(struct writer *w, int depth, int at)
{
    char line[64];
    if (at == depth) {
        writer_text(w, "\r\nleaf");
        return;
    }
    snprintf(line, sizeof line, "Content-Type: multipart/mixed;boundary=b%d\r\n\r\n--b%d\r\n", at, at);
    writer_text(w, at ? line : strstr(line, "\r\n\r\n") + 4); /* the outermost head stands among the SIP headers */
    write_nested(w, depth, at + 1);
    snprintf(line, sizeof line, "\r\n--b%d--", at);
    writer_text(w, line);
}

static void depth_and_number_of_parts_are_limited_below_the_top_too(void **state)
{
    (void)state;
    struct message_outline o;
    char text[8192];
    for (int depth = 1; depth <= MIME_DEPTH_MAX + 1; depth++) {
        struct writer w = writer_over(text, sizeof text - 1);
        write_nested(&w, depth, 0);
        text[w.len] = '\0';
        assert_rule(outline("Content-Type: multipart/mixed;boundary=b0\r\n", text, &o),
                    depth <= MIME_DEPTH_MAX ? RULE_OK : RULE_MIME_DEPTH);
    }
    /* Three multiparts of eleven leaves: 36 parts. */
    struct writer w = writer_over(text, sizeof text - 1);
    for (int i = 0; i < 3; i++) {
        writer_text(&w, i ? "\r\n--B\r\nContent-Type: multipart/mixed;boundary=C\r\n\r\n"
                          : "--B\r\nContent-Type: multipart/mixed;boundary=C\r\n\r\n");
        for (int j = 0; j < 11; j++)
            writer_text(&w, j ? "\r\n--C\r\n\r\nx" : "--C\r\n\r\nx");
        writer_text(&w, "\r\n--C--");
    }
    writer_text(&w, "\r\n--B--");
    text[w.len] = '\0';
    assert_rule(outline(MIXED, text, &o), RULE_MIME_PARTS);
}

/* The largest message: a Content-ID for the body and for each of its parts. */
static void every_part_within_the_limits_may_have_a_content_id(void **state)
{
    (void)state;
    struct message_outline o;
    char text[8192], line[64];
    struct writer w = writer_over(text, sizeof text - 1);
    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "%s--B\r\nContent-ID: <m%d@x>\r\n", i ? "\r\n" : "", i);
        writer_text(&w, line);
        writer_text(&w, "Content-Type: multipart/mixed;boundary=C\r\n\r\n");
        for (int j = 0; j < 15; j++) {
            snprintf(line, sizeof line, "%s--C\r\nContent-ID: <p%d-%d@x>\r\n\r\nx", j ? "\r\n" : "", i, j);
            writer_text(&w, line);
        }
        writer_text(&w, "\r\n--C--");
    }
    writer_text(&w, "\r\n--B--");
    text[w.len] = '\0';
    assert_rule(outline(MIXED "Content-ID: <all@x>\r\n", text, &o), RULE_OK);
    assert_int_equal(o.part_count, 2);
}

/* Siblings do not add to one another's depth. */
static void multiparts_may_stand_side_by_side(void **state)
{
    (void)state;
    struct message_outline o;
    char text[8192];
    struct writer w = writer_over(text, sizeof text - 1);
    for (int i = 0; i < MIME_DEPTH_MAX + 2; i++) {
        writer_text(&w, i ? "\r\n--B\r\n" : "--B\r\n");
        writer_text(&w, "Content-Type: multipart/mixed;boundary=C\r\n\r\n--C\r\n");
        writer_text(&w, "Content-Type: multipart/mixed;boundary=D\r\n\r\n--D\r\n\r\nx\r\n--D--\r\n--C--");
    }
    writer_text(&w, "\r\n--B--");
    text[w.len] = '\0';
    assert_rule(outline(MIXED, text, &o), RULE_OK);
    assert_int_equal(o.part_count, MIME_DEPTH_MAX + 2);
}

static void a_body_that_is_no_mime_breaks_the_message(void **state)
{
    (void)state;
    struct message_outline o;
    assert_rule(outline("", "hi", &o), RULE_MIME_SYNTAX);
    assert_rule(outline(MIXED, "hi", &o), RULE_MIME_SYNTAX);
    assert_rule(outline(MIXED, "--B\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--B--", &o), RULE_MIME_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_holds_what_a_signature_binds),
        cmocka_unit_test(a_response_has_a_status_and_no_request_uri),
        cmocka_unit_test(a_message_without_a_body_has_no_parts),
        cmocka_unit_test(a_single_body_is_the_only_part),
        cmocka_unit_test(the_top_level_parts_of_a_multipart_are_its_direct_parts),
        cmocka_unit_test(a_multipart_signed_is_one_part),
        cmocka_unit_test(a_content_id_stands_once_in_a_whole_message),
        cmocka_unit_test(protected_parts_have_no_content_encoding),
        cmocka_unit_test(every_label_is_read_and_a_broken_one_breaks_the_message),
        cmocka_unit_test(depth_and_number_of_parts_are_limited_below_the_top_too),
        cmocka_unit_test(every_part_within_the_limits_may_have_a_content_id),
        cmocka_unit_test(multiparts_may_stand_side_by_side),
        cmocka_unit_test(a_body_that_is_no_mime_breaks_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
