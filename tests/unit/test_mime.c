#include "test.h"

#include <stdlib.h>
#include <time.h>

#include "sipseal/mime.h"

/* --- helpers --- */

static enum rule parse(const char *text, struct mime_entity *e)
{
    return mime_entity_parse(span_text(text), e);
}

/* The multipart whose boundary parameter and body are given. */
static struct mime_entity multipart(const char *params, struct span body)
{
    return (struct mime_entity){
        .kind = MIME_MULTIPART,
        .type = SPAN("multipart/mixed"),
        .type_params = span_text(params),
        .body = body,
    };
}

static enum rule split(const char *body, struct mime_parts *parts)
{
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct mime_entity m = multipart(";boundary=B", span_text(body));
    return mime_parts_of(&m, &budget, parts);
}

static enum rule split_with_boundary(const char *params, const char *body)
{
    struct mime_parts parts;
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct mime_entity m = multipart(params, span_text(body));
    return mime_parts_of(&m, &budget, &parts);
}

/* --- one entity --- */

static void an_entity_is_its_head_and_its_body_byte_for_byte(void **state)
{
    (void)state;
    struct mime_entity e;
    const char *text = "Content-Type: text/plain;charset=UTF-8\r\n"
                       "Content-ID: <a@b.example>\r\n"
                       "Content-Transfer-Encoding: BASE64\r\n"
                       "Content-Disposition: attachment;filename=\"x;y\";handling=Optional\r\n"
                       "\r\n"
                       "hello\r\n\r\nworld";
    assert_rule(parse(text, &e), RULE_OK);
    assert_span_text(e.bytes, text);
    assert_span_text(e.body, "hello\r\n\r\nworld");
    assert_int_equal(e.kind, MIME_PLAIN);
    assert_span_text(e.type, "text/plain");
    assert_span_text(e.type_params, ";charset=UTF-8");
    assert_int_equal(e.encoding, MIME_BASE64);
    assert_span_text(e.content_id, "a@b.example");
    assert_span_text(e.disposition, "attachment");
    struct span value;
    assert_true(mime_param(e.disposition_params, "FileName", &value));
    assert_span_text(value, "x;y");
    assert_false(mime_param(e.disposition_params, "y", &value));
    assert_true(mime_handling_optional(&e));
    assert_false(e.content_encoded);
}

/* RFC 2045 5.2, RFC 2046 5.1.1 */
static void an_entity_may_do_without_headers_or_without_a_body(void **state)
{
    (void)state;
    struct mime_entity e;
    assert_rule(parse("\r\nhello", &e), RULE_OK);
    assert_span_text(e.body, "hello");
    assert_int_equal(e.type.len, 0);
    assert_int_equal(e.kind, MIME_PLAIN);
    assert_int_equal(e.encoding, MIME_BINARY);
    assert_false(mime_handling_optional(&e));
    assert_rule(parse("Content-Type: text/plain\r\n\r\n", &e), RULE_OK);
    assert_int_equal(e.body.len, 0);
    assert_rule(parse("Content-Type: text/plain\r\n", &e), RULE_OK);
    assert_int_equal(e.body.len, 0);
    assert_rule(parse("", &e), RULE_OK);
    assert_int_equal(e.body.len, 0);
}

static void kinds_are_told_by_media_type_and_parameters_alone(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum mime_kind kind;
    } cases[] = {
        {"text/plain", MIME_PLAIN},
        {"application/sdp", MIME_PLAIN},
        {"application/octet-stream;name=\"smime.p7m\"", MIME_PLAIN}, /* RFC 8551 3.2.1: never by file name */
        {"application/x-pkcs7-mime;smime-type=signed-data", MIME_PLAIN},
        {"application/pkcs7-signature", MIME_PLAIN},
        {"application/pkcs7-mime;smime-type=authEnveloped-data", MIME_SEALED},
        {"Application/PKCS7-MIME; SMIME-Type=AUTHENVELOPED-DATA", MIME_SEALED},
        {"application/pkcs7-mime;smime-type=auth-enveloped-data", MIME_SEALED}, /* RFC 8591's spelling */
        {"application/pkcs7-mime;smime-type=\"enveloped-data\"", MIME_SEALED},
        {"application/pkcs7-mime;smime-type=compressed-data", MIME_SEALED}, /* unknown data */
        {"application/pkcs7-mime;smime-type=something-new", MIME_SEALED},
        {"application/pkcs7-mime", MIME_SEALED},
        {"application/pkcs7-mime;name=smime.p7m", MIME_SEALED},
        {"application/pkcs7-mime;smime-type=signed-data;name=smime.p7m", MIME_SIGNED},
        {"application/pkcs7-mime;smime-type=Signed-Data", MIME_SIGNED},
        {"application/pkcs7-mime;smime-type=certs-only", MIME_CERTS_ONLY},
        {"application/pkcs7-mime;smime-type=CERTS-ONLY", MIME_CERTS_ONLY},
        {"multipart/mixed;boundary=x", MIME_MULTIPART},
        {"multipart/alternative;boundary=x", MIME_MULTIPART},
        {"multipart/signed;protocol=\"application/pkcs7-signature\";micalg=sha-256;boundary=x", MIME_CLEAR_SIGNED},
        {"Multipart/Signed;boundary=x;protocol=\"Application/PKCS7-Signature\"", MIME_CLEAR_SIGNED},
        {"multipart/signed;protocol=\"application/pgp-signature\";boundary=x", MIME_MULTIPART},
        {"multipart/signed;boundary=x", MIME_MULTIPART},
        {"multipart / mixed ; boundary=x", MIME_MULTIPART}, /* RFC 3261 25.1: SLASH */
        {"message/sipfrag", MIME_SIPFRAG},
        {"message/sipfrag;version=2.0", MIME_SIPFRAG},
        {"message/sip", MIME_PLAIN},
        {"*/*", MIME_PLAIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        struct mime_entity e;
        snprintf(text, sizeof text, "Content-Type: %s\r\n\r\nx", cases[i].type);
        assert_rule(parse(text, &e), RULE_OK);
        if (e.kind != cases[i].kind)
            fail_msg("%s: kind %d", cases[i].type, (int)e.kind);
    }
}

static void transfer_encodings_are_told_without_regard_to_case(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum mime_transfer_encoding encoding;
    } cases[] = {
        {"binary", MIME_BINARY}, {"Base64", MIME_BASE64},
        {"7bit", MIME_7BIT},     {"8BIT", MIME_8BIT},
        {"quoted-printable", MIME_ENCODING_OTHER}, {"x-zip", MIME_ENCODING_OTHER},
        {"", MIME_ENCODING_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        struct mime_entity e;
        snprintf(text, sizeof text, "Content-Transfer-Encoding: %s\r\n\r\nx", cases[i].name);
        assert_rule(parse(text, &e), RULE_OK);
        assert_int_equal(e.encoding, cases[i].encoding);
    }
}

static void what_two_readers_could_understand_differently_is_no_entity(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "Content-Type: text/plain",                                    /* the head does not end */
        "Content-Type: text/plain\n\nhello",                           /* bare LF */
        "Content-Type: text/plain\r\nContent-ID: <a@b>\n\r\n\r\nx",    /* bare LF between CRLFs */
        "Content-Type: text/plain\r\rX: y\r\n\r\nx",                   /* bare CR */
        "Content-Type: text/plain\rX: y\r\n\r\nx",
        "Content-Type text/plain\r\n\r\nx",                            /* no colon */
        ": text/plain\r\n\r\nx",                                       /* no name */
        " Content-Type: text/plain\r\n\r\nx",                          /* a fold of nothing */
        "Content-Type: text\r\n\r\nx",
        "Content-Type: text/\r\n\r\nx",
        "Content-Type: /plain\r\n\r\nx",
        "Content-Type: \r\n\r\nx",
        "Content-Type: text/plain charset=x\r\n\r\nx",
        "Content-Type: text/pl\177ain\r\n\r\nx",
        "Content-Type: text/pl\xc3\xa4in\r\n\r\nx",
        "Content-Type: text/plain, text/html\r\n\r\nx",
        "Content-Type: text/plain;charset=\"x\r\n\r\nx",               /* the quote stays open */
        "Content-Type: text/plain;charset=\"x\\\"\r\n\r\nx",
        "Content-Type: text/plain;charset=\r\n\r\nx",
        "Content-Type: text/plain;=x\r\n\r\nx",
        "Content-Type: text/plain;a=b c\r\n\r\nx",
        "Content-Type: text/plain;a=\"b\"c\r\n\r\nx",
        "Content-Type: text/plain;a=b;A=c\r\n\r\nx",                   /* a name twice */
        "Content-Type: application/pkcs7-mime;smime-type=signed-data;smime-type=enveloped-data\r\n\r\nx",
        "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx",
        "Content-Type: text/plain\r\ncontent-type: text/plain\r\n\r\nx",
        "Content-ID: <a@b>\r\nContent-ID: <c@d>\r\n\r\nx",
        "Content-Transfer-Encoding: binary\r\nContent-Transfer-Encoding: base64\r\n\r\nx",
        "Content-Disposition: aib\r\nContent-Disposition: render\r\n\r\nx",
        "Content-Disposition: ;handling=optional\r\n\r\nx",
        "Content-Disposition: aib;handling=optional;handling=required\r\n\r\nx",
        "Content-Type: t/p;a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1;p=1;q=1\r\n\r\nx",
    };
    struct mime_entity e;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        if (parse(broken[i], &e) != RULE_MIME_SYNTAX)
            fail_msg("case %zu is not refused as it should be: %s", i, broken[i]);
    assert_rule(mime_entity_parse(SPAN("Content-Type: text/plain\r\nX: a\0b\r\n\r\nx"), &e), RULE_MIME_SYNTAX);
    assert_rule(mime_entity_parse(SPAN("Content-Type: text/plain;a=\"\\\0\"\r\n\r\nx"), &e), RULE_MIME_SYNTAX);
}

static void harmless_oddities_of_peers_are_read(void **state)
{
    (void)state;
    struct mime_entity e;
    struct span value;
    assert_rule(parse("content-type:text/plain;charset=UTF-8;\r\n\r\nx", &e), RULE_OK);
    assert_span_text(e.type, "text/plain");
    assert_rule(parse("Content-Type: multipart/signed;protocol=\"application/pkcs7-signature\"\r\n"
                      "         ;micalg=sha1;boundary = boundary1\r\n\r\nx", &e), RULE_OK);
    assert_int_equal(e.kind, MIME_CLEAR_SIGNED);
    assert_true(mime_param(e.type_params, "boundary", &value));
    assert_span_text(value, "boundary1");
    assert_rule(parse("Content-Disposition: session;flag\r\nX-Other: \"\xc3\xa9\"\r\n\r\nx", &e), RULE_OK);
    assert_span_text(e.disposition, "session");
    /* A compact name of SIP is no MIME header. */
    assert_rule(parse("c: application/sdp\r\n\r\nx", &e), RULE_OK);
    assert_int_equal(e.type.len, 0);
}

static void a_parameter_is_found_in_well_formed_parameters_only(void **state)
{
    (void)state;
    struct span value;
    assert_true(mime_param(SPAN(";a=b; c = \"d;\\\"e\" ;f"), "C", &value));
    assert_span_text(value, "d;\\\"e");
    assert_true(mime_param(SPAN(";a=b;;f"), "f", &value));
    assert_int_equal(value.len, 0);
    assert_false(mime_param(SPAN(";a=\"x\0y\";b=c"), "a", &value));
    assert_false(mime_param(SPAN(";a=\"x\\"), "a", &value));
    assert_false(mime_param(SPAN(";a=\";b=c"), "b", &value));
    assert_false(mime_param(SPAN("a=b"), "a", &value));
    assert_false(mime_param(SPAN(""), "a", &value));
}

static void content_ids_compare_without_brackets_and_quotes(void **state)
{
    (void)state;
    static const char *const forms[] = {"<a@b>", "a@b", "\"a@b\"", "\"<a@b>\"", " <a@b> ", "< a@b >"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        assert_span_text(mime_bare_content_id(span_text(forms[i])), "a@b");
    assert_span_text(mime_bare_content_id(SPAN("<a@b")), "<a@b");
    assert_span_text(mime_bare_content_id(SPAN("<>")), "");
    assert_span_text(mime_bare_content_id(SPAN("\"")), "\"");
}

static void a_content_encoding_other_than_identity_is_told(void **state)
{
    (void)state;
    struct mime_entity e;
    assert_rule(parse("Content-Encoding: gzip\r\n\r\nx", &e), RULE_OK);
    assert_true(e.content_encoded);
    assert_rule(parse("Content-Encoding: Identity\r\n\r\nx", &e), RULE_OK);
    assert_false(e.content_encoded);
    assert_rule(parse("Content-Encoding: gzip\r\nContent-Encoding: identity\r\n\r\nx", &e), RULE_OK);
    assert_true(e.content_encoded);
}

static void a_head_has_limits(void **state)
{
    (void)state;
    static char text[MIME_HEAD_MAX + 64];
    struct mime_entity e;
    struct writer w = writer_over(text, sizeof text);
    for (int i = 0; i <= MIME_HEADERS_MAX; i++)
        writer_text(&w, "X-Other: y\r\n");
    writer_text(&w, "\r\n");
    assert_rule(mime_entity_parse(writer_span(&w), &e), RULE_MIME_HEADERS);
    assert_rule(mime_entity_parse(span_part(writer_span(&w), 12, w.len), &e), RULE_OK);

    w = writer_over(text, sizeof text);
    writer_text(&w, "X-Other: y\r\nX-Other: ");
    while (w.len < MIME_HEAD_MAX - 2)
        writer_byte(&w, 'y');
    writer_text(&w, "\r\n");
    assert_int_equal(w.len, MIME_HEAD_MAX);
    assert_rule(mime_entity_parse(writer_span(&w), &e), RULE_OK);
    w = writer_over(text, sizeof text);
    writer_text(&w, "X-Other: ");
    while (w.len < MIME_HEAD_MAX + 1)
        writer_byte(&w, 'y');
    writer_text(&w, "\r\n\r\n");
    assert_rule(mime_entity_parse(writer_span(&w), &e), RULE_MIME_HEADERS);
}

static void a_type_fits_a_pattern_without_regard_to_case(void **state)
{
    (void)state;
    static const struct {
        const char *type, *pattern;
        bool fits;
    } cases[] = {
        {"text/plain", "text/plain", true},   {"Text/PLAIN", "text/plain", true},
        {"text/plain", "TEXT/*", true},       {"text/plain", "*", true},
        {"text/plain", "*/*", true},          {"", "text/plain", true},
        {"", "text/*", true},                 {"", "application/*", false},
        {"text/plain", "text/html", false},   {"text/plainer", "text/plain", false},
        {"textual/plain", "text/*", false},   {"text/plain", "text", false},
        {"text / plain", "text/plain", true}, {"*/*", "text/plain", false},
        {"text/*", "text/plain", false},      {"text/plain", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (mime_type_matches(span_text(cases[i].type), span_text(cases[i].pattern)) != cases[i].fits)
            fail_msg("%s and %s", cases[i].type, cases[i].pattern);
}

static void a_body_is_decoded_as_its_encoding_says(void **state)
{
    (void)state;
    struct arena arena;
    struct span content;
    assert_true(arena_open(&arena, 256));
    struct mime_entity e = {.body = SPAN("aGVs\r\nbG8=\r\n"), .encoding = MIME_BASE64};
    assert_rule(mime_decode(&e, &arena, &content), RULE_OK);
    assert_span_text(content, "hello");
    e.encoding = MIME_7BIT;
    assert_rule(mime_decode(&e, &arena, &content), RULE_OK);
    assert_ptr_equal(content.at, e.body.at);
    e.encoding = MIME_ENCODING_OTHER;
    assert_rule(mime_decode(&e, &arena, &content), RULE_MIME_TRANSFER_ENCODING);
    e = (struct mime_entity){.body = SPAN("aGVs*"), .encoding = MIME_BASE64};
    size_t mark = arena_mark(&arena);
    assert_rule(mime_decode(&e, &arena, &content), RULE_MIME_SYNTAX);
    assert_int_equal(arena_mark(&arena), mark);
    arena.fail_after = 0;
    assert_rule(mime_decode(&e, &arena, &content), RULE_NO_MEMORY);
    arena_close(&arena);
}

/* --- the entity of a SIP message --- */

static enum rule of_message(const char *headers, const char *body, struct mime_entity *e)
{
    static char text[2048];
    struct sip_message m;
    snprintf(text, sizeof text,
             "MESSAGE sip:bob@far.example SIP/2.0\r\nVia: SIP/2.0/TCP ua1.home.example;branch=z9hG4bK1\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:alice@home.example>;tag=a1\r\nTo: <sip:bob@far.example>\r\n"
             "Call-ID: c1\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: %zu\r\n\r\n%s", headers, strlen(body), body);
    assert_rule(sip_message_parse(span_text(text), SIP_STREAM, &m), RULE_OK);
    return mime_entity_of_message(&m, e);
}

static void the_entity_of_a_message_has_its_head_among_the_sip_headers(void **state)
{
    (void)state;
    struct mime_entity e;
    assert_rule(of_message("c: application/pkcs7-mime;smime-type=signed-data\r\nContent-ID: <a@b>\r\n"
                           "Content-Transfer-Encoding: binary\r\nContent-Disposition: attachment;handling=required\r\n",
                           "x", &e), RULE_OK);
    assert_int_equal(e.kind, MIME_SIGNED);
    assert_int_equal(e.bytes.len, 0);
    assert_span_text(e.body, "x");
    assert_span_text(e.content_id, "a@b");
    assert_false(mime_handling_optional(&e));
    assert_rule(of_message("Content-Type: text/plain\r\ne: gzip\r\n", "x", &e), RULE_OK);
    assert_true(e.content_encoded);
}

static void a_body_without_a_type_is_refused_and_a_type_without_a_body_is_nothing(void **state)
{
    (void)state;
    struct mime_entity e;
    assert_rule(of_message("", "x", &e), RULE_MIME_SYNTAX); /* RFC 3261 20.15 */
    assert_rule(of_message("Content-Type: text/plain;a=\"\r\n", "x", &e), RULE_MIME_SYNTAX);
    assert_rule(of_message("Content-Type: multipart/mixed;boundary=B\r\n", "", &e), RULE_OK);
    assert_int_equal(e.body.len, 0);
    assert_int_equal(e.kind, MIME_PLAIN);
    assert_rule(of_message("Content-Type: text/plain;a=\"\r\n", "", &e), RULE_OK);
}

/* --- parts --- */

/* RFC 2046 5.1.1: the CRLF in front of a delimiter is the delimiter's; signatures need the exact bytes. */
static void parts_are_exact_between_their_delimiters(void **state)
{
    (void)state;
    struct mime_parts parts;
    assert_rule(split("preamble\r\n--B\r\n"
                      "Content-Type: text/plain\r\n\r\none\r\n\r\n--B  \t\r\n"
                      "\r\ntwo\r\n--B\r\n"
                      "\r\n--B\r\n"
                      "Content-ID: <x@y>\r\n\r\n--B--\t \r\nepilogue\r\n--B\r\n\r\nnot a part\r\n--B--", &parts),
                RULE_OK);
    assert_int_equal(parts.count, 4);
    assert_span_text(parts.part[0].bytes, "Content-Type: text/plain\r\n\r\none\r\n");
    assert_span_text(parts.part[0].body, "one\r\n");
    assert_span_text(parts.part[1].bytes, "\r\ntwo");
    assert_span_text(parts.part[1].body, "two");
    assert_span_text(parts.part[2].bytes, "");
    assert_span_text(parts.part[3].bytes, "Content-ID: <x@y>\r\n");
    assert_span_text(parts.part[3].content_id, "x@y");
    assert_span_text(parts.part[3].body, "");
}

static void an_empty_line_may_be_the_preamble(void **state)
{
    (void)state;
    struct mime_parts parts;
    assert_rule(split("\r\n--B\r\n\r\none\r\n--B--", &parts), RULE_OK);
    assert_int_equal(parts.count, 1);
}

static void a_part_may_hold_any_bytes_but_its_delimiter(void **state)
{
    (void)state;
    struct mime_parts parts;
    const struct span body = SPAN("--B\r\n\r\n\0\r\n--\r\n--A\r\n\n-B -B--\r--B\r\n\xff--B--\r\n--B--");
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct mime_entity m = multipart(";boundary=B", body);
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_OK);
    assert_int_equal(parts.count, 1);
    assert_span_equal(parts.part[0].body, SPAN("\0\r\n--\r\n--A\r\n\n-B -B--\r--B\r\n\xff--B--"));
}

static void a_structure_that_is_not_plain_is_no_multipart(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        "no delimiter",
        "--B\r\n\r\none",                         /* does not end */
        "--B\r\n\r\none\r\n--B",                  /* nor here */
        "--B\r\n\r\none\r\n--B-",
        "--B\r\n\r\none\r\n--B\r\n",
        "--B--",                                  /* RFC 2046 5.1.1: at least one part */
        "--B--\r\n",
        "--B\r\n--B--",                           /* the CRLF belongs to one delimiter only */
        "--B\r\n--B\r\n\r\none\r\n--B--",
        "--B\r\n\r\none\r\n--B\r\n--B--",
        "--B\r\n\r\none\r\n--Bx\r\n--B--",        /* a line that starts with a delimiter and goes on */
        "--Bx\r\n\r\none\r\n--B--",
        "--B x\r\n\r\none\r\n--B--",
        "--B\r\n\r\none\r\n--B-- x",
        "--B\r\n\r\none\r\n--B--x",
        "--B\r\n\r\none\r\n--B--\rx",
        "--B\n\r\none\r\n--B--",                  /* bare LF after a delimiter */
        "--B\r\n\r\none\n--B--",                  /* and in front of one */
        "--B\r\n\r\none\n--B\r\n\r\ntwo\r\n--B--",
        "x\n--B\r\n\r\none\r\n--B--",
        "\n--B\r\n\r\none\r\n--B--",
        "--B\r\nContent-Type: text\r\n\r\none\r\n--B--", /* a part that is no entity */
        "--B\r\none\r\n--B--",
    };
    struct mime_parts parts;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        if (split(broken[i], &parts) != RULE_MIME_SYNTAX)
            fail_msg("case %zu is not refused as it should be: %s", i, broken[i]);
}

static void a_boundary_is_that_of_rfc_2046(void **state)
{
    (void)state;
    assert_rule(split_with_boundary("", "--\r\n\r\none\r\n----"), RULE_MIME_SYNTAX);
    assert_rule(split_with_boundary(";charset=B", "--B\r\n\r\none\r\n--B--"), RULE_MIME_SYNTAX);
    assert_rule(split_with_boundary(";boundary", "--\r\n\r\none\r\n----"), RULE_MIME_SYNTAX);
    assert_rule(split_with_boundary(";boundary=\"\"", "--\r\n\r\none\r\n----"), RULE_MIME_SYNTAX);
    assert_rule(split_with_boundary(";boundary=\"B \"", "--B \r\n\r\none\r\n--B --"), RULE_MIME_SYNTAX);
    assert_rule(split_with_boundary(";boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
                                    "--12345678901234567890123456789012345678901234567890123456789012345678901\r\n\r\nx"
                                    "\r\n--12345678901234567890123456789012345678901234567890123456789012345678901--"),
                RULE_MIME_SYNTAX);
    for (int c = 1; c < 256; c++) { /* each byte, in the midst of a boundary */
        char params[32], body[64];
        const char *bchars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ";
        snprintf(params, sizeof params, ";boundary=\"B%cB\"", c);
        snprintf(body, sizeof body, "--B%cB\r\n\r\none\r\n--B%cB--", c, c);
        assert_rule(split_with_boundary(params, body), strchr(bchars, c) ? RULE_OK : RULE_MIME_SYNTAX);
    }
    assert_rule(split_with_boundary(";boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
                                    "--1234567890123456789012345678901234567890123456789012345678901234567890\r\n\r\nx"
                                    "\r\n--1234567890123456789012345678901234567890123456789012345678901234567890--"),
                RULE_OK);
    assert_rule(split_with_boundary(";boundary=\"a b'()+_,-./:=?\"",
                                    "--a b'()+_,-./:=?\r\n\r\nx\r\n--a b'()+_,-./:=?--"), RULE_OK);
    assert_rule(split_with_boundary("; charset=x ; BOUNDARY = \"--\"", "----\r\n\r\nx\r\n------"), RULE_OK);
    assert_rule(split_with_boundary(";boundary=b", "--B\r\n\r\none\r\n--B--"), RULE_MIME_SYNTAX); /* case counts */
}

static void a_multipart_is_not_transfer_encoded_and_not_another_kind(void **state)
{
    (void)state;
    struct mime_parts parts;
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct mime_entity m = multipart(";boundary=B", SPAN("--B\r\n\r\none\r\n--B--"));
    m.encoding = MIME_BASE64;
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_TRANSFER_ENCODING); /* RFC 2045 6.4 */
    m.encoding = MIME_ENCODING_OTHER;
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_TRANSFER_ENCODING);
    m.encoding = MIME_8BIT;
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_OK);
    m.kind = MIME_PLAIN;
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_SYNTAX);
}

/* RFC 1847 2.1 */
static void a_multipart_signed_has_exactly_two_parts(void **state)
{
    (void)state;
    struct mime_parts parts;
    static const char *const body[] = {
        "--B\r\n\r\none\r\n--B--",
        "--B\r\n\r\none\r\n--B\r\n\r\ntwo\r\n--B--",
        "--B\r\n\r\none\r\n--B\r\n\r\ntwo\r\n--B\r\n\r\nthree\r\n--B--",
    };
    for (size_t i = 0; i < 3; i++) {
        struct mime_budget budget = MIME_BUDGET_WHOLE;
        struct mime_entity m = multipart(";boundary=B", span_text(body[i]));
        m.kind = MIME_CLEAR_SIGNED;
        assert_rule(mime_parts_of(&m, &budget, &parts), i == 1 ? RULE_OK : RULE_MIME_SYNTAX);
        assert_int_equal(budget.depth, i == 1 ? MIME_DEPTH_MAX - 1 : MIME_DEPTH_MAX);
    }
}

static void siblings_do_not_share_a_content_id(void **state)
{
    (void)state;
    struct mime_parts parts;
    assert_rule(split("--B\r\nContent-ID: <a@b>\r\n\r\n1\r\n--B\r\nContent-ID: a@b\r\n\r\n2\r\n--B--", &parts),
                RULE_MIME_CONTENT_ID_TWICE);
    assert_rule(split("--B\r\nContent-ID: <a@b>\r\n\r\n1\r\n--B\r\nContent-ID: <A@b>\r\n\r\n2\r\n--B--", &parts),
                RULE_OK); /* they compare exactly */
    assert_rule(split("--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B--", &parts), RULE_OK);
}

static struct span repeated_parts(size_t count)
{
    static char text[1024];
    struct writer w = writer_over(text, sizeof text);
    for (size_t i = 0; i < count; i++)
        writer_text(&w, i ? "\r\n--B\r\n\r\nx" : "--B\r\n\r\nx");
    writer_text(&w, "\r\n--B--");
    assert_false(w.full);
    return writer_span(&w);
}

static void children_parts_and_depth_are_limited(void **state)
{
    (void)state;
    struct mime_parts parts;
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct mime_entity m = multipart(";boundary=B", repeated_parts(MIME_CHILDREN_MAX));
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_OK);
    assert_int_equal(parts.count, MIME_CHILDREN_MAX);
    assert_int_equal(budget.parts, MIME_PARTS_MAX - MIME_CHILDREN_MAX);
    assert_int_equal(budget.depth, MIME_DEPTH_MAX - 1);

    m.body = repeated_parts(MIME_CHILDREN_MAX + 1);
    budget = MIME_BUDGET_WHOLE;
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_PARTS);
    assert_int_equal(budget.depth, MIME_DEPTH_MAX);

    budget = (struct mime_budget){.parts = 3, .depth = 1};
    m.body = repeated_parts(4);
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_PARTS);
    budget = (struct mime_budget){.parts = 4, .depth = 1};
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_OK);
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_DEPTH);
}

static void a_nested_multipart_is_walked_with_the_same_budget(void **state)
{
    (void)state;
    struct mime_parts outer, inner;
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct mime_entity m = multipart(";boundary=B", SPAN("--B\r\nContent-Type: multipart/mixed;boundary=C\r\n\r\n"
                                                         "--C\r\n\r\n1\r\n--C\r\n\r\n2\r\n--C--\r\n"
                                                         "--B\r\n\r\n3\r\n--B--"));
    assert_rule(mime_parts_of(&m, &budget, &outer), RULE_OK);
    assert_int_equal(outer.count, 2);
    assert_rule(mime_parts_of(&outer.part[0], &budget, &inner), RULE_OK);
    assert_int_equal(inner.count, 2);
    assert_span_text(inner.part[1].body, "2");
    assert_int_equal(budget.parts, MIME_PARTS_MAX - 4);
    assert_int_equal(budget.depth, MIME_DEPTH_MAX - 2);
}

/* --- hostile input --- */

static const char sample[] = "pre\r\n--B\r\nContent-Type: text/plain;charset=\"UTF-8\"\r\n"
                             "Content-ID: <a@b>\r\n\r\none\r\n"
                             "--B\r\nContent-Disposition: aib;handling=optional\r\n\r\nFrom: <sip:a@b>\r\n\r\n--B--";

static void a_multipart_cut_off_at_any_byte_is_refused(void **state)
{
    (void)state;
    struct mime_parts parts;
    for (size_t len = 0; len < sizeof sample - 1; len++) {
        uint8_t *copy = malloc(len ? len : 1); /* exactly so long, for the sanitizer to watch its end */
        memcpy(copy, sample, len);
        struct mime_budget budget = MIME_BUDGET_WHOLE;
        struct mime_entity m = multipart(";boundary=B", span_of(copy, len));
        assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_SYNTAX);
        free(copy);
    }
}

static void a_flipped_bit_never_leads_outside_the_body(void **state)
{
    (void)state;
    struct mime_parts parts;
    for (size_t bit = 0; bit < (sizeof sample - 1) * 8; bit++) {
        uint8_t copy[sizeof sample - 1];
        memcpy(copy, sample, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct mime_budget budget = MIME_BUDGET_WHOLE;
        struct mime_entity m = multipart(";boundary=B", span_of(copy, sizeof copy));
        if (mime_parts_of(&m, &budget, &parts) != RULE_OK)
            continue;
        assert_in_range(parts.count, 1, 2);
        for (size_t i = 0; i < parts.count; i++) {
            assert_true(span_within(parts.part[i].bytes, m.body));
            assert_true(span_within(parts.part[i].body, parts.part[i].bytes));
        }
    }
}

/* Were it quadratic, either body would take minutes under the sanitizers. */
static void a_hostile_body_costs_linear_time(void **state)
{
    (void)state;
    enum { SIZE = 4 * 1024 * 1024 };
    const char *params = ";boundary=------------------------------------------------------------------x";
    static const char *const filler[] = {"\r\n--------------------------------------------", "\r\n", "\n", "\r\n--"};
    uint8_t *body = malloc(SIZE);
    struct mime_parts parts;
    assert_non_null(body);
    for (size_t f = 0; f < 4; f++) {
        struct writer w = writer_over(body, SIZE);
        while (!w.full)
            writer_text(&w, filler[f]);
        struct mime_budget budget = MIME_BUDGET_WHOLE;
        struct mime_entity m = multipart(params, writer_span(&w));
        clock_t start = clock();
        assert_rule(mime_parts_of(&m, &budget, &parts), RULE_MIME_SYNTAX);
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5);
    }
    free(body);
}

/* --- writing --- */

static void what_is_written_is_read_back_byte_for_byte(void **state)
{
    (void)state;
    uint8_t random[16], text[1024];
    char boundary[MIME_BOUNDARY_LEN + 1], params[64];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(i * 17);
    mime_boundary(random, boundary);
    assert_string_equal(boundary, "00112233445566778899aabbccddeeff");
    struct writer w = writer_over(text, sizeof text);
    mime_write_delimiter(&w, boundary, true);
    mime_write_head(&w, &(struct mime_head){
                            .content_type = SPAN("text/plain;charset=UTF-8"),
                            .content_id = SPAN("a@b"),
                            .disposition = SPAN("render"),
                            .binary = true,
                        });
    writer_text(&w, "hello");
    mime_write_delimiter(&w, boundary, false);
    mime_write_head(&w, &(struct mime_head){.content_type = SPAN("message/sipfrag")});
    writer_text(&w, "From: <sip:a@b>\r\n");
    mime_write_close(&w, boundary);
    assert_span_text(writer_span(&w), "--00112233445566778899aabbccddeeff\r\n"
                                      "Content-ID: <a@b>\r\n"
                                      "Content-Type: text/plain;charset=UTF-8\r\n"
                                      "Content-Transfer-Encoding: binary\r\n"
                                      "Content-Disposition: render\r\n"
                                      "\r\n"
                                      "hello\r\n"
                                      "--00112233445566778899aabbccddeeff\r\n"
                                      "Content-Type: message/sipfrag\r\n"
                                      "\r\n"
                                      "From: <sip:a@b>\r\n\r\n"
                                      "--00112233445566778899aabbccddeeff--\r\n");
    struct mime_parts parts;
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    snprintf(params, sizeof params, ";boundary=\"%s\"", boundary);
    struct mime_entity m = multipart(params, writer_span(&w));
    assert_rule(mime_parts_of(&m, &budget, &parts), RULE_OK);
    assert_int_equal(parts.count, 2);
    assert_span_text(parts.part[0].body, "hello");
    assert_span_text(parts.part[0].content_id, "a@b");
    assert_span_text(parts.part[1].body, "From: <sip:a@b>\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entity_is_its_head_and_its_body_byte_for_byte),
        cmocka_unit_test(an_entity_may_do_without_headers_or_without_a_body),
        cmocka_unit_test(kinds_are_told_by_media_type_and_parameters_alone),
        cmocka_unit_test(transfer_encodings_are_told_without_regard_to_case),
        cmocka_unit_test(what_two_readers_could_understand_differently_is_no_entity),
        cmocka_unit_test(harmless_oddities_of_peers_are_read),
        cmocka_unit_test(a_parameter_is_found_in_well_formed_parameters_only),
        cmocka_unit_test(content_ids_compare_without_brackets_and_quotes),
        cmocka_unit_test(a_content_encoding_other_than_identity_is_told),
        cmocka_unit_test(a_head_has_limits),
        cmocka_unit_test(a_type_fits_a_pattern_without_regard_to_case),
        cmocka_unit_test(a_body_is_decoded_as_its_encoding_says),
        cmocka_unit_test(the_entity_of_a_message_has_its_head_among_the_sip_headers),
        cmocka_unit_test(a_body_without_a_type_is_refused_and_a_type_without_a_body_is_nothing),
        cmocka_unit_test(parts_are_exact_between_their_delimiters),
        cmocka_unit_test(an_empty_line_may_be_the_preamble),
        cmocka_unit_test(a_part_may_hold_any_bytes_but_its_delimiter),
        cmocka_unit_test(a_structure_that_is_not_plain_is_no_multipart),
        cmocka_unit_test(a_boundary_is_that_of_rfc_2046),
        cmocka_unit_test(a_multipart_is_not_transfer_encoded_and_not_another_kind),
        cmocka_unit_test(a_multipart_signed_has_exactly_two_parts),
        cmocka_unit_test(siblings_do_not_share_a_content_id),
        cmocka_unit_test(children_parts_and_depth_are_limited),
        cmocka_unit_test(a_nested_multipart_is_walked_with_the_same_budget),
        cmocka_unit_test(a_multipart_cut_off_at_any_byte_is_refused),
        cmocka_unit_test(a_flipped_bit_never_leads_outside_the_body),
        cmocka_unit_test(a_hostile_body_costs_linear_time),
        cmocka_unit_test(what_is_written_is_read_back_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
